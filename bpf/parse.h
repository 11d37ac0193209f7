/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes to struct packet: where the headers are and what they say. Keeps offsets, never pointers.
 */
#ifndef XDPFWD_BPF_PARSE_H
#define XDPFWD_BPF_PARSE_H

#include "maps.h"

#define IP_FRAGMENT_OFFSET 0x1fff
#define IP_FRAGMENT_BITS   0x3fff /* more fragments, or an offset */
#define IP_DONT_FRAGMENT   0x4000
#define IP_MORE_FRAGMENTS  0x2000
#define IPV6_HEADERS_MAX   6	 /* extension headers walked */
#define L3_OFFSET_MASK	   0x1f	 /* 0, 14 or 18 */
#define L4_OFFSET_MASK	   0x1ff /* up to 511 bytes of headers before TCP or UDP */

/**
 * struct packet - one TCP or UDP packet
 * @l3_off, @l4_off: offsets of the IP and the TCP or UDP header from the start of the data
 * @src, @dst, @sport, @dport: its tuple, ports in network order; @ports: both
 * @proto:  PROTO_TCP or PROTO_UDP
 * @ttl:    TTL or hop limit
 * @tcp:    TCP_*; set by check_l4()
 * @is_gso: a super-packet, to be cut into segments later
 * @is_df:  IPv4: it must not be fragmented
 * @is_fragment: the first of several fragments (TC)
 * @is_tagged: a VLAN tag is kept beside the data (TC)
 * @l3_len: length of the IP packet, header included
 * @l4_len: what follows from @l4_off, as the IP header says
 * @payload_len: what follows the TCP or UDP header; set by check_l4()
 */
struct packet {
	__u64 l3_off, l4_off;
	struct ip_addr src, dst;
	union {
		struct {
			__be16 sport, dport;
		};
		__u32 ports;
	};
	__u8 proto, ttl, tcp, is_gso, is_tagged, is_df, is_fragment;
	__u32 l3_len, l4_len, payload_len;
};

/*
 * parse_ethernet() - the ethertype behind at most one VLAN tag
 *
 * Return: 0 with @protocol and @l3_off set, or the reason to leave the frame alone.
 */
static __always_inline enum reason parse_ethernet(void *data, void *data_end, __be16 *protocol,
						  __u64 *l3_off)
{
	struct ethhdr *eth = data;
	struct vlan_hdr *tag = (void *)(eth + 1);

	if ((void *)(eth + 1) > data_end)
		return aside(REASON_NOT_IP);
	*protocol = eth->h_proto;
	*l3_off = sizeof(*eth);
	if (*protocol != bpf_htons(ETH_P_8021Q) && *protocol != bpf_htons(ETH_P_8021AD))
		return 0;
	if ((void *)(tag + 1) > data_end)
		return aside(REASON_NOT_IP);
	*protocol = tag->h_vlan_encapsulated_proto;
	*l3_off += sizeof(*tag);
	if (*protocol == bpf_htons(ETH_P_8021Q) || *protocol == bpf_htons(ETH_P_8021AD))
		return aside(REASON_VLAN_STACK);
	return 0;
}

/* parse_ipv4() - fills all but the ports; @next is the protocol */
static __always_inline enum reason parse_ipv4(const enum hook hook, void *data, void *data_end,
					      struct packet *pkt, __u8 *next)
{
	struct iphdr *ip = data + bound(pkt->l3_off, L3_OFFSET_MASK);
	__u32 header_len;

