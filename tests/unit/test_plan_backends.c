// SPDX-License-Identifier: GPL-2.0-only
// The way to each backend.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "plan_world.h"

TestSuite(plan_backends, .init = world_init, .fini = world_fini);

/* Next hop @n of those that lead to backends. */
#define HOP(n) (world.plan->nexthops[PLAN_FIRST_BACKEND + (n)])

#define BACKEND(keys) "[backend.home]\n" keys TCP("80")

Test(plan_backends, a_neighbour_on_the_wire)
{
	const struct plan_nexthop *hop;

	expect_plan(HOME TCP("80"));
	cr_assert_eq(world.plan->nexthop_count, PLAN_FIRST_BACKEND + 2);
	hop = &HOP(0);
	cr_expect(ip_addr_equal(&hop->neighbour, &hop->addr));
	cr_expect(hop->has_mac);
	cr_expect_arr_eq(hop->mac, ((uint8_t[]){ 2, 0, 0, 0, 9, 0x42 }), 6);
	cr_expect_eq(hop->mtu, 1500);
	cr_assert_eq(world.plan->device_count, 2);
	cr_expect_str_eq(world.plan->devices[0].name, "eth0");
	cr_expect_str_eq(world.plan->devices[1].name, "eth1");
	cr_expect_eq(world.plan->devices[1].ifindex, 3);
	cr_expect_not(world.plan->devices[1].is_l3);
	cr_expect_arr_eq(world.plan->devices[1].mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 3 }), 6);
}

Test(plan_backends, a_neighbour_is_known_only_while_it_is_usable)
{
	world.neighs[0].usable = false;
	world.neighs[1].ifindex = world_device("eth0")->ifindex;
	expect_plan(HOME TCP("80"));
	cr_expect_not(HOP(0).has_mac);
	cr_expect_not(HOP(1).has_mac);
}

Test(plan_backends, a_gateway_is_asked_for)
{
	struct host_route *route = world_route("198.18.9.2", "eth1");
	const struct plan_nexthop *hop;

	route->has_gateway = true;
	ip_addr_parse("198.18.9.254", &route->gateway);
	world_neigh("eth1", "198.18.9.254", 0xfe);
	expect_plan(HOME4 TCP("80"));
	hop = &HOP(0);
	cr_expect(ip_addr_equal(&hop->neighbour, &route->gateway));
	cr_expect_eq(hop->mac[5], 0xfe);
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n");
}

Test(plan_backends, the_smaller_mtu_counts)
{
	struct host_route *route = world_route("198.18.9.2", "eth1");

	route->mtu = 1400;
	expect_plan(HOME4 TCP("80"));
	cr_expect_eq(HOP(0).mtu, 1400);
	route->mtu = 9000;
	expect_plan(HOME4 TCP("80"));
	cr_expect_eq(HOP(0).mtu, 1500);
}

Test(plan_backends, a_tunnel_has_no_link_layer)
{
	world_neigh("wg0", "198.18.7.2", 1);
	expect_plan(BACKEND("address = \"198.18.7.2\"\n"));
	cr_expect(world.plan->devices[1].is_l3);
	cr_expect_not(HOP(0).has_mac);
	cr_expect_eq(HOP(0).mtu, 1420);
}

Test(plan_backends, one_armed)
{
	expect_plan(BACKEND("address = \"198.51.100.9\"\n"));
	cr_expect_eq(world.plan->device_count, 1);
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.51.100.9 by eth0\n");
}

Test(plan_backends, on_two_devices)
{
	expect_plan(HOME "[backend.away]\naddress = \"198.18.7.2\"\n"
			 "[backend.near]\naddress = \"198.51.100.9\"\n" TCP("80")
				 FORWARD_TO("away", "tcp", "81") FORWARD_TO("near", "tcp", "82"));
	cr_assert_eq(world.plan->device_count, 3);
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n"
		     "tcp-81 tcp 198.51.100.1 81 > 198.18.7.2 by wg0\n"
		     "tcp-82 tcp 198.51.100.1 82 > 198.51.100.9 by eth0\n");
}

