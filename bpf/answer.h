/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors of our own, in place of the packet that they are about (RFC 792, RFC 4443). */
#ifndef XDPFWD_BPF_ANSWER_H
#define XDPFWD_BPF_ANSWER_H

#include "emit_tc.h"

/* What is said: type and code of ICMP in the low half, of ICMPv6 in the high half. */
#define ANSWER_TTL_EXPIRED (0x0b00 | 0x0300 << 16) /* time exceeded in transit */
#define ANSWER_TOO_BIG	   (0x0304 | 0x0200 << 16) /* fragmentation needed; packet too big */
#define ANSWER_REFUSED	   (0x030d | 0x0101 << 16) /* administratively prohibited (RFC 5508, 8) */

/* At most this many in one tick of 0.134 s: an answer never makes a flood worse. */
#define ANSWERS_MAX 64

/* The most of a packet that an error about it carries: 576 and 1,280 bytes together. */
#define EMBED_MAX_V4 (576 - sizeof(struct iphdr) - sizeof(struct icmphdr))
#define EMBED_MAX_V6 (1280 - sizeof(struct ipv6hdr) - sizeof(struct icmp6hdr))

struct answer_v4 {
	struct iphdr ip;
	struct icmphdr icmp;
};

struct answer_v6 {
	struct ipv6hdr ip;
	__u8 type, code;
	__sum16 check;
	__be32 mtu;
};

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

/* answer_sum() - partial sum of @len bytes of the packet from @off */
static __always_inline __u32 answer_sum(struct __sk_buff *skb, struct track *t, __u32 off,
					__u32 len)
{
	__s64 sum = 0;

	for (__u32 i = 0; i < 1280 / sizeof(t->bytes); i++) {
		__u32 at = i * sizeof(t->bytes), piece;

		if (at >= len)
			break;
		piece = len - at < sizeof(t->bytes) ? len - at : sizeof(t->bytes);
		piece = bound(piece - 1, sizeof(t->bytes) - 1) + 1;
		__builtin_memset(t->bytes, 0, sizeof(t->bytes));
		if (bpf_skb_load_bytes(skb, off + at, t->bytes, piece))
			break;
		sum = bpf_csum_diff(NULL, 0, (__be32 *)t->bytes, sizeof(t->bytes), sum);
	}
	return sum;
}

/* answer_store_v4() - headers in front of what is embedded; 0 or a negative error */
static __noinline long answer_store_v4(struct __sk_buff *skb, const struct track *t, __u32 what,
				       __u32 embed, __u32 sum)
{
	struct answer_v4 head = {
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP },
		.icmp = { .type = what >> 8, .code = what },
	};

	head.ip.tot_len = bpf_htons(sizeof(head) + embed);
	head.ip.saddr = t->from.w[3];
	head.ip.daddr = t->to.w[3];
	head.ip.check = ~csum_fold(bpf_csum_diff(NULL, 0, (__be32 *)&head.ip, sizeof(head.ip), 0));
	head.icmp.un.frag.mtu = bpf_htons(t->mtu);
	head.icmp.checksum =
		~csum_fold(bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), sum));
	return bpf_skb_store_bytes(skb, t->l3_off, &head, sizeof(head), 0);
}

/* answer_store_v6() - the same for IPv6 */
static __noinline long answer_store_v6(struct __sk_buff *skb, const struct track *t, __u32 what,
				       __u32 embed, __u32 sum)
{
	const __u32 len = sizeof(struct answer_v6) - sizeof(struct ipv6hdr) + embed;
	struct answer_v6 head = {
		.ip = { .version = 6, .hop_limit = 64, .nexthdr = IPPROTO_ICMPV6 },
		.type = what >> 8,
		.code = what,
		.mtu = bpf_htonl(t->mtu),
	};

	head.ip.payload_len = bpf_htons(len);
	__builtin_memcpy(&head.ip.saddr, &t->from, sizeof(t->from));
	__builtin_memcpy(&head.ip.daddr, &t->to, sizeof(t->to));
	/* The pseudo-header (RFC 8200, 8.1): addresses, length, protocol; then the header. */
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.ip.saddr, 2 * sizeof(t->from), sum);
	sum = csum_add(sum, bpf_htonl(len));
	sum = csum_add(sum, bpf_htonl(IPPROTO_ICMPV6));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.type, 8, sum);
	head.check = ~csum_fold(sum);
	return bpf_skb_store_bytes(skb, t->l3_off, &head, sizeof(head), 0);
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
 * tc_answer() - turn a packet that cannot go on into an ICMP error to its sender
 * @how:  how it lies in its buffer
 * @what: ANSWER_*
 *
 * Source, destination and MTU are track.from, track.to and track.mtu. The packet is embedded as it
 * came. A packet with its VLAN tag in the data is not answered.
 *
 * Return: 0 with track.action set, or 1 when there is no answer and the packet is to be dropped.
 */
__noinline int tc_answer(struct __sk_buff *skb, __u32 how, __u32 what)
{
	const __u32 l3_off = how & TC_IS_L3 ? 0 : ETH_HLEN;
	bool is_v6 = how & TC_IS_V6;
	__u32 max = is_v6 ? EMBED_MAX_V6 : EMBED_MAX_V4, embed, sum;
	struct track *t = track_get();

	if (!t || TC_L3_OFF(how) != l3_off || !answer_is_due())
		return 1;
	embed = t->l3_len < max ? t->l3_len : max;
	/* Also when it is as long: it must not be a super-packet any more. */
	if (bpf_skb_change_tail(skb, l3_off + embed, 0))
		return 1;
	t->l3_off = l3_off;
	sum = answer_sum(skb, t, l3_off, embed);
	if (bpf_skb_adjust_room(skb, is_v6 ? sizeof(struct answer_v6) : sizeof(struct answer_v4),
				BPF_ADJ_ROOM_MAC, 0))
		return 1;
	if (is_v6 ? answer_store_v6(skb, t, what >> 16, embed, sum)
		  : answer_store_v4(skb, t, what, embed, sum))
		return 1;
	if (l3_off && answer_turn(skb))
		return 1;
	t->action = bpf_redirect(skb->ifindex, 0);
	return 0;
}

#endif
