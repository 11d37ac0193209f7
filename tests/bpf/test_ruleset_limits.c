// SPDX-License-Identifier: GPL-2.0-only
// What a rule set has no room for, and the fields that are not about lookup.
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <xdpfwd/csum.h>
#include "model.h"

TestSuite(ruleset_limits, .init = model_init, .fini = model_fini);

static void expect_no_room(const char *what)
{
	memset(model_rs, 0, sizeof(*model_rs));
	cr_assert_eq(ruleset_build(model_plan, 0, NULL, model_rs, &model_diags), -ENOSPC);
	cr_assert_eq(model_diags.count, 1);
	cr_expect_eq(model_diags.items[0].severity, DIAG_CONFIG_ERROR);
	cr_expect(strstr(model_diags.items[0].text, what), "%s", model_diags.items[0].text);
}

Test(ruleset, no_room_for_rules)
{
	for (unsigned i = 0; i < RULES_MAX - 1; i++)
		model_add(PROTO_TCP, model_v4(0xc6336402), model_v4(0xc6120902), i + 1, i + 1, 0);
	model_build();
	model_add(PROTO_TCP, model_v4(0xc6336402), model_v4(0xc6120902), 60000, 60000, 0);
	expect_no_room("forwards");
}

Test(ruleset, no_room_for_addresses)
{
	for (unsigned i = 0; i < ADDRESSES_MAX - 1; i++)
		model_add(PROTO_TCP, model_v4(0xc6336402), model_v4(0xc6120900 + i), i + 1, i + 1,
			  0);
	model_build();
	model_add(PROTO_TCP, model_v4(0xc6336402), model_v6(1), 60000, 60000, 0);
	expect_no_room("addresses");
}

/* Sixty-four addresses that are both ends of both protocols want 256 tables: one too many. */
Test(ruleset, no_room_for_tables)
{
	for (unsigned i = 0; i < 64 * PROTO_COUNT; i++)
		model_add(i % PROTO_COUNT, model_v4(0xc6336400 + i / 2),
			  model_v4(0xc6336400 + (i / 2 + 1) % 64), 5000, 5000, 0);
	expect_no_room("protocols");
	diag_free(&model_diags);
	model_plan->rule_count--;
	model_build();
	model_expect_randomly(5000);
}

/* Every other port: each page of each table is a page of its own. */
Test(ruleset, no_room_for_pages)
{
	for (unsigned i = 0; i < 8; i++) {
		struct plan_rule *rule = model_add(i % PROTO_COUNT, model_v4(0xc6336400 + i / 2),
						   model_v4(0xc6120900 + i), 1, 1, 0);

		for (unsigned port = 1; port < PORT_COUNT; port += 2)
			if (i < 7 || port < PORT_COUNT / 2)
				port_set_add(&rule->ports, (struct port_range){ port, port });
	}
	model_build();
	model_expect_randomly(5000);
	for (unsigned port = 1; port < PORT_COUNT; port += 2)
		port_set_add(&model_plan->rules[7].ports, (struct port_range){ port, port });
	expect_no_room("scattered ports");
}

Test(ruleset, rule_fields)
{
	struct plan_rule *from =
		model_add(PROTO_UDP, model_v4(0xc6336402), model_v4(0xc6120902), 80, 80, -30);
	const struct rule *rule = &model_rs->rules[1];

	from->counter = 77;
	from->acl = 2;
	model_plan->acls[2] = (struct acl){ .first = 4095, .count = 1 };
	model_plan->acl_ranges[4095].last = model_v4(0xcb007107);
	from->nexthop = 1;
	model_plan->nexthop_count = 2;
	model_plan->device_count = 3;
	model_plan->nexthops[1].device = 2;
	model_plan->devices[2].ifindex = 42;
	model_plan->devices[2].is_l3 = true;
	memcpy(model_plan->devices[0].mac, "\2\0\0\0\0\1", 6);
	model_build();
	cr_expect(ip_addr_equal(&rule->public_addr, &from->public_addr));
	cr_expect(ip_addr_equal(&rule->backend_addr, &from->backend_addr));
	cr_expect_eq(rule->csum_delta, csum_delta_addr(&from->public_addr, &from->backend_addr));
	cr_expect_eq(rule->shift, 65506);
	cr_expect_eq(rule->counter, 77);
	cr_expect_eq(rule->acl, 2);
	cr_expect_eq(model_rs->acls[2].first, 4095);
	cr_expect_eq(model_rs->acls[2].count, 1);
	cr_expect(ip_addr_equal(&model_rs->acl_ranges[4095].last,
				&model_plan->acl_ranges[4095].last));
	cr_expect_eq(rule->nexthop, 1);
	cr_expect_eq(rule->public_dev, 0);
	cr_expect_eq(rule->backend_dev, 2);
	cr_expect_eq(model_rs->devices[2].ifindex, 42);
	cr_expect_eq(model_rs->devices[2].is_l3, 1);
	cr_expect_arr_eq(model_rs->devices[0].mac, model_plan->devices[0].mac, 6);
}

