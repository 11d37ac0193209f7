/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 packets that are too large for their way, and may be made fragments (RFC 791, 3.2). */
#ifndef XDPFWD_BPF_SPLIT_H
#define XDPFWD_BPF_SPLIT_H

#include "room.h"

#define SPLIT_MIN     80 /* bytes that the first fragment carries at least: all headers are in it */
#define OPTION_END    0
#define OPTION_NOP    1
#define OPTION_COPIED 0x80 /* it goes into every fragment */
#define OPTIONS_MAX   40

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

/*
 * split_option() - blank the byte at @at of the options in track.bytes, if only the first fragment
 * carries it; global, so that the verifier sees it once and not once for each byte
 * @left: how many bytes the option there still has, 0 for a new one; OPTION_COPIED: they stay
 *
 * Return: the same for the next byte, or -1 behind the last option.
 */
__noinline int split_option(__u32 at, __u32 left)
{
	struct track *t = track_get();
	__u8 kind, size;

	at &= 63;
	if (!t)
		return -1;
	kind = t->bytes[at];
	size = t->bytes[(at + 1) & 63] & 63;
	if (!(left & 63)) {
		if (kind == OPTION_END)
			return -1;
		left = (kind == OPTION_NOP || size < 2 ? 1 : size) | (kind & OPTION_COPIED);
	}
	if (!(left & OPTION_COPIED))
		t->bytes[at] = OPTION_NOP;
	return left - 1;
}

/* split_options() - blank those of the @len bytes of options in track.bytes that are not copied */
static __always_inline void split_options(__u32 len)
{
	int left = 0;

	for (__u32 i = 0; i < OPTIONS_MAX; i++) {
		if (i >= len || left < 0)
			break;
		left = split_option(i, left);
	}
}

/* split_check() - the header checksum after a change of length and offset */
static __always_inline void split_check(struct iphdr *ip, __be16 tot_len, __be16 frag_off)
{
	ip->check = csum_apply(ip->check, csum_add(csum_delta(ip->tot_len, tot_len),
						   csum_delta(ip->frag_off, frag_off)));
	ip->tot_len = tot_len;
	ip->frag_off = frag_off;
}

/* split_store() - the header of what is left over, options included; 0 or a negative error */
static __always_inline long split_store(struct __sk_buff *skb, __u32 l3_off, struct iphdr *ip,
					struct room *room)
{
	__u32 len = ip->ihl * 4 - sizeof(*ip);
	struct track *t = track_get();
	long err = 0;

	if (!t)
		return -1;
	if (len) {
		len = bound(len - 4, 60) + 4;
		__builtin_memcpy(t->bytes, room->bytes + sizeof(*ip), OPTIONS_MAX);
		split_options(len);
		ip->check =
			csum_apply(ip->check, bpf_csum_diff((__be32 *)(room->bytes + sizeof(*ip)),
							    len, (__be32 *)t->bytes, len, 0));
		err = bpf_skb_store_bytes(skb, l3_off + sizeof(*ip), t->bytes, len,
					  BPF_F_RECOMPUTE_CSUM);
	}
	return err ?: bpf_skb_store_bytes(skb, l3_off, ip, sizeof(*ip), BPF_F_RECOMPUTE_CSUM);
}

/*
 * split_sum() - the checksum of a TCP or UDP packet whose sender has left it to the hardware
 *
 * That can only make it for whole packets. Such a one holds the sum of the pseudo-header; one that
 * is right and looks the same by chance is given the same again. 0 or a negative error.
 */
static __always_inline long split_sum(struct __sk_buff *skb, __u32 l3_off, const struct iphdr *ip)
{
	__u32 l4 = l3_off + ip->ihl * 4, len = bpf_ntohs(ip->tot_len) - ip->ihl * 4, sum, at;
	__sum16 check;

	at = l4 + (ip->protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check)
					       : offsetof(struct udphdr, check));
	sum = csum_add(csum_add(ip->saddr, ip->daddr), bpf_htonl(len + ip->protocol));
	if (bpf_skb_load_bytes(skb, at, &check, sizeof(check)))
		return -1;
	if (check != csum_fold(sum))
		return 0;
	sum = 0;
	for (__u32 i = 0; i < 65536 / ROOM_BYTES; i++) {
		__u32 done = i * ROOM_BYTES;
		int part;

		if (done >= len)
			break;
		part = packet_sum(skb, l4 + done,
				  len - done < ROOM_BYTES ? len - done : ROOM_BYTES);
		if (part < 0)
			return -1;
		sum += part;
	}
	check = ~csum_fold(sum);
	if (!check)
		check = 0xffff;
	return bpf_skb_store_bytes(skb, at, &check, sizeof(check), 0);
}

/*
 * tc_split() - make a packet that is larger than track.mtu its own first fragment, and let the rest
 * come in once more
 * @l3_off: where the IP header is
 *
 * What is still too large of the rest is split when it comes. Nothing but the length, the offset
 * and the checksum of the header changes: where it goes is another matter.
 *
 * Return: 0 with track.l3_len set; REASON_OVERSIZE when it must stay whole, and is; or
 * REASON_REWRITE_FAILED.
 */
__noinline int tc_split(struct __sk_buff *skb, __u32 l3_off)
{
	struct track *t = track_get();
	struct room *room = room_get();
	__be16 offset, left;
	struct iphdr ip;
	__u32 header, size;

	l3_off &= L3_OFFSET_MASK;
	if (!t || !room || bpf_skb_load_bytes(skb, l3_off, &ip, sizeof(ip)) ||
	    ip.frag_off & bpf_htons(IP_DONT_FRAGMENT))
		return REASON_OVERSIZE;
	header = ip.ihl * 4;
	size = ((t->mtu < ROOM_BYTES ? t->mtu : ROOM_BYTES) - header) & ~7U;
	if (t->mtu < SPLIT_MIN + header || size < SPLIT_MIN ||
	    bpf_ntohs(ip.tot_len) <= header + size)
		return REASON_OVERSIZE;
	if (!(ip.frag_off & bpf_htons(IP_FRAGMENT_BITS)) && split_sum(skb, l3_off, &ip))
		return REASON_OVERSIZE;
	if (room_take(skb, l3_off, header + size, room) || packet_pull(skb, size))
		return REASON_OVERSIZE;
	offset = bpf_htons(bpf_ntohs(ip.frag_off) + size / 8);
	left = bpf_htons(bpf_ntohs(ip.tot_len) - size);
	t->l3_len = header + size;
	{
		struct iphdr *first = (void *)room->bytes;

		split_check(first, bpf_htons(header + size),
			    ip.frag_off | bpf_htons(IP_MORE_FRAGMENTS));
	}
	split_check(&ip, left, offset);
	if (split_store(skb, l3_off, &ip, room) ||
	    bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS))
		return REASON_REWRITE_FAILED;
	return packet_push(skb, size) || room_put(skb, l3_off, room) ? REASON_REWRITE_FAILED : 0;
}

#endif
