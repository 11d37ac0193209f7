// SPDX-License-Identifier: GPL-2.0-only
// Which public addresses and ports go where.
#include "plan_world.h"

TestSuite(plan_rules, .init = world_init, .fini = world_fini);

Test(plan_rules, one_rule_a_family_and_protocol)
{
	expect_plan(HOME "[[forward]]\nname = \"turn\"\nprotocol = [\"tcp\", \"udp\"]\n"
			 "ports = [3478, \"5349-5350\"]\nbackend = \"home\"\n"
			 "source = \"preserve\"\n" TCP("5222"));
	expect_rules("turn tcp 198.51.100.1 3478,5349-5350 > 198.18.9.2 by eth1\n"
		     "turn udp 198.51.100.1 3478,5349-5350 > 198.18.9.2 by eth1\n"
		     "turn tcp 2001:db8:1::1 3478,5349-5350 > 2001:db8:9::2 by eth1\n"
		     "turn udp 2001:db8:1::1 3478,5349-5350 > 2001:db8:9::2 by eth1\n"
		     "tcp-5222 tcp 198.51.100.1 5222 > 198.18.9.2 by eth1\n"
		     "tcp-5222 tcp 2001:db8:1::1 5222 > 2001:db8:9::2 by eth1\n");
}

Test(plan_rules, ports_are_shifted_and_excluded_as_configured)
{
	expect_plan(HOME4 "[[forward]]\nname = \"a\"\nprotocol = \"tcp\"\nports = \"8000-8009\"\n"
			  "exclude = \"8004-8005\"\nto_port = 80\nbackend = \"home\"\n"
			  "source = \"preserve\"\n" TCP("1") "to_port = 65535\n");
	expect_rules("a tcp 198.51.100.1 8000-8003,8006-8009 > 198.18.9.2 -7920 by eth1\n"
		     "tcp-1 tcp 198.51.100.1 1 > 198.18.9.2 +65534 by eth1\n");
}

Test(plan_rules, the_primary_addresses_are_the_default)
{
	world_addr("eth0", "198.51.100.2");
	world_addr("eth0", "2001:db8:1::2");
	/* Not of the kind that anybody could be told of: */
	world_addr("eth0", "198.51.100.3")->global = false;
	world_addr("eth0", "fe80::1")->global = false;
	/* of another device: */
	world_addr("eth1", "198.18.9.7");
	world_plan(HOME TCP("80") TCP("81"));
	expect_found("note: eth0 has further addresses that are not forwarded with source = "
		     "\"preserve\": 198.51.100.2, "
		     "2001:db8:1::2; name one with address = to use it\n");
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n"
		     "tcp-81 tcp 198.51.100.1 81 > 198.18.9.2 by eth1\n"
		     "tcp-81 tcp 2001:db8:1::1 81 > 2001:db8:9::2 by eth1\n");
}

Test(plan_rules, the_primary_address_need_not_be_the_first)
{
	world.addrs[1].primary = false;
	world_addr("eth0", "198.51.100.2")->primary = true;
	world_plan(HOME4 TCP("80"));
	expect_rules("tcp-80 tcp 198.51.100.2 80 > 198.18.9.2 by eth1\n");
	expect_found("note: eth0 has further addresses that are not forwarded with source = "
		     "\"preserve\": 198.51.100.1; name "
		     "one with address = to use it\n");
}

Test(plan_rules, a_primary_address_that_is_deprecated_is_none)
{
	world.addrs[1].global = false;
	world_plan(HOME TCP("80"));
	expect_rules("tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");
}

Test(plan_rules, addresses_that_another_forward_names_are_not_left_out)
{
	world_addr("eth0", "198.51.100.2");
	world_addr("eth0", "198.51.100.3");
	world_plan(HOME4 TCP("80") TCP("81") "address = \"198.51.100.3\"\n");
	expect_found("note: eth0 has further addresses that are not forwarded with source = "
		     "\"preserve\": 198.51.100.2; name "
		     "one with address = to use it\n");
	expect_plan(HOME4 TCP("80") TCP("81") "address = \"198.51.100.3\"\n" TCP(
		"82") "address = \"198.51.100.2\"\n");
}

