/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a translated packet goes: the agent's next hop while it is fresh, else the kernel's answer.
 */
#ifndef XDPFWD_BPF_NEXTHOP_H
#define XDPFWD_BPF_NEXTHOP_H

#include "flow_track.h"

/**
 * struct hop - the way out
 * @ifindex: egress device
 * @mac:     destination and source address, as a frame starts
 * @has_mac: it is known
 * @fib:     the kernel's answer when it was asked; its destination is then the neighbour
 */
struct hop {
	__u32 ifindex;
	__u32 mac[3];
	bool has_mac;
	struct bpf_fib_lookup fib;
};

/* The last two bytes of a MAC address in the second word of a frame, as they lie in memory. */
#define MAC_SECOND_HALF bpf_htonl(0xffff0000)

/* mac_copy() - destination and source address of a frame */
static __always_inline void mac_copy(void *to, const void *from)
{
	const any32 *old = from;
	any32 *new = to;

	new[0] = old[0];
	new[1] = old[1];
	new[2] = old[2];
}

/*
 * hop_ask() - ask the kernel's routing table about the translated packet
 * @mtu_len: length to hold against the route's MTU, 0 for none
 *
 * The lookup is made as if the packet came from the loopback device: the helper wants forwarding
 * enabled on the device it is given, and there the switch has no effect on the host's own traffic
 * (on a public device it would make an IPv6 host ignore router advertisements).
 *
 * Return: BPF_FIB_LKUP_RET_*.
 */
static __always_inline int hop_ask(void *ctx, const struct edit *edit, __u32 mtu_len,
				   const int family, struct hop *hop)
{
	struct bpf_fib_lookup *fib = &hop->fib;

	__builtin_memset(fib, 0, sizeof(*fib));
	fib->family = family;
	fib->ifindex = LOOPBACK_IFINDEX;
	fib->tot_len = mtu_len;
	if (family == AF_INET) {
		fib->ipv4_src = edit->src.w[3];
		fib->ipv4_dst = edit->dst.w[3];
	} else {
		__builtin_memcpy(fib->ipv6_src, &edit->src, sizeof(edit->src));
		__builtin_memcpy(fib->ipv6_dst, &edit->dst, sizeof(edit->dst));
	}
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
}

/* hop_is_refused() - the kernel would not send this packet at all */
static __always_inline bool hop_is_refused(int answer)
{
	return answer == BPF_FIB_LKUP_RET_BLACKHOLE || answer == BPF_FIB_LKUP_RET_UNREACHABLE ||
	       answer == BPF_FIB_LKUP_RET_PROHIBIT;
}

/* device_takes_frames() - @device is @ifindex and an Ethernet device */
static __always_inline bool device_takes_frames(const struct device *device, __u32 ifindex)
{
	return device->ifindex == ifindex && !device->is_l3;
}

/* hop_devices() - the two devices a reply may leave by */
static __always_inline void hop_devices(struct ruleset *rs, const struct match *match,
					struct device **near, struct device **far)
{
	struct rule *rule = rule_get(rs, match->in ? match->in : match->out);

	*near = device_get(rs, rule->backend_dev);
	*far = device_get(rs, rule->public_dev);
}

/*
 * hop_gateway() - may the default route be taken for a reply to @dst?
 *
 * Return: index of its next hop, or -1 when the kernel has to be asked.
 */
static __always_inline int hop_gateway(struct ruleset *rs, const struct ip_addr *dst,
				       const int family)
{
	const enum ip_family index = family == AF_INET ? FAMILY_V4 : FAMILY_V6;
	struct gateway *gateway = &rs->gateways[index];
	__u64 key = near_key(dst, index);

	if (gateway->nears > NEARS_MAX)
		return -1;
	for (__u32 i = 0; i < NEARS_MAX; i++) {
		if (i >= gateway->nears)
			break;
		if (!((key ^ gateway->near[i].addr) & gateway->near[i].mask))
			return -1;
	}
	return index;
}

/* hop_cached() - take the agent's next hop; false when it is stale. @too_big: out */
static __always_inline bool hop_cached(struct ruleset *rs, __u32 index, const struct packet *pkt,
				       struct hop *hop, bool *too_big)
{
	struct nexthop *nexthop = &rs->nexthops[index & (NEXTHOPS_MAX - 1)];

	if (nexthop->valid_until_ns <= clock_now_ns())
		return false;
	*too_big = pkt->l3_len > nexthop->mtu;
	hop->ifindex = nexthop->ifindex;
	mac_copy(hop->mac, nexthop->mac);
	return true;
}