/* Next hops hold for as long as was said, when there is a MAC address and a use for it. */
Test(ruleset, nexthops)
{
	model_plan->device_count = 3;
	model_plan->devices[1].ifindex = 41;
	memcpy(model_plan->devices[1].mac, "\2\0\0\0\0\1", 6);
	model_plan->devices[2].is_l3 = true;
	model_plan->nexthop_count = 3;
	model_plan->nexthops[0] =
		(struct plan_nexthop){ .device = 1, .mtu = 1500, .has_mac = true, .mac = { 2, 9 } };
	model_plan->nexthops[1] = (struct plan_nexthop){ .device = 1, .mtu = 1400 };
	model_plan->nexthops[2] =
		(struct plan_nexthop){ .device = 2, .mtu = 1420, .has_mac = true };
	cr_assert_eq(ruleset_build(model_plan, 1000, NULL, model_rs, &model_diags), 0);
	cr_expect_eq(model_rs->nexthops[0].valid_until_ns, 1000);
	cr_expect_eq(model_rs->nexthops[0].ifindex, 41);
	cr_expect_eq(model_rs->nexthops[0].mtu, 1500);
	cr_expect_arr_eq(model_rs->nexthops[0].mac, "\2\11\0\0\0\0\2\0\0\0\0\1", 12);
	cr_expect_eq(model_rs->nexthops[1].valid_until_ns, 0);
	cr_expect_eq(model_rs->nexthops[1].mtu, 1400);
	cr_expect_eq(model_rs->nexthops[2].valid_until_ns, 0);

	model_plan->nexthops[0].mac[1] = 10;
	model_plan->nexthops[1].has_mac = true;
	ruleset_refresh(model_plan, 2000, model_rs);
	cr_expect_eq(model_rs->nexthops[0].valid_until_ns, 2000);
	cr_expect_eq(model_rs->nexthops[0].mac[1], 10);
	cr_expect_eq(model_rs->nexthops[1].valid_until_ns, 2000);
	model_plan->nexthops[0].has_mac = false;
	ruleset_refresh(model_plan, 3000, model_rs);
	cr_expect_eq(model_rs->nexthops[0].valid_until_ns, 0);
	cr_expect_eq(model_rs->nexthops[1].valid_until_ns, 3000);

	ruleset_extend(4000, model_rs);
	cr_expect_eq(model_rs->nexthops[0].valid_until_ns, 0);
	cr_expect_eq(model_rs->nexthops[1].valid_until_ns, 4000);
	cr_expect_eq(model_rs->nexthops[2].valid_until_ns, 0);
}

/* Of a device that is down nothing is known; what it carried when it was up is the best guess. */
Test(ruleset, mtus_follow_the_devices)
{
	model_plan->devices[0].mtu = 1500;
	model_plan->devices[1].mtu = 1420;
	model_build();
	cr_expect_eq(model_rs->devices[0].mtu, 1500);
	cr_expect_eq(model_rs->devices[1].mtu, 1420);
	cr_expect_eq(model_rs->devices[2].mtu, 0);

	model_plan->devices[0].mtu = 9000;
	model_plan->devices[1].mtu = 0;
	ruleset_refresh(model_plan, 0, model_rs);
	cr_expect_eq(model_rs->devices[0].mtu, 9000);
	cr_expect_eq(model_rs->devices[1].mtu, 1420);
}
