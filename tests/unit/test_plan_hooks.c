// SPDX-License-Identifier: GPL-2.0-only
// Which program goes on which device, and the reason that is given.
#include <stdio.h>
#include <string.h>
#include "plan_world.h"

TestSuite(plan_hooks, .init = world_init, .fini = world_fini);

#define AWAY	 "[backend.away]\naddress = \"198.18.7.2\"\n"
#define NEAR	 "[backend.near]\naddress = \"198.51.100.9\"\n"
#define TO_AWAY	 FORWARD_TO("away", "tcp", "81")
#define TO_NEAR	 FORWARD_TO("near", "tcp", "82")
#define COMPLETE "complete path for what XDP leaves"

#define XDP_AND_TC                                                                                 \
	"eth0 xdp native: Ethernet on both sides\n"                                                \
	"eth1 xdp native: Ethernet on both sides\n"                                                \
	"eth0 tc tcx: " COMPLETE "\n"                                                              \
	"eth1 tc tcx: " COMPLETE "\n"

static void expect_tc_because(const char *reason)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "eth0 tc tcx: %s\neth1 tc tcx: %s\n", reason, reason);
	expect_plan(HOME4 TCP("80"));
	expect_hooks(expected);
}

Test(plan_hooks, auto_between_hardware)
{
	expect_plan(HOME TCP("80"));
	expect_hooks(XDP_AND_TC);
}

Test(plan_hooks, auto_back_out_of_one_nic)
{
	expect_plan(NEAR TO_NEAR);
	expect_hooks("eth0 xdp native: Ethernet on both sides\n"
		     "eth0 tc tcx: " COMPLETE "\n");
}

Test(plan_hooks, clsact_where_there_is_no_tcx)
{
	world.in.has_tcx = false;
	expect_plan(NEAR TO_NEAR);
	expect_hooks("eth0 xdp native: Ethernet on both sides\n"
		     "eth0 tc clsact: " COMPLETE "\n");
}

Test(plan_hooks, auto_into_a_tunnel)
{
	expect_plan(AWAY TO_AWAY);
	expect_hooks("eth0 tc tcx: wg0 has no Ethernet header: XDP cannot redirect into it\n"
		     "wg0 tc tcx: wg0 has no Ethernet header: XDP cannot redirect into it\n");
}

Test(plan_hooks, auto_from_a_tunnel)
{
	world.in.iface = "wg0";
	expect_plan(HOME4 TCP("80"));
	expect_hooks("wg0 tc tcx: wg0 has no Ethernet header: XDP cannot redirect into it\n"
		     "eth1 tc tcx: wg0 has no Ethernet header: XDP cannot redirect into it\n");
}