/* hop_asked() - the kernel's answer as a next hop for XDP; 0, or the reason not to use it */
static __always_inline enum reason hop_asked(int answer, const struct device *near,
					     const struct device *far, bool far_too,
					     struct hop *hop)
{
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return REASON_TOO_BIG;
	if (hop_is_refused(answer))
		return REASON_NO_ROUTE;
	if (answer == BPF_FIB_LKUP_RET_NOT_FWDED)
		return REASON_NOT_OURS;
	hop->ifindex = hop->fib.ifindex;
	/* Before 5.13 the device is not told when the neighbour is missing. */
	if (answer == BPF_FIB_LKUP_RET_NO_NEIGH && hop->ifindex != LOOPBACK_IFINDEX)
		answer = BPF_FIB_LKUP_RET_SUCCESS;
	if (answer == BPF_FIB_LKUP_RET_NO_NEIGH)
		return REASON_NO_NEIGHBOUR;
	if (answer != BPF_FIB_LKUP_RET_SUCCESS ||
	    !(device_takes_frames(near, hop->ifindex) ||
	      (far_too && device_takes_frames(far, hop->ifindex))))
		return REASON_LEFT_TO_TC;
	__builtin_memcpy(hop->mac, hop->fib.dmac, 6);
	__builtin_memcpy((void *)hop->mac + 6, hop->fib.smac, 6);
	/* Missing, or before 6.3 still being resolved. */
	if (!(hop->mac[0] | (hop->mac[1] & MAC_SECOND_HALF)))
		return REASON_NO_NEIGHBOUR;
	return 0;
}

/* xdp_can_send() - 0, or the reason why XDP cannot send a packet for these rules; before any change
 */
static __always_inline enum reason xdp_can_send(struct ruleset *rs, const struct match *match)
{
	struct device *near, *far;

	hop_devices(rs, match, &near, &far);
	return match->in && near->is_l3 ? REASON_LEFT_TO_TC : 0;
}

/*
 * hop_find_xdp() - next hop with both link-layer addresses, all that XDP can use
 *
 * Return: 0, or the reason to leave the packet to the TC program.
 */
static __always_inline enum reason hop_find_xdp(void *ctx, struct ruleset *rs,
						const struct packet *pkt, const struct match *match,
						const struct edit *edit, const int family,
						struct hop *hop)
{
	struct device *near, *far;
	bool too_big;
	int cached;

	hop_devices(rs, match, &near, &far);
	cached = match->in ? rule_get(rs, match->in)->nexthop : hop_gateway(rs, &edit->dst, family);
	if (cached >= 0 && hop_cached(rs, cached, pkt, hop, &too_big))
		return too_big ? REASON_TOO_BIG : 0;
	return hop_asked(hop_ask(ctx, edit, pkt->l3_len, family, hop), near, far, !match->in, hop);
}

/*
 * hop_find_tc() - egress device, and the agent's next hop while it is fresh; else the kernel
 * resolves the neighbour later, and queues meanwhile
 * @egress: out: the device of the rule set that it is
 *
 * Return: 0, or the reason to stop. hop->fib.family is 0 when the kernel has still to choose the
 * route.
 */
static __always_inline enum reason hop_find_tc(void *ctx, struct ruleset *rs,
					       const struct packet *pkt, const struct match *match,
					       const struct edit *edit, const int family,
					       struct hop *hop, struct device **egress)
{
	struct device *near, *far;
	int answer, cached;
	bool too_big;

	hop_devices(rs, match, &near, &far);
	hop->fib.family = 0;
	*egress = match->in ? near : far;
	cached = match->in ? rule_get(rs, match->in)->nexthop : hop_gateway(rs, &edit->dst, family);
	hop->has_mac = cached >= 0 && hop_cached(rs, cached, pkt, hop, &too_big);
	if (hop->has_mac)
		return 0;
	*egress = near;
	if (match->in)
		return 0;
	answer = hop_ask(ctx, edit, 0, family, hop);
	if (hop_is_refused(answer))
		return REASON_NO_ROUTE;
	/* For this host itself: an answer to a connection of its own to the backend. */
	if (answer == BPF_FIB_LKUP_RET_NOT_FWDED)
		return REASON_NOT_OURS;
	if (hop->fib.ifindex == near->ifindex)
		return 0;
	*egress = far;
	/* Replies leave by the public device whatever the table says: the address is that device's.
	 */
	if (hop->fib.ifindex != far->ifindex ||
	    (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH))
		hop->fib.family = 0;
	return 0;
}

#endif
