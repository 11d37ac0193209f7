/* SPDX-License-Identifier: GPL-2.0-only */
/* New flows: who may begin one, and how they become known and confirmed. */
#ifndef XDPFWD_BPF_FLOW_BEGIN_H
#define XDPFWD_BPF_FLOW_BEGIN_H

#include "flow_port.h"

/* is_refusal() - a new flow was not let in */
static __always_inline bool is_refusal(enum reason reason)
{
	return reason == REASON_NO_PORT || reason == REASON_FLOWS_FULL ||
	       reason == REASON_SOURCE_FLOWS || reason == REASON_SOURCE_RATE;
}

/* source_admit() - hold the packet's source against [limits]; 0, or the reason to refuse */
static __noinline enum reason source_admit(struct ruleset *rs, const struct ip_addr *client,
					   __u32 now)
{
	struct source_key key = source_of(rs, client);
	struct source fresh = { .began = 1, .period = now / SOURCE_PERIOD };
	struct source *source = bpf_map_lookup_elem(&sources, &key);

	if (!source) {
		bpf_map_update_elem(&sources, &key, &fresh, BPF_NOEXIST);
		return 0;
	}
	if (source->period != fresh.period) {
		source->period = fresh.period;
		source->began = 0;
	}
	if (rs->limits.per_source && source->flows >= rs->limits.per_source)
		return REASON_SOURCE_FLOWS;
	if (rs->limits.new_per_s && source->began >= rs->limits.new_per_s)
		return REASON_SOURCE_RATE;
	__sync_fetch_and_add(&source->began, 1);
	return 0;
}

/* flow_unplace() - give back a slot that was taken a moment ago and has carried nothing */
static __always_inline void flow_unplace(const struct track *t, __u32 slot)
{
	struct flow_counters *counters = flow_counters_get();
	struct flow_lock *lock = flow_lock_get(slot);
	struct flow *flow = flow_at(slot);
	bool ended;

	if (!flow || !lock)
		return;
	bpf_spin_lock(&lock->lock);
	ended = flow_is_live(flow, &t->key) && !flow_is_confirmed(flow);
	if (ended) {
		flow->created_at = 0; /* no need to wait for what it has not carried */
		flow->state = FLOW_FREE;
	}
	bpf_spin_unlock(&lock->lock);
	if (ended && counters)
		__sync_fetch_and_add(&counters->ended[t->proto & 1], 1);
}

#define ENTER_TRIES 3

/*
 * flow_enter() - make a new flow known by its client
 *
 * BPF_NOEXIST decides between two CPUs that begin the same flow at once: the second one gives its
 * slot back and goes on with the first one's.
 *
 * Return: the slot of the flow, or 0.
 */
static __always_inline __u32 flow_enter(struct track *t, __u32 slot)
{
	for (int i = 0; i < ENTER_TRIES; i++) {
		struct flow *flow;
		__u32 *found, other;

		if (!bpf_map_update_elem(&flows_new, &t->key, &slot, BPF_NOEXIST)) {
			flow = flow_at(slot);
			if (flow && flow_is_live(flow, &t->key))
				return slot;
			/* Somebody has ended it, or taken it over, before it was known. */
			index_remove(&flows_new, &t->key, slot);
			return 0;
		}
		found = bpf_map_lookup_elem(&flows_new, &t->key);
		if (!found)
			continue;
		other = *found;
		flow = flow_at(other);
		if (other == slot)
			return slot;
		if (flow && flow_is_live(flow, &t->key)) {
			flow_unplace(t, slot);
			return other;
		}
		index_remove(&flows_new, &t->key, other);
	}
	flow_unplace(t, slot);
	return 0;
}

/*
 * flow_begin() - a new flow for the packet in this CPU's struct track
 *
 * Return: 0 with track.slot set, or the reason not to.
 */
