/* SPDX-License-Identifier: GPL-2.0-only */
/* The way of a TCP or UDP packet through TC. A function of its own in the object, so that its stack
 * is not under those of what TC does besides. */
#ifndef XDPFWD_BPF_FORWARD_TC_H
#define XDPFWD_BPF_FORWARD_TC_H

#include "acl.h"
#include "fragment.h"

/* tc_segments() - packets on the wire; a tun device leaves the number to us */
static __always_inline __u32 tc_segments(struct __sk_buff *skb, const struct packet *pkt)
{
	__u32 size = skb->gso_size, segments = skb->gso_segs;

	return segments ? segments : size ? (pkt->payload_len + size - 1) / size : 1;
}

/*
 * tc_check_size() - 0, or REASON_OVERSIZE with track.mtu set
 *
 * Super-packets are cut to size later: what counts is the size of their segments. A tunnel takes
 * what may be fragmented, and fragments around it.
 */
static __always_inline enum reason tc_check_size(struct __sk_buff *skb, struct ruleset *rs,
						 const struct packet *pkt,
						 const struct match *match,
						 const struct device *egress, struct track *t,
						 const int family)
{
	__u32 near = rs->nexthops[rule_get(rs, match->in)->nexthop & (NEXTHOPS_MAX - 1)].mtu;
	__u32 len = pkt->is_gso ? pkt->l3_len - pkt->payload_len + skb->gso_size : pkt->l3_len;
	__u32 mtu = match->in && near ? near : egress->mtu;

	if (!mtu || len <= mtu || (family == AF_INET && !pkt->is_df && egress->is_l3))
		return 0;
	t->mtu = mtu;
	return REASON_OVERSIZE;
}

static __always_inline enum reason tc_family(struct __sk_buff *skb, __u32 how, const int family)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct packet pkt = { .is_gso = skb->gso_size != 0, .is_tagged = !!(how & TC_IS_TAGGED) };
	struct ruleset *rs = ruleset_get();
	bool is_l3 = how & TC_IS_L3;
	__u64 l3_off = TC_L3_OFF(how);
	struct device *egress;
	struct match match;
	__u32 ingress;
	struct track *scratch = track_get(); /* the stack has no room for another edit */
	struct hop hop;
	enum reason reason;

	if (!scratch || !rs)
		return REASON_NO_RULESET;
	reason =
		parse_packet(skb, HOOK_TC, data, data_end, l3_off, skb->len - l3_off, family, &pkt);
	if (reason)
		return reason;
	reason = lookup_match(rs, &pkt, skb->ifindex, family, &match, &ingress);
	if (reason)
		return reason;
	scratch->from = match.in || match.slot ? pkt.dst : rule_get(rs, match.out)->public_addr;
	scratch->to = pkt.src;
	scratch->mtu = 0;
	scratch->l3_len = pkt.l3_len;
	reason = check_acl(rs, &pkt, &match) ?: check_packet(data, data_end, &pkt, family);
	if (reason)
		return reason;
	scratch->reject = rule_get(rs, match.in)->reject;
	if (pkt.is_fragment && fragment_name(skb, scratch, how) < 0)
		return REASON_FRAGMENT;
	reason = translate(rs, data, data_end, &pkt, &match, &scratch->edit);
	if (reason)
		return reason;
	reason = hop_find_tc(skb, rs, &pkt, &match, scratch, family, &hop, &egress);
	if (reason)
		return reason;
	reason = tc_check_size(skb, rs, &pkt, &match, egress, scratch, family);
	if (!reason && pkt.is_fragment) {
		fragment_remember(skb, match.in, match.out, match.slot);
		reason = reason_of(tc_release(skb, pkt.l3_off));
	}
	if (reason)
		return reason;
	reason = tc_prepare(skb, &pkt, egress, is_l3);
	if (reason)
		return reason;
	reason = emit_tc(skb, &pkt, &scratch->edit, family);
	if (!reason && is_syn(&pkt))
		reason = reason_of(tc_clamp_mss(skb, pkt.l4_off, mss_limit(rs, &match, family)));
	if (!reason && hop.has_mac)
		reason = tc_store_mac(skb, &hop, family, is_l3);
	if (reason)
		return reason;
	count_match(rs, &match, tc_segments(skb, &pkt), pkt.l3_len);
	scratch->action = tc_send(egress, &hop, scratch);
	return REASON_FORWARDED;
}

/* tc_forward_v4(), tc_forward_v6() - forward a packet; 0 with track.action set, or the reason */
__noinline int tc_forward_v4(struct __sk_buff *skb, __u32 how)
{
	return tc_family(skb, how, AF_INET);
}

__noinline int tc_forward_v6(struct __sk_buff *skb, __u32 how)
{
	return tc_family(skb, how, AF_INET6);
}

#endif
