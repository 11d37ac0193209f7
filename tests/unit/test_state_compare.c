// SPDX-License-Identifier: GPL-2.0-only
// What a look at the host changes about a state, and the line that says so.
#include <stdlib.h>
#include <string.h>
#include "plan_world.h"
#include "state.h"

#define CONFIG                                                                                     \
	HOME "[[forward]]\nname = \"echo\"\nprotocol = \"udp\"\nports = [\"7000-7009\"]\n"         \
	     "backend = \"home\"\nsource = \"preserve\"\n" MASQUERADE_TO("home", "tcp", "443")

TestSuite(state_compare, .init = world_init, .fini = world_fini);

static struct state *look(void)
{
	struct state *state;

	world_plan(CONFIG);
	cr_assert(world.plan, "%s", world.found);
	state = state_from_plan(world.plan, world.config, "/etc/ports.toml", false, 0);
	cr_assert(state);
	return state;
}

/* The host changes, and then: */
static void expect_change(const struct state *old, enum state_change expected, const char *line)
{
	struct state *new = look();
	char *text;

	cr_expect_eq(state_compare(old, new, &text), expected);
	cr_expect_str_eq(text ?: "nothing", line);
	free(text);
	state_free(new);
}

Test(state_compare, nothing)
{
	struct state *old = look();

	/* Whatever the agent's rounds keep fresh: */
	world_neigh("eth1", "198.18.9.2", 0x77);
	world.in.generation = 9;
	expect_change(old, STATE_SAME, "nothing");
	state_free(old);
}

Test(state_compare, public_addresses)
{
	struct state *old = look();

	for (size_t i = 0; i < WORLD_MAX; i++)
		if (ip_addr_equal(&world.addrs[i].addr, &old->rules[0].public_addr))
			ip_addr_parse("198.51.100.7", &world.addrs[i].addr);
	expect_change(old, STATE_RULES,
		      "198.51.100.7 is forwarded; 198.51.100.1 is not forwarded any more");
	state_free(old);
}

Test(state_compare, devices)
{
	struct state *old = look();

	world_device("eth1")->mtu = 1400;
	expect_change(old, STATE_WAYS, "the MTU of eth1 is 1400");
	world_device("eth1")->mtu = 1500;
	world_device("eth1")->mac[5] ^= 1;
	expect_change(old, STATE_RULES, "eth1 has another link-layer address");
	world_device("eth1")->mac[5] ^= 1;
	old->devices[1].ifindex = 77;
	expect_change(old, STATE_RULES, "eth1 was made anew");
	state_free(old);
}

Test(state_compare, ways)
{
	struct state *old = look();
	struct host_route *route = world_route("198.18.9.2", "eth1");

	route->has_gateway = true;
	ip_addr_parse("198.18.9.254", &route->gateway);
	expect_change(old, STATE_WAYS, "backend \"home\" is reached by way of 198.18.9.254");
	route->has_gateway = false;
	route->mtu = 1300;
	expect_change(old, STATE_WAYS, "the MTU on the way to backend \"home\" is 1300");
	state_free(old);
	old = look();
	route = world_route("198.18.9.2", "wg0");
	ip_addr_parse("198.18.9.1", &route->source);
	expect_change(old, STATE_RULES, "wg0 is used now; backend \"home\" is reached by wg0");
	state_free(old);
}

Test(state_compare, sockets)
{
	struct state *old = look(), *with;

	world_listen(PROTO_UDP, "0.0.0.0", 7003, "named");
	with = look();
	expect_change(old, STATE_RULES, "forward \"echo\": udp port 7003 left to this host");
	world_listen(PROTO_UDP, "0.0.0.0", 7005, "named");
	expect_change(old, STATE_RULES, "forward \"echo\": udp ports 7003,7005 left to this host");
	state_free(old);
	world.sockets[0].local_port = world.sockets[1].local_port = 9;
	expect_change(with, STATE_RULES, "forward \"echo\": udp port 7003 forwarded again");
	state_free(with);
}

/* There are no words for everything, but nothing goes unnoticed. */
Test(state_compare, anything_else)
{
	struct state *old = look();

	old->rules[0].shift = 1;
	expect_change(old, STATE_RULES, "the ports of this host changed");
	old->rules[0].shift = 0;
	port_set_add(&old->reserved, (struct port_range){ 9, 9 });
	expect_change(old, STATE_RULES, "the ports of this host changed");
	state_free(old);
}
