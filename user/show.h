/* SPDX-License-Identifier: GPL-2.0-only */
/* A loaded (or planned) interface and its counters, for people and as JSON. */
#ifndef XDPFWD_SHOW_H
#define XDPFWD_SHOW_H

#include <jansson.h>
#include "host.h"
#include "maps.h"
#include "state.h"

/**
 * show_status() - print what is forwarded, by which hooks and why, and to where
 * @host:      for the next hops' link-layer addresses
 * @agent_pid: pid of the living agent, 0 for none, -1 when it is only planned
 */
void show_status(const struct state *state, const struct host *host, pid_t agent_pid);

/* show_status_json() - the same as one element of "interfaces" */
json_t *show_status_json(const struct state *state, const struct host *host, pid_t agent_pid);

/* show_stats() - print packets and bytes by forward, and drops by reason */
void show_stats(const struct state *state, const struct maps_counters *counters);

/* show_stats_json() - the same as one element of "interfaces" */
json_t *show_stats_json(const struct state *state, const struct maps_counters *counters);

#endif
