/* SPDX-License-Identifier: GPL-2.0-only */
/* New flows: who may begin one, which port it gets, and what has to give way for it. */
#ifndef XDPFWD_BPF_FLOW_BEGIN_H
#define XDPFWD_BPF_FLOW_BEGIN_H

#include "flow_end.h"
#include "translate.h"

#define PORT_PROBES 24
#define QUARANTINE                                                                                 \
	895 /* ticks, 120 s: no port goes to another client sooner after its last use              \
	     */

/* struct fragment_key - the packet that fragments belong to; @number tells kept ones apart */
struct fragment_key {
	struct ip_addr src, dst;
	__u32 id;
	__u16 proto, number;
};

/**
 * struct track - one packet of a tracked flow, in and out of flow_track()
 * @key:   IN: its flow; OUT: filled in
 * @dst:   OUT: the masquerade address it was sent to
 * @slot:  OUT: its flow; IN: filled in
 * @seq, @ack: TCP, in host order
 * @proto, @tcp: PROTO_* and TCP_*
 * @quiet: only look: an ICMP error neither refreshes nor ends a flow
 * @port:  the next one to try for a new flow
 * @confirmed: answer of flow_confirm()
 * @edit:  answer: how the packet is to look
 * @fib:   answer of hop_ask_*()
 * @from, @to: TC: addresses of an ICMP error of ours
 * @mtu, @l3_off, @l3_len: TC: what it says, where its IP header is, how long the packet is that it
 *         is about
 * @fragment: TC: the packet that this is a fragment of
 * @reject: a refused flow is to be answered
 * @action: TC: what the program is to return
 * @bytes: TC: room for a piece of a packet
 */
struct track {
	struct flow_key key;
	struct ip_addr dst;
	__u32 slot, seq, ack;
	__u8 proto, tcp;
	__u16 port;
	__u32 quiet, confirmed;
	struct edit edit;
	struct bpf_fib_lookup fib;
	struct ip_addr from, to;
	__u32 mtu, l3_off, l3_len;
	struct fragment_key fragment;
	__s32 action;
	__u32 reject;
	__u8 bytes[64];
};

/* Global functions take no pointers before 5.13: this is where their arguments are. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct track);
} tracks SEC(".maps");

static __always_inline struct track *track_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&tracks, &zero);
}

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

/* What a slot's flow can be made to do for a new one. */
enum slot_use {
	SLOT_KEPT, /* nothing */
	SLOT_WEAK, /* give way, when there is no other port: never confirmed, or closed for long */
	SLOT_FREE, /* be taken */
	SLOT_ITS,  /* it is this client's own: be taken up again */
};

/* slot_use() - may the slot be had for @key? A pure look, also under the lock */
static __always_inline enum slot_use slot_use(struct ruleset *rs, const struct flow *flow,
					      const struct flow_key *key, __u8 proto, __u32 now)
{
	__u32 idle = flow_idle(flow, now);

	if (flow->state == FLOW_ENDED)
		return SLOT_KEPT;
	if (flow_is_of(flow, key))
		return SLOT_ITS;
	if (!flow->created_at) /* nobody has ever had it */
		return SLOT_FREE;
	if (idle > QUARANTINE &&
	    (flow->state == FLOW_FREE || flow_is_over(flow, rule_get(rs, flow->rule), proto, now)))
		return SLOT_FREE;
	if (!(flow->flags[DIR_IN] & FLOW_CONFIRMED) || (idle > QUARANTINE && flow_is_closed(flow)))
		return SLOT_WEAK;
	return SLOT_KEPT;
}

/* slot_write() - a new flow in place of whatever was there; the lock is held */
static __always_inline void slot_write(struct flow *flow, const struct flow_key *key, __u32 now)
{
	flow->client = key->client;
	flow->client_port = key->client_port;
	flow->public_port = key->public_port;
	flow->rule = key->rule;
	flow->created_at = now;
	flow->ack = 0;
	flow->flags[DIR_IN] = 0;
	flow->flags[DIR_OUT] = 0;
	flow->half[DIR_IN] = (struct flow_half){ .seen_at = now };
	flow->half[DIR_OUT] = (struct flow_half){ .seen_at = now };
	flow->state = FLOW_LIVE;
}

/*
 * slot_take() - take a slot for the flow of this CPU's struct track
 * @slot: which
 * @now:  ticks
 * @weak: a flow that may give way has to
 *
 * Return: 0 when it was taken; else 1, or 2 + idle ticks of one that may give way.
 */
__noinline int slot_take(__u32 slot, __u32 now, __u32 weak)
{
	struct flow_lock *lock = flow_lock_get(slot);
	struct flow *flow = flow_at(slot);
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct flow_key old = {};
	bool was_live, was_confirmed, was_over, is_its;
	enum slot_use use;
	__u32 idle;

	if (!lock || !flow || !rs || !t)
		return 1;
	bpf_spin_lock(&lock->lock);
	use = slot_use(rs, flow, &t->key, t->proto, now);
	idle = flow_idle(flow, now);
	is_its = use == SLOT_ITS;
	was_live = flow->state == FLOW_LIVE;
	was_over = flow_is_over(flow, rule_get(rs, flow->rule), t->proto, now);
	was_confirmed = flow->flags[DIR_IN] & FLOW_CONFIRMED;
	if (use >= SLOT_FREE || (weak && use == SLOT_WEAK)) {
		old.client = flow->client;
		old.client_port = flow->client_port;
		old.public_port = flow->public_port;
		old.rule = flow->rule;
		slot_write(flow, &t->key, now);
		use = SLOT_ITS;
	}
	bpf_spin_unlock(&lock->lock);
	if (use != SLOT_ITS)
		return use == SLOT_WEAK ? 2 + (idle & 0xffffff) : 1;
	if (was_live)
		flow_forget(rs, &old, slot, t->proto, was_confirmed, was_over, is_its);
	return 0;
}

