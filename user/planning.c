// SPDX-License-Identifier: GPL-2.0-only
// From a config file and this host to a plan.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apply.h"
#include "attach.h"
#include "features.h"
#include "planning.h"

#define NOWHERE ((struct diag_place){ 0, 0 })

/* struct inputs - memory behind a struct plan_input */
struct inputs {
	bool (*has)[FAMILY_COUNT];
	struct ip_addr (*addr)[FAMILY_COUNT];
	struct host_route_query *queries;
	struct apply_siblings siblings;
	struct port_set reserved_before;
	uint32_t own_xdp[DEVICES_MAX];
};

/* What is in force for a backend, which a name that has several addresses is to keep. */
static void addresses_in_use(const struct state *old, const char *backend, bool has[FAMILY_COUNT],
			     struct ip_addr addr[FAMILY_COUNT])
{
	for (size_t i = PLAN_FIRST_BACKEND; old && i < old->nexthop_count; i++) {
		enum ip_family family = ip_addr_family(&old->nexthops[i].addr);

		if (strcmp(old->backends[i].name, backend) != 0)
			continue;
		has[family] = true;
		addr[family] = old->nexthops[i].addr;
	}
}

static void resolve_name(const struct planning *planning, const struct config_backend *backend,
			 const struct state *old, bool has[FAMILY_COUNT],
			 struct ip_addr addr[FAMILY_COUNT], struct diag_list *diags)
{
	struct resolver_name known = {};
	const char *cause;
	int err;

	snprintf(known.name, sizeof(known.name), "%s", backend->hostname);
	if (planning->resolver && resolver_get(planning->resolver, &known)) {
		memcpy(has, known.has, sizeof(known.has));
		memcpy(addr, known.addr, sizeof(known.addr));
		return;
	}
	addresses_in_use(old, backend->name, has, addr);
	err = host_resolve(backend->hostname, has, addr, &cause);
	if (err == -EAGAIN)
		diag_add(diags, DIAG_WARNING, backend->address_place,
			 "backend \"%s\": cannot resolve \"%s\" now: %s; its last address stays",
			 backend->name, backend->hostname, cause);
	else if (err)
		diag_add(diags, DIAG_SYSTEM_ERROR, backend->address_place,
			 "backend \"%s\": cannot resolve \"%s\": %s", backend->name,
			 backend->hostname, cause);
}

static int resolve_backends(const struct planning *planning, const struct state *old,
			    struct inputs *inputs, struct diag_list *diags)
{
	const struct config *config = planning->config;

	inputs->has = calloc(config->backend_count, sizeof(*inputs->has));
	inputs->addr = calloc(config->backend_count, sizeof(*inputs->addr));
	inputs->queries = calloc(config->backend_count, FAMILY_COUNT * sizeof(*inputs->queries));
	if (!inputs->has || !inputs->addr || !inputs->queries)
		return -ENOMEM;
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *backend = &config->backends[i];

		memcpy(inputs->has[i], backend->has, sizeof(backend->has));
		memcpy(inputs->addr[i], backend->address, sizeof(backend->address));
		if (backend->hostname && plan_uses_backend(config, i))
			resolve_name(planning, backend, old, inputs->has[i], inputs->addr[i],
				     diags);
		for (int family = 0; family < FAMILY_COUNT; family++)
			inputs->queries[i * FAMILY_COUNT + family] = (struct host_route_query){
				.dst = inputs->addr[i][family],
				.oif = backend->device ? if_nametoindex(backend->device) : 0,
			};
	}
	return 0;
}

