/* SPDX-License-Identifier: GPL-2.0-only */
/* The maximum segment size in SYNs: no more than both devices of a rule can carry (RFC 6691). */
#ifndef XDPFWD_BPF_MSS_H
#define XDPFWD_BPF_MSS_H

#include "flow_track.h"

#define TCP_OPTION_END	0
#define TCP_OPTION_NOP	1
#define TCP_OPTION_MSS	2
#define TCP_MSS_LEN	4
#define TCP_OPTIONS_MAX 40

/* mss_limit() - what a SYN for the matched rule may announce at most */
static __always_inline __u32 mss_limit(struct ruleset *rs, const struct match *match,
				       const int family)
{
	struct rule *rule = rule_get(rs, match->in ? match->in : match->out);
	__u32 headers = sizeof(struct tcphdr) +
			(family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	__u32 near = rs->nexthops[rule->nexthop & (NEXTHOPS_MAX - 1)].mtu;
	__u32 mtu = device_get(rs, rule->public_dev)->mtu;

	if (near && (!mtu || near < mtu))
		mtu = near;
	return rule->clamp_mss && mtu > headers ? mtu - headers : 0xffff;
}

/* is_syn() - a packet that may carry the option */
static __always_inline bool is_syn(const struct packet *pkt)
{
	return pkt->proto == PROTO_TCP && pkt->tcp & TCP_SYN;
}

/*
 * mss_check_xdp() - may XDP send this SYN as it is?
 *
 * The option comes first in the SYNs of all common systems; TC looks for it elsewhere.
 *
 * Return: 0, or REASON_LEFT_TO_TC.
 */
static __always_inline enum reason mss_check_xdp(void *data, void *data_end, struct ruleset *rs,
						 const struct packet *pkt,
						 const struct match *match, const int family)
{
	__u8 *option = data + bound(pkt->l4_off, L4_OFFSET_MASK) + sizeof(struct tcphdr);
	__u32 limit = mss_limit(rs, match, family);

	if (limit == 0xffff || pkt->l4_len - pkt->payload_len <= sizeof(struct tcphdr))
		return 0;
	if ((void *)(option + TCP_MSS_LEN) > data_end || option[0] != TCP_OPTION_MSS ||
	    option[1] != TCP_MSS_LEN)
		return REASON_LEFT_TO_TC;
	return (option[2] << 8 | option[3]) > (int)limit ? REASON_LEFT_TO_TC : 0;
}

#define MSS_FOUND 64 /* added to an offset */

/*
 * mss_step() - look at the option at @at of the @len bytes in track.bytes
 *
 * Global, so that the verifier sees it once and not once for each offset.
 *
 * Return: offset of the next option; MSS_FOUND plus that of the value; or 0 at the end.
 */
__noinline int mss_step(__u32 at, __u32 len)
{
	struct track *t = track_get();
	__u8 kind, size;

	if (!t || at + TCP_MSS_LEN > len)
		return 0;
	kind = t->bytes[at & 63];
	size = t->bytes[(at + 1) & 63];
	if (kind == TCP_OPTION_NOP)
		return at + 1;
	if (kind == TCP_OPTION_END || size < 2 || at + size > len)
		return 0;
	return kind == TCP_OPTION_MSS && size == TCP_MSS_LEN ? MSS_FOUND + at + 2 : at + size;
}

/* mss_find() - offset of the value in the options of a SYN, or 0 */
static __always_inline __u32 mss_find(__u32 len)
{
	__u32 at = 0;

	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		at = mss_step(at, len);
		if (!at || at >= MSS_FOUND)
			break;
	}
	return at >= MSS_FOUND ? at - MSS_FOUND : 0;
}

/*
 * tc_clamp_mss() - lower the MSS of a SYN to @limit
 * @l4_off: where the TCP header is now
 *
 * Return: 0, also when there is nothing to do, or REASON_REWRITE_FAILED.
 */
__noinline int tc_clamp_mss(struct __sk_buff *skb, __u32 l4_off, __u32 limit)
{
	struct track *t = track_get();
	__u8 doff = 0, value[2];
	__u32 len, at, delta;

	l4_off &= L4_OFFSET_MASK;
	if (!t || bpf_skb_load_bytes(skb, l4_off + 12, &doff, 1))
		return 0;
	len = (doff >> 4) * 4;
	if (len < sizeof(struct tcphdr) + TCP_MSS_LEN)
		return 0;
	/* Old verifiers want to see that it is not zero. */
	len = bound(len - sizeof(struct tcphdr) - 1, 63) + 1;
	if (bpf_skb_load_bytes(skb, l4_off + sizeof(struct tcphdr), t->bytes, len))
		return 0;
	at = mss_find(len);
	if (!at || (t->bytes[at & 63] << 8 | t->bytes[(at + 1) & 63]) <= (int)limit)
		return 0;
	value[0] = limit >> 8;
	value[1] = limit;
	/* The checksum adds words from even offsets: at an odd one the two bytes change places. */
	delta = at & 1 ? csum_delta(bpf_htons(t->bytes[(at + 1) & 63] << 8 | t->bytes[at & 63]),
				    bpf_htons(value[1] << 8 | value[0]))
		       : csum_delta(bpf_htons(t->bytes[at & 63] << 8 | t->bytes[(at + 1) & 63]),
				    bpf_htons(limit));
	return bpf_l4_csum_replace(skb, l4_off + offsetof(struct tcphdr, check), 0, delta, 0) ||
			       bpf_skb_store_bytes(skb, l4_off + sizeof(struct tcphdr) + at, value,
						   sizeof(value), 0)
		       ? REASON_REWRITE_FAILED
		       : 0;
}

#endif
