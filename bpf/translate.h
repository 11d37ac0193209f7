/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of a packet, as a pure decision: struct edit. Writes nothing. */
#ifndef XDPFWD_BPF_TRANSLATE_H
#define XDPFWD_BPF_TRANSLATE_H

#include "flow.h"
#include <xdpfwd/csum.h>

/**
 * struct edit - how a packet is to look
 * @src, @dst, @sport, @dport: the new tuple, all of which is written; @ports: both
 * @addr_delta: change of the addresses, for the IPv4 and the TCP or UDP checksum
 * @port_delta: change of the ports, for the TCP or UDP checksum
 */
struct edit {
	struct ip_addr src, dst;
	union {
		struct {
			__be16 sport, dport;
		};
		__u32 ports;
	};
	__u32 addr_delta, port_delta;
};

/* ports_pair() - source and destination port as one word of a packet */
static __always_inline __u32 ports_pair(__be16 sport, __be16 dport)
{
	return bpf_ntohl((__u32)bpf_ntohs(sport) << 16 | bpf_ntohs(dport));
}

/* What a TTL one lower adds to the sum: its byte is the first of its 16-bit word. */
#define TTL_DELTA (~(__u32)bpf_htons(0x0100))

/* has_options() - an IPv4 header is longer than the least */
static __always_inline bool has_options(const struct packet *pkt, const int family)
{
	return family == AF_INET && pkt->l4_off != pkt->l3_off + sizeof(struct iphdr);
}

/*
 * sum_header_xdp() - sum of an IPv4 header of @len bytes with options
 *
 * Global, so that the verifier does not follow what comes after it from each possible end.
 */
__noinline int sum_header_xdp(struct xdp_md *ctx, __u32 l3_off, __u32 len)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	any32 *words = data + bound(l3_off, L3_OFFSET_MASK);
	__u32 sum = 0;

	for (__u32 i = 0; i < 15 && i * 4 < len; i++) {
		if ((void *)(words + i + 1) > data_end)
			return 0;
		sum = csum_add(sum, words[i]);
	}
	return csum_fold(sum);
}

/* check_sum() - 0, or REASON_BAD_CHECKSUM; an IPv4 header with options is looked at elsewhere */
static __always_inline enum reason check_sum(void *data, void *data_end, const struct packet *pkt,
					     const int family)
{
	any32 *words = data + bound(pkt->l3_off, L3_OFFSET_MASK);
	__u64 sum;

	if (family != AF_INET || (void *)(words + 5) > data_end ||
	    pkt->l4_off != pkt->l3_off + sizeof(struct iphdr))
		return 0;
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	return csum_fold(sum) == 0xffff ? 0 : REASON_BAD_CHECKSUM;
}

/* check_l4() - the reason why a packet that is for a forward must not go on, or 0 */
static __always_inline enum reason check_l4(void *data, void *data_end, struct packet *pkt,
					    const int family)
{
	void *l4 = data + bound(pkt->l4_off, L4_OFFSET_MASK);
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;

	if (pkt->ttl <= 1)
		return aside(REASON_TTL_EXPIRED);
	if (pkt->proto == PROTO_TCP) {
		if (l4 + sizeof(*tcp) > data_end || tcp->doff < sizeof(*tcp) / 4 ||
		    tcp->doff * 4U > pkt->l4_len)
			return aside(REASON_BAD_LENGTH);
		pkt->payload_len = pkt->l4_len - tcp->doff * 4U;
		pkt->tcp = ((__u8 *)tcp)[13];
		return 0;
	}
	if (l4 + sizeof(*udp) > data_end)
		return aside(REASON_BAD_LENGTH);
	if (bpf_ntohs(udp->len) < sizeof(*udp) ||
	    (bpf_ntohs(udp->len) > pkt->l4_len && !pkt->is_fragment))
		return aside(REASON_BAD_LENGTH);
	if (family == AF_INET6 && !udp->check)
		return aside(REASON_NO_CHECKSUM);
	pkt->payload_len = pkt->l4_len - sizeof(*udp);
	return 0;
}

/* check_packet() - check_l4() and check_sum(); nobody answers to a damaged header */
static __always_inline enum reason check_packet(void *data, void *data_end, struct packet *pkt,
						const int family)
{
	enum reason reason = check_l4(data, data_end, pkt, family);

	if (reason && reason != REASON_TTL_EXPIRED)
		return reason;
	return check_sum(data, data_end, pkt, family) ?: reason;
}

/*
 * translate_rules() - apply the matched rules to the tuple
 *
 * Ports stay in one word from the packet to the packet: half a word that is written and read back
 * as a part of a whole one stalls the processor for longer than all of this takes.
 */
static __always_inline void translate_rules(struct ruleset *rs, const struct packet *pkt,
					    const struct match *match, struct edit *edit)
{
	__be16 sport = pkt->sport, dport = pkt->dport;
	__u32 addr_delta = 0;

	edit->src = pkt->src;
	edit->dst = pkt->dst;
	if (match->in) {
		struct rule *rule = rule_get(rs, match->in);

		edit->dst = rule->backend_addr;
		dport = bpf_htons(bpf_ntohs(dport) + rule->shift);
		addr_delta = rule->csum_delta;
	}
	if (match->out) {
		struct rule *rule = rule_get(rs, match->out);

		edit->src = rule->public_addr;
		sport = bpf_htons(bpf_ntohs(sport) - rule->shift);
		addr_delta = csum_add(addr_delta, ~rule->csum_delta);
	}
	edit->ports = ports_pair(sport, dport);
	edit->addr_delta = addr_delta;
	edit->port_delta = csum_delta(pkt->ports, edit->ports);
}

/* count_match() - account a forwarded packet to its forwards */
static __always_inline void count_match(struct ruleset *rs, const struct match *match,
					__u32 packets, __u32 bytes)
{
	if (match->slot)
		count_flow(match->slot, match->in ? DIR_IN : DIR_OUT, packets, bytes);
	if (match->in)
		count_forward(rule_get(rs, match->in)->counter, DIR_IN, packets, bytes);
	if (match->out)
		count_forward(rule_get(rs, match->out)->counter, DIR_OUT, packets, bytes);
}

#endif
