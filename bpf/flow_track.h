/* SPDX-License-Identifier: GPL-2.0-only */
/* What a masqueraded packet means to its flow, and how the packet is to look. */
#ifndef XDPFWD_BPF_FLOW_TRACK_H
#define XDPFWD_BPF_FLOW_TRACK_H

#include "flow_begin.h"

/* flow_serves() - the flow in a slot, if it is the client's and not over; else NULL */
static __always_inline struct flow *flow_serves(__u32 slot, const struct flow_key *key,
						const struct rule *rule, __u8 proto, __u32 now)
{
	struct flow *flow = flow_at(slot);

	if (!flow || flow->state != FLOW_LIVE || !flow_is_of(flow, key) ||
	    flow_is_over(flow, rule, proto, now))
		return NULL;
	return flow;
}

/*
 * flow_find() - the client's flow, or NULL; track.slot is where it is or was
 *
 * The slot it would prefer is looked at first: that needs no index, and most flows are there.
 */
static __always_inline struct flow *flow_find(struct ruleset *rs, struct track *t,
					      const struct rule *rule, __u32 now)
{
	__u32 ports = ports_pair(t->key.client_port, t->key.public_port);
	__u32 slot = slot_preferred(rs, rule, &t->key.client, ports, t->proto);
	struct flow *flow = flow_serves(slot, &t->key, rule, t->proto, now);
	__u32 *found;

	if (flow) {
		t->slot = slot;
		return flow;
	}
	found = bpf_map_lookup_elem(&flows_confirmed, &t->key);
	if (!found)
		found = bpf_map_lookup_elem(&flows_new, &t->key);
	if (!found) /* confirmed by another CPU between the two */
		found = bpf_map_lookup_elem(&flows_confirmed, &t->key);
	if (!found)
		return NULL;
	t->slot = *found;
	return flow_serves(t->slot, &t->key, rule, t->proto, now);
}

/*
 * flow_reopen() - a new SYN on a connection that was over begins it again, with the same port
 *
 * One that was closed is among the new flows since, and has to be confirmed again; one that was
 * only reset has not moved.
 */
static __always_inline void flow_reopen(struct ruleset *rs, struct flow *flow,
					const struct track *t)
{
	struct flow_lock *lock = flow_lock_get(t->slot);
	bool unconfirmed = false;

	if (!lock)
		return;
	bpf_spin_lock(&lock->lock);
	/* Another SYN may have done so on another CPU. */
	if (flow_is_live(flow, &t->key) && (flow_is_closed(flow) || flow_is_reset(flow))) {
		unconfirmed = flow_is_confirmed(flow) && flow_is_closed(flow);
		flow->flags[DIR_IN] &= unconfirmed ? 0 : FLOW_CONFIRMED;
		flow->flags[DIR_OUT] = 0;
	}
	bpf_spin_unlock(&lock->lock);
	if (unconfirmed)
		flow_unconfirm(rs, &t->key.client, t->proto);
}

