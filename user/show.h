/* SPDX-License-Identifier: GPL-2.0-only */
/* A loaded (or planned) interface and its counters, for people and as JSON. */
#ifndef XDPFWD_SHOW_H
#define XDPFWD_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include "flows.h"
#include "host.h"
#include "maps.h"
#include "state.h"
#include "top.h"

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

/* show_top() - print rates of forwards and drops, and the busiest flows, in @width columns */
void show_top(const struct top *top, int width);

/* show_top_json() - the same as one element of "interfaces" */
json_t *show_top_json(const struct top *top);

/* Columns of the table of flows, all of them. */
#define SHOW_FLOW_COLUMNS 14

/**
 * struct show_flows - a table of flows that is printed row by row
 * @all:   every column, not only those that fit on a line
 * @width: by column: what the rows measured so far need
 */
struct show_flows {
	bool all;
	int width[SHOW_FLOW_COLUMNS];
};

/*
 * show_flows_measure() - make room for a row; show_flows_heading(), show_flows_row() - print
 *
 * Rows that were not measured may stand out of line.
 */
void show_flows_measure(struct show_flows *table, const struct flow_view *view);
void show_flows_heading(const struct show_flows *table);
void show_flows_row(const struct show_flows *table, const struct flow_view *view);

/* show_flow_json() - a flow as one element of "flows" */
json_t *show_flow_json(const char *iface, const struct flow_view *view);

#endif
