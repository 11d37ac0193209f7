/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs: one for XDP, two for TC, all around the same parse, lookup and translate. */
#include "acl.h"
#include "emit_xdp.h"
#include "answer.h"
#include "forward_tc.h"
#include "icmp.h"
#include "sweep.h"

#define TC_HEADERS 192 /* bytes to have in the linear part of an skb before it is parsed */

static __always_inline enum reason xdp_family(struct xdp_md *ctx, struct ruleset *rs, __u64 l3_off,
					      const int family, int *action)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct packet pkt = {};
	struct match match;
	__u32 ingress;
	struct edit edit;
	struct hop hop;
	enum reason reason;
	__u64 now_ns;

	reason = parse_packet(ctx, HOOK_XDP, data, data_end, l3_off, data_end - data - l3_off,
			      family, &pkt);
	if (reason)
		return reason;
	reason = lookup_match(rs, &pkt, ctx->ingress_ifindex, family, &match, &ingress);
	if (reason)
		return reason;
	if (!xdp_is_to_us(data, data_end, device_get(rs, ingress)))
		return aside(REASON_OTHER_HOST);
	reason = check_acl(rs, &pkt, &match);
	if (reason)
		return reason;
	if (pkt.ttl <= 1) /* TC answers */
		return aside(REASON_LEFT_TO_TC);
	reason = check_l4(data, data_end, &pkt, family) ?: check_sum(data, data_end, &pkt, family);
	if (!reason && has_options(&pkt, family) &&
	    sum_header_xdp(ctx, pkt.l3_off, pkt.l4_off - pkt.l3_off) != 0xffff)
		return aside(REASON_BAD_CHECKSUM);
	if (reason)
		return reason;
	now_ns = clock_now_ns();
	if (is_syn(&pkt))
		reason = mss_check_xdp(data, data_end, rs, &pkt, &match, family);
	reason = reason ?: xdp_can_send(rs, &match) ?: translate(rs, data, data_end, &pkt, now_ns, &match, &edit);
	if (reason) /* TC answers */
		return is_refusal(reason) && rule_get(rs, match.in)->reject ? REASON_LEFT_TO_TC
									    : reason;
	reason = hop_find_xdp(ctx, rs, &pkt, &match, &edit, now_ns, family, &hop);
	if (reason)
		return reason;
	reason = emit_xdp(ctx, &pkt, &edit, &hop, family);
	if (reason)
		return reason;
	count_match(rs, &match, 1, pkt.l3_len);
	*action = xdp_send(ctx, hop.ifindex);
	return REASON_FORWARDED;
}

static __always_inline enum reason xdp_packet(struct xdp_md *ctx, int *action)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ruleset *rs = ruleset_get();
	enum reason reason;
	__be16 protocol;
	__u64 l3_off;

	if (!rs)
		return aside(REASON_NO_RULESET);
	reason = parse_ethernet(data, data_end, &protocol, &l3_off);
	if (reason)
		return reason;
	if (protocol == bpf_htons(ETH_P_IP))
		return xdp_family(ctx, rs, l3_off, AF_INET, action);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return xdp_family(ctx, rs, l3_off, AF_INET6, action);
	return aside(REASON_NOT_IP);
}

SEC("xdp")
int xdpfwd_xdp(struct xdp_md *ctx)
{
	int action = XDP_PASS;
	enum reason reason = xdp_packet(ctx, &action);

	count_reason(HOOK_XDP, reason);
	return reason_is_drop(reason) ? XDP_DROP : action;
}

/* tc_protocol() - IPv4, IPv6 or neither; an L3 device's packets say it in their first four bits */
static __always_inline enum reason tc_protocol(struct __sk_buff *skb, const bool is_l3,
					       __be16 *protocol, __u64 *l3_off)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__u8 *first = data;

	if (!is_l3)
		return parse_ethernet(data, data_end, protocol, l3_off);
	if ((void *)(first + 1) > data_end)
		return aside(REASON_NOT_IP);
	*l3_off = 0;
	*protocol = *first >> 4 == 4   ? bpf_htons(ETH_P_IP)
		    : *first >> 4 == 6 ? bpf_htons(ETH_P_IPV6)
				       : 0;
	return 0;
}