/* port_random() - some port of the configured range */
static __always_inline __u16 port_random(struct ruleset *rs, __u16 like)
{
	__u32 span = rs->limits.port_last - rs->limits.port_first + 1;

	return port_like(rs, like, bpf_get_prandom_u32() % (span | !span));
}

/* pool_random() - one of the pools of a rule */
static __always_inline __u32 pool_random(struct ruleset *rs, const struct rule *rule)
{
	__u32 shares = rule->shares;

	return rs->shares[(rule->share + bpf_get_prandom_u32() % (shares | !shares)) &
			  (SHARES_MAX - 1)];
}

/*
 * port_probe() - try one slot for a new flow, and put a random port to try next into track.port
 *
 * Return: as slot_take().
 */
__noinline int port_probe(__u32 slot, __u32 now)
{
	__u16 port = slot;
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();

	if (!rs || !t)
		return 1;
	t->port = port_random(rs, port);
	return port_is_usable(rs, t->proto, port) ? slot_take(slot, now, 0) : 1;
}

/*
 * flow_place() - find a port for a new flow: the one it would prefer, else a random one
 *
 * Return: its slot, or 0.
 */
static __always_inline __u32 flow_place(struct ruleset *rs, struct track *t, __u32 now)
{
	struct rule *rule = rule_get(rs, t->key.rule);
	__u32 weakest = 0, slot;
	int weakest_idle = 1;

	/* What it had and is over comes first: else the indices would go on pointing there. */
	if (t->slot && port_is_usable(rs, t->proto, t->slot) && !slot_take(t->slot, now, 0))
		return t->slot;
	if (t->slot) {
		index_remove(&flows_confirmed, &t->key, t->slot);
		index_remove(&flows_new, &t->key, t->slot);
	}
	slot = slot_preferred(rs, rule, &t->key.client,
			      ports_pair(t->key.client_port, t->key.public_port), t->proto);
	for (int i = 0; i < PORT_PROBES; i++) {
		int idle = port_probe(slot, now);

		if (!idle)
			return slot;
		if (idle > weakest_idle) {
			weakest_idle = idle;
			weakest = slot;
		}
		slot = flow_slot(pool_random(rs, rule), t->port);
	}
	return weakest && !slot_take(weakest, now, 1) ? weakest : 0;
}

/* flow_unplace() - give back a slot that was taken a moment ago and has carried nothing */
static __always_inline void flow_unplace(__u32 slot, __u8 proto)
{
	struct flow_counters *counters = flow_counters_get();
	struct flow *flow = flow_at(slot);

	if (flow) {
		flow->created_at = 0; /* no need to wait for what it has not carried */
		flow->state = FLOW_FREE;
	}
	if (counters)
		counters->ended[proto & 1]++;
}

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
	struct flow *flow;
	__u32 *found;

	if (!bpf_map_update_elem(&flows_new, &t->key, &slot, BPF_NOEXIST))
		return slot;
	found = bpf_map_lookup_elem(&flows_new, &t->key);
	if (found && *found == slot)
		return slot;
	flow = found ? flow_at(*found) : NULL;
	if (flow && flow->state == FLOW_LIVE && flow_is_of(flow, &t->key)) {
		flow_unplace(slot, t->proto);
		return *found;
	}
	if (!bpf_map_update_elem(&flows_new, &t->key, &slot, BPF_ANY))
		return slot;
	flow_unplace(slot, t->proto);
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
	if (counters)
		counters->created[t->proto & 1]++;
	t->slot = flow_enter(t, t->slot);
	return t->slot ? 0 : REASON_FLOWS_FULL;
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
	struct flow_counters *counters = flow_counters_get();
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct source_key from;
	struct source *source;
	__u32 *found;
	__u64 *count;

	(void)unused;
	if (!rs || !t)
		return REASON_NO_RULESET;
	t->confirmed = 0;
	count = confirmed_get(t->proto);
	if (t->proto == PROTO_UDP && rs->limits.udp_max && count && *count >= rs->limits.udp_max)
		return 0;
	from = source_of(rs, &t->key.client);
	source = bpf_map_lookup_elem(&sources, &from);
	if (source && rs->limits.per_source && source->flows >= rs->limits.per_source)
		return REASON_SOURCE_FLOWS;
	if (bpf_map_update_elem(&flows_confirmed, &t->key, &t->slot, BPF_NOEXIST)) {
		found = bpf_map_lookup_elem(&flows_confirmed, &t->key);
		t->confirmed = found && *found == t->slot;
		if (t->confirmed) /* by another CPU, which counts it */
			return 0;
		if (!found || bpf_map_update_elem(&flows_confirmed, &t->key, &t->slot, BPF_ANY))
			return REASON_FLOWS_FULL;
	}
	t->confirmed = 1;
	bpf_map_delete_elem(&flows_new, &t->key);
	if (source)
		__sync_fetch_and_add(&source->flows, 1);
	if (count)
		__sync_fetch_and_add(count, 1);
	if (counters)
		counters->confirmed[t->proto & 1]++;
	return 0;
}

#endif
