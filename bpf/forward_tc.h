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
	__u64 now_ns;

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
	reason = check_acl(rs, &pkt, &match);
	if (!reason && has_options(&pkt, family))
		reason = check_header(skb, pkt.l3_off, pkt.l4_off - pkt.l3_off);
	reason = reason ?: check_packet(data, data_end, &pkt, family);
	if (reason)
		return reason;
	now_ns = clock_now_ns();
	scratch->reject = rule_get(rs, match.in)->reject;
	if (pkt.is_fragment && tc_fragment_name(skb, how) < 0)
		return REASON_FRAGMENT;
	reason = translate(rs, data, data_end, &pkt, now_ns, &match, &scratch->edit);
	if (reason)
		return reason;
	reason = hop_find_tc(skb, rs, &pkt, &match, scratch, now_ns, family, &hop, &egress);
	if (reason)
		return reason;
	reason = tc_check_size(skb, rs, &pkt, &match, egress, scratch, family);
	if (reason && family == AF_INET && !pkt.is_df && !pkt.is_gso) {
		reason = reason_of(tc_split(skb, pkt.l3_off));
		pkt.l3_len = scratch->l3_len;
		pkt.is_fragment = true;
		if (!reason && tc_fragment_name(skb, how) < 0)
			return REASON_REWRITE_FAILED;
	}
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