/* The host as it was before the first load: from the state, a sibling's state, or as it is now. */
static void before_load(const struct planning *planning, const struct state *old,
			struct inputs *inputs, struct plan_input *in)
{
	apply_siblings_read(planning->bpffs, planning->iface, &inputs->siblings);
	in->reserved_others = &inputs->siblings.reserved;
	/* Now, less what is ours: somebody may have added ports since. */
	inputs->reserved_before = planning->host.reserved;
	in->reserved_before = &inputs->reserved_before;
	port_set_subtract(&inputs->reserved_before, &inputs->siblings.reserved);
	if (old) {
		port_set_subtract(&inputs->reserved_before, &old->reserved);
		port_set_union(&inputs->reserved_before, &old->reserved_before);
		memcpy(in->forwarding_before, old->forwarding_before,
		       sizeof(in->forwarding_before));
	} else if (inputs->siblings.any) {
		port_set_union(&inputs->reserved_before, &inputs->siblings.reserved_before);
		memcpy(in->forwarding_before, inputs->siblings.forwarding_before,
		       sizeof(in->forwarding_before));
	} else {

		memcpy(in->forwarding_before, planning->host.forwarding_lo,
		       sizeof(in->forwarding_before));
	}
}

static struct plan *make_plan(struct planning *planning, const struct state *old,
			      struct inputs *inputs, struct diag_list *diags)
{
	struct plan_input in = {
		.config = planning->config,
		.host = &planning->host,
		.backend_has = inputs->has,
		.backend_addr = inputs->addr,
		.iface = planning->iface,
		.mode = planning->mode,
		.force = planning->force,
		.following = planning->following,
		.has_tcx = features_has_tcx(),
		.refusals = planning->refusals,
		.refusal_count = planning->refusal_count,
		.own_xdp = inputs->own_xdp,
		.counters = old ? old->counters : NULL,
		.counter_count = old ? old->counter_count : 0,
		.generation = old ? old->generation + 1 : 1,
	};

	attach_name_foreign(&planning->host);
	if (old)
		in.own_xdp_count = attach_own_xdp(planning->bpffs, old, inputs->own_xdp);
	before_load(planning, old, inputs, &in);
	in.siblings_xdp = inputs->siblings.xdp;
	in.siblings_xdp_count = inputs->siblings.xdp_count;
	in.siblings_pools = inputs->siblings.pools;
	in.siblings_pool_count = inputs->siblings.pool_count;
	return plan_make(&in, diags);
}

int planning_make(struct planning *planning, const struct state *old, struct diag_list *diags)
{
	const char *as_written = diags->file;
	struct inputs inputs = {};
	int err = 0;

	if (planning->config_text)
		planning->config =
			config_parse(planning->config_text, strlen(planning->config_text), diags);
	else
		planning->config = config_load(planning->config_path, diags);
	diags->file = as_written ?: planning->config_path;
	if (!planning->config)
		return -EINVAL;
	err = resolve_backends(planning, old, &inputs, diags);
	if (!err && !diag_has_errors(diags))
		err = host_read(inputs.queries, planning->config->backend_count * FAMILY_COUNT,
				&planning->host);
	if (err)
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot read this host's state: %s",
			 strerror(-err));
	if (!diag_has_errors(diags))
		planning->plan = make_plan(planning, old, &inputs, diags);
	free(inputs.has);
	free(inputs.addr);
	free(inputs.queries);
	return planning->plan ? 0 : -EINVAL;
}

void planning_resolve_neighbours(const struct planning *planning)
{
	const struct plan *plan = planning->plan;

	for (size_t i = 0; i < plan->nexthop_count; i++) {
		const struct plan_nexthop *nexthop = &plan->nexthops[i];
		const struct plan_device *device = &plan->devices[nexthop->device];

		/* A family without a gateway has no address here. */
		if (!nexthop->has_mac && !device->is_l3 && !ip_addr_is_any(&nexthop->neighbour))
			host_neigh_resolve(device->ifindex, &nexthop->neighbour);
	}
}

void planning_free(struct planning *planning)
{
	plan_free(planning->plan);
	host_free(&planning->host);
	config_free(planning->config);
	planning->plan = NULL;
	planning->config = NULL;
}
