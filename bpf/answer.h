/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers of our own, in place of the packet that they are about: ICMP errors (RFC 792, RFC 4443)
 * and resets of TCP (RFC 9293, 3.10.7).
 */
#ifndef XDPFWD_BPF_ANSWER_H
#define XDPFWD_BPF_ANSWER_H

#include "room.h"

/* What is said: type and code of ICMP in the low half, of ICMPv6 in the high half. */
#define ANSWER_TTL_EXPIRED (0x0b00 | 0x0300 << 16) /* time exceeded in transit */
#define ANSWER_TOO_BIG	   (0x0304 | 0x0200 << 16) /* fragmentation needed; packet too big */
#define ANSWER_REFUSED	   (0x030d | 0x0101 << 16) /* administratively prohibited (RFC 5508, 8) */
#define ANSWER_RESET	   0			   /* TCP's own way to say so */

/* At most this many in one tick of 0.134 s: an answer never makes a flood worse. */
#define ANSWERS_MAX 64

#define ANSWER_TTL 64

/* The most of a packet that an error about it carries: 576 and 1,280 bytes together. */
#define EMBED_MAX_V4 (576 - sizeof(struct iphdr) - sizeof(struct icmphdr))
#define EMBED_MAX_V6 (1280 - sizeof(struct ipv6hdr) - sizeof(struct icmp6hdr))

/* Bytes that are pulled off the front of a packet: more than come before its TCP or UDP header. */
#define ANSWER_PULL (L4_OFFSET_MASK + 1)

struct answer_rate {
	__u32 tick, count;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_rate);
} answers SEC(".maps");

/* answer_is_due() - hold back when there have been many */
static __always_inline bool answer_is_due(void)
{
	__u32 zero = 0, now = flow_now();
	struct answer_rate *rate = bpf_map_lookup_elem(&answers, &zero);

	if (!rate)
		return false;
	if (rate->tick != now) {
		rate->tick = now;
		rate->count = 0;
	}
	return rate->count++ < ANSWERS_MAX;
}

/* answer_pseudo() - sum of the pseudo-header; the prefix of mapped addresses counts for nothing */
static __always_inline __u32 answer_pseudo(const struct track *t, __u32 len, __u8 proto)
{
	__u32 sum = csum_delta_addr(&(struct ip_addr){}, &t->from);

	sum = csum_add(sum, csum_delta_addr(&(struct ip_addr){}, &t->to));
	return csum_add(sum, bpf_htonl(len + proto));
}

/* answer_icmp() - behind @ip_len zeros: ICMP, and the packet that it is about; its length, or 0 */
static __always_inline __u32 answer_icmp(struct __sk_buff *skb, const struct track *t,
					 struct room *room, __u32 what, const int family)
{
	const __u32 ip_len = family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const __u32 head = ip_len + sizeof(struct icmphdr);
	const __u32 max = family == AF_INET ? EMBED_MAX_V4 : EMBED_MAX_V6;
	struct icmphdr *icmp = (void *)(room->bytes + ip_len);
	__u64 embed = bound((t->l3_len < max ? t->l3_len : max) - 1, ROOM_BYTES - 1);
	__u64 last = bound(embed & ~3ULL, ROOM_BYTES - 1);
	__u32 sum;

	if (embed >= max || last >= max)
		return 0;
	*(any32 *)(room->bytes + head + last) = 0; /* the last word is summed up whole */
	embed++;
	if (bpf_skb_load_bytes(skb, t->l3_off, room->bytes + head, embed))
		return 0;
	icmp->type = (family == AF_INET ? what : what >> 16) >> 8;
	icmp->code = family == AF_INET ? what : what >> 16;
	icmp->checksum = 0;
	icmp->un.gateway = bpf_htonl(t->mtu); /* 16 bits of it in IPv4, where they are the last */
	sum = room_sum(head + embed);
	if (family == AF_INET6)
		sum = csum_add(sum, answer_pseudo(t, head + embed - ip_len, IPPROTO_ICMPV6));
	icmp->checksum = ~csum_fold(sum);
	return head + embed;
}

/*
 * answer_tcp() - behind the IP header: a RST for the segment described by track; its length, or 0
 *
 * RFC 9293, 3.10.7.1. A SYN is acknowledged without its data, of which none has been taken.
 */
static __always_inline __u32 answer_tcp(const struct track *t, struct room *room, const int family)
{
	const __u32 ip_len = family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct tcphdr *tcp = (void *)(room->bytes + ip_len);

	if (t->tcp & TCP_RST)
		return 0;
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = t->key.public_port;
	tcp->dest = t->key.client_port;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	if (t->tcp & TCP_ACK) {
		tcp->seq = bpf_htonl(t->ack);
	} else {
		tcp->ack = 1;
		tcp->ack_seq = bpf_htonl(t->seq + !!(t->tcp & TCP_SYN));
	}
	tcp->check = ~csum_fold(csum_add(room_sum(ip_len + sizeof(*tcp)),
					 answer_pseudo(t, sizeof(*tcp), IPPROTO_TCP)));
	return ip_len + sizeof(*tcp);
}