Test(plan_rules, nothing_is_left_out_when_every_forward_names_its_address)
{
	world_addr("eth0", "198.51.100.2");
	expect_plan(HOME TCP("80") "address = [\"198.51.100.2\", \"2001:db8:1::1\"]\n");
	expect_rules("tcp-80 tcp 198.51.100.2 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");
}

Test(plan_rules, an_address_of_nobody_waits_for_packets)
{
	world_addr("eth1", "198.51.100.7");
	world_plan(HOME4 TCP("80") "address = \"198.51.100.7\"\n");
	expect_found("f:8:11: warning: forward \"tcp-80\": 198.51.100.7 is not an address of eth0; "
		     "it takes effect when packets for it arrive there\n");
	expect_rules("tcp-80 tcp 198.51.100.7 80 > 198.18.9.2 by eth1\n");
}

Test(plan_rules, only_families_that_both_ends_have)
{
	world_route("2001:db8:9::3", "eth1");
	expect_plan(HOME4 TCP("80"));
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n");
	expect_plan("[backend.home]\naddress = \"2001:db8:9::3\"\n" TCP("80"));
	expect_rules("tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::3 by eth1\n");
	expect_plan(HOME "[backend.six]\naddress = \"2001:db8:9::3\"\n" TCP("80")
			    FORWARD_TO("six", "tcp", "81"));
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n"
		     "tcp-81 tcp 2001:db8:1::1 81 > 2001:db8:9::3 by eth1\n");
}

#define NO_ADDRESS(family)                                                                         \
	"f:3:1: forward \"tcp-80\": eth0 has no global " family                                    \
	" address to go with backend \"home\"; see: ip addr show dev eth0\n"

Test(plan_rules, no_address_of_the_backends_family)
{
	world.addrs[1].global = false;
	expect_refused(HOME4 TCP("80"), NO_ADDRESS("IPv4"));
	world.addrs[2].global = false;
	expect_refused(HOME TCP("80"), NO_ADDRESS("IPv4 or IPv6"));
	world.addrs[1].global = true;
	expect_refused("[backend.home]\naddress = \"2001:db8:9::2\"\n" TCP("80"),
		       NO_ADDRESS("IPv6"));
	expect_plan(HOME TCP("80"));
}

Test(plan_rules, a_named_address_without_a_backend_of_its_family_is_left_out)
{
	world_plan(HOME4 TCP("80") "address = [\"198.51.100.1\", \"2001:db8:1::1\"]\n");
	expect_found("f:8:11: warning: forward \"tcp-80\": backend \"home\" has no address of the "
		     "family of 2001:db8:1::1\n");
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n");
}

Test(plan_rules, a_backend_port_has_one_way_back)
{
	/* Two names of one address: the config cannot know, for both are resolved only here. */
	world_name("a.example", "198.18.9.2");
	world_name("b.example", "198.18.9.2");
	expect_refused("[backend.a]\naddress = \"a.example\"\n"
		       "[backend.b]\naddress = \"b.example\"\n" FORWARD_TO("a", "tcp", "[79, 80]")
			       FORWARD_TO("b", "tcp", "90") "to_port = 80\n",
		       "f:12:9: forward \"tcp-90\" (line 10) and \"tcp-79-80\" (line 5) "
		       "both reach tcp port 80 of one backend: with source = \"preserve\" the way "
		       "back is ambiguous; give one of them another to_port or backend\n");
}

Test(plan_rules, what_differs_in_one_thing_is_no_conflict)
{
	world_name("a.example", "198.18.9.2");
	/* protocol */
	expect_plan(HOME4 "[backend.a]\naddress = \"a.example\"\n" TCP("80")
			    FORWARD_TO("a", "udp", "80"));
	/* backend port */
	expect_plan(HOME4 "[backend.a]\naddress = \"a.example\"\n" TCP("80")
			    FORWARD_TO("a", "tcp", "81"));
	/* backend */
	expect_plan(HOME4 "[backend.a]\naddress = \"198.51.100.9\"\n" TCP("80")
			    FORWARD_TO("a", "tcp", "81") "to_port = 80\n");
	/* public address */
	world_addr("eth0", "198.51.100.2");
	expect_plan(HOME4 "[backend.a]\naddress = \"a.example\"\n" TCP(
		"80") "address = \"198.51.100.1\"\n" FORWARD_TO("a", "tcp",
								"80") "to_port = 81\naddress = "
								      "\"198.51.100.2\"\n");
}
