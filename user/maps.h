/* SPDX-License-Identifier: GPL-2.0-only */
/* The contents of pinned maps: rule sets, the pools that hold flows, and counters. */
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
 * @old: the rule set in force, whose indices stay where they can; NULL at the first load
 *
 * Return: a map's file descriptor, or -errno.
 */
int maps_ruleset_make(const struct plan *plan, uint64_t valid_until_ns, const struct ruleset *old,
		      struct diag_list *diags);

/* maps_ruleset_put() - put a rule set in force, for all packets that start from now on; 0 or -errno
 */
int maps_ruleset_put(int rulesets_fd, int ruleset_fd);

/* maps_ruleset_get() - a file descriptor of the rule set in force, or -errno */
int maps_ruleset_get(int rulesets_fd);

/**
 * maps_ruleset_read() - look at the rule set in force
 *
 * Return: until maps_ruleset_forget(); NULL with errno: ENOENT when there is none, EINVAL when it
 * has another size.
 */
const struct ruleset *maps_ruleset_read(const char *bpffs, const char *iface);

/* maps_ruleset_view() - the same of any rule set by its file descriptor */
const struct ruleset *maps_ruleset_view(int ruleset_fd);

/* maps_ruleset_forget() - let go of what either returned; NULL is allowed */
void maps_ruleset_forget(const struct ruleset *rs);

/* maps_pools_open() - a file descriptor of the map that holds all pools of flows, or -errno */
int maps_pools_open(const char *bpffs, const char *iface);

/* maps_pool_get() - a file descriptor of one pool, -ENOENT when it is not there, or -errno */
int maps_pool_get(int pools_fd, uint32_t pool);

/* maps_pool_make() - a file descriptor of a new, empty pool of no address yet, or -errno */
int maps_pool_make(void);

/* maps_pool_put() - give a pool its place, maps_pool_remove() - empty the place; 0 or -errno */
int maps_pool_put(int pools_fd, uint32_t pool, int pool_fd);
int maps_pool_remove(int pools_fd, uint32_t pool);

/**
 * maps_nexthops_extend() - what the rule set in force says of next hops still holds
 * @generation: the rule set that was looked at
 *
 * Return: as maps_nexthops_refresh().
 */
int maps_nexthops_extend(const char *bpffs, const char *iface, uint32_t generation);

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
 * @flows:    of masquerade
 * @flows_max: confirmed flows that there is room for; 0 when the pins are of a version without
 */
struct maps_counters {
	struct forward_counters forwards[COUNTERS_MAX];
	uint64_t reasons[HOOK_COUNT][REASON_COUNT];
	struct flow_counters flows;
	uint32_t flows_max;
};

/**
 * maps_counters_read() - all counters of an interface
 * @counter_count: how many forward counters are in use
 *
 * Return: 0, or -errno.
 */
int maps_counters_read(const char *bpffs, const char *iface, size_t counter_count,
		       struct maps_counters *counters);

/* maps_flows_max() - confirmed flows that an interface has room for, or -errno */
int64_t maps_flows_max(const char *bpffs, const char *iface);

/* maps_flows_read() - the counters of flows alone; 0 or -errno */
int maps_flows_read(const char *bpffs, const char *iface, struct flow_counters *flows);

/* maps_flows_now() - flows of a protocol that there are */
uint64_t maps_flows_now(const struct maps_counters *counters, enum proto proto);

/* maps_reason_name() - "ttl_expired"; maps_reason_help() - what it means */
const char *maps_reason_name(enum reason reason);
const char *maps_reason_help(enum reason reason);

#endif
