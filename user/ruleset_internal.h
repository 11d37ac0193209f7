/* SPDX-License-Identifier: GPL-2.0-only */
/* Which index a rule or a pool gets; nobody but ruleset.c includes it. */
#ifndef XDPFWD_RULESET_INTERNAL_H
#define XDPFWD_RULESET_INTERNAL_H

#include "ruleset.h"

/*
 * ruleset_number_rules(), ruleset_number_pools() - the index of each rule and pool of a plan
 *
 * Flows refer to them: what is the same in @old keeps its index, and what is new takes one that
 * @old has not used, so that no flow of the past is taken for one of it. Only when there is none is
 * one reused. @old may be NULL; index 0 is never given.
 */
void ruleset_number_rules(const struct plan *plan, const struct ruleset *old,
			  uint16_t numbers[RULES_MAX]);
void ruleset_number_pools(const struct plan *plan, const struct ruleset *old,
			  uint16_t numbers[PLAN_POOLS_MAX]);

#endif
