// SPDX-License-Identifier: GPL-2.0-only
// When the default route can be taken without asking the kernel.
#include <stdio.h>
#include <stdlib.h>
#include "plan_world.h"

/* The key of an address, as the programs compare it. */
static uint64_t key(const char *text)
{
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse(text, &addr), 0, "%s", text);
	return near_key(&addr, ip_addr_family(&addr));
}

static struct host_default *set_default(enum ip_family family, const char *device,
					const char *gateway)
{
	struct host_default *route = &world.host.defaults[family];

	*route = (struct host_default){ .usable = true, .ifindex = world_device(device)->ifindex };
	cr_assert_eq(ip_addr_parse(gateway, &route->gateway), 0);
	return route;
}

static void add_destination(const char *text)
{
	struct ip_prefix *list = reallocarray(world.host.destinations,
					      world.host.destination_count + 1, sizeof(*list));

	cr_assert(list);
	world.host.destinations = list;
	cr_assert_eq(ip_prefix_parse(text, &list[world.host.destination_count++]), 0, "%s", text);
}

/* The usual host: default routes on eth0, and destinations that the kernel's own tables bring. */
static void init(void)
{
	world_init();
	set_default(FAMILY_V4, "eth0", "198.51.100.254");
	set_default(FAMILY_V6, "eth0", "2001:db8:1::fe");
	add_destination("198.51.100.0/24");
	add_destination("198.51.100.1");
	add_destination("198.18.9.0/24");
	add_destination("127.0.0.0/8");
	add_destination("2001:db8:1::/64");
	add_destination("2001:db8:1::1");
	add_destination("fe80::/10");
}

static void fini(void)
{
	free(world.host.destinations);
	world_fini();
}

TestSuite(plan_gateways, .init = init, .fini = fini);

/* Would a packet to this address go by the gateway? */
static bool goes_by_gateway(const char *text)
{
	struct ip_addr addr;
	const struct plan_gateway *gateway;

	cr_assert_eq(ip_addr_parse(text, &addr), 0, "%s", text);
	gateway = &world.plan->gateways[ip_addr_family(&addr)];
	for (size_t i = 0; i < gateway->near_count; i++)
		if ((key(text) & gateway->near[i].mask) == gateway->near[i].addr)
			return false;
	return gateway->usable;
}

Test(plan_gateways, a_gateway_of_each_family)
{
	const struct plan_nexthop *hop;

	world_neigh("eth0", "198.51.100.254", 0xfe);
	expect_plan(HOME TCP("80"));
	hop = &world.plan->nexthops[FAMILY_V4];
	cr_expect(ip_addr_equal(&hop->neighbour, &world.host.defaults[FAMILY_V4].gateway));
	cr_expect(hop->has_mac);
	cr_expect_eq(hop->mac[5], 0xfe);
	cr_expect_eq(hop->mtu, 1500);
	cr_expect_eq(hop->device, 0);
	hop = &world.plan->nexthops[FAMILY_V6];
	cr_expect(ip_addr_equal(&hop->neighbour, &world.host.defaults[FAMILY_V6].gateway));
	cr_expect_not(hop->has_mac);
	/* Backends come after them. */
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");
}

Test(plan_gateways, destinations_with_routes_of_their_own)
{
	expect_plan(HOME TCP("80"));
	cr_expect(goes_by_gateway("203.0.113.5"));
	cr_expect(goes_by_gateway("198.51.101.0"));
	cr_expect(goes_by_gateway("126.255.255.255"));
	cr_expect_not(goes_by_gateway("198.51.100.0"));
	cr_expect_not(goes_by_gateway("198.51.100.255"));
	cr_expect_not(goes_by_gateway("198.18.9.2"));
	cr_expect_not(goes_by_gateway("127.1.2.3"));
	cr_expect(goes_by_gateway("2001:db8:2::1"));
	cr_expect(goes_by_gateway("2001:db8:1:1::1"));
	cr_expect_not(goes_by_gateway("2001:db8:1::7777"));
	cr_expect_not(goes_by_gateway("febf::1"));
	/* What lies in another takes no room. */
	cr_expect_eq(world.plan->gateways[FAMILY_V4].near_count, 3);
	cr_expect_eq(world.plan->gateways[FAMILY_V6].near_count, 2);
}

