/* SPDX-License-Identifier: GPL-2.0-only */
/* When a flow is over: one definition, for the packets' side and for who looks at the table. */
#ifndef XDPFWD_FLOW_H
#define XDPFWD_FLOW_H

#include <xdpfwd/abi.h>

#define FLOW_INLINE static inline __attribute__((always_inline))

/* flow_idle() - ticks since its last packet in either direction */
FLOW_INLINE __u32 flow_idle(const struct flow *flow, __u32 now)
{
	__s32 in = now - flow->half[DIR_IN].seen_at, out = now - flow->half[DIR_OUT].seen_at;
	__s32 idle = in < out ? in : out;

	return idle < 0 ? 0 : idle; /* the other CPU's clock may be a tick ahead */
}

/* flow_is_confirmed() - the client has answered the backend's first reply */
FLOW_INLINE _Bool flow_is_confirmed(const struct flow *flow)
{
	return flow->flags[DIR_IN] & FLOW_CONFIRMED;
}

/* flow_is_closed() - TCP: both sides have sent a FIN */
FLOW_INLINE _Bool flow_is_closed(const struct flow *flow)
{
	return flow->flags[DIR_IN] & flow->flags[DIR_OUT] & FLOW_FIN;
}

/* flow_is_reset() - TCP: one side has sent a RST and nothing since */
FLOW_INLINE _Bool flow_is_reset(const struct flow *flow)
{
	return (flow->flags[DIR_IN] | flow->flags[DIR_OUT]) & FLOW_RST;
}

/*
 * flow_timeout_of() - which of its rule's times the flow has
 *
 * TCP follows RFC 7857, 2: a RST or both FINs shorten the time, and end nothing by themselves.
 */
FLOW_INLINE enum flow_timeout flow_timeout_of(const struct flow *flow, __u8 proto)
{
	if (proto == PROTO_UDP)
		return TIMEOUT_UDP;
	/* One that was opened again waits for the backend first. */
	if (!flow_is_confirmed(flow) || !(flow->flags[DIR_OUT] & FLOW_SEEN) ||
	    flow_is_closed(flow) || flow_is_reset(flow))
		return TIMEOUT_TCP_TRANSITORY;
	return TIMEOUT_TCP_ESTABLISHED;
}

/* flow_timeout() - idle ticks after which the flow is over */
FLOW_INLINE __u32 flow_timeout(const struct flow *flow, const struct rule *rule, __u8 proto)
{
	return rule->timeout[flow_timeout_of(flow, proto)];
}

/* flow_is_over() - idle for too long: nobody may use it any more. @now in ticks */
FLOW_INLINE _Bool flow_is_over(const struct flow *flow, const struct rule *rule, __u8 proto,
			       __u32 now)
{
	return flow_idle(flow, now) > flow_timeout(flow, rule, proto);
}

#endif
