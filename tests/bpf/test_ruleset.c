// SPDX-License-Identifier: GPL-2.0-only
// The lookup structure that ruleset_build() makes, against a search through the plan's rules.
#include <criterion/criterion.h>
#include <string.h>
#include "model.h"

TestSuite(ruleset, .init = model_init, .fini = model_fini);

static unsigned pages_used(void)
{
	static bool used[PAGES_MAX];
	unsigned count = 0;

	memset(used, 0, sizeof(used));
	for (unsigned i = 0; i < TABLES_MAX * PORT_PAGES; i++)
		used[model_rs->tables[i / PORT_PAGES][i % PORT_PAGES]] = true;
	for (unsigned i = 1; i < PAGES_MAX; i++)
		count += used[i];
	return count;
}

Test(ruleset, empty)
{
	struct ip_addr addr = model_v4(0xc6336402), any = {};

	model_build();
	cr_expect_eq(model_rs->version, XDPFWD_ABI_VERSION);
	cr_expect_eq(model_find(&addr, DIR_IN, PROTO_TCP, 80), 0);
	cr_expect_eq(model_find(&any, DIR_OUT, PROTO_UDP, 0), 0);
}

/* Port n belongs to forward n % 64: no two neighbours have the same rule. */
Test(ruleset, interleaved)
{
	struct ip_addr pub = model_v4(0xc6336402);

	for (unsigned n = 0; n < 64 * PROTO_COUNT; n++) {
		struct plan_rule *rule =
			model_add(n / 64, pub, model_v4(0xc6120900 + n % 4), 1, 0, 0);

		for (unsigned port = n % 64; port < PORT_COUNT; port += 64)
			port_set_add(&rule->ports, (struct port_range){ port, port });
	}
	model_build();
	for (unsigned n = 0; n < PORT_COUNT * PROTO_COUNT; n++) {
		unsigned port = n / PROTO_COUNT, proto = n % PROTO_COUNT;
		struct ip_addr backend = model_v4(0xc6120900 + port % 4);
		unsigned expected = port ? proto * 64 + port % 64 + 1 : 0;

		cr_assert_eq(model_find(&pub, DIR_IN, proto, port), expected, "port %u", port);
		cr_assert_eq(model_find(&backend, DIR_OUT, proto, port), expected, "port %u", port);
		cr_assert_eq(model_find(&pub, DIR_OUT, proto, port), 0);
		cr_assert_eq(model_find(&backend, DIR_IN, proto, port), 0);
	}
	model_expect_randomly(20000);
}

/* Any hundred addresses find slots of their own. */
Test(ruleset, hundred_addresses)
{
	for (unsigned round = 0; round < 20; round++) {
		model_plan->rule_count = 0;
		for (unsigned i = 0; i < 50; i++) {
			struct ip_addr pub, backend;

			switch (round % 4) {
			case 0: /* scattered */
				pub = model_v4(model_random());
				backend = model_v4(model_random());
				break;
			case 1: /* in a row */
				pub = model_v4(0xcb007100 + i);
				backend = model_v4(0xc6120900 + i);
				break;
			case 2:
				pub = model_v6(model_random());
				backend = model_v6(i);
				break;
			default:
				pub = model_v4(0xc6336400 + i * 3);
				backend = model_v6(model_random() & 0xffff0000);
			}
			model_add(i % PROTO_COUNT, pub, backend, 1000 + i, 2000 + i, i);
		}
		model_build();
		model_expect_randomly(5000);
	}
}

/* As many as there is room for. */
Test(ruleset, most_addresses)
{
	for (unsigned round = 0; round < 4; round++) {
		model_plan->rule_count = 0;
		for (unsigned i = 0; i < (ADDRESSES_MAX - 1) / 2; i++)
			model_add(PROTO_UDP, model_v4(model_random()), model_v4(model_random()),
				  5000, 6000, 0);
		model_build();
		model_expect_randomly(2000);
	}
}

/* A wide range costs one page, in both directions together. */
Test(ruleset, range_costs_one_page)
{
	struct ip_addr pub = model_v4(0xc6336402), backend = model_v4(0xc6120902);

	model_add(PROTO_UDP, pub, backend, 49152, 65535, 0);
	model_build();
	cr_expect_eq(pages_used(), 1);
	for (unsigned port = 0; port < PORT_COUNT; port++) {
		model_expect(&pub, DIR_IN, PROTO_UDP, port);
		model_expect(&backend, DIR_OUT, PROTO_UDP, port);
	}
}