Test(plan_gateways, the_wider_prefix_may_come_later)
{
	add_destination("198.18.0.0/15");
	add_destination("2001:db8::/32");
	expect_plan(HOME TCP("80"));
	cr_expect_not(goes_by_gateway("198.19.0.1"));
	cr_expect_not(goes_by_gateway("198.18.9.2"));
	cr_expect_not(goes_by_gateway("127.0.0.1"));
	cr_expect_not(goes_by_gateway("198.51.100.7"));
	cr_expect_not(goes_by_gateway("2001:db8:1::1"));
	cr_expect(goes_by_gateway("198.20.0.1"));
	cr_expect_eq(world.plan->gateways[FAMILY_V4].near_count, 3);
	cr_expect_eq(world.plan->gateways[FAMILY_V6].near_count, 2);
}

/* The programs look at half of an IPv6 address: they may ask too often, never too seldom. */
Test(plan_gateways, long_prefixes_are_widened)
{
	add_destination("2001:db8:5:5:5::/80");
	add_destination("203.0.113.7/32");
	expect_plan(HOME TCP("80"));
	cr_expect_not(goes_by_gateway("2001:db8:5:5:5::1"));
	cr_expect_not(goes_by_gateway("2001:db8:5:5:6::1"));
	cr_expect(goes_by_gateway("2001:db8:5:6::1"));
	cr_expect_not(goes_by_gateway("203.0.113.7"));
	cr_expect(goes_by_gateway("203.0.113.6"));
}

Test(plan_gateways, without_a_default_route_of_that_kind)
{
	world.host.defaults[FAMILY_V4].usable = false;
	set_default(FAMILY_V6, "eth1", "2001:db8:9::fe");
	expect_plan(HOME TCP("80"));
	cr_expect_not(world.plan->gateways[FAMILY_V4].usable);
	cr_expect_not(world.plan->gateways[FAMILY_V6].usable);
	for (int family = 0; family < FAMILY_COUNT; family++) {
		cr_expect(ip_addr_is_any(&world.plan->nexthops[family].neighbour));
		cr_expect_not(world.plan->nexthops[family].has_mac);
	}
}

Test(plan_gateways, not_from_a_tunnel)
{
	world.in.iface = "wg0";
	set_default(FAMILY_V4, "wg0", "198.18.7.254");
	expect_plan(HOME4 TCP("80"));
	cr_expect_not(world.plan->gateways[FAMILY_V4].usable);
}

Test(plan_gateways, as_many_destinations_as_there_is_room_for)
{
	char text[32];

	/* Three are there. */
	for (int i = 3; i < NEARS_MAX; i++) {
		snprintf(text, sizeof(text), "203.0.%d.0/24", i);
		add_destination(text);
	}
	expect_plan(HOME TCP("80"));
	cr_expect(world.plan->gateways[FAMILY_V4].usable);
	cr_expect_not(goes_by_gateway("203.0.15.1"));
	add_destination("198.18.9.7");
	expect_plan(HOME TCP("80"));
	cr_expect(world.plan->gateways[FAMILY_V4].usable);
	add_destination("203.0.113.0/24");
	expect_plan(HOME TCP("80"));
	cr_expect_not(world.plan->gateways[FAMILY_V4].usable);
	cr_expect(world.plan->gateways[FAMILY_V6].usable);
}

Test(plan_gateways, the_smaller_mtu_counts)
{
	world.host.defaults[FAMILY_V4].mtu = 1400;
	world.host.defaults[FAMILY_V6].mtu = 9000;
	expect_plan(HOME TCP("80"));
	cr_expect_eq(world.plan->nexthops[FAMILY_V4].mtu, 1400);
	cr_expect_eq(world.plan->nexthops[FAMILY_V6].mtu, 1500);
}

/* The agent calls it alone, with a plan of which only the devices are filled in. */
Test(plan_gateways, again_when_the_routes_have_changed)
{
	struct ip_addr old;

	expect_plan(HOME TCP("80"));
	old = world.plan->nexthops[FAMILY_V4].addr;
	set_default(FAMILY_V4, "eth0", "198.51.100.253");
	add_destination("203.0.113.0/24");
	plan_gateways(world.plan, &world.host);
	cr_expect_not(ip_addr_equal(&world.plan->nexthops[FAMILY_V4].addr, &old));
	cr_expect_not(goes_by_gateway("203.0.113.5"));
	world.host.defaults[FAMILY_V4].usable = false;
	plan_gateways(world.plan, &world.host);
	cr_expect_not(goes_by_gateway("198.52.0.1"));
	cr_expect(ip_addr_is_any(&world.plan->nexthops[FAMILY_V4].addr));
}
