/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carry out an edit on an skb. The helpers keep what a plain store would break: checksums that the
 * sender left to the hardware (CHECKSUM_PARTIAL), sums the NIC has made (CHECKSUM_COMPLETE), and
 * buffers shared with others.
 */
#ifndef XDPFWD_BPF_EMIT_TC_H
#define XDPFWD_BPF_EMIT_TC_H

#include "nexthop.h"

/* How a packet lies in its buffer, as one scalar that a global function can be given. */
#define TC_L3_OFF(how) ((how)&L3_OFFSET_MASK)
#define TC_IS_L3       (1 << 8) /* the device has no Ethernet header */
#define TC_IS_V6       (1 << 10)
#define TC_IS_TAGGED   (1 << 9) /* a VLAN tag is kept beside the data */

/* tc_store_ipv4() - addresses, TTL and header checksum; 0 or a negative error */
static __noinline long tc_store_ipv4(struct __sk_buff *skb, const struct packet *pkt,
				     const struct edit *edit)
{
	__u32 l3 = bound(pkt->l3_off, L3_OFFSET_MASK);
	__be32 addrs[2] = { edit->src.w[3], edit->dst.w[3] };
	__u8 ttl = pkt->ttl - 1;

	return bpf_skb_store_bytes(skb, l3 + offsetof(struct iphdr, saddr), addrs, sizeof(addrs),
				   0) ?:
	       bpf_skb_store_bytes(skb, l3 + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl), 0) ?:
	       bpf_l3_csum_replace(skb, l3 + offsetof(struct iphdr, check), 0,
				   csum_add(edit->addr_delta, TTL_DELTA), 0);
}

/*
 * tc_store_ipv6() - addresses and hop limit; 0 or a negative error
 *
 * No header checksum balances these stores, so a sum made by the NIC has to follow each of them;
 * the L4 helper takes the part of the addresses back.
 */
static __noinline long tc_store_ipv6(struct __sk_buff *skb, const struct packet *pkt,
				     const struct edit *edit)
{
	__u32 l3 = bound(pkt->l3_off, L3_OFFSET_MASK);
	struct ip_addr addrs[2] = { edit->src, edit->dst };
	__u8 hop_limit = pkt->ttl - 1;

	return bpf_skb_store_bytes(skb, l3 + offsetof(struct ipv6hdr, saddr), addrs, sizeof(addrs),
				   BPF_F_RECOMPUTE_CSUM)
		       ?: bpf_skb_store_bytes(skb, l3 + offsetof(struct ipv6hdr, hop_limit),
					      &hop_limit, sizeof(hop_limit), BPF_F_RECOMPUTE_CSUM);
}

/* tc_store_l4() - ports and checksum; 0 or a negative error */
static __noinline long tc_store_l4(struct __sk_buff *skb, const struct packet *pkt,
				   const struct edit *edit)
{
	__u32 l4 = bound(pkt->l4_off, L4_OFFSET_MASK);
	__u32 check = l4 + (pkt->proto == PROTO_TCP ? offsetof(struct tcphdr, check)
						    : offsetof(struct udphdr, check));
	__u64 flags = pkt->proto == PROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__be16 ports[2] = { edit->sport, edit->dport };

	return bpf_l4_csum_replace(skb, check, 0, edit->addr_delta, flags | BPF_F_PSEUDO_HDR) ?:
	       bpf_l4_csum_replace(skb, check, 0, edit->port_delta, flags) ?:
	       bpf_skb_store_bytes(skb, l4, ports, sizeof(ports), 0);
}

/*
 * emit_tc() - rewrite the packet
 *
 * Return: 0, or REASON_REWRITE_FAILED, after which the packet must be dropped.
 */
static __always_inline enum reason emit_tc(struct __sk_buff *skb, const struct packet *pkt,
					   const struct edit *edit, const int family)
{
	long err =
		family == AF_INET ? tc_store_ipv4(skb, pkt, edit) : tc_store_ipv6(skb, pkt, edit);

	return err || tc_store_l4(skb, pkt, edit) ? REASON_REWRITE_FAILED : 0;
}

/*
 * tc_prepare() - give the packet the framing of its egress device
 * @is_l3: the packet has no Ethernet header now
 *
 * Done before the first store: if it fails, the packet is still as it was.
 *
 * Return: 0 with pkt's offsets moved, or REASON_REWRITE_FAILED.
 */
static __always_inline enum reason tc_prepare(struct __sk_buff *skb, struct packet *pkt,
					      const struct device *egress, const bool is_l3)
{
	if (is_l3 && !egress->is_l3) {
		/* bpf_redirect_neigh() fills in a header that has to be there. */
		if (bpf_skb_change_head(skb, ETH_HLEN, 0))
			return REASON_REWRITE_FAILED;
		pkt->l3_off += ETH_HLEN;
		pkt->l4_off += ETH_HLEN;
	}
	if (!is_l3 && egress->is_l3 && pkt->is_tagged && bpf_skb_vlan_pop(skb))
		return REASON_REWRITE_FAILED;
	return 0;
}

/* tc_store_mac() - write the cached link-layer header; 0, or REASON_REWRITE_FAILED */
static __noinline enum reason tc_store_mac(struct __sk_buff *skb, const struct hop *hop,
					   const int family, const bool is_l3)
{
	struct ethhdr eth;

	__builtin_memcpy(&eth, hop->mac, sizeof(hop->mac));
	eth.h_proto = family == AF_INET ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	/* A frame keeps its ethertype, which may be that of a VLAN tag. */
	return bpf_skb_store_bytes(skb, 0, &eth, is_l3 ? sizeof(eth) : sizeof(hop->mac), 0)
		       ? REASON_REWRITE_FAILED
		       : 0;
}

/* tc_send_neigh() - let the kernel find the neighbour that it named; a frame of its own on the
 * stack */
static __noinline int tc_send_neigh(__u32 ifindex, const struct bpf_fib_lookup *fib)
{
	struct bpf_redir_neigh neigh = { .nh_family = fib->family };

	if (fib->family == AF_INET)
		neigh.ipv4_nh = fib->ipv4_dst;
	else
		__builtin_memcpy(neigh.ipv6_nh, fib->ipv6_dst, sizeof(neigh.ipv6_nh));
	return bpf_redirect_neigh(ifindex, &neigh, sizeof(neigh), 0);
}

/* tc_send() - the action that sends a rewritten packet out of @egress */
static __always_inline int tc_send(const struct device *egress, const struct hop *hop,
				   const struct track *t)
{
	if (egress->is_l3 || hop->has_mac)
		return bpf_redirect(egress->ifindex, 0);
	if (!hop->family)
		return bpf_redirect_neigh(egress->ifindex, NULL, 0, 0);
	return tc_send_neigh(egress->ifindex, &t->fib);
}

#endif
