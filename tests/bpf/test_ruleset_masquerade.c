// SPDX-License-Identifier: GPL-2.0-only
// What a rule set says of masquerade, and indices that stay from one rule set to the next.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

static struct ruleset *old;

static void init(void)
{
	model_init();
	old = calloc(1, sizeof(*old));
	cr_assert(old);
}

static void fini(void)
{
	free(old);
	model_fini();
}

TestSuite(ruleset_masquerade, .init = init, .fini = fini);

/* Build on top of the last one, as a reload does. */
static void reload(void)
{
	*old = *model_rs;
	memset(model_rs, 0, sizeof(*model_rs));
	cr_assert_eq(ruleset_build(model_plan, 0, old, model_rs, &model_diags), 0);
}

static void remove_rule(unsigned index)
{
	struct plan_rule *rules = model_plan->rules;

	memmove(&rules[index], &rules[index + 1],
		(--model_plan->rule_count - index) * sizeof(*rules));
}

static void add_pool(struct ip_addr addr, enum proto proto)
{
	model_plan->pools[model_plan->pool_count++] =
		(struct plan_pool){ .addr = addr, .proto = proto };
}

/* The backend is 198.18.9.2 and knows clients as 198.18.9.1 and 198.18.9.7. */
static struct plan_rule *add_masquerade(enum proto proto, uint16_t port)
{
	struct plan_rule *rule =
		model_add(proto, model_v4(0xc6336401), model_v4(0xc6120902), port, port, 0);

	if (!model_plan->pool_count) {
		add_pool(model_v4(0xc6120901), PROTO_TCP);
		add_pool(model_v4(0xc6120907), PROTO_TCP);
		add_pool(model_v4(0xc6120901), PROTO_UDP);
		memcpy(model_plan->shares, "\0\1\2", 3);
		model_plan->share_count = 3;
	}
	rule->share = proto == PROTO_TCP ? 0 : 2;
	rule->shares = proto == PROTO_TCP ? 2 : 1;
	rule->counter = port;
	return rule;
}

static unsigned find_in(enum proto proto, uint16_t port)
{
	struct ip_addr public = model_v4(0xc6336401);

	return model_find(&public, DIR_IN, proto, port);
}

static const struct address *find_address(struct ip_addr addr)
{
	const struct address *found = &model_rs->addresses[address_slot(&addr, model_rs->seed)];

	return ip_addr_equal(&found->addr, &addr) ? found : NULL;
}

Test(ruleset_masquerade, rules)
{
	struct plan_rule *from = add_masquerade(PROTO_TCP, 80);
	const struct rule *rule = &model_rs->rules[1];

	from->timeout_s[TIMEOUT_UDP] = 0;
	from->timeout_s[TIMEOUT_TCP_ESTABLISHED] = 7440;
	from->timeout_s[TIMEOUT_TCP_TRANSITORY] = 1;
	from->mid_stream = true;
	from->clamp_mss = true;
	from->reject = true;
	add_masquerade(PROTO_UDP, 53);
	model_add(PROTO_TCP, model_v4(0xc6336401), model_v4(0xc6120902), 81, 81, 0);
	model_build();
	cr_expect_eq(rule->share, 0);
	cr_expect_eq(rule->shares, 2);
	cr_expect_eq(rule->mid_stream, 1);
	cr_expect_eq(rule->clamp_mss, 1);
	cr_expect_eq(rule->reject, 1);
	/* In ticks of 2^27 ns, not one less than asked for, and never none. */
	cr_expect_eq(rule->timeout[TIMEOUT_UDP], 1);
	cr_expect_eq(rule->timeout[TIMEOUT_TCP_ESTABLISHED], 55433);
	cr_expect_eq(rule->timeout[TIMEOUT_TCP_TRANSITORY], 8);
	cr_expect_eq(model_rs->rules[2].share, 2);
	cr_expect_eq(model_rs->rules[2].shares, 1);
	cr_expect_eq(model_rs->rules[2].mid_stream, 0);
	cr_expect_eq(model_rs->rules[2].clamp_mss, 0);
	cr_expect_eq(model_rs->rules[2].reject, 0);
	cr_expect_eq(model_rs->rules[3].shares, 0);
}

