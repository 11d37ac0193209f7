/* SPDX-License-Identifier: GPL-2.0-only */
/* Make a plan true, whole or not at all; and take it all back. */
#ifndef XDPFWD_APPLY_H
#define XDPFWD_APPLY_H

#include <sys/types.h>
#include "diag.h"
#include "plan.h"
#include "state.h"

/**
 * struct apply_request - what to make true
 * @bpffs:     where the pins go; the caller holds its lock
 * @plan, @config: the plan, and the config it was made from
 * @config_path: absolute path, for later reloads
 * @force:     as given to load
 * @following: not somebody's wish, so when and how the last one came out stays as it was
 * @agent_pid: this process when it goes on as the agent, else 0
 */
struct apply_request {
	const char *bpffs;
	const struct plan *plan;
	const struct config *config;
	const char *config_path;
	bool force, following;
	pid_t agent_pid;
};

/**
 * apply_plan() - load, attach and switch over, or leave everything as it was
 * @request: what
 * @old:     the state in force, or NULL on an interface that is not loaded
 * @refusal: out: the device whose driver refused native XDP, ifindex 0 when that was not it
 * @diags:   out: what went wrong, as a system error
 *
 * Return: 0, or -errno.
 */
int apply_plan(const struct apply_request *request, const struct state *old,
	       struct plan_refusal *refusal, struct diag_list *diags);

/**
 * apply_unload() - detach, unpin, and restore what was changed on the host
 * @bpffs: where the pins are; the caller holds its lock
 * @iface: the interface
 * @state: its state, or NULL when it cannot be read: then only pins are removed
 * @diags: out: what could not be undone
 *
 * Return: 0, or -errno of the first step that failed; the others are done all the same.
 */
int apply_unload(const char *bpffs, const char *iface, const struct state *state,
		 struct diag_list *diags);

/**
 * struct apply_siblings - what other loaded interfaces of this network namespace depend on
 * @any:       there is one
 * @xdp, @xdp_count: ids of their attached XDP programs
 * @pools, @pool_count: what their flows are seen to come from; as many as there is room for
 * @reserved:  ports they need reserved
 * @reserved_before, @forwarding_before: the host before the first of all loads
 */
struct apply_siblings {
	bool any;
	uint32_t xdp[2 * DEVICES_MAX];
	size_t xdp_count;
	struct plan_sibling pools[2 * PLAN_POOLS_MAX];
	size_t pool_count;
	struct port_set reserved, reserved_before;
	bool forwarding_before[FAMILY_COUNT];
};

/* apply_siblings_read() - collect from the states of all loaded interfaces but @iface */
void apply_siblings_read(const char *bpffs, const char *iface, struct apply_siblings *siblings);

#endif
