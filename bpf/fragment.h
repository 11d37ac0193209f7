/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IP fragments. The first one has the ports, and is forwarded like any packet; what becomes of its
 * addresses is remembered for the others. Those that come too early are kept until it comes.
 */
#ifndef XDPFWD_BPF_FRAGMENT_H
#define XDPFWD_BPF_FRAGMENT_H

#include "split.h"

#define FRAGMENT_TIME	     224 /* ticks, 30 s: no reassembly takes longer (RFC 8200, 4.5) */
#define HELD_MAX	     4	 /* that are kept of one packet */
#define FRAGMENT_OPTIONS_MAX 2	 /* headers in front of that of a fragment */

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

/* Fragments that came before the first one, from their IP headers on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct fragment_key);
	__type(value, struct room);
} fragments_held SEC(".maps");

/* fragment_name_v4() - see tc_fragment_name() */
static __always_inline int fragment_name_v4(void *data, void *data_end, __u32 off, __u32 room,
					    struct track *t)
{
	struct iphdr *ip = data + bound(off, L3_OFFSET_MASK);
	struct fragment_key *key = &t->fragment;

	if ((void *)(ip + 1) > data_end || bpf_ntohs(ip->tot_len) > room ||
	    bpf_ntohs(ip->tot_len) < ip->ihl * 4U)
		return -1;
	key->src = ip_addr_from_v4(ip->saddr);
	key->dst = ip_addr_from_v4(ip->daddr);
	key->id = ip->id;
	key->proto = ip->protocol;
	t->l3_len = bpf_ntohs(ip->tot_len);
	return ip->ttl;
}

/* fragment_name_v6() - the first fragment header counts; only options may come before it */
static __always_inline int fragment_name_v6(void *data, void *data_end, __u32 off, __u32 room,
					    struct track *t)
{
	struct ipv6hdr *ip = data + bound(off, L3_OFFSET_MASK);
	struct fragment_key *key = &t->fragment;
	struct frag_hdr *frag;
	__u32 end;
	__u8 next;

	if ((void *)(ip + 1) > data_end || bpf_ntohs(ip->payload_len) + sizeof(*ip) > room)
		return -1;
	next = ip->nexthdr;
	t->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	end = off + t->l3_len;
	off += sizeof(*ip);
	for (int i = 0; i < FRAGMENT_OPTIONS_MAX; i++) {
		struct ipv6_opt_hdr *opt = data + bound(off, L4_OFFSET_MASK);

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS)
			break;
		if ((void *)(opt + 1) > data_end)
			return -1;
		next = opt->nexthdr;
		off += (opt->hdrlen + 1) * 8;
		if (off > L4_OFFSET_MASK)
			return -1;
	}
	frag = data + bound(off, L4_OFFSET_MASK);
	if (next != IPPROTO_FRAGMENT || (void *)(frag + 1) > data_end ||
	    !(frag->frag_off & bpf_htons(0xfff9)) || off + sizeof(*frag) > end)
		return -1;
	key->src = addr_load(&ip->saddr);
	key->dst = addr_load(&ip->daddr);
	key->id = frag->identification;
	key->proto = frag->nexthdr;
	return ip->hop_limit;
}

/*
 * tc_fragment_name() - which packet this is a fragment of, into track.fragment; and track.l3_len
 *
 * Return: its TTL or hop limit, or -1 when it is none that is understood.
 */
__noinline int tc_fragment_name(struct __sk_buff *skb, __u32 how)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__u32 off = TC_L3_OFF(how), room = skb->len - off;
	struct track *t = track_get();

	if (!t)
		return -1;
	t->fragment.number = 0;
	return how & TC_IS_V6 ? fragment_name_v6(data, data_end, off, room, t)
			      : fragment_name_v4(data, data_end, off, room, t);
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

/* fragment_lookup() - what the first fragment of track.fragment has left, or NULL */
static __always_inline struct fragment *fragment_lookup(struct __sk_buff *skb, struct track *t)
{
	struct fragment *fragment;

	t->fragment.number = 0;
	fragment = bpf_map_lookup_elem(&fragments, &t->fragment);
	return fragment && flow_now() - fragment->seen_at <= FRAGMENT_TIME &&
			       fragment->ifindex == skb->ifindex
		       ? fragment
		       : NULL;
}

/* fragment_hold() - keep a copy until the first fragment comes; the host sees it, too */
static __always_inline enum reason fragment_hold(struct __sk_buff *skb, struct ruleset *rs,
						 struct track *t, __u32 l3_off, __u32 ttl)
{
	struct room *room = room_get();