/* answer_ip() - the IP header in front, once the rest has been summed up */
static __always_inline void answer_ip(const struct track *t, struct room *room, __u32 len,
				      __u8 proto, const int family)
{
	struct ipv6hdr *ip6 = (void *)room->bytes;
	struct iphdr *ip = (void *)room->bytes;

	if (family == AF_INET6) {
		ip6->version = 6;
		ip6->payload_len = bpf_htons(len - sizeof(*ip6));
		ip6->nexthdr = proto;
		ip6->hop_limit = ANSWER_TTL;
		__builtin_memcpy(&ip6->saddr, &t->from, sizeof(t->from));
		__builtin_memcpy(&ip6->daddr, &t->to, sizeof(t->to));
		return;
	}
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = bpf_htons(len);
	ip->ttl = ANSWER_TTL;
	ip->protocol = proto;
	ip->saddr = t->from.w[3];
	ip->daddr = t->to.w[3];
	ip->check = ~csum_fold(bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
}

/* answer_make() - the answer in the room; 0, or an error when there is none */
static __always_inline long answer_make(struct __sk_buff *skb, const struct track *t,
					struct room *room, __u32 what, const int family)
{
	const __u32 ip_len = family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const __u8 icmp = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	__builtin_memset(room->bytes, 0, ip_len);
	room->len = what == ANSWER_RESET ? answer_tcp(t, room, family)
					 : answer_icmp(skb, t, room, what, family);
	if (!room->len)
		return -1;
	answer_ip(t, room, room->len, what == ANSWER_RESET ? IPPROTO_TCP : icmp, family);
	return 0;
}

__noinline int answer_make_v4(struct __sk_buff *skb, __u32 what)
{
	struct room *room = room_get();
	struct track *t = track_get();

	return !t || !room ? -1 : answer_make(skb, t, room, what, AF_INET);
}

__noinline int answer_make_v6(struct __sk_buff *skb, __u32 what)
{
	struct room *room = room_get();
	struct track *t = track_get();

	return !t || !room ? -1 : answer_make(skb, t, room, what, AF_INET6);
}

/* answer_turn() - the frame goes back where it came from; 0 or a negative error */
static __noinline long answer_turn(struct __sk_buff *skb)
{
	__u32 mac[3], back[3];
	long err = bpf_skb_load_bytes(skb, 0, mac, sizeof(mac));

	__builtin_memcpy(back, (void *)mac + 6, 6);
	__builtin_memcpy((void *)back + 6, mac, 6);
	return err ?: bpf_skb_store_bytes(skb, 0, back, sizeof(back), 0);
}

/*
 * answer_replace() - the packet becomes what is in the room; 0 or a negative error
 *
 * It must not be a super-packet any more, nor one whose checksum is left to the hardware: the
 * kernel forgets that at a store into a packet from which the place of the checksum has been pulled
 * off.
 */
static __always_inline long answer_replace(struct __sk_buff *skb, __u32 l3_off, struct room *room)
{
	return bpf_skb_change_tail(skb, l3_off + 2 * ANSWER_PULL, 0)
		       ?: packet_pull(skb, ANSWER_PULL)
		       ?: bpf_skb_store_bytes(skb, l3_off, room->bytes, 4, BPF_F_RECOMPUTE_CSUM)
		       ?: packet_push(skb, ANSWER_PULL)
		       ?: room_put(skb, l3_off, room);
}

/*
 * tc_answer() - turn a packet that cannot go on into an answer to its sender
 * @how:  how it lies in its buffer
 * @what: ANSWER_*
 *
 * Source, destination and MTU are track.from, track.to and track.mtu. ICMP embeds the packet as it
 * came. A packet with its VLAN tag in the data is not answered.
 *
 * Return: 0 with track.action set, or 1 when there is no answer and the packet is to be dropped.
 */
__noinline int tc_answer(struct __sk_buff *skb, __u32 how, __u32 what)
{
	const __u32 l3_off = how & TC_IS_L3 ? 0 : ETH_HLEN;
	struct room *room = room_get();
	struct track *t = track_get();

	if (!t || !room || TC_L3_OFF(how) != l3_off || !answer_is_due())
		return 1;
	t->l3_off = l3_off;
	if (how & TC_IS_V6 ? answer_make_v6(skb, what) : answer_make_v4(skb, what))
		return 1;
	if (answer_replace(skb, l3_off, room) || (l3_off && answer_turn(skb)))
		return 1;
	t->action = bpf_redirect(skb->ifindex, 0);
	return 0;
}

#endif
