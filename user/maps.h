/* SPDX-License-Identifier: GPL-2.0-only */
/* The contents of pinned maps: rule sets and counters. */
#ifndef XDPFWD_MAPS_H
#define XDPFWD_MAPS_H

#include <stdint.h>
#include "diag.h"
#include "plan.h"
#include "ruleset.h"
#include "state.h"

/* How long a next hop holds after the agent saw it; the agent renews it every second. */
#define MAPS_NEXTHOP_VALID_NS (3 * 1000000000ULL)

/* maps_valid_until_ns() - the end of validity of what was seen now, CLOCK_MONOTONIC */
uint64_t maps_valid_until_ns(void);

/**
 * maps_ruleset_make() - a new rule set that no packet sees yet
 *
 * Return: a map's file descriptor, or -errno.
 */
int maps_ruleset_make(const struct plan *plan, uint64_t valid_until_ns, struct diag_list *diags);

/* maps_ruleset_put() - put a rule set in force, for all packets that start from now on; 0 or -errno
 */
int maps_ruleset_put(int rulesets_fd, int ruleset_fd);

/* maps_ruleset_get() - a file descriptor of the rule set in force, or -errno */
int maps_ruleset_get(int rulesets_fd);

/**
 * maps_nexthops_refresh() - renew the next hops of the rule set in force
 * @nexthops: with current addresses; its generation says which plan its indices belong to
 *
 * Return: 0; -ESTALE when another generation is in force; -errno.
 */
int maps_nexthops_refresh(const char *bpffs, const char *iface, const struct plan *nexthops);

/**
 * struct maps_counters - sums over all CPUs
 * @forwards: by counter index
 * @reasons:  by hook and reason
 */
struct maps_counters {
	struct forward_counters forwards[COUNTERS_MAX];
	uint64_t reasons[HOOK_COUNT][REASON_COUNT];
};

/**
 * maps_counters_read() - all counters of an interface
 * @counter_count: how many forward counters are in use
 *
 * Return: 0, or -errno.
 */
int maps_counters_read(const char *bpffs, const char *iface, size_t counter_count,
		       struct maps_counters *counters);

/* maps_reason_name() - "ttl_expired"; maps_reason_help() - what it means */
const char *maps_reason_name(enum reason reason);
const char *maps_reason_help(enum reason reason);

#endif