/* Replies find their way by the pools; by the table only those that are preserved. */
Test(ruleset_masquerade, lookups)
{
	struct ip_addr backend = model_v4(0xc6120902);

	add_masquerade(PROTO_TCP, 80);
	add_masquerade(PROTO_UDP, 80);
	model_add(PROTO_TCP, model_v4(0xc6336401), backend, 81, 81, 0);
	model_build();
	cr_expect_eq(find_in(PROTO_TCP, 80), 1);
	cr_expect_eq(find_in(PROTO_UDP, 80), 2);
	cr_expect_eq(model_find(&backend, DIR_OUT, PROTO_TCP, 80), 0);
	cr_expect_eq(model_find(&backend, DIR_OUT, PROTO_UDP, 80), 0);
	cr_expect_eq(model_find(&backend, DIR_OUT, PROTO_TCP, 81), 3);
	model_expect_randomly(2000);
}

Test(ruleset_masquerade, pools)
{
	const struct address *address;

	add_masquerade(PROTO_TCP, 80);
	add_masquerade(PROTO_UDP, 80);
	model_build();
	cr_expect_arr_eq(model_rs->shares, "\1\2\3", 3);
	cr_expect(ip_addr_is_any(&model_rs->pools[0].addr));
	cr_expect(ip_addr_equal(&model_rs->pools[2].addr, &model_plan->pools[1].addr));
	cr_expect_eq(model_rs->pools[2].proto, PROTO_TCP);
	cr_expect_eq(model_rs->pools[3].proto, PROTO_UDP);
	cr_expect(ip_addr_diff(&model_rs->pools[3].addr, &(struct ip_addr){}));
	cr_expect_not(ip_addr_diff(&model_rs->pools[4].addr, &(struct ip_addr){}));
	address = find_address(model_v4(0xc6120901));
	cr_assert(address);
	cr_expect_eq(address->pool[PROTO_TCP], 1);
	cr_expect_eq(address->pool[PROTO_UDP], 3);
	address = find_address(model_v4(0xc6120907));
	cr_assert(address);
	cr_expect_eq(address->pool[PROTO_TCP], 2);
	cr_expect_eq(address->pool[PROTO_UDP], 0);
}

/* A one-armed edge: the address is public and a pool at once. */
Test(ruleset_masquerade, a_public_address_may_have_a_pool)
{
	const struct address *address;

	add_masquerade(PROTO_TCP, 80);
	model_plan->pools[0].addr = model_v4(0xc6336401);
	model_build();
	address = find_address(model_v4(0xc6336401));
	cr_assert(address);
	cr_expect_eq(address->pool[PROTO_TCP], 1);
	cr_expect_eq(find_in(PROTO_TCP, 80), 1);
}

Test(ruleset_masquerade, limits)
{
	add_masquerade(PROTO_TCP, 80);
	model_plan->limits = (struct flow_limits){ .port_first = 1024,
						   .port_last = 2000,
						   .per_source = 7,
						   .new_per_s = 8,
						   .source_mask = { 9, 10 },
						   .ports = { { 11 }, { 12 } } };
	model_build();
	cr_expect_eq(memcmp(&model_rs->limits, &model_plan->limits, sizeof(model_rs->limits)), 0);
}

Test(ruleset_masquerade, refresh_follows_the_ports)
{
	add_masquerade(PROTO_TCP, 80);
	model_plan->limits.port_first = 1024;
	model_plan->limits.port_last = 2000;
	model_build();
	model_plan->limits.ports[PROTO_UDP][1023] = 5;
	model_plan->limits.ports[PROTO_TCP][0] = 6;
	model_plan->limits.per_source = 99;
	ruleset_refresh(model_plan, 0, model_rs);
	cr_expect_eq(model_rs->limits.ports[PROTO_UDP][1023], 5);
	cr_expect_eq(model_rs->limits.ports[PROTO_TCP][0], 6);
	/* The rest is for a load to change. */
	cr_expect_eq(model_rs->limits.per_source, 0);
	/* One who does not know the ports leaves them alone. */
	memset(&model_plan->limits, 0, sizeof(model_plan->limits));
	ruleset_refresh(model_plan, 0, model_rs);
	cr_expect_eq(model_rs->limits.ports[PROTO_UDP][1023], 5);
	cr_expect_eq(model_rs->limits.port_last, 2000);
}

Test(ruleset_masquerade, a_rule_keeps_its_index)
{
	for (unsigned port = 80; port < 90; port++)
		add_masquerade(PROTO_TCP, port);
	model_build();
	cr_expect_eq(find_in(PROTO_TCP, 85), 6);
	remove_rule(2);
	remove_rule(0);
	reload();
	for (unsigned port = 80; port < 90; port++)
		cr_expect_eq(find_in(PROTO_TCP, port), port == 80 || port == 82 ? 0 : port - 79,
			     "%u", port);
	/* What is gone leaves zeros. */
	cr_expect_eq(memcmp(&model_rs->rules[1], &model_rs->rules[0], sizeof(struct rule)), 0);
	cr_expect_eq(memcmp(&model_rs->rules[3], &model_rs->rules[0], sizeof(struct rule)), 0);
	/* Other ports of a rule, other ends of its flows' lives: the rule stays. */
	port_set_add(&model_plan->rules[0].ports, (struct port_range){ 4000, 4009 });
	model_plan->rules[0].timeout_s[0] = 5;
	model_plan->rules[0].nexthop = 0;
	reload();
	cr_expect_eq(find_in(PROTO_TCP, 4005), 2);
}