Test(plan_backends, the_families_may_take_different_devices)
{
	world_route("2001:db8:9::2", "wg0");
	expect_plan(HOME TCP("80"));
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by wg0\n");
}

Test(plan_backends, one_that_no_forward_uses_may_be_anywhere)
{
	expect_plan(HOME4
		    "[backend.gone]\naddress = \"203.0.113.77\"\ndevice = \"nope0\"\n" TCP("80"));
	cr_expect_eq(world.plan->nexthop_count, PLAN_FIRST_BACKEND + 1);
}

Test(plan_backends, a_device_that_is_named)
{
	const char *text = BACKEND("address = [\"198.18.9.2\", \"2001:db8:9::2\"]\n"
				   "device = \"eth1\"\n");

	expect_plan(text);
	/* There is no route by it, then, but that is not what is wrong. */
	world_route("198.18.9.2", "eth1")->error = -ENETUNREACH;
	world_route("2001:db8:9::2", "eth1")->error = -ENETUNREACH;
	world_device("eth1")->up = false;
	expect_refused(text, "f:3:10: backend \"home\": eth1 is down; bring it up: ip link set dev "
			     "eth1 up\n");
	snprintf(world_device("eth1")->name, IFNAMSIZ, "eth7");
	expect_refused(text, "f:3:10: backend \"home\": no device eth1 on this host; is the tunnel "
			     "up?\n");
}

Test(plan_backends, no_route)
{
	const char *text = BACKEND("address = \"203.0.113.77\"\n");

	expect_refused(text, "f:2:11: backend \"home\": no route to 203.0.113.77 (Network is "
			     "unreachable); check: ip route get 203.0.113.77\n");
	world_route("203.0.113.77", "eth0")->error = -EHOSTUNREACH;
	expect_refused(text, "f:2:11: backend \"home\": no route to 203.0.113.77 (No route to "
			     "host); check: ip route get 203.0.113.77\n");
	world_route("203.0.113.77", "eth0")->error = -ENETUNREACH;
	expect_refused(BACKEND("address = \"203.0.113.77\"\ndevice = \"wg0\"\n"),
		       "f:2:11: backend \"home\": no route to 203.0.113.77 by wg0 (Network is "
		       "unreachable); check: ip route get 203.0.113.77\n");
}

Test(plan_backends, both_literal_addresses_must_be_reached)
{
	world_route("2001:db8:9::2", "eth1")->error = -ENETUNREACH;
	expect_refused(HOME TCP("80"),
		       "f:2:11: backend \"home\": no route to 2001:db8:9::2 (Network is "
		       "unreachable); check: ip route get 2001:db8:9::2\n");
}

Test(plan_backends, this_host_itself)
{
	world_route("198.51.100.1", "lo")->error = -EINVAL;
	expect_refused(BACKEND("address = \"198.51.100.1\"\n"),
		       "f:2:11: backend \"home\": cannot forward to 198.51.100.1 (an address of "
		       "this host or blackholed); check: ip route get 198.51.100.1\n");
}

Test(plan_backends, through_loopback)
{
	world_route("198.18.0.1", "lo");
	expect_refused(BACKEND("address = \"198.18.0.1\"\n"),
		       "f:2:11: backend \"home\": 198.18.0.1 is reached through the loopback "
		       "device; give the address of another host\n");
	/* The device may have gone between the two questions. */
	world_route("198.18.0.1", "eth1")->ifindex = 77;
	world_plan(BACKEND("address = \"198.18.0.1\"\n"));
	cr_expect_null(world.plan);
}

#define NAMED BACKEND("address = \"home.example\"\n")

Test(plan_backends, a_name_with_both_families)
{
	world_name("home.example", "198.18.9.2");
	world_name("home.example", "2001:db8:9::2");
	expect_plan(NAMED);
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");
}