/* A hole costs one more in each direction, and is a hole in its own table only. */
Test(ruleset, hole_in_a_range)
{
	struct ip_addr pub = model_v4(0xc6336402), backend = model_v4(0xc6120902),
		       other = model_v4(0xc6120903);
	struct plan_rule *rule = model_add(PROTO_UDP, pub, backend, 49152, 65535, 0);

	port_set_remove(&rule->ports, (struct port_range){ 51820, 51820 });
	model_add(PROTO_UDP, pub, other, 51820, 51820, 0);
	model_add(PROTO_TCP, pub, other, 49152, 65535, 0);
	model_build();
	cr_expect_eq(pages_used(), 2 + 2 + 1, "%u", pages_used());
	for (unsigned port = 0; port < PORT_COUNT; port++) {
		for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
			model_expect(&pub, DIR_IN, proto, port);
			model_expect(&backend, DIR_OUT, proto, port);
			model_expect(&other, DIR_OUT, proto, port);
		}
	}
}

/* Two public addresses of one backend: what the second writes must not show in the first's table.
 */
Test(ruleset, shared_backend)
{
	struct ip_addr one = model_v4(0xc6336402), two = model_v4(0xc6336403);
	struct ip_addr backend = model_v4(0xc6120902);

	model_add(PROTO_UDP, one, backend, 49152, 65535, 0);
	model_add(PROTO_UDP, two, backend, 50000, 50010, 0);
	model_build();
	for (unsigned port = 0; port < PORT_COUNT; port++) {
		model_expect(&one, DIR_IN, PROTO_UDP, port);
		model_expect(&two, DIR_IN, PROTO_UDP, port);
		model_expect(&backend, DIR_OUT, PROTO_UDP, port);
	}
}

/* Ranges moved by all kinds of distances, the ends of the port space included. */
Test(ruleset, shifts)
{
	struct ip_addr pub = model_v4(0xc6336402), backend = model_v6(2);
	static const struct {
		uint16_t first, last;
		int shift;
	} ranges[] = {
		{ 1, 1, 65534 },	  { 65535, 65535, -65534 }, { 100, 611, 155 },
		{ 1024, 2047, 1 },	  { 3000, 3999, -1 },	    { 10000, 19999, 20000 },
		{ 40000, 49999, -20000 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		model_add(PROTO_TCP, pub, backend, ranges[i].first, ranges[i].last,
			  ranges[i].shift);
	model_build();
	for (unsigned port = 0; port < PORT_COUNT; port++) {
		model_expect(&pub, DIR_IN, PROTO_TCP, port);
		model_expect(&backend, DIR_OUT, PROTO_TCP, port);
	}
	cr_expect_eq(model_rs->rules[1].shift, 65534);
	cr_expect_eq(model_rs->rules[2].shift, 2);
}

/* Does a rule share a port with one before it, in either direction? */
static bool overlaps(const struct plan_rule *rule)
{
	for (const struct plan_rule *old = model_plan->rules; old < rule; old++) {
		struct port_set in = old->ports, out, new_out;

		if (old->proto != rule->proto)
			continue;
		port_set_shifted(&old->ports, old->shift, &out);
		port_set_shifted(&rule->ports, rule->shift, &new_out);
		port_set_intersect(&in, &rule->ports);
		port_set_intersect(&out, &new_out);
		if ((ip_addr_equal(&old->public_addr, &rule->public_addr) &&
		     !port_set_is_empty(&in)) ||
		    (ip_addr_equal(&old->backend_addr, &rule->backend_addr) &&
		     !port_set_is_empty(&out)))
			return true;
	}
	return false;
}

/* Rule sets nobody would think of: 100,000 tuples over ten of them. */
Test(ruleset, random_rules)
{
	for (unsigned round = 0; round < 10; round++) {
		model_plan->rule_count = 0;
		for (unsigned i = 0; i < 150; i++) {
			unsigned width = 1U << model_random() % 14,
				 first = 1 + model_random() % 65000;
			unsigned last = first + width > 65535 ? 65535 : first + width;
			int shift = (int)(model_random() % 400) - 200;
			struct plan_rule *rule;

			shift = (int)first + shift < 1 || last + shift > 65535 ? 0 : shift;
			rule = model_add(
				model_random() % 2, model_v4(0xc6336400 + model_random() % 8),
				model_random() % 2 ? model_v4(0xc6120900 + model_random() % 8)
						   : model_v6(model_random() % 8),
				first, last, shift);
			if (overlaps(rule))
				model_plan->rule_count--;
		}
		cr_assert(model_plan->rule_count > 40, "%zu rules", model_plan->rule_count);
		model_build();
		model_expect_randomly(10000);
	}
}
