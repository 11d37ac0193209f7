// SPDX-License-Identifier: GPL-2.0-only
// The way to each backend: its device, its next hop, and what is wrong with them.
#include <errno.h>
#include <string.h>
#include "plan_internal.h"

static bool backend_is_used(const struct config *config, size_t backend)
{
	for (size_t i = 0; i < config->forward_count; i++)
		if (config->forwards[i].backend == backend)
			return true;
	return false;
}

/* Index of the device in the plan, added when it is new; -1 when there are too many. */
static int device_index(struct planner *p, const struct host_link *link)
{
	struct plan *plan = p->plan;
	struct plan_device *device;

	for (size_t i = 0; i < plan->device_count; i++)
		if (plan->devices[i].ifindex == link->ifindex)
			return i;
	if (plan->device_count == DEVICES_MAX) {
		diag_add(p->diags, DIAG_CONFIG_ERROR, NOWHERE,
			 "too many devices: at most %d for one interface", DEVICES_MAX);
		return -1;
	}
	device = &plan->devices[plan->device_count];
	strcpy(device->name, link->name);
	device->ifindex = link->ifindex;
	device->is_l3 = !link->is_l2;
	memcpy(device->mac, link->mac, sizeof(device->mac));
	device->mtu = link->mtu;
	return plan->device_count++;
}

/* The device that leads to a backend, or NULL with the cause reported. */
static const struct host_link *backend_link(struct planner *p, const struct config_backend *backend,
					    const struct ip_addr *addr,
					    const struct host_route *route)
{
	const struct host *host = p->in->host;
	const struct host_link *link;
	char text[IP_ADDR_STRLEN];

	ip_addr_format(addr, text);
	if (backend->device && !host_link_by_name(host, backend->device)) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->device_place,
			 "backend \"%s\": no device %s on this host; is the tunnel up?",
			 backend->name, backend->device);
		return NULL;
	}
	if (backend->device && !host_link_by_name(host, backend->device)->up) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->device_place,
			 "backend \"%s\": %s is down; bring it up: ip link set dev %s up",
			 backend->name, backend->device, backend->device);
		return NULL;
	}
	if (route->error) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->address_place,
			 "backend \"%s\": %s to %s%s%s (%s); check: ip route get %s", backend->name,
			 route->error == -EINVAL ? "cannot forward" : "no route", text,
			 backend->device ? " by " : "", backend->device ?: "",
			 route->error == -EINVAL ? "an address of this host or blackholed"
						 : strerror(-route->error),
			 text);
		return NULL;
	}
	link = host_link_by_index(host, route->ifindex);
	if (!link || link->loopback) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->address_place,
			 "backend \"%s\": %s is reached through the loopback device; give the "
			 "address of another host",
			 backend->name, text);
		return NULL;
	}
	return link;
}

static void add_nexthop(struct planner *p, size_t backend, const struct ip_addr *addr,
			const struct host_route *route, const struct host_link *link)
{
	struct plan *plan = p->plan;
	struct plan_nexthop *nexthop = &plan->nexthops[plan->nexthop_count];
	const struct host_neigh *neigh;
	int device = device_index(p, link);

	if (device < 0)
		return;
	if (plan->nexthop_count == NEXTHOPS_MAX) {
		diag_add(p->diags, DIAG_CONFIG_ERROR, NOWHERE,
			 "too many backends: at most %d addresses", NEXTHOPS_MAX);
		return;
	}
	plan->nexthop_count++;
	*nexthop = (struct plan_nexthop){
		.backend = backend,
		.addr = *addr,
		.neighbour = route->has_gateway ? route->gateway : *addr,
		.device = device,
		.mtu = route->mtu && route->mtu < link->mtu ? route->mtu : link->mtu,
	};
	if (!strncmp(link->name, "tailscale", strlen("tailscale")))
		diag_add(
			p->diags, DIAG_WARNING, p->in->config->backends[backend].address_place,
			"backend \"%s\": Tailscale drops packets with foreign source addresses, so "
			"source = \"preserve\" does not get through %s; use WireGuard",
			p->in->config->backends[backend].name, link->name);
	neigh = host_neigh_find(p->in->host, link->ifindex, &nexthop->neighbour);
	if (neigh && neigh->usable && link->is_l2) {
		nexthop->has_mac = true;
		memcpy(nexthop->mac, neigh->mac, sizeof(nexthop->mac));
	}
}

int plan_nexthop_find(const struct plan *plan, size_t backend, enum ip_family family)
{
	for (size_t i = PLAN_FIRST_BACKEND; i < plan->nexthop_count; i++)
		if (plan->nexthops[i].backend == backend &&
		    ip_addr_family(&plan->nexthops[i].addr) == family)
			return i;
	return -1;
}

void plan_backends(struct planner *p)
{
	const struct config *config = p->in->config;

	for (size_t i = 0; i < config->backend_count; i++) {
		if (!backend_is_used(config, i))
			continue;
		for (int family = 0; family < FAMILY_COUNT; family++) {
			const struct ip_addr *addr = &p->in->backend_addr[i][family];
			const struct host_route *route =
				&p->in->host->routes[i * FAMILY_COUNT + family];
			const struct host_link *link;

			if (!p->in->backend_has[i][family])
				continue;
			link = backend_link(p, &config->backends[i], addr, route);
			if (link)
				add_nexthop(p, i, addr, route, link);
		}
	}
}
