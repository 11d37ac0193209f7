/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IP fragments. The first one has the ports, and is forwarded like any packet; what becomes of its
 * addresses is remembered for the others. Those that come too early are kept until it comes.
 */
#ifndef XDPFWD_BPF_FRAGMENT_H
#define XDPFWD_BPF_FRAGMENT_H

#include "emit_tc.h"

#define FRAGMENT_TIME 224  /* ticks, 30 s: no reassembly takes longer (RFC 8200, 4.5) */
#define HELD_BYTES    2048 /* of one fragment that is kept */
#define HELD_MAX      4	   /* that are kept of one packet */

/* struct fragment - what becomes of the fragments of one packet */
struct fragment {
	struct ip_addr src, dst;
	__u32 addr_delta, in, out, slot, ifindex, seen_at;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* struct held - a fragment that came before the first one, from its IP header on */
struct held {
	__u32 len, ttl, seen_at, pad;
	__u8 bytes[HELD_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct fragment_key);
	__type(value, struct held);
} fragments_held SEC(".maps");

/* Room to make an entry of that map in. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct held);
} fragment_room SEC(".maps");

/*
 * fragment_name() - which packet this is a fragment of, into track.fragment
 *
 * IPv6: only where the fragment header comes first, as it does.
 *
 * Return: its TTL or hop limit, or -1 when it is none that is understood.
 */
static __always_inline int fragment_name(struct __sk_buff *skb, struct track *t, __u32 how)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct fragment_key *key = &t->fragment;
	struct ipv6hdr *ip6 = data + bound(TC_L3_OFF(how), L3_OFFSET_MASK);
	struct frag_hdr *frag = (void *)(ip6 + 1);
	struct iphdr *ip = (void *)ip6;
	__u32 room = skb->len - TC_L3_OFF(how);

	key->number = 0;
	if (!(how & TC_IS_V6)) {
		if ((void *)(ip + 1) > data_end)
			return -1;
		if (bpf_ntohs(ip->tot_len) > room || bpf_ntohs(ip->tot_len) < ip->ihl * 4U)
			return -1;
		key->src = ip_addr_from_v4(ip->saddr);
		key->dst = ip_addr_from_v4(ip->daddr);
		key->id = ip->id;
		key->proto = ip->protocol;
		return ip->ttl;
	}
	if ((void *)(frag + 1) > data_end || ip6->nexthdr != IPPROTO_FRAGMENT ||
	    !(frag->frag_off & bpf_htons(0xfff9)) ||
	    bpf_ntohs(ip6->payload_len) + sizeof(*ip6) > room ||
	    bpf_ntohs(ip6->payload_len) < sizeof(*frag))
		return -1;
	key->src = addr_load(&ip6->saddr);
	key->dst = addr_load(&ip6->daddr);
	key->id = frag->identification;
	key->proto = frag->nexthdr;
	return ip6->hop_limit;
}

/* fragment_remember() - the others are to follow the first fragment; described by track */
__noinline int fragment_remember(struct __sk_buff *skb, __u32 in, __u32 out, __u32 slot)
{
	struct track *t = track_get();
	struct fragment entry = { .in = in, .out = out, .slot = slot, .ifindex = skb->ifindex };

	if (!t)
		return 0;
	entry.src = t->edit.src;
	entry.dst = t->edit.dst;
	entry.addr_delta = t->edit.addr_delta;
	entry.seen_at = flow_now();
	return bpf_map_update_elem(&fragments, &t->fragment, &entry, BPF_ANY);
}

/* fragment_may_be_ours() - it goes to an address of ours, or comes from a backend */
static __always_inline bool fragment_may_be_ours(struct ruleset *rs, const struct fragment_key *key)
{
	struct address *to = address_at(rs, &key->dst), *from = address_at(rs, &key->src);

	return ip_addr_equal(&to->addr, &key->dst) || ip_addr_equal(&from->addr, &key->src);
}

/* fragment_put() - make a packet of these bytes, behind its link-layer header; 0 or an error */
static __always_inline long fragment_put(struct __sk_buff *skb, __u32 l3_off, struct held *held)
{
	__u32 len = bound(held->len - 1, HELD_BYTES - 1) + 1;

	return bpf_skb_change_tail(skb, l3_off + len, 0)
		       ?: bpf_skb_store_bytes(skb, l3_off, held->bytes, len, BPF_F_RECOMPUTE_CSUM);
}

/* fragment_take() - the other way round */
static __always_inline long fragment_take(struct __sk_buff *skb, __u32 l3_off, struct held *held)
{
	__u32 len = skb->len - l3_off;

	if (len > HELD_BYTES || !len)
		return -1;
	held->len = len;
	return bpf_skb_load_bytes(skb, l3_off, held->bytes, bound(len - 1, HELD_BYTES - 1) + 1);
}

