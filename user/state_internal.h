/* SPDX-License-Identifier: GPL-2.0-only */
/* The text form of a state, between the code that makes it and the code that keeps it. */
#ifndef XDPFWD_STATE_INTERNAL_H
#define XDPFWD_STATE_INTERNAL_H

#include "state.h"

/* state_to_text() - a state as JSON, malloc()ed; NULL when it cannot be made */
char *state_to_text(const struct state *state);

/**
 * state_from_text() - read what state_to_text() wrote, by this or another version
 *
 * Return: a state, to be freed with state_free(), or NULL with errno EPROTO or ENOMEM.
 */
struct state *state_from_text(const char *text);

#endif
