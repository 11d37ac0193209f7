// SPDX-License-Identifier: GPL-2.0-only
// Which index a rule or a pool gets, so that flows stay with theirs when a config changes.
#include <string.h>
#include "ruleset_internal.h"

/*
 * The same rule to a flow: its ends, its counter (which stands for forward and protocol), and that
 * it tracks at all.
 */
static bool same_rule(const struct plan_rule *new, const struct rule *old)
{
	return ip_addr_equal(&new->public_addr, &old->public_addr) &&
	       ip_addr_equal(&new->backend_addr, &old->backend_addr) &&
	       (uint16_t) new->shift == old->shift &&new->counter == old->counter &&
	       !new->shares == !old->shares;
}

static bool same_pool(const struct plan_pool *new, const struct pool *old)
{
	return ip_addr_equal(&new->addr, &old->addr) && new->proto == old->proto;
}

/* The first index of neither; then, of those that only @before has. */
static uint16_t free_index(const bool *before, const bool *now, unsigned max, unsigned *next)
{
	for (; *next < max; ++*next)
		if (!before[*next] && !now[*next])
			return *next;
	for (unsigned i = 1; i < max; i++)
		if (!now[i])
			return i;
	return 0; /* the callers have no more than there is room for */
}

/* Indices for those that have kept none; @now: which are kept. */
static void number_new(uint16_t *numbers, size_t count, const bool *before, bool *now, unsigned max)
{
	unsigned next = 1;

	for (size_t i = 0; i < count; i++) {
		if (!numbers[i])
			numbers[i] = free_index(before, now, max, &next);
		now[numbers[i]] = true;
	}
}

void ruleset_number_rules(const struct plan *plan, const struct ruleset *old,
			  uint16_t numbers[RULES_MAX])
{
	bool before[RULES_MAX] = {}, now[RULES_MAX] = {};

	memset(numbers, 0, plan->rule_count * sizeof(*numbers));
	for (unsigned o = 1; old && o < RULES_MAX; o++) {
		const struct rule *rule = &old->rules[o];

		/* No rule is for the address zero. */
		before[o] = ip_addr_diff(&rule->public_addr, &(struct ip_addr){});
		for (size_t i = 0; before[o] && !now[o] && i < plan->rule_count; i++) {
			if (numbers[i] || !same_rule(&plan->rules[i], rule))
				continue;
			numbers[i] = o;
			now[o] = true;
		}
	}
	number_new(numbers, plan->rule_count, before, now, RULES_MAX);
}

void ruleset_number_pools(const struct plan *plan, const struct ruleset *old,
			  uint16_t numbers[PLAN_POOLS_MAX])
{
	bool before[POOLS_MAX] = {}, now[POOLS_MAX] = {};

	memset(numbers, 0, plan->pool_count * sizeof(*numbers));
	for (unsigned o = 1; old && o < POOLS_MAX; o++) {
		const struct pool *pool = &old->pools[o];

		before[o] = ip_addr_diff(&pool->addr, &(struct ip_addr){});
		for (size_t i = 0; before[o] && !now[o] && i < plan->pool_count; i++) {
			if (numbers[i] || !same_pool(&plan->pools[i], pool))
				continue;
			numbers[i] = o;
			now[o] = true;
		}
	}
	number_new(numbers, plan->pool_count, before, now, POOLS_MAX);
}