/* flow_is_answered() - is this the client's answer to the backend's first reply? */
static __always_inline bool flow_is_answered(const struct flow *flow, const struct track *t)
{
	__u8 out = flow->flags[DIR_OUT];

	if (!(out & FLOW_SEEN))
		return false;
	if (t->proto != PROTO_TCP)
		return true;
	if ((t->tcp & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
		return false;
	/* Who only guesses does not know what the backend has sent. */
	return !(out & FLOW_SYN) || (__u16)t->ack == flow->ack;
}

/*
 * flow_mark() - write down the marks that a packet puts on its flow
 *
 * Both sides being done, the flow may give way from now on, should that be needed.
 */
__noinline int flow_mark(__u32 dir)
{
	struct track *t = track_get();
	struct flow_lock *lock;
	bool closed = false;
	struct flow *flow;
	__u8 flags;

	if (!t)
		return 0;
	lock = flow_lock_get(t->slot);
	flow = flow_at(t->slot);
	if (!lock || !flow)
		return 0;
	dir &= 1;
	bpf_spin_lock(&lock->lock);
	if (flow_is_live(flow, &t->key)) {
		closed = !flow_is_closed(flow);
		flags = flow->flags[dir] | (dir == DIR_OUT ? FLOW_SEEN : 0);
		flow->flags[dir] = t->proto == PROTO_TCP ? flow_tcp_flags(flags, t->tcp) : flags;
		closed &= flow_is_closed(flow);
	}
	bpf_spin_unlock(&lock->lock);
	if (closed)
		flow_index(t, &flows_new, &flows_confirmed);
	return 0;
}

/* flow_note() - write down what this packet shows of its direction */
static __always_inline void flow_note(struct flow *flow, struct track *t, const enum direction dir,
				      __u32 now)
{
	__u8 flags = flow->flags[dir] | (dir == DIR_OUT ? FLOW_SEEN : 0);

	flow->half[dir].seen_at = now;
	if (t->proto == PROTO_TCP)
		flags = flow_tcp_flags(flags, t->tcp);
	if (flags != flow->flags[dir])
		flow_mark(dir);
}

/* edit_in() - how a packet from @client with these ports goes to the backend */
static __always_inline void edit_in(struct ruleset *rs, const struct rule *rule, __u32 slot,
				    const struct ip_addr *client, __u32 ports, struct edit *edit)
{
	struct pool *pool = &rs->pools[(slot >> 16) & (POOLS_MAX - 1)];
	__u16 dport = bpf_ntohl(ports);

	edit->src = pool->addr;
	edit->dst = rule->backend_addr;
	edit->ports = ports_pair(bpf_htons(slot), bpf_htons(dport + rule->shift));
	edit->addr_delta = csum_add(rule->csum_delta, csum_delta_addr(client, &pool->addr));
	edit->port_delta = csum_delta(ports, edit->ports);
}

/* edit_out() - how a packet to @addr, which is a masquerade address, goes back to the client */
static __always_inline void edit_out(const struct rule *rule, const struct flow *flow, __u32 slot,
				     const struct ip_addr *addr, struct edit *edit)
{
	__be16 sport = bpf_htons(bpf_ntohs(flow->public_port) + rule->shift);

	edit->src = rule->public_addr;
	edit->dst = flow->client;
	edit->ports = ports_pair(flow->public_port, flow->client_port);
	edit->addr_delta = csum_add(~rule->csum_delta, csum_delta_addr(addr, &flow->client));
	edit->port_delta = csum_delta(ports_pair(sport, bpf_htons(slot)), edit->ports);
}

/* track_in() - a client's packet */
static __always_inline enum reason track_in(struct ruleset *rs, struct track *t)
{
	struct rule *rule = rule_get(rs, t->key.rule);
	__u32 now = flow_now();
	struct flow *flow = flow_find(rs, t, rule, now);
	enum reason reason;

	if (!flow)
		return REASON_NO_FLOW;
	if (!t->quiet && t->proto == PROTO_TCP && (t->tcp & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	    (flow_is_closed(flow) || flow_is_reset(flow)))
		flow_reopen(rs, flow, t);
	/* What was closed before it was confirmed stays where it can give way. */
	if (!t->quiet && !(flow->flags[DIR_IN] & FLOW_CONFIRMED) && !flow_is_closed(flow) &&
	    flow_is_answered(flow, t)) {
		reason = reason_of(flow_confirm(0));
		if (reason)
			return reason;
	}
	if (!t->quiet)
		flow_note(flow, t, DIR_IN, now);
	edit_in(rs, rule, t->slot, &t->key.client,
		ports_pair(t->key.client_port, t->key.public_port), &t->edit);
	return 0;
}

/* flow_remember() - an unconfirmed flow that has lost its entry gets it back */
static __always_inline void flow_remember(const struct track *t, const struct flow *flow)
{
	__u32 *found;

	if (bpf_map_update_elem(&flows_new, &t->key, &t->slot, BPF_NOEXIST))
		return;
	/* Confirmed, or over, at the same moment: whoever did that may have looked before. */
	found = bpf_map_lookup_elem(&flows_confirmed, &t->key);
	if ((found && *found == t->slot) || !flow_is_live(flow, &t->key))
		index_remove(&flows_new, &t->key, t->slot);
}

/* track_reply() - what a backend's packet does to its flow */
static __always_inline void track_reply(struct flow *flow, struct track *t, __u32 now)
{
	if (t->tcp & TCP_SYN)
		flow->ack = t->seq + 1;
	/* An answered flow is not one of the flood that pushes it out. */
	if (!flow_is_confirmed(flow) && !bpf_map_lookup_elem(&flows_new, &t->key))
		flow_remember(t, flow);
	flow_note(flow, t, DIR_OUT, now);
}

/* track_out() - a backend's packet */
static __always_inline enum reason track_out(struct ruleset *rs, struct track *t)
{
	struct flow *flow = flow_at(t->slot);
	__u32 now = flow_now();
	struct rule *rule;

	if (!flow || flow->state != FLOW_LIVE)
		return REASON_NO_FLOW;
	rule = rule_get(rs, flow->rule);
	if (flow_is_over(flow, rule, t->proto, now))
		return REASON_NO_FLOW;
	t->key.client = flow->client;
	t->key.tail = key_tail(ports_pair(flow->client_port, flow->public_port), flow->rule, 0);
	if (!t->quiet)
		track_reply(flow, t, now);
	edit_out(rule, flow, t->slot, &t->dst, &t->edit);
	return 0;
}

/*
 * flow_track() - look at one packet of a tracked flow, described by this CPU's struct track
 * @dir: DIR_IN or DIR_OUT
 *
 * Global, so that the verifier sees it once and not from each end of what comes before.
 *
 * Return: 0 with track.edit and track.slot set, or the reason not to forward the packet.
 */
__noinline int flow_track(__u32 dir)
{
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();

	if (!rs || !t)
		return REASON_NO_RULESET;
	return dir == DIR_IN ? track_in(rs, t) : track_out(rs, t);
}

/*
 * flow_unrest() - 0 when a packet changes nothing of its flow but time and counters
 *
 * That is: the flow is confirmed, answered, not about to end and not over, and the packet neither
 * begins nor ends anything. One expression without branches, for the verifier's sake.
 */
static __always_inline __u64 flow_unrest(const struct flow *flow, const struct rule *rule,
					 const struct packet *pkt, const enum direction dir,
					 __u32 now)
{
	__u8 in = flow->flags[DIR_IN], out = flow->flags[DIR_OUT];
	__u64 limit = rule->timeout[pkt->proto & 1];

	return (~in & FLOW_CONFIRMED) | (~out & FLOW_SEEN) | ((in | out) & (FLOW_FIN | FLOW_RST)) |
	       (pkt->tcp & (TCP_SYN | TCP_FIN | TCP_RST)) |
	       (limit - (__u32)(now - flow->half[dir].seen_at)) >> 63;
}

/*
 * track_steady() - what flow_track() does, for a packet in the middle of a confirmed flow that is
 * where it would rather be
 *
 * Return: false when there is more to it.
 */
static __always_inline bool track_steady(struct ruleset *rs, const struct packet *pkt, __u64 now_ns,
					 struct match *match, struct edit *edit)
{
	struct rule *rule = rule_get(rs, match->in);
	__u32 now = now_ns >> FLOW_TICK_SHIFT, slot = match->slot;
	struct flow *flow;

	if (match->in)
		slot = slot_preferred(rs, rule, &pkt->src, pkt->ports, pkt->proto);
	flow = flow_at(slot);
	if (!flow)
		return false;
	if (match->in) {
		if ((flow_word(flow) ^ key_tail(pkt->ports, match->in, FLOW_LIVE)) |
		    ip_addr_diff(&flow->client, &pkt->src) |
		    flow_unrest(flow, rule, pkt, DIR_IN, now))
			return false;
		flow->half[DIR_IN].seen_at = now;
		edit_in(rs, rule, slot, &pkt->src, pkt->ports, edit);
	} else {
		rule = rule_get(rs, flow->rule);
		if ((flow->state ^ FLOW_LIVE) | flow_unrest(flow, rule, pkt, DIR_OUT, now))
			return false;
		flow->half[DIR_OUT].seen_at = now;
		edit_out(rule, flow, slot, &pkt->dst, edit);
	}
	match->slot = slot;
	return true;
}

/* track_ask() - describe a packet to flow_track() */
static __always_inline void track_ask(struct track *t, const struct packet *pkt,
				      const struct match *match)
{
	t->key.client = pkt->src;
	t->key.tail = key_tail(pkt->ports, match->in, 0);
	t->dst = pkt->dst;
	t->slot = match->slot;
	t->proto = pkt->proto;
	t->tcp = pkt->tcp;
	t->quiet = 0;
}

/*
 * translate_flow() - the edit of a masqueraded packet
 *
 * Return: 0 with @edit and match->slot set, or the reason to stop.
 */
static __always_inline enum reason translate_flow(struct ruleset *rs, void *data, void *data_end,
						  const struct packet *pkt, __u64 now_ns,
						  struct match *match, struct edit *edit)
{
	struct tcphdr *tcp = data + bound(pkt->l4_off, L4_OFFSET_MASK);
	struct track *t = track_get();
	enum reason reason;

	if (!t)
		return REASON_NO_RULESET;
	if (track_steady(rs, pkt, now_ns, match, edit))
		return 0;
	track_ask(t, pkt, match);
	if (pkt->proto == PROTO_TCP) {
		if ((void *)(tcp + 1) > data_end)
			return REASON_BAD_LENGTH;
		t->seq = bpf_ntohl(tcp->seq);
		t->ack = bpf_ntohl(tcp->ack_seq);
	}
	reason = reason_of(flow_track(match->in ? DIR_IN : DIR_OUT));
	if (reason == REASON_NO_FLOW && match->in)
		reason = reason_of(flow_begin(0)) ?: reason_of(flow_track(DIR_IN));
	if (reason)
		return reason;
	match->slot = t->slot;
	if (edit == &t->edit)
		return 0;
	/* Field by field, as it was written: a wider load would have to wait for the stores. */
	edit->src = t->edit.src;
	edit->dst = t->edit.dst;
	edit->ports = t->edit.ports;
	edit->addr_delta = t->edit.addr_delta;
	edit->port_delta = t->edit.port_delta;
	return 0;
}

/* is_tracked() - does the packet belong to a masqueraded flow, or begin one? */
static __always_inline bool is_tracked(struct ruleset *rs, const struct match *match)
{
	return match->slot || rule_get(rs, match->in)->shares;
}

/*
 * translate() - how a matched packet is to look: by its flow, or by its rules alone
 * @now_ns: clock_now_ns(), asked once for a packet
 *
 * Return: 0 with @edit set, or the reason to stop.
 */
static __always_inline enum reason translate(struct ruleset *rs, void *data, void *data_end,
					     const struct packet *pkt, __u64 now_ns,
					     struct match *match, struct edit *edit)
{
	if (is_tracked(rs, match))
		return translate_flow(rs, data, data_end, pkt, now_ns, match, edit);
	translate_rules(rs, pkt, match, edit);
	return 0;
}

/*
 * translate_quietly() - how a packet of a conversation would look, into track.edit; touches no flow
 *
 * Return: 0, or the reason why there is no such conversation.
 */
static __always_inline enum reason translate_quietly(struct ruleset *rs, const struct packet *pkt,
						     struct match *match, struct track *t)
{
	if (!is_tracked(rs, match)) {
		translate_rules(rs, pkt, match, &t->edit);
		return 0;
	}
	track_ask(t, pkt, match);
	t->quiet = 1;
	return reason_of(flow_track(match->in ? DIR_IN : DIR_OUT));
}

#endif
