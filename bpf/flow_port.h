/* SPDX-License-Identifier: GPL-2.0-only */
/* Which port a new flow gets, and what has to give way for it. */
#ifndef XDPFWD_BPF_FLOW_PORT_H
#define XDPFWD_BPF_FLOW_PORT_H

#include "flow_end.h"
#include "translate.h"

#define PORT_PROBES 16
#define PORT_DRAWS  8
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
 * @weak, @weak_idle: of the flows that would have to give way, the one that is idle for longest
 * @turn:  which pool of the rule to look at
 * @scanned_at, @scans: ticks, and how many words of ports may still be looked through in this one
 * @confirmed: answer of flow_confirm()
 * @old:   the flow that has to give way for it
 * @joined: answer of slot_take(): the flow had begun already
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
	__u32 quiet, confirmed, joined;
	__u32 weak, weak_idle;
	__u32 turn, scanned_at, scans;
	struct flow_key old;
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

	if (flow->state > FLOW_LIVE)
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

/* slot_note() - remember the flow that has been idle for longest of those that may give way */
static __always_inline void slot_note(struct track *t, __u32 slot, __u32 idle)
{
	if (idle < t->weak_idle)
		return;
	t->weak_idle = idle;
	t->weak = slot;
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
 * What was there leaves the books before the new flow can enter them. One that this client has just
 * begun on another CPU, or that has lost its entry among the new flows, is joined as it is.
 *
 * Return: 0 when it was taken, with track.joined set; else 1, and it may be in track.weak.
 */
__noinline int slot_take(__u32 slot, __u32 now, __u32 weak)
{
	struct flow_lock *lock = flow_lock_get(slot);
	struct flow *flow = flow_at(slot);
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	bool was_live, was_confirmed, was_over, joined;
	enum slot_use use;
	__u32 idle;

	if (!lock || !flow || !rs || !t)
		return 1;
	bpf_spin_lock(&lock->lock);
	use = slot_use(rs, flow, &t->key, t->proto, now);
	idle = flow_idle(flow, now);
	was_live = flow->state == FLOW_LIVE;
	was_over = flow_is_over(flow, rule_get(rs, flow->rule), t->proto, now);
	was_confirmed = flow_is_confirmed(flow);
	joined = use == SLOT_ITS && was_live && !was_over && !was_confirmed;
	if (weak && use == SLOT_WEAK)
		use = SLOT_FREE;
	if (use >= SLOT_FREE && !joined) {
		t->old.client = flow->client;
		t->old.client_port = flow->client_port;
		t->old.public_port = flow->public_port;
		t->old.rule = flow->rule;
		if (was_live)
			flow->state = FLOW_LEAVING;
		else
			slot_write(flow, &t->key, now);
	}
	bpf_spin_unlock(&lock->lock);
	if (use == SLOT_WEAK)
		slot_note(t, slot, idle);
	if (use < SLOT_FREE)
		return 1;
	t->joined = joined;
	if (joined || !was_live)
		return 0;
	flow_forget(rs, &t->old, slot, t->proto, was_confirmed, was_over);
	bpf_spin_lock(&lock->lock);
	slot_write(flow, &t->key, now);
	bpf_spin_unlock(&lock->lock);
	return 0;
}

/* port_draw() - put a random port of the configured range into track.port, odd or even as @like */
__noinline int port_draw(__u32 like)
{
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	__u32 span, random;

	if (!rs || !t)
		return 0;
	span = rs->limits.port_last - rs->limits.port_first + 1;
	random = bpf_get_prandom_u32();
	for (int i = 0; i < PORT_DRAWS; i++) {
		t->port = port_like(rs, like, random % (span | !span));
		if (port_is_usable(rs, t->proto, t->port))
			break;
		/* No call: 5.10 and 6.1 refuse a loop that a call comes round by. */
		random = random * 1664525 + 1013904223;
	}
	return 0;
}

/* pool_at() - a pool of a rule; @n may be any number */
static __always_inline __u32 pool_at(struct ruleset *rs, const struct rule *rule, __u32 n)
{
	__u32 shares = rule->shares;

	return rs->shares[(rule->share + n % (shares | !shares)) & (SHARES_MAX - 1)];
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
	port_draw(port);
	return port_is_usable(rs, t->proto, port) ? slot_take(slot, now, 0) : 1;
}

/* port_look() - the slot, if it can be had, or 0; it may be in track.weak */
__noinline int port_look(__u32 slot, __u32 now)
{
	struct flow *flow = flow_at(slot);
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	enum slot_use use;

	if (!flow || !rs || !t || !port_is_usable(rs, t->proto, slot))
		return 0;
	use = slot_use(rs, flow, &t->key, t->proto, now);
	if (use == SLOT_WEAK)
		slot_note(t, slot, flow_idle(flow, now));
	return use >= SLOT_FREE ? slot : 0;
}

/*
 * Words of 64 ports that are looked through: for one flow, which takes some 16 us when all are in
 * use; and in one tick by each CPU, so that a flood costs it no more than a fiftieth of its time.
 */
#define SCAN_WORDS 32
#define SCANS	   4096

/* scan_next() - go on to the same ports of the next address, or of all addresses to the next 64 */
static __always_inline void scan_next(struct ruleset *rs, struct track *t, const struct rule *rule)
{
	__u32 word = t->port / 64 + 1;

	if (++t->turn < rule->shares)
		return;
	t->turn = 0;
	if (word > rs->limits.port_last / 64)
		word = rs->limits.port_first / 64;
	t->port = word * 64;
	if (!rs->limits.ports[t->proto & 1][word & (POOL_PORTS / 64 - 1)])
		port_draw(0);
}

/*
 * port_scan() - look through the 64 ports around track.port, odd and even, for one that can be had
 *
 * Return: its slot, or 0; then track.turn and track.port are at the next 64.
 */
__noinline int port_scan(__u32 now)
{
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct rule *rule;
	__u32 slot;
	int found = 0;

	if (!rs || !t || !t->scans)
		return 0;
	t->scans--;
	rule = rule_get(rs, t->key.rule);
	slot = flow_slot(pool_at(rs, rule, t->turn), t->port & ~63);
	for (int i = 0; i < 64 && !found; i++)
		found = port_look(slot + i, now);
	if (!found)
		scan_next(rs, t, rule);
	return found;
}

/*
 * flow_scan() - chance has found no port in a pool that is nearly full: look at one after the other
 *
 * From a random port on, so that what one packet has not found, the next one may; and not for each
 * packet of a flood, which would be what it is after.
 *
 * Return: the slot that was taken, or 0.
 */
static __always_inline __u32 flow_scan(struct ruleset *rs, struct track *t, const struct rule *rule,
				       __u32 now)
{
	/* All there are, in a small range. */
	__u32 words = (rs->limits.port_last / 64 - rs->limits.port_first / 64 + 1) * rule->shares;

	if (t->scanned_at != now) {
		t->scanned_at = now;
		t->scans = SCANS;
	}
	t->turn = 0;
	for (int i = 0; i < SCAN_WORDS && (__u32)i < words; i++) {
		__u32 slot = port_scan(now);

		if (slot && !slot_take(slot, now, 0))
			return slot;
	}
	return 0;
}

/*
 * flow_place() - find a port for a new flow: the one it would prefer, else a random one, else any
 *
 * As long as there are some at the address that the client's other flows have, from that.
 *
 * Return: its slot, or 0.
 */
static __always_inline __u32 flow_place(struct ruleset *rs, struct track *t, __u32 now)
{
	struct rule *rule = rule_get(rs, t->key.rule);
	__u32 slot, pool;

	/* What it had and is over comes first: else the indices would go on pointing there. */
	if (t->slot && port_is_usable(rs, t->proto, t->slot) && !slot_take(t->slot, now, 0))
		return t->slot;
	if (t->slot) {
		index_remove(&flows_confirmed, &t->key, t->slot);
		index_remove(&flows_new, &t->key, t->slot);
	}
	t->weak = t->weak_idle = 0;
	slot = slot_preferred(rs, rule, &t->key.client,
			      ports_pair(t->key.client_port, t->key.public_port), t->proto);
	pool = slot >> 16;
	for (int i = 0; i < PORT_PROBES; i++) {
		if (!port_probe(slot, now))
			return slot;
		if (i >= PORT_PROBES / 2)
			pool = pool_at(rs, rule, bpf_get_prandom_u32());
		slot = flow_slot(pool, t->port);
	}
	slot = flow_scan(rs, t, rule, now);
	if (slot)
		return slot;
	return t->weak && !slot_take(t->weak, now, 1) ? t->weak : 0;
}

#endif
