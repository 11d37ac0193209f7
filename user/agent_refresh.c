// SPDX-License-Identifier: GPL-2.0-only
// One look at the network: MAC addresses, MTUs, default routes, and the ports flows may take.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "agent_refresh.h"
#include "host.h"
#include "maps.h"

bool agent_nexthops_have(int ifindex, const struct ip_addr *addr, const void *nexthops)
{
	const struct agent_nexthops *known = nexthops;

	for (size_t i = 0; i < known->count; i++)
		if (known->items[i].ifindex == ifindex &&
		    ip_addr_equal(&known->items[i].addr, addr))
			return true;
	return false;
}

static void refresh_device(struct plan_device *device, const struct host *host)
{
	const struct host_link *link = host_link_by_index(host, device->ifindex);

	device->mtu = link && link->up ? link->mtu : 0;
	if (link)
		memcpy(device->mac, link->mac, sizeof(device->mac));
}

static void refresh_nexthop(struct plan *view, size_t index, const struct host *host)
{
	struct plan_nexthop *nexthop = &view->nexthops[index];
	const struct plan_device *device = &view->devices[nexthop->device];
	const struct host_neigh *neigh =
		host_neigh_find(host, device->ifindex, &nexthop->neighbour);

	if (device->mtu < nexthop->mtu)
		nexthop->mtu = device->mtu;
	nexthop->has_mac = device->mtu && neigh && neigh->usable;
	if (nexthop->has_mac)
		memcpy(nexthop->mac, neigh->mac, sizeof(nexthop->mac));
}

/* Sockets come and go: flows must not take the port of one. What cannot be read stays as it is. */
static void refresh_ports(struct plan *view, const struct state *state, struct host *host)
{
	if (!state->pool_count || host_read_ports(host))
		return;
	memcpy(view->masquerade_ports, state->masquerade_ports, sizeof(view->masquerade_ports));
	plan_free_ports(view, host, &host->reserved);
	view->limits.port_last = PORT_COUNT - 1;
}

static void look_for_neighbours(const struct plan *view, bool warm, struct agent_nexthops *known)
{
	known->count = 0;
	for (size_t i = 0; i < view->nexthop_count; i++) {
		const struct plan_nexthop *nexthop = &view->nexthops[i];
		const struct plan_device *device = &view->devices[nexthop->device];

		if (device->is_l3 || ip_addr_is_any(&nexthop->neighbour))
			continue;
		known->items[known->count].ifindex = device->ifindex;
		known->items[known->count++].addr = nexthop->neighbour;
		if (warm)
			host_neigh_resolve(device->ifindex, &nexthop->neighbour);
	}
}

int agent_refresh(const char *bpffs, const char *iface, const struct state *state, bool warm,
		  struct agent_nexthops *known)
{
	struct plan *view = calloc(1, sizeof(*view));
	struct host host;
	int err = view ? host_read_network(&host) : -ENOMEM;

	if (err) {
		free(view);
		return err;
	}
	memcpy(view->devices, state->devices, sizeof(view->devices));
	memcpy(view->nexthops, state->nexthops, sizeof(view->nexthops));
	view->device_count = state->device_count;
	view->generation = state->generation;
	view->nexthop_count = state->nexthop_count;
	for (size_t i = 0; i < view->device_count; i++)
		refresh_device(&view->devices[i], &host);
	for (size_t i = PLAN_FIRST_BACKEND; i < view->nexthop_count; i++)
		refresh_nexthop(view, i, &host);
	plan_gateways(view, &host);
	refresh_ports(view, state, &host);
	look_for_neighbours(view, warm, known);
	err = maps_nexthops_refresh(bpffs, iface, view);
	host_free(&host);
	free(view);
	return err;
}

int agent_keep(const char *bpffs, const char *iface, const struct state *state,
	       const struct agent_nexthops *known)
{
	for (size_t i = 0; i < known->count; i++)
		host_neigh_resolve(known->items[i].ifindex, &known->items[i].addr);
	return maps_nexthops_extend(bpffs, iface, state->generation);
}