	if ((void *)(ip + 1) > data_end)
		return aside(REASON_MALFORMED);
	header_len = ip->ihl * 4;
	if (ip->version != 4 || header_len < sizeof(*ip))
		return aside(REASON_MALFORMED);
	/* The first fragment has the ports: TC takes it. */
	if (ip->frag_off & bpf_htons(hook == HOOK_XDP ? IP_FRAGMENT_BITS : IP_FRAGMENT_OFFSET))
		return aside(REASON_FRAGMENT);
	if (hook == HOOK_TC)
		pkt->is_fragment = !!(ip->frag_off & bpf_htons(IP_FRAGMENT_BITS));
	pkt->src = ip_addr_from_v4(ip->saddr);
	pkt->dst = ip_addr_from_v4(ip->daddr);
	pkt->ttl = ip->ttl;
	pkt->is_df = !!(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
	pkt->l4_off = pkt->l3_off + header_len;
	if (ip->tot_len || !pkt->is_gso) /* zero: a BIG TCP super-packet, as long as the buffer */
		pkt->l3_len = bpf_ntohs(ip->tot_len);
	*next = ip->protocol;
	return 0;
}

/* is_extension_header() - an IPv6 extension header (RFC 7045, 4), walked here or not */
static __always_inline bool is_extension_header(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_FRAGMENT || next == IPPROTO_AH || next == IPPROTO_MH ||
	       next == IPPROTO_HIP || next == IPPROTO_SHIM6;
}

/*
 * walk_headers() - pass over IPv6 extension headers
 * @offset: of the first one
 * @next:   its number
 *
 * @first:  go on behind the header of a first fragment
 *
 * Return: offset behind them, with the number of the header there in bits 16-23, and bit 24 set for
 * a first fragment; or -REASON_*.
 */
static __always_inline int walk_headers(void *data, void *data_end, __u32 offset, __u8 next,
					const bool first)
{
	__u32 is_fragment = 0;

	for (int i = 0; i < IPV6_HEADERS_MAX; i++) {
		struct ipv6_opt_hdr *opt = data + bound(offset, L4_OFFSET_MASK);
		struct frag_hdr *frag = (void *)opt;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			break;
		if ((void *)(frag + 1) > data_end)
			return -REASON_MALFORMED;
		if (next == IPPROTO_FRAGMENT) {
			/* An atomic fragment is a whole packet (RFC 6946). */
			if (frag->frag_off & bpf_htons(first ? 0xfff8 : 0xfff9))
				return -REASON_FRAGMENT;
			is_fragment |= frag->frag_off & bpf_htons(1);
			offset += sizeof(*frag);
		} else {
			offset += (opt->hdrlen + 1) * 8;
		}
		next = opt->nexthdr;
		if (offset > L4_OFFSET_MASK - ETH_HLEN) /* a header may yet come in front */
			return -REASON_EXTENSION_HEADER;
	}
	return offset | next << 16 | !!is_fragment << 24;
}

/*
 * The walk as global functions, one for each kind of context: the verifier looks at them once, on
 * their own, instead of following what comes after the walk from each of its ends.
 */
__noinline int walk_headers_xdp(struct xdp_md *ctx, __u32 offset, __u32 next)
{
	return walk_headers((void *)(long)ctx->data, (void *)(long)ctx->data_end, offset, next,
			    false);
}

__noinline int walk_headers_tc(struct __sk_buff *skb, __u32 offset, __u32 next)
{
	return walk_headers((void *)(long)skb->data, (void *)(long)skb->data_end, offset, next,
			    true);
}

/* addr_load() - an IPv6 address out of a header */
static __always_inline struct ip_addr addr_load(const struct in6_addr *from)
{
	const any64 *words = (const void *)from;
	struct ip_addr addr = { .d = { words[0], words[1] } };

	return addr;
}

/* parse_ipv6() - fills all but the ports; @next is the protocol behind the extension headers */
static __always_inline enum reason parse_ipv6(void *ctx, enum hook hook, void *data, void *data_end,
					      struct packet *pkt, __u8 *next)
{
	struct ipv6hdr *ip = data + bound(pkt->l3_off, L3_OFFSET_MASK);
	int walked;

	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return aside(REASON_MALFORMED);
	pkt->src = addr_load(&ip->saddr);
	pkt->dst = addr_load(&ip->daddr);
	/* Mapped addresses are our own way to write IPv4; on the wire they are never right. */
	if (ip_addr_is_v4(&pkt->src) || ip_addr_is_v4(&pkt->dst))
		return aside(REASON_MALFORMED);
	pkt->ttl = ip->hop_limit;
	if (ip->payload_len || !pkt->is_gso) /* zero: BIG TCP, as long as the buffer */
		pkt->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	*next = ip->nexthdr;
	pkt->l4_off = pkt->l3_off + sizeof(*ip);
	if (!is_extension_header(*next))
		return 0;
	walked = hook == HOOK_XDP ? walk_headers_xdp(ctx, pkt->l4_off, *next)
				  : walk_headers_tc(ctx, pkt->l4_off, *next);
	if (walked < 0)
		return -walked & 0xff;
	pkt->l4_off = walked & L4_OFFSET_MASK;
	*next = walked >> 16;
	pkt->is_fragment = walked >> 24 & 1;
	return 0;
}

/*
 * parse_packet() - the whole tuple of a TCP or UDP packet
 * @ctx, @hook: the program's context and its kind
 * @l3_off: where the IP header starts
 * @room:   bytes from there to the end of the packet, fragments of the buffer included
 * @pkt:    out; is_gso and is_tagged are the caller's
 * @family: AF_INET or AF_INET6, a literal
 *
 * Return: 0, or the reason to leave the packet alone.
 */
static __always_inline enum reason parse_packet(void *ctx, const enum hook hook, void *data,
						void *data_end, __u64 l3_off, __u32 room,
						const int family, struct packet *pkt)
{
	enum reason reason;
	struct udphdr *l4; /* TCP starts with the same two ports */
	__u8 next = 0;

	pkt->l3_off = l3_off;
	pkt->l3_len = room;
	reason = family == AF_INET ? parse_ipv4(hook, data, data_end, pkt, &next)
				   : parse_ipv6(ctx, hook, data, data_end, pkt, &next);
	if (reason)
		return reason;
	if (next != IPPROTO_TCP && next != IPPROTO_UDP)
		return is_extension_header(next) && family == AF_INET6 ? REASON_EXTENSION_HEADER
								       : REASON_NOT_TCP_UDP;
	pkt->proto = next == IPPROTO_TCP ? PROTO_TCP : PROTO_UDP;
	pkt->l4_len = pkt->l3_len - (pkt->l4_off - pkt->l3_off);
	l4 = data + bound(pkt->l4_off, L4_OFFSET_MASK);
	if (pkt->l3_len > room || pkt->l3_len < pkt->l4_off - pkt->l3_off + sizeof(*l4) ||
	    (void *)(l4 + 1) > data_end)
		return aside(REASON_MALFORMED);
	pkt->ports = *(any32 *)l4;
	return 0;
}

#endif
