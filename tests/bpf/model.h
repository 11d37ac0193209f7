/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan made by hand, the rule set built from it, and a search that shows what to find in it. */
#ifndef XDPFWD_TESTS_MODEL_H
#define XDPFWD_TESTS_MODEL_H

#include "ruleset.h"

/* The plan, its rule set, and what the build had to say. */
extern struct plan *model_plan;
extern struct ruleset *model_rs;
extern struct diag_list model_diags;

/* model_init(), model_fini() - for TestSuite(.init, .fini): a plan of two devices without rules */
void model_init(void);
void model_fini(void);

/* model_random() - a generator of its own, so that a failure is the same everywhere */
uint32_t model_random(void);

/* model_v4() - an address from a number in host order; model_v6() - one from the last four bytes */
struct ip_addr model_v4(uint32_t host_order);
struct ip_addr model_v6(uint32_t low);

/* model_add() - one more rule, for ports from @first to @last */
struct plan_rule *model_add(enum proto proto, struct ip_addr pub, struct ip_addr backend,
			    uint16_t first, uint16_t last, int shift);

/* model_build() - build the rule set; there has to be room */
void model_build(void);

/* model_find() - the number of the rule of one end of a packet, 0 for none, as the programs find it
 */
unsigned model_find(const struct ip_addr *addr, enum direction dir, enum proto proto,
		    uint16_t port);

/* model_expect() - model_find() has to agree with a search through the plan */
void model_expect(const struct ip_addr *addr, enum direction dir, enum proto proto, uint16_t port);

/* model_expect_randomly() - the same for @count random tuples, ends of rules and strangers */
void model_expect_randomly(unsigned count);

#endif