/* fragment_hold() - keep a copy until the first fragment comes; the host sees it, too */
static __always_inline enum reason fragment_hold(struct __sk_buff *skb, struct ruleset *rs,
						 struct track *t, __u32 l3_off, __u32 ttl)
{
	__u32 zero = 0;
	struct held *room = bpf_map_lookup_elem(&fragment_room, &zero);

	if (!room || !fragment_may_be_ours(rs, &t->fragment) || fragment_take(skb, l3_off, room))
		return REASON_FRAGMENT;
	room->ttl = ttl;
	room->seen_at = flow_now();
	for (__u32 i = 0; i < HELD_MAX; i++) {
		t->fragment.number = i;
		if (!bpf_map_update_elem(&fragments_held, &t->fragment, room, BPF_NOEXIST))
			return REASON_HELD;
	}
	return REASON_FRAGMENT;
}

/* fragment_emit() - new addresses and TTL; there is no TCP or UDP header to be put right */
static __always_inline enum reason fragment_emit(struct __sk_buff *skb, const struct packet *pkt,
						 const struct edit *edit, const int family)
{
	return (family == AF_INET ? tc_store_ipv4(skb, pkt, edit) : tc_store_ipv6(skb, pkt, edit))
		       ? REASON_REWRITE_FAILED
		       : 0;
}

static __always_inline enum reason fragment_family(struct __sk_buff *skb, __u32 how,
						   const int family)
{
	struct packet pkt = { .l3_off = TC_L3_OFF(how), .is_tagged = !!(how & TC_IS_TAGGED) };
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct fragment *fragment;
	struct device *egress;
	struct match match;
	enum reason reason;
	struct hop hop;
	int ttl;

	if (!rs || !t)
		return REASON_NO_RULESET;
	ttl = fragment_name(skb, t, how);
	if (ttl < 0)
		return REASON_FRAGMENT;
	fragment = bpf_map_lookup_elem(&fragments, &t->fragment);
	if (!fragment || flow_now() - fragment->seen_at > FRAGMENT_TIME ||
	    fragment->ifindex != skb->ifindex)
		return fragment_hold(skb, rs, t, TC_L3_OFF(how), ttl);
	if (ttl <= 1)
		return REASON_LOST_FRAGMENT;
	pkt.ttl = ttl;
	pkt.l3_len = skb->len - TC_L3_OFF(how);
	match.in = fragment->in;
	match.out = fragment->out;
	match.slot = fragment->slot;
	t->edit.src = fragment->src;
	t->edit.dst = fragment->dst;
	t->edit.addr_delta = fragment->addr_delta;
	reason = hop_find_tc(skb, rs, &pkt, &match, t, family, &hop, &egress)
			 ?: tc_prepare(skb, &pkt, egress, how & TC_IS_L3);
	if (reason)
		return reason;
	reason = fragment_emit(skb, &pkt, &t->edit, family);
	if (!reason && hop.has_mac)
		reason = tc_store_mac(skb, &hop, family, how & TC_IS_L3);
	if (reason)
		return reason;
	count_match(rs, &match, 1, pkt.l3_len);
	t->action = tc_send(egress, &hop, t);
	return REASON_FORWARDED;
}

/* tc_fragment_v4(), tc_fragment_v6() - forward a fragment that is not the first one */
__noinline int tc_fragment_v4(struct __sk_buff *skb, __u32 how)
{
	return fragment_family(skb, how, AF_INET);
}

__noinline int tc_fragment_v6(struct __sk_buff *skb, __u32 how)
{
	return fragment_family(skb, how, AF_INET6);
}

/*
 * tc_release() - when it is known where a first fragment goes, and before it is changed: let those
 * that were kept come in once more, behind it
 * @l3_off: where the IP header is
 *
 * Each of them is made in the buffer of the first one, which in the end is as it was.
 *
 * Return: 0, or REASON_REWRITE_FAILED.
 */
__noinline int tc_release(struct __sk_buff *skb, __u32 l3_off)
{
	__u32 zero = 0, released = 0;
	struct held *room = bpf_map_lookup_elem(&fragment_room, &zero), *held;
	struct track *t = track_get();

	l3_off &= L3_OFFSET_MASK;
	if (!t || !room || !bpf_map_lookup_elem(&fragments_held, &t->fragment) ||
	    fragment_take(skb, l3_off, room))
		return 0;
	for (__u32 i = 0; i < HELD_MAX; i++) {
		t->fragment.number = i;
		held = bpf_map_lookup_elem(&fragments_held, &t->fragment);
		if (!held)
			continue;
		if (flow_now() - held->seen_at <= FRAGMENT_TIME) {
			if (fragment_put(skb, l3_off, held))
				return REASON_REWRITE_FAILED;
			bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
			released++;
		}
		bpf_map_delete_elem(&fragments_held, &t->fragment);
	}
	return released && fragment_put(skb, l3_off, room) ? REASON_REWRITE_FAILED : 0;
}

#endif
