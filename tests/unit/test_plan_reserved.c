// SPDX-License-Identifier: GPL-2.0-only
// Which ports the kernel must not hand out to this host's own sockets, and how many that leaves.
#include <stdlib.h>
#include "plan_world.h"

TestSuite(plan_reserved, .init = world_init, .fini = world_fini);

#define RESERVED "net.ipv4.ip_local_reserved_ports"

static void expect_own(const char *expected)
{
	struct port_set set = port_set(expected);
	char *actual = port_set_format(&world.plan->reserved);

	cr_expect(port_set_equal(&world.plan->reserved, &set), "%s, not %s", actual, expected);
	free(actual);
}

Test(plan_reserved, ranges_wherever_they_are)
{
	expect_plan(HOME TCP("[\"80-89\", \"40000-40009\"]") UDP("\"50000-50009\""));
	expect_sysctl(RESERVED, "80-89,40000-40009,50000-50009", "");
	expect_own("80-89,40000-40009,50000-50009");
}

Test(plan_reserved, single_ports_that_the_kernel_would_hand_out)
{
	expect_plan(HOME TCP("[80, 32767, 32768, 40000, 60999, 61000]"));
	expect_sysctl(RESERVED, "32768,40000,60999", "");
	world.host.port_min = 10000;
	world.host.port_max = 40000;
	expect_plan(HOME TCP("[80, 32767, 32768, 40000, 60999, 61000]"));
	expect_sysctl(RESERVED, "32767-32768,40000", "");
}

Test(plan_reserved, public_ports_not_those_of_the_backend)
{
	expect_plan(HOME TCP("\"5000-5001\"") "to_port = 6000\n");
	expect_sysctl(RESERVED, "5000-5001", "");
}

Test(plan_reserved, what_stays_here_is_not_reserved)
{
	world_listen(PROTO_UDP, "198.51.100.1", 5001, "named");
	world_plan(HOME4 UDP("\"5000-5004\"") "exclude = 5003\n");
	expect_sysctl(RESERVED, "5000,5002,5004", "");
}

Test(plan_reserved, together_with_what_was_and_what_others_need)
{
	world.reserved_before = port_set("8080,9000-9001");
	world.reserved_others = port_set("7000-7009");
	expect_plan(HOME TCP("\"9001-9002\""));
	expect_sysctl(RESERVED, "7000-7009,8080,9000-9002", "8080,9000-9001");
	expect_own("9001-9002");
}

Test(plan_reserved, nothing_to_reserve)
{
	world.reserved_before = port_set("8080");
	expect_plan(HOME TCP("80"));
	expect_sysctl(RESERVED, "8080", "8080");
	expect_own("");
}

#define NONE_LEFT(place, range)                                                                    \
	place "the forwards cover all of this host's own ephemeral ports (" range                  \
	      "): it could open no connection of its own; forward fewer ports or widen "           \
	      "net.ipv4.ip_local_port_range\n"
#define FEW_LEFT(count)                                                                            \
	"warning: only " count " of this host's own ephemeral ports are left; forward fewer "      \
	"ports or widen net.ipv4.ip_local_port_range\n"

Test(plan_reserved, none_left)
{
	expect_refused(HOME UDP("\"1024-65535\""), NONE_LEFT("f:5:9: ", "32768-60999"));
	expect_refused(HOME UDP("\"32768-60999\""), NONE_LEFT("f:5:9: ", "32768-60999"));
	/* Not even by force, nor half by another's fault. */
	world.in.force = true;
	expect_refused(HOME UDP("\"32768-60999\""), NONE_LEFT("f:5:9: ", "32768-60999"));
	world.reserved_others = port_set("32768-49999");
	expect_refused(HOME UDP("\"50000-60999\""), NONE_LEFT("f:5:9: ", "32768-60999"));
	world.reserved_before = port_set("32768-49999");
	world.reserved_others = port_set("");
	expect_refused(HOME UDP("\"50000-60999\""), NONE_LEFT("f:5:9: ", "32768-60999"));
	world.host.port_min = 50000;
	expect_refused(HOME UDP("\"50000-60999\""), NONE_LEFT("f:5:9: ", "50000-60999"));
}

Test(plan_reserved, few_left)
{
	world_plan(HOME UDP("\"32769-60999\""));
	expect_found(FEW_LEFT("1"));
	cr_expect(world.plan);
	world_plan(HOME UDP("\"33791-60999\""));
	expect_found(FEW_LEFT("1023"));
	expect_plan(HOME UDP("\"33792-60999\""));
}

Test(plan_reserved, forwarding_on_loopback)
{
	world.in.forwarding_before[FAMILY_V6] = true;
	expect_plan(HOME TCP("80"));
	expect_sysctl("net.ipv4.conf.lo.forwarding", "1", "0");
	expect_sysctl("net.ipv6.conf.lo.forwarding", "1", "1");
	world.in.forwarding_before[FAMILY_V4] = true;
	world.in.forwarding_before[FAMILY_V6] = false;
	expect_plan(HOME TCP("80"));
	expect_sysctl("net.ipv4.conf.lo.forwarding", "1", "1");
	expect_sysctl("net.ipv6.conf.lo.forwarding", "1", "0");
	cr_expect_eq(world.plan->sysctl_count, 3);
}