	if (!room || !fragment_may_be_ours(rs, &t->fragment) ||
	    room_take(skb, l3_off, skb->len - l3_off, room))
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

/*
 * fragment_fit() - make it no larger than its way allows
 *
 * RFC 1812, 4.3.2.7: nobody is told of a later fragment; RFC 4443 does not except it.
 *
 * Return: 0; REASON_OVERSIZE for an IPv6 fragment that is to be answered; or the reason to drop it.
 */
static __always_inline enum reason fragment_fit(struct __sk_buff *skb, struct ruleset *rs,
						struct packet *pkt, const struct match *match,
						const struct device *egress, struct track *t,
						const int family)
{
	enum reason reason = tc_check_size(skb, rs, pkt, match, egress, t, family);

	if (!reason)
		return 0;
	if (family == AF_INET) {
		reason = reason_of(tc_split(skb, pkt->l3_off));
		pkt->l3_len = t->l3_len;
		return reason == REASON_OVERSIZE ? REASON_LOST_FRAGMENT : reason;
	}
	t->from = match->in || match->slot ? t->fragment.dst : t->edit.src;
	t->to = t->fragment.src;
	return REASON_OVERSIZE;
}

/* fragment_check() - the checksum of an IPv4 header; 0, or REASON_BAD_CHECKSUM */
static __always_inline enum reason fragment_check(struct __sk_buff *skb, __u32 l3_off)
{
	__u8 first = 0;

	if (bpf_skb_load_bytes(skb, l3_off, &first, 1))
		return REASON_BAD_CHECKSUM;
	return check_header(skb, l3_off, (first & 15) * 4);
}

/* fragment_find() - take up what the first fragment has left; 0, or the reason to stop */
static __always_inline enum reason fragment_find(struct __sk_buff *skb, struct ruleset *rs,
						 struct track *t, __u32 how, struct packet *pkt,
						 struct match *match)
{
	int ttl = tc_fragment_name(skb, how);
	struct fragment *fragment;
	struct fragment_key held;
	enum reason reason;

	if (ttl < 0)
		return REASON_FRAGMENT;
	fragment = fragment_lookup(skb, t);
	if (!fragment) {
		reason = fragment_hold(skb, rs, t, TC_L3_OFF(how), ttl);
		held = t->fragment;
		/* The first may have come on another CPU just now, and not have found this one. */
		fragment = reason == REASON_HELD ? fragment_lookup(skb, t) : NULL;
		if (!fragment || bpf_map_delete_elem(&fragments_held, &held))
			return reason;
	}
	if (!(how & TC_IS_V6) && fragment_check(skb, TC_L3_OFF(how)))
		return REASON_BAD_CHECKSUM;
	if (ttl <= 1)
		return REASON_LOST_FRAGMENT;
	pkt->ttl = ttl;
	pkt->l3_len = t->l3_len;
	match->in = fragment->in;
	match->out = fragment->out;
	match->slot = fragment->slot;
	t->edit.src = fragment->src;
	t->edit.dst = fragment->dst;
	t->edit.addr_delta = fragment->addr_delta;
	return 0;
}

static __always_inline enum reason fragment_family(struct __sk_buff *skb, __u32 how,
						   const int family)
{
	struct packet pkt = { .l3_off = TC_L3_OFF(how), .is_tagged = !!(how & TC_IS_TAGGED) };
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct device *egress;
	struct match match;
	enum reason reason;
	struct hop hop;

	if (!rs || !t)
		return REASON_NO_RULESET;
	reason = fragment_find(skb, rs, t, how, &pkt, &match);
	if (reason)
		return reason;
	reason = hop_find_tc(skb, rs, &pkt, &match, t, clock_now_ns(), family, &hop, &egress)
			 ?: fragment_fit(skb, rs, &pkt, &match, egress, t, family)
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
	struct room *room = room_get(), *held;
	struct track *t = track_get();
	__u32 released = 0;

	l3_off &= L3_OFFSET_MASK;
	if (!t || !room || !bpf_map_lookup_elem(&fragments_held, &t->fragment) ||
	    room_take(skb, l3_off, skb->len - l3_off, room))
		return 0;
	for (__u32 i = 0; i < HELD_MAX; i++) {
		t->fragment.number = i;
		held = bpf_map_lookup_elem(&fragments_held, &t->fragment);
		if (!held)
			continue;
		if (flow_now() - held->seen_at <= FRAGMENT_TIME) {
			if (room_put(skb, l3_off, held))
				return REASON_REWRITE_FAILED;
			bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
			released++;
		}
		bpf_map_delete_elem(&fragments_held, &t->fragment);
	}
	return released && room_put(skb, l3_off, room) ? REASON_REWRITE_FAILED : 0;
}

#endif
