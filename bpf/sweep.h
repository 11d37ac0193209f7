/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends what is over: run by the agent and after each reload, a piece of a pool at a time. */
#ifndef XDPFWD_BPF_SWEEP_H
#define XDPFWD_BPF_SWEEP_H

#include "flow_end.h"

/*
 * A flow is swept a second after its time. Until then no packet can use it any more, and a packet
 * that came in time has long been written down: nothing that is ended here is about to be revived.
 */
#define SWEEP_GRACE 8

#define SWEPT_KEPT    0
#define SWEPT_EXPIRED 1
#define SWEPT_ENDED   2

/* rule_is_kept() - does the flow's rule still stand, and still hold its port? */
static __always_inline bool rule_is_kept(struct ruleset *rs, const struct flow *flow, __u8 proto)
{
	struct rule *rule = rule_get(rs, flow->rule);

	return rule->shares &&
	       lookup_rule(rs, &rule->public_addr, DIR_IN, proto, flow->public_port) == flow->rule;
}

/*
 * sweep_flow() - end the flow in a slot if it is over, or if its rule or somebody else says so
 *
 * Return: SWEPT_*.
 */
__noinline int sweep_flow(__u32 slot, __u32 proto, __u32 now)
{
	struct flow_lock *lock = flow_lock_get(slot);
	struct flow *flow = flow_at(slot);
	struct ruleset *rs = ruleset_get();
	struct flow_key key = {};
	bool confirmed, ended, over;
	struct rule *rule;

	if (!lock || !flow || !rs)
		return SWEPT_KEPT;
	rule = rule_get(rs, flow->rule);
	bpf_spin_lock(&lock->lock);
	key.client = flow->client;
	key.client_port = flow->client_port;
	key.public_port = flow->public_port;
	key.rule = flow->rule;
	confirmed = flow->flags[DIR_IN] & FLOW_CONFIRMED;
	ended = flow->state == FLOW_ENDED ||
		(flow->state == FLOW_LIVE && !rule_is_kept(rs, flow, proto));
	over = !ended && flow->state == FLOW_LIVE &&
	       flow_idle(flow, now) > flow_timeout(flow, rule, proto) + SWEEP_GRACE;
	if (ended | over)
		flow->state = FLOW_LEAVING;
	bpf_spin_unlock(&lock->lock);
	if (!(ended | over))
		return SWEPT_KEPT;
	flow_forget(rs, &key, slot, proto, confirmed, over);
	flow->state = FLOW_FREE;
	return over ? SWEPT_EXPIRED : SWEPT_ENDED;
}

/* sweep_run() - the next elements of a pool; false when the run makes no sense */
static __always_inline bool sweep_run(struct sweep_run *run)
{
	__u32 pool = run->pool, next = run->next, now = flow_now();
	void *inner = bpf_map_lookup_elem(&pools, &pool);

	if (!inner)
		return false;
	for (__u32 i = 0; i < SWEEP_ELEMENTS; i++) {
		__u32 port = (next + i) & (POOL_PORTS - 1);
		struct flow *flow = bpf_map_lookup_elem(inner, &port);
		int swept;

		if (!flow || flow->state == FLOW_FREE)
			continue;
		swept = sweep_flow(flow_slot(pool, port), run->proto, now);
		run->live += swept == SWEPT_KEPT;
		run->ended += swept != SWEPT_KEPT;
		run->expired += swept == SWEPT_EXPIRED;
	}
	run->seen += SWEEP_ELEMENTS;
	run->next = next + SWEEP_ELEMENTS;
	return true;
}

#endif
