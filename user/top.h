/* SPDX-License-Identifier: GPL-2.0-only */
/* How busy a loaded interface is: its counters and flows, and what they were a moment before. */
#ifndef XDPFWD_TOP_H
#define XDPFWD_TOP_H

#include "flows.h"
#include "maps.h"

/* How many of the busiest flows are kept. */
#define TOP_FLOWS 10

/* struct top_flow - a flow, and by direction its bytes since the last look */
struct top_flow {
	struct flow_view view;
	uint64_t bytes[DIR_COUNT];
};

/* What the flows of one pool had carried by direction, by masquerade port. */
typedef uint64_t top_seen[POOL_PORTS][DIR_COUNT];

/**
 * struct top - an interface that is looked at again and again; zeroed at first
 * @flows:   of the last look, with the state that belongs to it
 * @now, @before: counters of the last two looks
 * @seconds: between these; 0 after the first one
 * @busiest, @busiest_count: flows that carried anything, those that carried most first
 * @seen:    by pool; NULL where no flow was seen
 */
struct top {
	struct flows flows;
	struct maps_counters now, before;
	double seconds;
	struct top_flow busiest[TOP_FLOWS];
	size_t busiest_count;
	uint64_t at_ns;
	top_seen *seen[POOLS_MAX];
};

/**
 * top_look() - look once more
 *
 * Return: 0, or -errno as flows_open().
 */
int top_look(const char *bpffs, const char *iface, struct top *top);

/* top_rate() - per second; a counter that began anew has counted since */
double top_rate(const struct top *top, uint64_t now, uint64_t before);

/* top_free() - free what belongs to it, so that it is zero again */
void top_free(struct top *top);

#endif
