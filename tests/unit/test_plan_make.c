// SPDX-License-Identifier: GPL-2.0-only
// What concerns the plan as a whole: its interface, what it does not do yet, counters, equality.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "plan_world.h"

TestSuite(plan_make, .init = world_init, .fini = world_fini);

Test(plan_make, names_of_modes_and_hooks)
{
	static const char *const names[] = { "auto", "native", "generic", "tc" };
	enum plan_mode mode = MODE_AUTO;

	for (enum plan_mode i = MODE_AUTO; i <= MODE_TC; i++) {
		cr_expect_str_eq(plan_mode_name(i), names[i]);
		cr_expect_eq(plan_mode_parse(names[i], &mode), 0);
		cr_expect_eq(mode, i);
	}
	cr_expect_eq(plan_mode_parse("TC", &mode), -EINVAL);
	cr_expect_eq(plan_mode_parse("", &mode), -EINVAL);
	cr_expect_eq(mode, MODE_TC);
	cr_expect_str_eq(attach_kind_hook(ATTACH_XDP_GENERIC), "xdp");
	cr_expect_str_eq(attach_kind_mode(ATTACH_XDP_GENERIC), "generic");
	cr_expect_str_eq(attach_kind_hook(ATTACH_CLSACT), "tc");
	cr_expect_str_eq(attach_kind_mode(ATTACH_CLSACT), "clsact");
}

Test(plan_make, the_interface)
{
	world.in.mode = MODE_TC;
	world.in.generation = 7;
	expect_plan(HOME TCP("80"));
	cr_expect_str_eq(world.plan->iface, "eth0");
	cr_expect_eq(world.plan->mode, MODE_TC);
	cr_expect_eq(world.plan->generation, 7);
	cr_expect_str_eq(world.plan->devices[0].name, "eth0");
	cr_expect_eq(world.plan->devices[0].ifindex, 2);
	cr_expect_not(world.plan->devices[0].is_l3);
	cr_expect_eq(world.plan->devices[0].mtu, 1500);
	cr_expect_arr_eq(world.plan->devices[0].mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 2 }), 6);
}

Test(plan_make, an_interface_that_cannot_be)
{
	world.in.iface = "eth7";
	expect_refused(HOME TCP("80"), "no interface eth7; `ip -br link` lists them\n");
	world.in.iface = "lo";
	expect_refused(HOME TCP("80"), "lo is the loopback device; name the public interface\n");
	world.in.iface = "eth0";
	world_device("eth0")->up = false;
	expect_refused(HOME TCP("80"),
		       "interface eth0 is down; bring it up: ip link set dev eth0 up\n");
	/* A cable that is out may be in again tomorrow. */
	world_device("eth0")->up = true;
	world_device("eth0")->carrier = false;
	expect_plan(HOME TCP("80"));
}

/* The config's errors count above those of the system. */
Test(plan_make, exit_codes)
{
	world_plan(HOME TCP("80"));
	cr_expect_eq(world.code, 0);
	world.in.iface = "eth7";
	world_plan(HOME TCP("80"));
	cr_expect_eq(world.code, 1);
}

/* Counters as "name/proto name/proto", and the index of each rule's. */
static void expect_counters(const char *names, const char *indices)
{
	char all[512] = "", numbers[128] = "";
	size_t len = 0;

	cr_assert(world.plan, "%s", world.found);
	for (size_t i = 0; i < world.plan->counter_count; i++)
		len += snprintf(all + len, sizeof(all) - len, "%s%s/%s", i ? " " : "",
				world.plan->counters[i].forward,
				proto_name(world.plan->counters[i].proto));
	len = 0;
	for (size_t i = 0; i < world.plan->rule_count; i++)
		len += snprintf(numbers + len, sizeof(numbers) - len, "%s%u", i ? " " : "",
				world.plan->rules[i].counter);
	cr_expect_str_eq(all, names);
	cr_expect_str_eq(numbers, indices);
}

#define BOTH                                                                                       \
	"[[forward]]\nname = \"dns\"\nprotocol = [\"tcp\", \"udp\"]\nports = 53\n"                 \
	"backend = \"home\"\nsource = \"preserve\"\n"