/* XDP serves those whom it can serve, beside others whom it cannot. */
Test(plan_hooks, auto_with_a_tunnel_beside_hardware)
{
	expect_plan(AWAY HOME4 TO_AWAY TCP("80"));
	expect_hooks("eth0 xdp native: Ethernet on both sides\n"
		     "eth1 xdp native: Ethernet on both sides\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "wg0 tc tcx: wg0 has no Ethernet header: XDP cannot redirect into it\n"
		     "eth1 tc tcx: " COMPLETE "\n");
	expect_plan(AWAY NEAR TO_AWAY TO_NEAR);
	expect_hooks("eth0 xdp native: Ethernet on both sides\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "wg0 tc tcx: wg0 has no Ethernet header: XDP cannot redirect into it\n");
}

Test(plan_hooks, auto_on_either_side_avoids)
{
	static const char *const sides[] = { "eth0", "eth1" };
	char reason[160];

	for (int i = 0; i < 2; i++) {
		struct host_link *link = world_device(sides[i]);

		strcpy(link->kind, "veth");
		snprintf(reason, sizeof(reason),
			 "%s is a veth: native XDP would see unfinished checksums of local senders",
			 sides[i]);
		expect_tc_because(reason);
		strcpy(link->kind, "vlan");
		snprintf(reason, sizeof(reason),
			 "%s is a vlan device: native XDP belongs on hardware", sides[i]);
		expect_tc_because(reason);
		link->kind[0] = '\0';
		link->mtu = 3499;
		snprintf(reason, sizeof(reason),
			 "%s has an MTU of 3499: a frame does not fit one page", sides[i]);
		expect_tc_because(reason);
		link->mtu = 3498;
		expect_plan(HOME4 TCP("80"));
		expect_hooks(XDP_AND_TC);
	}
}

Test(plan_hooks, auto_after_a_driver_has_refused)
{
	static const struct plan_refusal refusals[] = {
		{ 3, "the driver refuses (queues, MTU or offloads)" },
		{ 2, "the driver has no support for it" },
	};

	world.in.refusals = refusals;
	world.in.refusal_count = 1;
	expect_tc_because("eth1 refused native XDP: the driver refuses (queues, MTU or offloads)");
	world.in.refusal_count = 2;
	/* Each device says what keeps it from XDP. */
	expect_plan(HOME4 TCP("80"));
	expect_hooks("eth0 tc tcx: eth0 refused native XDP: the driver has no support for it\n"
		     "eth1 tc tcx: eth1 refused native XDP: the driver refuses (queues, MTU or "
		     "offloads)\n");
	world.in.mode = MODE_NATIVE;
	expect_plan(HOME4 TCP("80"));
	cr_expect_eq(world.plan->hook_count, 4);
}

/* A device that is not asked leaves the others alone. */
Test(plan_hooks, auto_where_one_backend_device_avoids)
{
	world_link("eth2");
	world_route("198.18.7.2", "eth2");
	strcpy(world_device("eth1")->kind, "bridge");
	expect_plan(AWAY HOME4 TO_AWAY TCP("80"));
	expect_hooks("eth0 xdp native: Ethernet on both sides\n"
		     "eth2 xdp native: Ethernet on both sides\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "eth2 tc tcx: " COMPLETE "\n"
		     "eth1 tc tcx: eth1 is a bridge device: native XDP belongs on hardware\n");
}

static void add_foreign(const char *device)
{
	struct host_link *link = world_device(device);

	link->xdp = HOST_XDP_NATIVE;
	link->xdp_prog_id = 77;
	strcpy(link->xdp_name, "guard");
}

#define FOREIGN(device)                                                                            \
	device " already runs the XDP program \"guard\" (id 77), which is left alone; detach it "  \
	       "(ip link set dev " device " xdp off), or forward beside it with --mode tc\n"

Test(plan_hooks, a_foreign_program_on_the_public_device)
{
	add_foreign("eth0");
	expect_refused(HOME4 TCP("80"), FOREIGN("eth0"));
	world.in.mode = MODE_NATIVE;
	expect_refused(HOME4 TCP("80"), FOREIGN("eth0"));
	world.in.mode = MODE_GENERIC;
	expect_refused(HOME4 TCP("80"), FOREIGN("eth0"));
	world.in.mode = MODE_TC;
	expect_tc_because("--mode tc");
}

Test(plan_hooks, a_foreign_program_on_the_backends_device)
{
	add_foreign("eth1");
	expect_tc_because("eth1 already runs the XDP program \"guard\" (id 77)");
	world.in.mode = MODE_NATIVE;
	expect_refused(HOME4 TCP("80"), FOREIGN("eth1"));
	world.in.mode = MODE_GENERIC;
	expect_refused(HOME4 TCP("80"), FOREIGN("eth1"));
	world.in.mode = MODE_TC;
	expect_tc_because("--mode tc");
}

Test(plan_hooks, our_own_program_is_not_foreign)
{
	static const uint32_t own[] = { 12, 77 };

	add_foreign("eth0");
	add_foreign("eth1");
	world.in.own_xdp = own;
	world.in.own_xdp_count = 2;
	expect_plan(HOME4 TCP("80"));
	expect_hooks(XDP_AND_TC);
	world.in.own_xdp_count = 1;
	expect_refused(HOME4 TCP("80"), FOREIGN("eth0"));
}

Test(plan_hooks, native_and_generic_are_taken_at_their_word)
{
	strcpy(world_device("eth0")->kind, "veth");
	world_device("eth1")->mtu = 9000;
	world.in.mode = MODE_NATIVE;
	expect_plan(HOME4 TCP("80"));
	expect_hooks("eth0 xdp native: --mode native\n"
		     "eth1 xdp native: --mode native\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "eth1 tc tcx: " COMPLETE "\n");
	world.in.mode = MODE_GENERIC;
	expect_plan(HOME4 TCP("80"));
	expect_hooks("eth0 xdp generic: --mode generic\n"
		     "eth1 xdp generic: --mode generic\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "eth1 tc tcx: " COMPLETE "\n");
}

Test(plan_hooks, tc_alone)
{
	world.in.mode = MODE_TC;
	expect_tc_because("--mode tc");
}

#define NO_ETHERNET(mode, l3, other)                                                               \
	"--mode " mode ": " l3                                                                     \
	" has no Ethernet header, so XDP cannot forward between it and " other                     \
	"; use --mode tc or auto\n"

Test(plan_hooks, xdp_and_tunnels)
{
	world.in.mode = MODE_NATIVE;
	expect_refused(AWAY TO_AWAY, NO_ETHERNET("native", "wg0", "eth0"));
	/* With another backend that XDP can serve it is attached there. */
	expect_plan(AWAY HOME4 TO_AWAY TCP("80"));
	expect_hooks("eth0 xdp native: --mode native\n"
		     "eth1 xdp native: --mode native\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "wg0 tc tcx: " COMPLETE "\n"
		     "eth1 tc tcx: " COMPLETE "\n");
	expect_plan(AWAY NEAR TO_AWAY TO_NEAR);
	expect_hooks("eth0 xdp native: --mode native\n"
		     "eth0 tc tcx: " COMPLETE "\n"
		     "wg0 tc tcx: " COMPLETE "\n");
	world.in.iface = "wg0";
	world.in.mode = MODE_GENERIC;
	expect_refused(HOME4 TCP("80"), NO_ETHERNET("generic", "wg0", "eth1"));
}
