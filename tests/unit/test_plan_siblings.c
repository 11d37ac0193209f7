// SPDX-License-Identifier: GPL-2.0-only
// What a plan makes of other interfaces that are loaded.
#include "plan_world.h"

#define M_TCP(ports) MASQUERADE_TO("home", "tcp", ports)
#define M_UDP(ports) MASQUERADE_TO("home", "udp", ports)

TestSuite(plan_siblings, .init = world_init, .fini = world_fini);

static struct ip_addr parsed(const char *text)
{
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

/* Of other interfaces that are loaded: neither knows the flows of the other. */
Test(plan_siblings, an_address_that_a_sibling_has_too)
{
	struct plan_sibling siblings[] = {
		{ "eth2", { parsed("198.18.9.1"), PROTO_TCP } },
		{ "eth2", { parsed("198.18.9.1"), PROTO_UDP } },
		{ "eth3", { parsed("2001:db8:9::1"), PROTO_UDP } },
		{ "eth3", { parsed("198.18.9.7"), PROTO_TCP } },
	};

	world.in.siblings_pools = siblings;
	world.in.siblings_pool_count = 4;
	world_plan(HOME M_TCP("80") M_UDP("80"));
	expect_found("f:2:11: warning: backend \"home\": eth2 masquerades as 198.18.9.1, too; "
		     "neither of the two knows the ports of the other's flows, so some may break; "
		     "give each a masquerade_address of its own\n"
		     "f:2:11: warning: backend \"home\": eth3 masquerades as 2001:db8:9::1, too; "
		     "neither of the two knows the ports of the other's flows, so some may break; "
		     "give each a masquerade_address of its own\n");
	cr_expect_eq(world.code, 0);
	world_addr("eth1", "198.18.9.8");
	world_addr("eth1", "2001:db8:9::8");
	expect_plan("[backend.home]\naddress = [\"198.18.9.2\", \"2001:db8:9::2\"]\n"
		    "masquerade_address = [\"198.18.9.8\", \"2001:db8:9::8\"]\n" M_TCP("80")
			    M_UDP("80"));
	/* One that preserves has no flows that could meet. */
	expect_plan(HOME TCP("80"));
}
