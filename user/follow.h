/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in force follows the host: its addresses, routes, devices and sockets, and the addresses
 * behind the names of backends. The config is the one in force, whatever its file says by now.
 */
#ifndef XDPFWD_FOLLOW_H
#define XDPFWD_FOLLOW_H

#include "host.h"
#include "state.h"

struct follower;

/* follow_new() - a follower of a loaded interface; free with follow_free(). NULL with errno */
struct follower *follow_new(const char *bpffs, const char *iface);

/* follow_free() - NULL is allowed */
void follow_free(struct follower *follower);

/* follow_fd() - readable when the name of a backend has another address; then call follow_names()
 */
int follow_fd(const struct follower *follower);

/**
 * follow_names() - take note of what became of the names of backends
 *
 * A lookup that failed is noted in the state, for metrics.
 */
void follow_names(struct follower *follower);

/* What is due: follow_host(), and another look at the ports that flows may take. */
enum follow_due { FOLLOW_DUE_HOST = 1, FOLLOW_DUE_PORTS = 2 };

/**
 * follow_tick() - called once a second
 * @state: what is in force
 *
 * Return: a set of enum follow_due: all after another load; and one when sockets have come or gone
 * on the ports of forwards or of flows, which nothing but a look at them tells.
 */
unsigned follow_tick(struct follower *follower, const struct state *state);

/**
 * follow_host() - plan anew, and apply what is different
 *
 * Goes by the path of a reload: whole or not at all. Logs what changed, and what is wrong when that
 * was not so the last time.
 *
 * Return: 1 when something was applied, 0 when nothing had changed, -errno when it could not be:
 * what is in force stays, and it is worth another try later.
 */
int follow_host(struct follower *follower);

#endif