Test(plan_make, one_counter_a_forward_and_protocol)
{
	expect_plan(HOME BOTH TCP("80"));
	expect_counters("dns/tcp dns/udp tcp-80/tcp", "0 1 0 1 2 2");
}

Test(plan_make, counters_keep_their_index)
{
	static const struct plan_counter before[] = {
		{ "tcp-81", PROTO_TCP },
		{ "dns", PROTO_UDP },
		{ "gone", PROTO_TCP },
	};

	world.in.counters = before;
	world.in.counter_count = 3;
	expect_plan(HOME4 BOTH TCP("80") TCP("81"));
	expect_counters("tcp-81/tcp dns/udp gone/tcp dns/tcp tcp-80/tcp", "3 1 4 0");
}

Test(plan_make, all_counters_in_use)
{
	static struct plan_counter before[COUNTERS_MAX];

	for (int i = 0; i < COUNTERS_MAX; i++)
		snprintf(before[i].forward, sizeof(before[i].forward), "old-%d", i);
	strcpy(before[COUNTERS_MAX - 1].forward, "tcp-80");
	world.in.counters = before;
	world.in.counter_count = COUNTERS_MAX;
	expect_plan(HOME4 TCP("80"));
	cr_expect_eq(world.plan->rules[0].counter, COUNTERS_MAX - 1);
	expect_refused(HOME4 TCP("80") TCP("81"),
		       "all 1024 counters are in use by forwards of earlier reloads; `xdpfwd "
		       "unload eth0` and load again\n");
	world.in.counter_count = COUNTERS_MAX - 1;
	expect_plan(HOME4 TCP("81"));
	cr_expect_eq(world.plan->rules[0].counter, COUNTERS_MAX - 1);
	cr_expect_eq(world.plan->counter_count, COUNTERS_MAX);
}

/* Plan, and take the plan out of the world. */
static struct plan *make_plan(void)
{
	struct plan *made;

	expect_plan(HOME BOTH TCP("\"80-89\""));
	made = world.plan;
	world.plan = NULL;
	return made;
}

/* Change one bit of one member of plan b, compare with a, and change it back. */
#define COMPARE(member, expected)                                                                  \
	do {                                                                                       \
		b->member ^= 1;                                                                    \
		cr_expect_eq(plan_equal(a, b), expected, #member);                                 \
		cr_expect_eq(plan_equal(b, a), expected, #member);                                 \
		b->member ^= 1;                                                                    \
	} while (0)

Test(plan_make, next_hops_alone_make_no_difference)
{
	struct plan *a = make_plan(), *b = make_plan();

	cr_expect(plan_equal(a, b));
	COMPARE(generation, true);
	COMPARE(nexthops[0].mac[5], true);
	COMPARE(nexthops[0].has_mac, true);
	COMPARE(nexthops[1].mtu, true);
	COMPARE(nexthops[1].neighbour.w[3], true);
	COMPARE(hooks[0].reason[0], true);
	plan_free(a);
	plan_free(b);
}

Test(plan_make, everything_else_makes_one)
{
	struct plan *a = make_plan(), *b = make_plan();

	cr_expect(plan_equal(a, b));
	COMPARE(mode, false);
	COMPARE(device_count, false);
	COMPARE(devices[0].ifindex, false);
	COMPARE(devices[1].mac[5], false);
	COMPARE(nexthop_count, false);
	COMPARE(nexthops[1].device, false);
	COMPARE(hook_count, false);
	COMPARE(hooks[1].device, false);
	COMPARE(hooks[2].kind, false);
	COMPARE(rule_count, false);
	COMPARE(rules[0].proto, false);
	COMPARE(rules[0].shift, false);
	COMPARE(rules[1].counter, false);
	COMPARE(rules[1].nexthop, false);
	COMPARE(rules[1].public_addr.w[3], false);
	COMPARE(rules[1].backend_addr.w[3], false);
	COMPARE(rules[4].ports.bits[1], false);
	COMPARE(reserved.bits[1], false);
	COMPARE(sysctls[0].value[0], false);
	COMPARE(sysctl_count, false);
	plan_free(a);
	plan_free(b);
}