/* Flows of a rule that is gone must find nobody at its index, until they are swept. */
Test(ruleset_masquerade, a_new_rule_gets_an_index_of_its_own)
{
	add_masquerade(PROTO_TCP, 80);
	add_masquerade(PROTO_TCP, 81);
	model_build();
	remove_rule(0);
	add_masquerade(PROTO_TCP, 82);
	reload();
	cr_expect_eq(find_in(PROTO_TCP, 81), 2);
	cr_expect_eq(find_in(PROTO_TCP, 82), 3);
	/* Then it is free again. */
	add_masquerade(PROTO_TCP, 83);
	reload();
	cr_expect_eq(find_in(PROTO_TCP, 82), 3);
	cr_expect_eq(find_in(PROTO_TCP, 83), 1);
}

/* Change one member of the second of two rules: is it another rule? */
#define EXPECT_ANOTHER(member, value)                                                              \
	do {                                                                                       \
		struct plan_rule *rule = &model_plan->rules[1], before = *rule;                    \
                                                                                                   \
		model_build();                                                                     \
		rule->member = (value);                                                            \
		reload();                                                                          \
		cr_expect_eq(model_rs->rules[2].public_addr.w[2], 0, #member);                     \
		cr_expect_neq(model_rs->rules[3].public_addr.w[2], 0, #member);                    \
		*rule = before;                                                                    \
	} while (0)

Test(ruleset_masquerade, what_makes_a_rule_another)
{
	add_masquerade(PROTO_TCP, 80);
	add_masquerade(PROTO_TCP, 81);
	EXPECT_ANOTHER(public_addr, model_v4(0xc6336402));
	EXPECT_ANOTHER(backend_addr, model_v4(0xc6120903));
	EXPECT_ANOTHER(shift, 1);
	EXPECT_ANOTHER(counter, 7);
	/* Nobody tracks its flows any more. */
	EXPECT_ANOTHER(shares, 0);
}

Test(ruleset_masquerade, a_pool_keeps_its_index)
{
	add_masquerade(PROTO_TCP, 80);
	add_masquerade(PROTO_UDP, 80);
	model_build();
	/* The first is gone, another address comes. */
	model_plan->pools[0] = (struct plan_pool){ .addr = model_v6(9), .proto = PROTO_TCP };
	reload();
	cr_expect(ip_addr_is_any(&model_rs->pools[1].addr));
	cr_expect(ip_addr_equal(&model_rs->pools[4].addr, &model_plan->pools[0].addr));
	cr_expect_arr_eq(model_rs->shares, "\4\2\3", 3);
	cr_expect_eq(find_address(model_v6(9))->pool[PROTO_TCP], 4);
	/* The same address for the other protocol is another pool. */
	model_plan->pools[1].proto = PROTO_UDP;
	reload();
	cr_expect_arr_eq(model_rs->shares, "\4\1\3", 3);
	cr_expect_eq(model_rs->pools[2].addr.w[2], 0);
}

Test(ruleset_masquerade, a_full_house)
{
	/* Rules differ by counter and address; half of them are replaced by others. */
	for (unsigned i = 0; i < RULES_MAX - 1; i++)
		add_masquerade(PROTO_TCP, i + 1);
	model_build();
	for (unsigned i = 0; i < RULES_MAX - 1; i += 2)
		model_plan->rules[i].backend_addr = model_v4(0xc6120903);
	reload();
	for (unsigned i = 0; i < RULES_MAX - 1; i++) {
		unsigned number = find_in(PROTO_TCP, i + 1);

		cr_assert_eq(model_rs->rules[number].counter, i + 1);
		if (i % 2)
			cr_assert_eq(number, i + 1);
		else
			cr_assert(ip_addr_equal(&model_rs->rules[number].backend_addr,
						&model_plan->rules[i].backend_addr));
	}
}

/* Indices of another layout mean nothing. */
Test(ruleset_masquerade, a_rule_set_of_another_version)
{
	add_masquerade(PROTO_TCP, 80);
	add_masquerade(PROTO_TCP, 81);
	model_build();
	remove_rule(0);
	model_rs->version--;
	reload();
	cr_expect_eq(find_in(PROTO_TCP, 81), 1);
}
