// SPDX-License-Identifier: GPL-2.0-only
// The way to clients by the default route, so that XDP need not ask the kernel for each packet.
#include <string.h>
#include "plan.h"

/* A prefix as the programs compare it; longer than their key, it is widened, which is safe. */
static struct near near_of(const struct ip_prefix *prefix, enum ip_family family)
{
	unsigned max = family == FAMILY_V4 ? 32 : 64;
	unsigned len = prefix->len < max ? prefix->len : max;
	struct ip_addr mask = {};
	struct near near;

	for (unsigned bit = 0; bit < len; bit++)
		((uint8_t *)&mask.w[family == FAMILY_V4 ? 3 : 0])[bit / 8] |= 0x80 >> bit % 8;
	near.mask = near_key(&mask, family);
	near.addr = near_key(&prefix->addr, family) & near.mask;
	return near;
}

/* Does @a contain all of @b? */
static bool near_contains(const struct near *a, const struct near *b)
{
	return (a->mask & b->mask) == a->mask && !((a->addr ^ b->addr) & a->mask);
}

/* Add what is not covered yet, and take out what it covers; false when there is no room. */
static bool near_add(struct plan_gateway *gateway, const struct near *near)
{
	size_t kept = 0;

	for (size_t i = 0; i < gateway->near_count; i++) {
		if (near_contains(&gateway->near[i], near))
			return true;
		if (!near_contains(near, &gateway->near[i]))
			gateway->near[kept++] = gateway->near[i];
	}
	memset(&gateway->near[kept], 0, (gateway->near_count - kept) * sizeof(*near));
	gateway->near_count = kept;
	if (kept == NEARS_MAX)
		return false;
	gateway->near[gateway->near_count++] = *near;
	return true;
}

static struct plan_gateway read_gateway(const struct plan *plan, const struct host *host,
					enum ip_family family)
{
	const struct host_default *route = &host->defaults[family];
	struct plan_gateway gateway = {};

	gateway.usable = route->usable && route->ifindex == plan->devices[0].ifindex &&
			 !plan->devices[0].is_l3;
	for (size_t i = 0; gateway.usable && i < host->destination_count; i++) {
		struct near near;

		if (ip_addr_family(&host->destinations[i].addr) != family)
			continue;
		near = near_of(&host->destinations[i], family);
		gateway.usable = near_add(&gateway, &near);
	}
	return gateway;
}

static struct plan_nexthop read_nexthop(const struct plan *plan, const struct host *host,
					enum ip_family family)
{
	const struct host_default *route = &host->defaults[family];
	const struct host_neigh *neigh =
		host_neigh_find(host, plan->devices[0].ifindex, &route->gateway);
	uint32_t mtu = plan->devices[0].mtu;
	struct plan_nexthop nexthop = {
		.addr = route->gateway,
		.neighbour = route->gateway,
		.mtu = route->mtu && route->mtu < mtu ? route->mtu : mtu,
		.has_mac = neigh && neigh->usable,
	};

	if (nexthop.has_mac)
		memcpy(nexthop.mac, neigh->mac, sizeof(nexthop.mac));
	return nexthop;
}

void plan_gateways(struct plan *plan, const struct host *host)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		plan->gateways[family] = read_gateway(plan, host, family);
		plan->nexthops[family] = plan->gateways[family].usable
						 ? read_nexthop(plan, host, family)
						 : (struct plan_nexthop){};
	}
}
