// SPDX-License-Identifier: GPL-2.0-only
// A plan made by hand, lookups as the programs make them, and the search that they stand for.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

#define RULES_ROOM (RULES_MAX + 1)

struct plan *model_plan;
struct ruleset *model_rs;
struct diag_list model_diags;

void model_init(void)
{
	model_plan = calloc(1, sizeof(*model_plan));
	model_rs = calloc(1, sizeof(*model_rs));
	cr_assert(model_plan && model_rs);
	model_plan->rules = calloc(RULES_ROOM, sizeof(*model_plan->rules));
	cr_assert(model_plan->rules);
	model_plan->device_count = 2;
	model_plan->nexthop_count = 1;
	model_plan->nexthops[0].device = 1;
}

void model_fini(void)
{
	diag_free(&model_diags);
	free(model_plan->rules);
	free(model_plan);
	free(model_rs);
}

uint32_t model_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

struct ip_addr model_v4(uint32_t host_order)
{
	return ip_addr_from_v4(__builtin_bswap32(host_order));
}

struct ip_addr model_v6(uint32_t low)
{
	return (struct ip_addr){ .w = { __builtin_bswap32(0x20010db8), 0, 0,
					__builtin_bswap32(low) } };
}

struct plan_rule *model_add(enum proto proto, struct ip_addr pub, struct ip_addr backend,
			    uint16_t first, uint16_t last, int shift)
{
	struct plan_rule *rule = &model_plan->rules[model_plan->rule_count++];

	cr_assert(model_plan->rule_count <= RULES_ROOM);
	*rule = (struct plan_rule){
		.proto = proto, .public_addr = pub, .backend_addr = backend, .shift = shift
	};
	port_set_add(&rule->ports, (struct port_range){ first, last });
	return rule;
}

/* What bpf/lookup.h does. */
unsigned model_find(const struct ip_addr *addr, enum direction dir, enum proto proto, uint16_t port)
{
	const struct address *entry = &model_rs->addresses[address_slot(addr, model_rs->seed)];

	if (!ip_addr_equal(&entry->addr, addr))
		return 0;
	return model_rs->pages[model_rs->tables[entry->table[dir][proto]][port / PAGE_PORTS]]
			      [port % PAGE_PORTS];
}

/* What it stands for: the number of the rule of one end of a packet, 0 for none; the last wins. */
static unsigned search(const struct ip_addr *addr, enum direction dir, enum proto proto,
		       uint16_t port)
{
	for (unsigned number = model_plan->rule_count; number; number--) {
		const struct plan_rule *rule = &model_plan->rules[number - 1];
		const struct ip_addr *end =
			dir == DIR_IN ? &rule->public_addr : &rule->backend_addr;
		long public = dir == DIR_IN ? port : (long)port - rule->shift;

		if (dir == DIR_OUT && rule->shares)
			continue;
		if (rule->proto == proto && ip_addr_equal(end, addr) && public > 0 &&
		    public < PORT_COUNT && port_set_has(&rule->ports, public))
			return number;
	}
	return 0;
}

void model_expect(const struct ip_addr *addr, enum direction dir, enum proto proto, uint16_t port)
{
	unsigned expected = search(addr, dir, proto, port);
	unsigned found = model_find(addr, dir, proto, port);

	if (found != expected)
		cr_assert_fail("%s %s port %u: rule %u, not %u", dir == DIR_IN ? "in" : "out",
			       proto == PROTO_TCP ? "TCP" : "UDP", port, found, expected);
}

void model_expect_randomly(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct plan_rule *rule =
			&model_plan->rules[model_random() % model_plan->rule_count];
		struct ip_addr addr = model_random() % 2 ? rule->public_addr : rule->backend_addr;

		if (model_random() % 8 == 0)
			addr.w[model_random() % 4] ^= 1U << model_random() % 32;
		model_expect(&addr, model_random() % DIR_COUNT, model_random() % PROTO_COUNT,
			     model_random());
	}
}

void model_build(void)
{
	memset(model_rs, 0, sizeof(*model_rs));
	cr_assert_eq(ruleset_build(model_plan, 0, NULL, model_rs, &model_diags), 0, "%s",
		     model_diags.count ? model_diags.items[0].text : "no message");
	cr_assert_eq(model_diags.count, 0);
}
