/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors about forwarded packets, both ways (RFC 5508, 4; RFC 4787, REQ-12). */
#ifndef XDPFWD_BPF_ICMP_H
#define XDPFWD_BPF_ICMP_H

#include "room.h"

/**
 * struct icmp_error - where the parts of an error are, as offsets from the start of the data
 * @icmp:  the ICMP header
 * @inner: the IP header of the packet that it is about
 * @l4:    the TCP or UDP header of that
 * @end:   the end of the IP packet; padding may follow
 * @src:   who reports it
 */
struct icmp_error {
	__u32 icmp, inner, l4, end;
	struct ip_addr src;
};

/* icmp_is_error() - destination unreachable, time exceeded, parameter problem, packet too big */
static __always_inline bool icmp_is_error(__u8 type, const int family)
{
	return family == AF_INET ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
}

/* icmp_parse_v4() - outer and inner header; 0 with pkt's addresses turned round, or the reason */
static __always_inline enum reason icmp_parse_v4(void *data, void *data_end, struct packet *pkt,
						 struct icmp_error *error, __u8 *proto)
{
	struct iphdr *ip = data + bound(pkt->l3_off, L3_OFFSET_MASK), *inner;
	struct icmphdr *icmp;

	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5)
		return REASON_MALFORMED;
	error->icmp = pkt->l3_off + ip->ihl * 4;
	error->inner = error->icmp + sizeof(*icmp);
	icmp = data + bound(error->icmp, L4_OFFSET_MASK);
	inner = (void *)(icmp + 1);
	if (ip->protocol != IPPROTO_ICMP || (void *)(inner + 1) > data_end ||
	    ip->frag_off & bpf_htons(IP_FRAGMENT_BITS) || !icmp_is_error(icmp->type, AF_INET))
		return REASON_NOT_TCP_UDP;
	if (inner->version != 4 || inner->ihl < 5 ||
	    inner->frag_off & bpf_htons(IP_FRAGMENT_OFFSET))
		return REASON_NOT_TCP_UDP;
	error->l4 = error->inner + inner->ihl * 4;
	error->end = pkt->l3_off + bpf_ntohs(ip->tot_len);
	error->src = ip_addr_from_v4(ip->saddr);
	pkt->src = ip_addr_from_v4(inner->daddr);
	pkt->dst = ip_addr_from_v4(inner->saddr);
	pkt->ttl = ip->ttl;
	*proto = inner->protocol;
	/* The error has to have been sent to whom the packet was from. */
	return ip->daddr == inner->saddr ? 0 : REASON_NOT_TCP_UDP;
}

/*
 * icmp_walk() - pass over extension headers, if there are any
 * @next: their first one; out: what is behind them
 * @whole: a fragment will not do
 *
 * Return: offset behind them, or 0.
 */
static __always_inline __u32 icmp_walk(struct __sk_buff *skb, __u32 offset, __u8 *next,
				       const bool whole)
{
	int walked;

	if (!is_extension_header(*next))
		return offset;
	walked = walk_headers_tc(skb, offset, *next);
	if (walked < 0 || (whole && walked >> 24 & 1))
		return 0;
	*next = walked >> 16;
	return walked & L4_OFFSET_MASK;
}

/* icmp_parse_v6() - the same for ICMPv6, with extension headers outside and inside */
static __always_inline enum reason icmp_parse_v6(struct __sk_buff *skb, void *data, void *data_end,
						 struct packet *pkt, struct icmp_error *error,
						 __u8 *proto)
{
	struct ipv6hdr *ip = data + bound(pkt->l3_off, L3_OFFSET_MASK), *inner;
	struct icmp6hdr *icmp;
	struct ip_addr to;
	__u8 next;

	if ((void *)(ip + 1) > data_end)
		return REASON_NOT_TCP_UDP;
	next = ip->nexthdr;
	error->icmp = icmp_walk(skb, pkt->l3_off + sizeof(*ip), &next, true);
	icmp = data + bound(error->icmp, L4_OFFSET_MASK);
	inner = (void *)(icmp + 1);
	if (!error->icmp || next != IPPROTO_ICMPV6 || (void *)(inner + 1) > data_end)
		return REASON_NOT_TCP_UDP;
	if (!icmp_is_error(icmp->icmp6_type, AF_INET6) || inner->version != 6)
		return REASON_NOT_TCP_UDP;
	error->inner = error->icmp + sizeof(*icmp);
	error->end = pkt->l3_off + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	error->src = addr_load(&ip->saddr);
	pkt->src = addr_load(&inner->daddr);
	pkt->dst = addr_load(&inner->saddr);
	pkt->ttl = ip->hop_limit;
	to = addr_load(&ip->daddr);
	*proto = inner->nexthdr;
	error->l4 = icmp_walk(skb, error->inner + sizeof(*inner), proto, false);
	return error->l4 && ip_addr_equal(&to, &pkt->dst) ? 0 : REASON_NOT_TCP_UDP;
}

