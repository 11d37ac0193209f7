// SPDX-License-Identifier: GPL-2.0-only
// Taking the snapshot: pinned maps, and the ways to the backends.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "metrics.h"

/* A way that the agent would give to the programs. */
static bool is_up(const struct state *state, size_t index, const struct host *host)
{
	const struct plan_nexthop *nexthop = &state->nexthops[index];
	const struct plan_device *device = &state->devices[nexthop->device];
	const struct host_link *link = host_link_by_index(host, device->ifindex);
	const struct host_neigh *neigh =
		host_neigh_find(host, device->ifindex, &nexthop->neighbour);

	return link && link->up && link->carrier &&
	       !host->routes[index - PLAN_FIRST_BACKEND].error &&
	       (device->is_l3 || (neigh && neigh->usable));
}

static struct metrics_backend *find_backend(struct metrics_interface *m, const char *name)
{
	for (size_t i = 0; i < m->backend_count; i++)
		if (!strcmp(m->backends[i].name, name))
			return &m->backends[i];
	m->backends[m->backend_count] = (struct metrics_backend){ .name = name, .up = true };
	return &m->backends[m->backend_count++];
}

static int read_backends(struct metrics_interface *m)
{
	struct host_route_query queries[NEXTHOPS_MAX];
	const struct state *state = m->state;
	struct host host;
	size_t count = 0;
	int err;

	for (size_t i = PLAN_FIRST_BACKEND; i < state->nexthop_count; i++)
		queries[count++] = (struct host_route_query){
			.dst = state->nexthops[i].addr,
			.oif = state->devices[state->nexthops[i].device].ifindex,
		};
	err = host_read_ways(queries, count, &host);
	if (err)
		return err;
	for (size_t i = PLAN_FIRST_BACKEND; i < state->nexthop_count; i++) {
		struct metrics_backend *backend = find_backend(m, state->backends[i].name);

		backend->up = backend->up && is_up(state, i, &host);
		backend->by_name = *state->backends[i].hostname;
		backend->looked_up = !state->backends[i].lookup_failed;
	}
	host_free(&host);
	return 0;
}

static int read_interface(const char *bpffs, const char *iface, struct metrics_interface *m)
{
	m->state = state_read(bpffs, iface);
	if (!m->state)
		return -errno;
	if (m->state->abi != XDPFWD_ABI_VERSION)
		return -EPROTO;
	m->counters = malloc(sizeof(*m->counters));
	if (!m->counters)
		return -ENOMEM;
	return maps_counters_read(bpffs, iface, m->state->counter_count, m->counters)
		       ?: read_backends(m);
}

int metrics_read(const char *bpffs, char *const *ifaces, size_t count,
		 struct metrics_snapshot *snapshot, const char **failed)
{
	int err = 0;

	memset(snapshot, 0, sizeof(*snapshot));
	*failed = "";
	if (count) {
		snapshot->interfaces = calloc(count, sizeof(*snapshot->interfaces));
		if (!snapshot->interfaces)
			return -ENOMEM;
	}
	for (size_t i = 0; i < count && !err; i++) {
		*failed = ifaces[i];
		snapshot->interface_count++;
		err = read_interface(bpffs, ifaces[i], &snapshot->interfaces[i]);
	}
	if (err)
		metrics_free(snapshot);
	else
		metrics_read_process(&snapshot->process);
	return err;
}

void metrics_free(struct metrics_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->interface_count; i++) {
		state_free(snapshot->interfaces[i].state);
		free(snapshot->interfaces[i].counters);
	}
	free(snapshot->interfaces);
	memset(snapshot, 0, sizeof(*snapshot));
}
