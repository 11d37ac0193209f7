/* SPDX-License-Identifier: GPL-2.0-only */
/* One masqueraded conversation: where it is kept, what a packet does to it, when it is over. */
#ifndef XDPFWD_BPF_FLOW_H
#define XDPFWD_BPF_FLOW_H

#include "lookup.h"

/* flow_now() - the time in ticks */
static __always_inline __u32 flow_now(void)
{
	return clock_now_ns() >> FLOW_TICK_SHIFT;
}

/* key_tail() - the end of a key in one store, which the hash can load again at once */
static __always_inline __u64 key_tail(__u32 ports, __u16 rule)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)rule << 32 | ports;
#else
	return (__u64)ports << 32 | (__u32)rule << 16;
#endif
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

/* flow_idle() - ticks since its last packet in either direction */
static __always_inline __u32 flow_idle(const struct flow *flow, __u32 now)
{
	__s32 in = now - flow->half[DIR_IN].seen_at, out = now - flow->half[DIR_OUT].seen_at;
	__s32 idle = in < out ? in : out;

	return idle < 0 ? 0 : idle; /* the other CPU's clock may be a tick ahead */
}

/* flow_is_closed() - TCP: both sides have sent a FIN */
static __always_inline bool flow_is_closed(const struct flow *flow)
{
	return flow->flags[DIR_IN] & flow->flags[DIR_OUT] & FLOW_FIN;
}

/* flow_is_reset() - TCP: one side has sent a RST and nothing since */
static __always_inline bool flow_is_reset(const struct flow *flow)
{
	return (flow->flags[DIR_IN] | flow->flags[DIR_OUT]) & FLOW_RST;
}

/*
 * flow_timeout() - idle ticks after which the flow is over
 *
 * TCP follows RFC 7857, 2: a RST or both FINs shorten the time, and end nothing by themselves.
 */
static __always_inline __u32 flow_timeout(const struct flow *flow, const struct rule *rule,
					  __u8 proto)
{
	if (proto == PROTO_UDP)
		return rule->timeout[TIMEOUT_UDP];
	/* One that was opened again waits for the backend first. */
	if (!(flow->flags[DIR_IN] & FLOW_CONFIRMED) || !(flow->flags[DIR_OUT] & FLOW_SEEN) ||
	    flow_is_closed(flow) || flow_is_reset(flow))
		return rule->timeout[TIMEOUT_TCP_TRANSITORY];
	return rule->timeout[TIMEOUT_TCP_ESTABLISHED];
}

/* flow_is_over() - idle for too long: nobody may use it any more */
static __always_inline bool flow_is_over(const struct flow *flow, const struct rule *rule,
					 __u8 proto, __u32 now)
{
	return flow_idle(flow, now) > flow_timeout(flow, rule, proto);
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