/*
 * icmp_parse() - an error as the packet that would answer the one it is about
 *
 * That packet goes the way of the error, so it is looked up and translated like any other.
 *
 * Return: 0 with @pkt and @error set, or the reason to leave it alone.
 */
static __always_inline enum reason icmp_parse(struct __sk_buff *skb, void *data, void *data_end,
					      struct packet *pkt, struct icmp_error *error,
					      const int family)
{
	enum reason reason;
	struct udphdr *l4;
	__u8 proto = 0;

	reason = family == AF_INET ? icmp_parse_v4(data, data_end, pkt, error, &proto)
				   : icmp_parse_v6(skb, data, data_end, pkt, error, &proto);
	if (reason)
		return reason;
	l4 = data + bound(error->l4, L4_OFFSET_MASK);
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || (void *)(l4 + 1) > data_end)
		return REASON_NOT_TCP_UDP;
	if (error->end > skb->len || error->l4 + sizeof(*l4) > error->end)
		return REASON_MALFORMED;
	pkt->proto = proto == IPPROTO_TCP ? PROTO_TCP : PROTO_UDP;
	pkt->ports = ports_pair(l4->dest, l4->source);
	return 0;
}

/*
 * icmp_check() - the checksums of IP, of ICMP and of the embedded IP header (RFC 5508, REQ-3)
 *
 * That of the embedded TCP or UDP packet cannot be verified, as it may have been cut.
 *
 * Return: 0, or REASON_BAD_CHECKSUM, also for an error longer than any may be (RFC 1812, 4.3.2.3;
 * RFC 4443, 2.4).
 */
static __always_inline enum reason icmp_check(struct __sk_buff *skb, const struct packet *pkt,
					      const struct icmp_error *error, const int family)
{
	__u32 len = error->end - error->icmp;
	int addrs, sum;

	if (family == AF_INET) {
		return check_header(skb, pkt->l3_off, error->icmp - pkt->l3_off)
			       ?: check_header(skb, error->icmp, len)
			       ?: check_header(skb, error->inner, error->l4 - error->inner);
	}
	addrs = packet_sum(skb, pkt->l3_off + offsetof(struct ipv6hdr, saddr),
			   2 * sizeof(struct in6_addr));
	sum = packet_sum(skb, error->icmp, len);
	if (addrs < 0 || sum < 0)
		return REASON_BAD_CHECKSUM;
	sum = csum_add(csum_add(addrs, sum), bpf_htonl(len + IPPROTO_ICMPV6));
	return csum_fold(sum) == 0xffff ? 0 : REASON_BAD_CHECKSUM;
}

/* icmp_store_check() - the inner checksum, if it is there; true when it was changed */
static __always_inline bool icmp_store_check(struct __sk_buff *skb, const struct packet *pkt,
					     const struct icmp_error *error, __u32 l4, __u32 delta)
{
	__u32 at = l4 + (pkt->proto == PROTO_TCP ? offsetof(struct tcphdr, check)
						 : offsetof(struct udphdr, check));
	__sum16 check = 0;

	if (at + sizeof(check) > error->end || bpf_skb_load_bytes(skb, at, &check, sizeof(check)) ||
	    (pkt->proto == PROTO_UDP && !check))
		return false;
	check = csum_apply(check, delta);
	if (pkt->proto == PROTO_UDP && !check)
		check = 0xffff;
	return !bpf_skb_store_bytes(skb, at, &check, sizeof(check), 0);
}

/*
 * icmp_store_inner() - put back into the inner packet what its sender had written
 *
 * Header checksums absorb their own addresses; what is left over goes into the checksum of ICMP.
 *
 * Return: 0 or a negative error.
 */
