/* SPDX-License-Identifier: GPL-2.0-only */
/* One masqueraded conversation: whose it is, what a packet does to it. */
#ifndef XDPFWD_BPF_FLOW_H
#define XDPFWD_BPF_FLOW_H

#include "lookup.h"
#include <xdpfwd/flow.h>

/* flow_now() - the time in ticks */
static __always_inline __u32 flow_now(void)
{
	return clock_now_ns() >> FLOW_TICK_SHIFT;
}

/*
 * key_tail() - ports, rule and state in one word, as they lie in a flow; with state 0 the end of a
 * key, in one store that the hash can load again at once
 */
static __always_inline __u64 key_tail(__u32 ports, __u16 rule, enum flow_state state)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)state << 48 | (__u64)rule << 32 | ports;
#else
	return (__u64)ports << 32 | (__u32)rule << 16 | state << 8;
#endif
}

/* flow_word() - the same of a flow */
static __always_inline __u64 flow_word(const struct flow *flow)
{
	return *(const any64 *)&flow->client_port;
}

/* port_is_usable() - the loader lets masquerade have it */
static __always_inline bool port_is_usable(struct ruleset *rs, __u8 proto, __u16 port)
{
	return rs->limits.ports[proto & 1][port / 64] >> (port % 64) & 1;
}

/* port_like() - the @nth port of the configured range, odd or even as @like (RFC 4787, REQ-4) */
static __always_inline __u16 port_like(struct ruleset *rs, __u16 like, __u32 nth)
{
	return ((rs->limits.port_first + nth) & ~1U) | (like & 1);
}

/*
 * slot_preferred() - where a client's flow is, unless that was taken when it began
 *
 * At the same address for all flows of a client (RFC 4787, REQ-2), and there at its own port, or,
 * when this host keeps that for itself, at one that nobody else can foretell (RFC 6056, 3.3.3).
 */
static __always_inline __u32 slot_preferred(struct ruleset *rs, const struct rule *rule,
					    const struct ip_addr *client, __u32 ports, __u8 proto)
{
	__u64 mixed = (client->d[0] ^ client->d[1] ^ rs->seed) * 0x9e3779b97f4a7c15ULL;
	__u32 nth = (mixed >> 32) * rule->shares >> 32;
	__u32 span = rs->limits.port_last - rs->limits.port_first + 1;
	__u16 port = bpf_ntohl(ports) >> 16;

	if (!port_is_usable(rs, proto, port)) {
		mixed = (mixed ^ ports) * 0xd6e8feb86659fd93ULL;
		port = port_like(rs, port, (mixed >> 32) * span >> 32);
	}
	return flow_slot(rs->shares[(rule->share + nth) & (SHARES_MAX - 1)], port);
}

/* flow_is_of() - does the flow belong to this client, port and rule? */
static __always_inline bool flow_is_of(const struct flow *flow, const struct flow_key *key)
{
	return !(ip_addr_diff(&flow->client, &key->client) |
		 (flow->client_port ^ key->client_port) | (flow->public_port ^ key->public_port) |
		 (flow->rule ^ key->rule));
}

/* flow_is_live() - does the record, at this moment, stand for this conversation? */
static __always_inline bool flow_is_live(const struct flow *flow, const struct flow_key *key)
{
	return *(const volatile __u8 *)&flow->state == FLOW_LIVE && flow_is_of(flow, key);
}

/* flow_tcp_flags() - what a TCP packet's flags make of those of its direction */
static __always_inline __u8 flow_tcp_flags(__u8 seen, __u8 tcp)
{
	seen |= (tcp & TCP_SYN ? FLOW_SYN : 0) | (tcp & TCP_FIN ? FLOW_FIN : 0);
	/* Whoever goes on talking has not sent that RST. */
	return tcp & TCP_RST ? seen | FLOW_RST : seen & ~FLOW_RST;
}

/* count_flow() - account a forwarded packet to its flow */
static __always_inline void count_flow(__u32 slot, enum direction dir, __u32 packets, __u32 bytes)
{
	struct flow *flow = flow_at(slot);

	if (!flow)
		return;
	flow_half_add(&flow->half[dir], packets, bytes);
}

#endif
