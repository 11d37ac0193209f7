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
 * @old:   the rule set that this one will replace, or NULL; a rule or pool of it that is still
 *         there keeps its index, and a new one gets an index that it did not use, as long as there
 *         are any
 * @rs:    out: zeroed memory of sizeof(struct ruleset)
 * @diags: out: what does not fit, as a config error
 *
 * Return: 0, or -ENOSPC.
 */
int ruleset_build(const struct plan *plan, uint64_t valid_until_ns, const struct ruleset *old,
		  struct ruleset *rs, struct diag_list *diags);

/**
 * ruleset_refresh() - bring next hops, MTUs and free ports of a rule set in force up to date
 * @plan: the plan it was built from, with current MAC addresses, MTUs and limits; with limits whose
 *        @port_last is 0, the ports stay as they are
 *
 * A device without an MTU, being down, keeps the one it had.
 *
 * Programs read while this writes: an entry is made invalid before its address changes.
 */
void ruleset_refresh(const struct plan *plan, uint64_t valid_until_ns, struct ruleset *rs);

/* ruleset_extend() - next hops that are resolved hold longer */
void ruleset_extend(uint64_t valid_until_ns, struct ruleset *rs);

#endif
