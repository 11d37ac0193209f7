/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows' part of a change of rule sets: pools for new addresses, an end for flows of old ones.
 */
#ifndef XDPFWD_APPLY_POOLS_H
#define XDPFWD_APPLY_POOLS_H

#include <stdbool.h>
#include "diag.h"
#include "maps.h"

/**
 * struct apply_pools - a change under way
 * @bpffs, @iface: whose
 * @pools_fd: the map that holds all pools
 * @old, @new: the rule sets before and after; @old may be NULL
 * @put:      by pool: a new one was put there
 * @before:   by pool: the one that was there, -1 for none
 */
struct apply_pools {
	const char *bpffs, *iface;
	int pools_fd;
	const struct ruleset *old, *new;
	bool put[POOLS_MAX];
	int before[POOLS_MAX];
};

/**
 * apply_pools_begin() - make everything ready for the new rule set, just before it is in force
 *
 * Each pool that it uses exists afterwards. Flows whose place or rule the new set gives to another
 * address or forward are ended, which happens only when all places are taken.
 *
 * Return: 0; or -errno with an error in @diags and every pool as it was.
 */
int apply_pools_begin(struct apply_pools *pools, struct diag_list *diags);

/* apply_pools_undo() - bring back the pools that were there before apply_pools_begin() */
void apply_pools_undo(struct apply_pools *pools);

/**
 * apply_pools_finish() - when the new rule set is in force, end the flows that have no place in it
 * @diags: out: a warning when that did not work; the next sweep or load does it then
 *
 * A flow stays while its rule is the same and still uses its pool. Pools of no use are removed.
 */
void apply_pools_finish(struct apply_pools *pools, struct diag_list *diags);

#endif