/* Whoever runs the name may add an address that this host cannot reach. */
Test(plan_backends, a_name_of_which_one_family_is_reached)
{
	world_name("home.example", "198.18.9.2");
	world_name("home.example", "2001:db8:77::2");
	world_plan(NAMED);
	expect_found("f:2:11: warning: backend \"home\": no route to 2001:db8:77::2 (Network is "
		     "unreachable), so only its other address is used; check: ip route get "
		     "2001:db8:77::2\n");
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n");
	cr_expect_eq(world.plan->nexthop_count, PLAN_FIRST_BACKEND + 1);

	world_name("home.example", "2001:db8:9::2");
	world_name("home.example", "203.0.113.77");
	world_plan(NAMED);
	expect_found("f:2:11: warning: backend \"home\": no route to 203.0.113.77 (Network is "
		     "unreachable), so only its other address is used; check: ip route get "
		     "203.0.113.77\n");
	expect_rules("tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");

	/* The other address is one of this host, or behind loopback. */
	world_route("203.0.113.77", "lo");
	world_plan(NAMED);
	expect_found("f:2:11: warning: backend \"home\": 203.0.113.77 is reached through the "
		     "loopback device, so only its other address is used; give the address of "
		     "another host\n");
}

Test(plan_backends, a_name_of_which_neither_family_is_reached)
{
	world_name("home.example", "203.0.113.77");
	world_name("home.example", "2001:db8:77::2");
	expect_refused(NAMED, "f:2:11: backend \"home\": no route to 203.0.113.77 (Network is "
			      "unreachable); check: ip route get 203.0.113.77\n"
			      "f:2:11: backend \"home\": no route to 2001:db8:77::2 (Network is "
			      "unreachable); check: ip route get 2001:db8:77::2\n");
}

/* What a name resolves to is not the config's fault. */
Test(plan_backends, a_name_that_lacks_the_family_of_a_public_address)
{
	world_name("home.example", "198.18.9.2");
	world_plan(NAMED "address = [\"2001:db8:1::1\", \"198.51.100.1\"]\n");
	expect_found("f:8:11: warning: forward \"tcp-80\": backend \"home\" has no address of the "
		     "family of 2001:db8:1::1\n");
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n");
}

Test(plan_backends, a_name_without_any_family_of_the_public_addresses)
{
	world_name("home.example", "198.18.9.2");
	expect_refused(NAMED "address = \"2001:db8:1::1\"\n",
		       "f:8:11: forward \"tcp-80\": backend \"home\" has no address of the family "
		       "of 2001:db8:1::1\n");
	cr_expect_eq(world.code, 1);
}

Test(plan_backends, tailscale_is_warned_of_once)
{
	const char *warning =
		"f:2:11: warning: backend \"home\": Tailscale drops packets with foreign source "
		"addresses, so source = \"preserve\" does not get through tailscale0; use "
		"\"masquerade\", or WireGuard\n";

	snprintf(world_device("wg0")->name, IFNAMSIZ, "tailscale0");
	world_route("198.18.9.2", "tailscale0");
	world_route("2001:db8:9::2", "tailscale0");
	world_plan(HOME TCP("80"));
	expect_found(warning);
	world_plan("[backend.home]\naddress = \"2001:db8:9::2\"\n" TCP("80"));
	expect_found(warning);
	world_plan(HOME4 TCP("80"));
	expect_found(warning);
}

Test(plan_backends, too_many_devices)
{
	char text[16384];
	size_t len = 0;

	for (int i = 0; i < DEVICES_MAX; i++) {
		char device[IFNAMSIZ], addr[32];

		snprintf(device, sizeof(device), "veth%d", i);
		snprintf(addr, sizeof(addr), "198.18.0.%d", i + 1);
		world_link(device);
		world_route(addr, device);
		len += snprintf(text + len, sizeof(text) - len,
				"[backend.b%d]\naddress = \"%s\"\n[[forward]]\nprotocol = \"tcp\"\n"
				"ports = %d\nbackend = \"b%d\"\nsource = \"preserve\"\n",
				i, addr, i + 1, i);
	}
	expect_refused(text, "too many devices: at most 32 for one interface\n");
	/* One is the public one. */
	*strstr(text, "[backend.b31]") = '\0';
	expect_plan(text);
	cr_expect_eq(world.plan->device_count, DEVICES_MAX);
}