static __noinline long icmp_store_inner(struct __sk_buff *skb, const struct packet *pkt,
					const struct icmp_error *error, const struct track *t,
					__u32 family)
{
	const struct edit *edit = &t->edit;
	__u32 inner = bound(error->inner, L4_OFFSET_MASK);
	__u32 l4 = bound(error->l4, L4_OFFSET_MASK);
	__u32 both = csum_add(edit->addr_delta, edit->port_delta), left;
	__u32 ports = ports_pair(edit->dport, edit->sport);
	struct ip_addr addrs[2] = { edit->dst, edit->src };
	__be32 addrs4[2] = { edit->dst.w[3], edit->src.w[3] };
	long err;

	left = family == AF_INET ? edit->port_delta : both;
	if (icmp_store_check(skb, pkt, error, l4, both))
		left = csum_add(left, ~both);
	if (family == AF_INET)
		err = bpf_skb_store_bytes(skb, inner + offsetof(struct iphdr, saddr), addrs4,
					  sizeof(addrs4), 0)
			      ?: bpf_l3_csum_replace(skb, inner + offsetof(struct iphdr, check), 0,
						     edit->addr_delta, 0);
	else
		err = bpf_skb_store_bytes(skb, inner + offsetof(struct ipv6hdr, saddr), addrs,
					  sizeof(addrs), 0);
	return err ?: bpf_skb_store_bytes(skb, l4, &ports, sizeof(ports), 0) ?:
		      bpf_l4_csum_replace(skb, error->icmp + 2, 0, left, 0);
}

/* icmp_outer() - track.edit, so far that of the inner packet, as the edit of the error itself */
static __always_inline void icmp_outer(struct track *t, const struct packet *pkt,
				       const struct icmp_error *error)
{
	struct edit *edit = &t->edit;
	bool keeps_src = ip_addr_equal(&edit->src, &pkt->src);

	/* Who reports it is shown unless it is on the side that is hidden. */
	if (keeps_src)
		edit->src = error->src;
	edit->addr_delta = csum_add(csum_delta_addr(&error->src, &edit->src),
				    csum_delta_addr(&pkt->dst, &edit->dst));
}

/* icmp_emit() - inner packet, ICMP checksum, outer header; 0, or REASON_REWRITE_FAILED */
static __always_inline enum reason icmp_emit(struct __sk_buff *skb, const struct packet *pkt,
					     const struct icmp_error *error, struct track *t,
					     const int family)
{
	if (icmp_store_inner(skb, pkt, error, t, family))
		return REASON_REWRITE_FAILED;
	icmp_outer(t, pkt, error);
	if (family == AF_INET)
		return tc_store_ipv4(skb, pkt, &t->edit) ? REASON_REWRITE_FAILED : 0;
	return tc_store_ipv6(skb, pkt, &t->edit) ||
			       bpf_l4_csum_replace(skb, error->icmp + 2, 0, t->edit.addr_delta,
						   BPF_F_PSEUDO_HDR)
		       ? REASON_REWRITE_FAILED
		       : 0;
}

static __always_inline enum reason icmp_family(struct __sk_buff *skb, __u32 how, const int family)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct packet pkt = { .l3_off = TC_L3_OFF(how), .is_tagged = !!(how & TC_IS_TAGGED) };
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	struct icmp_error error = {};
	struct device *egress;
	struct match match;
	enum reason reason;
	__u32 ingress, moved;
	struct hop hop;

	if (!rs || !t)
		return REASON_NO_RULESET;
	reason = icmp_parse(skb, data, data_end, &pkt, &error, family);
	if (reason)
		return reason;
	if (lookup_match(rs, &pkt, skb->ifindex, family, &match, &ingress))
		return REASON_NOT_TCP_UDP;
	if (!addr_is_forwardable(&error.src, family) || is_public_addr(rs, &error.src))
		return REASON_NOT_OURS;
	reason = icmp_check(skb, &pkt, &error, family);
	if (reason)
		return reason;
	if (pkt.ttl <= 1)
		return REASON_TTL_EXPIRED;
	if (translate_quietly(rs, &pkt, &match, t))
		return REASON_BAD_ICMP;
	reason = hop_find_tc(skb, rs, &pkt, &match, t, clock_now_ns(), family, &hop, &egress);
	if (reason)
		return reason;
	reason = tc_prepare(skb, &pkt, egress, how & TC_IS_L3);
	if (reason)
		return reason;
	moved = pkt.l3_off - TC_L3_OFF(how);
	error.icmp += moved;
	error.inner += moved;
	error.l4 += moved;
	error.end += moved;
	reason = icmp_emit(skb, &pkt, &error, t, family);
	if (!reason && hop.has_mac)
		reason = tc_store_mac(skb, &hop, family, how & TC_IS_L3);
	if (reason)
		return reason;
	t->action = tc_send(egress, &hop, t);
	return REASON_FORWARDED;
}

/* tc_icmp_v4(), tc_icmp_v6() - forward an ICMP error; REASON_FORWARDED with track.action set */
__noinline int tc_icmp_v4(struct __sk_buff *skb, __u32 how)
{
	return icmp_family(skb, how, AF_INET);
}

__noinline int tc_icmp_v6(struct __sk_buff *skb, __u32 how)
{
	return icmp_family(skb, how, AF_INET6);
}

#endif