__noinline int flow_begin(__u32 unused)
{
	struct flow_counters *counters = flow_counters_get();
	__u32 now = flow_now();
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	enum reason reason;

	(void)unused;
	if (!rs || !t)
		return REASON_NO_RULESET;
	if (t->proto == PROTO_TCP && (t->tcp & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN &&
	    (!rule_get(rs, t->key.rule)->mid_stream || t->tcp & TCP_RST))
		return REASON_NO_FLOW;
	reason = source_admit(rs, &t->key.client, now);
	if (reason)
		return reason;
	t->slot = flow_place(rs, t, now);
	if (!t->slot)
		return REASON_NO_PORT;
	if (counters && !t->joined)
		__sync_fetch_and_add(&counters->created[t->proto & 1], 1);
	t->slot = flow_enter(t, t->slot);
	return t->slot ? 0 : REASON_FLOWS_FULL;
}

/* flow_index() - the index that a flow is in from now on, unless it is over meanwhile */
static __always_inline void flow_index(const struct track *t, void *index, void *other)
{
	struct flow *flow = flow_at(t->slot);

	if (bpf_map_update_elem(index, &t->key, &t->slot, BPF_ANY))
		return;
	index_remove(other, &t->key, t->slot);
	/* Who ends a flow looks at the indices afterwards. */
	if (flow && !flow_is_live(flow, &t->key))
		index_remove(index, &t->key, t->slot);
}

/* flow_set_confirmed() - under the lock: now it counts, once. Return: it is confirmed */
static __always_inline bool flow_set_confirmed(struct track *t, struct flow *flow,
					       struct flow_lock *lock, struct source *source,
					       __u64 *count)
{
	bool mine, fresh;

	bpf_spin_lock(&lock->lock);
	mine = flow_is_live(flow, &t->key) && !flow_is_closed(flow);
	fresh = mine && !flow_is_confirmed(flow);
	if (fresh) {
		flow->flags[DIR_IN] |= FLOW_CONFIRMED;
		if (source)
			__sync_fetch_and_add(&source->flows, 1);
		__sync_fetch_and_add(count, 1);
	}
	bpf_spin_unlock(&lock->lock);
	if (fresh) {
		struct flow_counters *counters = flow_counters_get();

		if (counters)
			__sync_fetch_and_add(&counters->confirmed[t->proto & 1], 1);
	}
	return mine;
}

/*
 * flow_confirm() - the client has answered the backend: from now on nothing else takes its place
 *
 * An answer over UDP proves little: who only guesses can send it, too. So UDP gets a part of the
 * table, and goes on unconfirmed when that is full.
 *
 * Return: 0 with track.confirmed set if it is, or the reason why the packet has to be refused.
 */
__noinline int flow_confirm(__u32 unused)
{
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct flow_lock *lock;
	struct source_key from;
	struct source *source;
	struct flow *flow;
	__u64 *count;

	(void)unused;
	if (!rs || !t)
		return REASON_NO_RULESET;
	t->confirmed = 0;
	flow = flow_at(t->slot);
	lock = flow_lock_get(t->slot);
	count = confirmed_get(t->proto);
	if (!flow || !lock || !count)
		return REASON_NO_RULESET;
	if (t->proto == PROTO_UDP && rs->limits.udp_max && *count >= rs->limits.udp_max)
		return 0;
	from = source_of(rs, &t->key.client);
	source = bpf_map_lookup_elem(&sources, &from);
	if (source && rs->limits.per_source && source->flows >= rs->limits.per_source)
		return REASON_SOURCE_FLOWS;
	if (bpf_map_update_elem(&flows_confirmed, &t->key, &t->slot, BPF_ANY))
		return REASON_FLOWS_FULL;
	index_remove(&flows_new, &t->key, t->slot);
	t->confirmed = flow_set_confirmed(t, flow, lock, source, count);
	if (t->confirmed)
		return 0;
	/* It was closed, or has come to an end, at the same moment. */
	if (flow_is_live(flow, &t->key))
		flow_index(t, &flows_new, &flows_confirmed);
	else
		index_remove(&flows_confirmed, &t->key, t->slot);
	return 0;
}

#endif