/* tc_answer_to() - tell the sender of a packet that stays here, where that is the custom */
static __always_inline bool tc_answer_to(struct __sk_buff *skb, __u32 how, enum reason reason)
{
	struct track *t = track_get();
	__u32 what;

	if (reason == REASON_TTL_EXPIRED)
		what = ANSWER_TTL_EXPIRED;
	else if (reason == REASON_OVERSIZE)
		what = ANSWER_TOO_BIG;
	else if (t && is_refusal(reason) && t->reject) /* on_full = "reject" */
		what = t->proto == PROTO_TCP ? ANSWER_RESET : ANSWER_REFUSED;
	else
		return false;
	return !tc_answer(skb, how, what);
}

static __always_inline enum reason tc_packet(struct __sk_buff *skb, const bool is_l3,
					     bool *is_answered)
{
	__u32 how = (is_l3 ? TC_IS_L3 : 0) | (skb->vlan_present ? TC_IS_TAGGED : 0);
	enum reason reason;
	__be16 protocol;
	__u64 l3_off;

	if (!is_l3 && skb->pkt_type != PACKET_HOST)
		return aside(REASON_OTHER_HOST);
	if (skb->data_end - skb->data < TC_HEADERS && skb->data_end - skb->data < skb->len)
		bpf_skb_pull_data(skb, skb->len < TC_HEADERS ? skb->len : TC_HEADERS);
	reason = tc_protocol(skb, is_l3, &protocol, &l3_off);
	if (reason)
		return reason;
	if (how & TC_IS_TAGGED && l3_off > ETH_HLEN) /* the outer tag is not in the data */
		return aside(REASON_VLAN_STACK);
	how |= l3_off;
	if (protocol != bpf_htons(ETH_P_IP) && protocol != bpf_htons(ETH_P_IPV6))
		return aside(REASON_NOT_IP);
	if (protocol == bpf_htons(ETH_P_IPV6))
		how |= TC_IS_V6;
	reason = reason_of(how & TC_IS_V6 ? tc_forward_v6(skb, how) : tc_forward_v4(skb, how));
	if (reason == REASON_FRAGMENT)
		reason = reason_of(how & TC_IS_V6 ? tc_fragment_v6(skb, how)
						  : tc_fragment_v4(skb, how));
	if (reason == REASON_NOT_TCP_UDP)
		return reason_of(how & TC_IS_V6 ? tc_icmp_v6(skb, how) : tc_icmp_v4(skb, how));
	*is_answered = tc_answer_to(skb, how, reason);
	return reason;
}

static __always_inline int tc_main(struct __sk_buff *skb, const bool is_l3)
{
	bool is_answered = false;
	enum reason reason = tc_packet(skb, is_l3, &is_answered);
	struct track *t = track_get();

	count_reason(HOOK_TC, reason);
	if (t && (is_answered || reason == REASON_FORWARDED))
		return t->action;
	return reason_is_drop(reason) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc")
int xdpfwd_tc(struct __sk_buff *skb)
{
	return tc_main(skb, false);
}

/* For devices without an Ethernet header: WireGuard, tun, IP tunnels. */
SEC("tc")
int xdpfwd_tc_l3(struct __sk_buff *skb)
{
	return tc_main(skb, true);
}

/* Run by the loader with a struct sweep_run as its packet; never attached. */
SEC("xdp")
int xdpfwd_sweep(struct xdp_md *ctx)
{
	struct sweep_run *run = (void *)(long)ctx->data;

	if ((void *)(run + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	return sweep_run(run) ? XDP_PASS : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
