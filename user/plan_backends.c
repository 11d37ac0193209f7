// SPDX-License-Identifier: GPL-2.0-only
// The way to each backend: its device, its next hop, and what is wrong with them.
#include <errno.h>
#include <string.h>
#include "plan_internal.h"

bool plan_uses_backend(const struct config *config, size_t backend)
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

/* The device that the config names, if it does, is there and up. */
static bool check_device(struct planner *p, const struct config_backend *backend)
{
	const struct host_link *link;

	if (!backend->device)
		return true;
	link = host_link_by_name(p->in->host, backend->device);
	if (!link)
		diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->device_place,
			 "backend \"%s\": no device %s on this host; is the tunnel up?",
			 backend->name, backend->device);
	else if (!link->up)
		diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->device_place,
			 "backend \"%s\": %s is down; bring it up: ip link set dev %s up",
			 backend->name, backend->device, backend->device);
	return link && link->up;
}

/* The device that a route leads to, or NULL when it leads to no other host. */
static const struct host_link *route_link(const struct host *host, const struct host_route *route)
{
	const struct host_link *link =
		route->error ? NULL : host_link_by_index(host, route->ifindex);

	return link && !link->loopback ? link : NULL;
}

/* @spare: the other address of a DNS name is reached, and does without this one. */
static void report_route(struct planner *p, const struct config_backend *backend,
			 const struct ip_addr *addr, const struct host_route *route, bool spare)
{
	enum diag_severity severity = spare ? DIAG_WARNING : DIAG_SYSTEM_ERROR;
	const char *then = spare ? ", so only its other address is used" : "";
	bool unusable = route->error == -EINVAL;
	char text[IP_ADDR_STRLEN];

	ip_addr_format(addr, text);
	if (route->error)
		diag_add(p->diags, severity, backend->address_place,
			 "backend \"%s\": %s to %s%s%s (%s)%s; check: ip route get %s",
			 backend->name, unusable ? "cannot forward" : "no route", text,
			 backend->device ? " by " : "", backend->device ?: "",
			 unusable ? "an address of this host or blackholed"
				  : strerror(-route->error),
			 then, text);
	else
		diag_add(p->diags, severity, backend->address_place,
			 "backend \"%s\": %s is reached through the loopback device%s; give the "
			 "address of another host",
			 backend->name, text, then);
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
			 "too many backends: at most %d addresses",
			 NEXTHOPS_MAX - PLAN_FIRST_BACKEND);
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
	neigh = host_neigh_find(p->in->host, link->ifindex, &nexthop->neighbour);
	if (neigh && neigh->usable && link->is_l2) {
		nexthop->has_mac = true;
		memcpy(nexthop->mac, neigh->mac, sizeof(nexthop->mac));
	}
}

static void warn_tailscale(struct planner *p, size_t index, const struct host_link *link)
{
	const struct config *config = p->in->config;
	const struct config_backend *backend = &config->backends[index];
	bool preserved = false;

	for (size_t i = 0; i < config->forward_count; i++)
		preserved = preserved || (config->forwards[i].backend == index &&
					  config->forwards[i].source == SOURCE_PRESERVE);
	if (preserved && !strncmp(link->name, "tailscale", strlen("tailscale")))
		diag_add(
			p->diags, DIAG_WARNING, backend->address_place,
			"backend \"%s\": Tailscale drops packets with foreign source addresses, so "
			"source = \"preserve\" does not get through %s; use \"masquerade\", or "
			"WireGuard",
			backend->name, link->name);
}

/*
 * Addresses in the config are all meant. What a DNS name resolves to is somebody else's to change,
 * so one address of it that works is enough.
 */
static void plan_backend(struct planner *p, size_t index)
{
	const struct config_backend *backend = &p->in->config->backends[index];
	const struct host_route *routes = &p->in->host->routes[index * FAMILY_COUNT];
	const struct ip_addr *addrs = p->in->backend_addr[index];
	const struct host_link *links[FAMILY_COUNT] = {}, *any = NULL;

	if (!check_device(p, backend))
		return;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (p->in->backend_has[index][family])
			links[family] = route_link(p->in->host, &routes[family]);
		any = any ?: links[family];
	}
	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (links[family])
			add_nexthop(p, index, &addrs[family], &routes[family], links[family]);
		else if (p->in->backend_has[index][family])
			report_route(p, backend, &addrs[family], &routes[family],
				     backend->hostname && any);
	}
	if (any)
		warn_tailscale(p, index, any);
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

	for (size_t i = 0; i < config->backend_count; i++)
		if (plan_uses_backend(config, i))
			plan_backend(p, i);
}
