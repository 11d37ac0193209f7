/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in force on one interface, kept beside the pins it describes: a small pinned map holds it
 * as JSON, so it lives and dies with them, and a later version can read what an earlier one wrote.
 */
#ifndef XDPFWD_STATE_H
#define XDPFWD_STATE_H

#include <limits.h>
#include <sys/types.h>
#include "plan.h"

/**
 * struct state_hook - one attached program
 * @device, @ifindex: where
 * @made_qdisc: we made the clsact qdisc it hangs on
 */
struct state_hook {
	char device[IFNAMSIZ];
	int ifindex;
	enum attach_kind kind;
	bool made_qdisc;
	char reason[160];
};

/**
 * struct state_backend - one backend address; its next hop is nexthops[] of the same index
 * @hostname: the DNS name that the address is from, or ""
 * @lookup_failed: that could not be looked up again; the address is of an earlier lookup
 */
struct state_backend {
	char name[64];
	char hostname[256];
	bool lookup_failed;
};

/**
 * struct state_rule - one forward, protocol and address family, for people
 * @ports: the public ports as "22,80-90", exclusions taken out
 * @shift: backend port minus public port
 * @share: masquerade: the first of its entries in state.shares
 * @shares: how many; 0 when the client's address is preserved
 * @acl:   which clients it is for: index of state.acls, 0 for all
 */
struct state_rule {
	char forward[64];
	enum proto proto;
	struct ip_addr public_addr, backend_addr;
	char *ports;
	int shift;
	uint16_t share;
	uint8_t shares;
	uint16_t acl;
};

/**
 * struct state - everything a later command needs to know
 * @abi:        XDPFWD_ABI_VERSION of the pinned maps
 * @object:     loader_object() of the pinned programs; empty while they change, or unknown
 * @config:     absolute path of the config file
 * @config_text: what was in it; NULL of an earlier version, and when it is too long to keep
 * @reload_failed: the last reload could not be applied, and this stayed in force
 * @loaded_at:  seconds since the epoch of the last load or reload
 * @agent_pid:  process that runs as the agent, 0 for none; alive only while the agent lock is held
 * @devices, @nexthops, @backends: as in the plan
 * @hooks:      attached programs
 * @rules:      what is forwarded
 * @pools, @shares, @masquerade_ports, @acls, @acl_ranges: as in the plan
 * @generation: of the rule set that goes with this state
 * @netns:        inode of the network namespace it is loaded in
 * @counters:   names of the counters by index
 * @reserved_before: ip_local_reserved_ports before anything was loaded
 * @reserved:   ports this interface needs reserved
 * @forwarding_before: conf.lo.forwarding before anything was loaded
 */
struct state {
	unsigned abi;
	char object[33];
	char iface[IFNAMSIZ];
	char config[PATH_MAX];
	char *config_text;
	enum plan_mode mode;
	bool force, reload_failed;
	long long loaded_at;
	pid_t agent_pid;
	struct plan_device devices[DEVICES_MAX];
	size_t device_count;
	struct plan_nexthop nexthops[NEXTHOPS_MAX];
	struct state_backend backends[NEXTHOPS_MAX];
	size_t nexthop_count;
	struct state_hook hooks[4 * DEVICES_MAX];
	size_t hook_count;
	struct state_rule *rules;
	size_t rule_count;
	struct plan_pool pools[PLAN_POOLS_MAX];
	size_t pool_count;
	uint8_t shares[SHARES_MAX];
	size_t share_count;
	struct port_set masquerade_ports[PROTO_COUNT];
	struct acl acls[ACLS_MAX];
	uint16_t acl_count;
	struct acl_range acl_ranges[ACL_RANGES_MAX];
	size_t acl_range_count;
	uint64_t netns;
	uint32_t generation;
	struct plan_counter counters[COUNTERS_MAX];
	size_t counter_count;
	struct port_set reserved_before, reserved;
	bool forwarding_before[FAMILY_COUNT];
};

/**
 * state_read() - the state of a loaded interface
 *
 * Return: a malloc()ed state; NULL with errno ENOENT when the interface is not loaded, EACCES or
 * EPERM without privilege, EPROTO when it cannot be understood.
 */
struct state *state_read(const char *bpffs, const char *iface);

/* struct state_mark - which state was read; zeroed at first */
struct state_mark {
	uint32_t map_id, current;
};

/**
 * state_follow() - as state_read(), at little cost when nothing was written since the last time
 * @mark:  of the last time
 * @state: in and out: the state of the last time, NULL at first; NULL when it cannot be read
 *
 * Return: 0, or -errno for that of state_read().
 */
int state_follow(const char *bpffs, const char *iface, struct state_mark *mark,
		 struct state **state);

/**
 * state_write() - replace the state, in one piece for any reader and any kill
 *
 * Makes and pins the map the first time; the interface's pin directory must exist.
 *
 * Return: 0, or -errno.
 */
int state_write(const char *bpffs, const struct state *state);

/**
 * state_from_plan() - the state that applying a plan leads to
 * @plan, @config: the plan and the config it was made from
 * @config_path:   absolute path of the config
 * @force:         as given to load
 * @agent_pid:     the agent's process, or 0
 *
 * Return: a malloc()ed state, NULL when out of memory.
 */
struct state *state_from_plan(const struct plan *plan, const struct config *config,
			      const char *config_path, bool force, pid_t agent_pid);

/* state_free() - free what state_read() returned; NULL is allowed */
void state_free(struct state *state);

/**
 * state_config() - the config in force, whatever has been written into its file since
 * @diags: out, as for config_load()
 *
 * Return: as config_load().
 */
struct config *state_config(const struct state *state, struct diag_list *diags);

/* How far apart two states are: not at all, in the ways to backends, or in more than that. */
enum state_change { STATE_SAME, STATE_WAYS, STATE_RULES };

/**
 * state_compare() - what would change if @new came in place of @old, both of one config
 * @text: out: that in one line for people, to be freed; NULL when they are the same
 *
 * Only what depends on the host is looked at, and not what the agent's rounds keep fresh anyway.
 */
enum state_change state_compare(const struct state *old, const struct state *new, char **text);

/* state_counter_in_use() - is its forward configured now? Others only keep their place */
bool state_counter_in_use(const struct state *state, size_t counter);

/* state_netns() - inode of this process's network namespace */
uint64_t state_netns(void);

/* state_agent_alive() - pid of the living agent of an interface, or 0 */
pid_t state_agent_alive(const char *bpffs, const struct state *state);

#endif
