/* SPDX-License-Identifier: GPL-2.0-only */
/* The text form of a state, between the code that makes it and the code that keeps it. */
#ifndef XDPFWD_STATE_INTERNAL_H
#define XDPFWD_STATE_INTERNAL_H

#include <jansson.h>
#include "state.h"

/* state_to_text() - a state as JSON, malloc()ed; NULL when it cannot be made */
char *state_to_text(const struct state *state);

/**
 * state_from_text() - read what state_to_text() wrote, by this or another version
 *
 * Return: a state, to be freed with state_free(), or NULL with errno EPROTO or ENOMEM.
 */
struct state *state_from_text(const char *text);

/* state_json_addr() - an address as JSON */
json_t *state_json_addr(const struct ip_addr *addr);

/*
 * The lists that rules refer to, as JSON and back. What is missing was written by a version without
 * it, and leaves the list empty; 0, or -EPROTO. state_acls_to_json(): of each list of clients the
 * ends of its ranges, first, last, first, last.
 */
json_t *state_pools_to_json(const struct state *state);
json_t *state_shares_to_json(const struct state *state);
json_t *state_acls_to_json(const struct state *state);
int state_pools_from_json(json_t *pools, json_t *shares, struct state *state);
int state_acls_from_json(json_t *acls, struct state *state);

#endif
