// SPDX-License-Identifier: GPL-2.0-only
// Which clients each rule is for.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clients.h"
#include "plan_internal.h"

/* Index of the list that reads the same, 0 when there is none. */
static uint16_t find_acl(const struct plan *plan, const struct acl_range *ranges, size_t count)
{
	for (uint16_t i = 1; i <= plan->acl_count; i++)
		if (plan->acls[i].count == count && !memcmp(&plan->acl_ranges[plan->acls[i].first],
							    ranges, count * sizeof(*ranges)))
			return i;
	return 0;
}

static uint16_t add_acl(struct planner *p, const struct config_forward *f,
			const struct acl_range *ranges, size_t count)
{
	struct plan *plan = p->plan;
	struct diag_place place = f->allow_count ? f->allow_place : f->deny_place;

	if (plan->acl_count == ACLS_MAX - 1) {
		diag_add(p->diags, DIAG_CONFIG_ERROR, place,
			 "forward \"%s\": too many different lists of clients: at most %d for one "
			 "interface",
			 f->name, ACLS_MAX - 1);
		return 0;
	}
	if (plan->acl_range_count + count > ACL_RANGES_MAX) {
		diag_add(p->diags, DIAG_CONFIG_ERROR, place,
			 "forward \"%s\": too many ranges of clients: at most %d in all the "
			 "different lists of one interface",
			 f->name, ACL_RANGES_MAX);
		return 0;
	}
	if (count)
		memcpy(&plan->acl_ranges[plan->acl_range_count], ranges, count * sizeof(*ranges));
	plan->acls[++plan->acl_count] =
		(struct acl){ .first = plan->acl_range_count, .count = count };
	plan->acl_range_count += count;
	return plan->acl_count;
}

static uint16_t make_acl(struct planner *p, const struct config_forward *f, enum ip_family family)
{
	const struct client_lists lists = { f->allow, f->deny, f->allow_count, f->deny_count };
	struct acl_range *ranges;
	int count = clients_make(&lists, family, &ranges);
	uint16_t acl = 0;

	if (count < 0)
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE, "out of memory");
	else if (!clients_are_all(ranges, count, family))
		acl = find_acl(p->plan, ranges, count) ?: add_acl(p, f, ranges, count);
	if (!count)
		diag_add(p->diags, DIAG_NOTE, NOWHERE,
			 "forward \"%s\": no IPv%c client is allowed, so nobody gets through over "
			 "IPv%c",
			 f->name, family == FAMILY_V4 ? '4' : '6', family == FAMILY_V4 ? '4' : '6');
	free(ranges);
	return acl;
}

void plan_clients(struct planner *p)
{
	struct plan *plan = p->plan;

	for (size_t i = 0; i < plan->rule_count && !diag_has_errors(p->diags); i++) {
		struct plan_rule *rule = &plan->rules[i];
		const struct config_forward *f = &p->in->config->forwards[rule->forward];
		enum ip_family family = ip_addr_family(&rule->public_addr);
		size_t same = 0;

		if (!f->allow_count && !f->deny_count)
			continue;
		while (plan->rules[same].forward != rule->forward ||
		       ip_addr_family(&plan->rules[same].public_addr) != family)
			same++;
		rule->acl = same < i ? plan->rules[same].acl : make_acl(p, f, family);
	}
}
