/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan in the form the BPF programs read. Pure. */
#ifndef XDPFWD_RULESET_H
#define XDPFWD_RULESET_H

#include <stdint.h>
#include "plan.h"

/**
 * ruleset_build() - fill a rule set
 * @plan:  the plan
 * @valid_until_ns: CLOCK_MONOTONIC time up to which resolved next hops hold; 0 without an agent
 * @rs:    out: zeroed memory of sizeof(struct ruleset)
 * @diags: out: what does not fit, as a config error
 *
 * Return: 0, or -ENOSPC.
 */
int ruleset_build(const struct plan *plan, uint64_t valid_until_ns, struct ruleset *rs,
		  struct diag_list *diags);

/**
 * ruleset_refresh() - bring the next hops of a rule set in force up to date
 * @plan: the plan it was built from, with current MAC addresses and MTUs
 *
 * Programs read while this writes: an entry is made invalid before its address changes.
 */
void ruleset_refresh(const struct plan *plan, uint64_t valid_until_ns, struct ruleset *rs);

#endif
