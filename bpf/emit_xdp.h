/* SPDX-License-Identifier: GPL-2.0-only */
/* Carry out an edit on a frame in the driver: every check first, then every store. */
#ifndef XDPFWD_BPF_EMIT_XDP_H
#define XDPFWD_BPF_EMIT_XDP_H

#include "nexthop.h"

/* xdp_is_to_us() - the frame's destination is the device's own address */
static __always_inline bool xdp_is_to_us(void *data, void *data_end, const struct device *dev)
{
	const void *to = data, *mac = dev->mac;

	if (data + ETH_HLEN > data_end)
		return false;
	return !((*(any32 *)to ^ *(any32 *)mac) | (*(any16 *)(to + 4) ^ *(any16 *)(mac + 4)));
}

/* addr_store() - an IPv6 address into a header */
static __always_inline void addr_store(struct in6_addr *to, const struct ip_addr *addr)
{
	any64 *words = (void *)to;

	words[0] = addr->d[0];
	words[1] = addr->d[1];
}

/* xdp_store_l4() - ports and checksum; both pointers have been held against the frame's end */
static __always_inline void xdp_store_l4(struct udphdr *l4, __sum16 *check,
					 const struct packet *pkt, const struct edit *edit)
{
	__u64 delta = (__u64)edit->addr_delta + edit->port_delta;

	*(any32 *)l4 = edit->ports; /* TCP starts with the same two ports */
	if (pkt->proto == PROTO_TCP) {
		*check = csum_apply(*check, delta);
	} else if (*check) { /* zero: none was sent (RFC 768) */
		__u16 sum = csum_apply(*check, delta);

		*check = sum ? sum : 0xffff;
	}
}

/*
 * emit_xdp() - rewrite the frame
 *
 * Return: 0, or REASON_MALFORMED with the frame untouched.
 */
static __always_inline enum reason emit_xdp(struct xdp_md *ctx, const struct packet *pkt,
					    const struct edit *edit, const struct hop *hop,
					    const int family)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	void *l3 = data + bound(pkt->l3_off, L3_OFFSET_MASK);
	void *l4 = data + bound(pkt->l4_off, L4_OFFSET_MASK);
	__sum16 *check = l4 + (pkt->proto == PROTO_TCP ? offsetof(struct tcphdr, check)
						       : offsetof(struct udphdr, check));

	if (data + ETH_HLEN > data_end || l4 + sizeof(struct udphdr) > data_end ||
	    (void *)(check + 1) > data_end)
		return aside(REASON_MALFORMED);
	if (family == AF_INET) {
		struct iphdr *ip = l3;

		if ((void *)(ip + 1) > data_end)
			return aside(REASON_MALFORMED);
		ip->saddr = edit->src.w[3];
		ip->daddr = edit->dst.w[3];
		ip->ttl--;
		ip->check = csum_apply(ip->check, (__u64)edit->addr_delta + TTL_DELTA);
	} else {
		struct ipv6hdr *ip = l3;

		if ((void *)(ip + 1) > data_end)
			return aside(REASON_MALFORMED);
		addr_store(&ip->saddr, &edit->src);
		addr_store(&ip->daddr, &edit->dst);
		ip->hop_limit--;
	}
	xdp_store_l4(l4, check, pkt, edit);
	mac_copy(data, hop->mac);
	return 0;
}

/* xdp_send() - the action that sends a rewritten frame out of @ifindex */
static __always_inline int xdp_send(struct xdp_md *ctx, __u32 ifindex)
{
	return ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(ifindex, 0);
}

#endif
