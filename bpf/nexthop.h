/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a translated packet goes: the agent's next hop while it is fresh, else the kernel's answer.
 */
#ifndef XDPFWD_BPF_NEXTHOP_H
#define XDPFWD_BPF_NEXTHOP_H

#include "mss.h"

/**
 * struct hop - the way out
 * @ifindex: egress device
 * @mac:     destination and source address, as a frame starts
 * @has_mac: it is known
 * @family:  of the neighbour that the kernel has named in track.fib; 0 when it has still to choose
 */
struct hop {
	__u32 ifindex;
	__u32 mac[3];
	bool has_mac;
	__u8 family;
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

/* hop_fib() - ask about the addresses in track.edit; the answer is in track.fib */
static __always_inline int hop_fib(void *ctx, __u32 mtu_len, __u32 family)
{
	struct track *t = track_get();

	if (!t)
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	__builtin_memset(&t->fib, 0, sizeof(t->fib));
	t->fib.family = family;
	t->fib.ifindex = LOOPBACK_IFINDEX;
	t->fib.tot_len = mtu_len;
	if (family == AF_INET) {
		t->fib.ipv4_src = t->edit.src.w[3];
		t->fib.ipv4_dst = t->edit.dst.w[3];
	} else {
		__builtin_memcpy(t->fib.ipv6_src, &t->edit.src, sizeof(t->edit.src));
		__builtin_memcpy(t->fib.ipv6_dst, &t->edit.dst, sizeof(t->edit.dst));
	}
	return bpf_fib_lookup(ctx, &t->fib, sizeof(t->fib), 0);
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
				       __u64 now_ns, struct hop *hop, bool *too_big)
{
	struct nexthop *nexthop = &rs->nexthops[index & (NEXTHOPS_MAX - 1)];

	if (nexthop->valid_until_ns <= now_ns)
		return false;
	*too_big = pkt->l3_len > nexthop->mtu;
	hop->ifindex = nexthop->ifindex;
	mac_copy(hop->mac, nexthop->mac);
	return true;
}

/*
 * hop_ask_xdp() - the kernel's answer as a next hop for XDP
 * @near, @far: ifindices of the Ethernet devices it may leave by, or 0
 *
 * Global, as hop_ask_tc(), so that the verifier sees it once. Addresses are those of track.edit.
 *
 * Return: 0 with track.fib filled in, or the reason not to use it.
 */
__noinline int hop_ask_xdp(struct xdp_md *ctx, __u32 mtu_len, __u32 family, __u32 near, __u32 far)
{
	int answer = hop_fib(ctx, mtu_len, family);
	struct track *t = track_get();
	__u32 ifindex;

	if (!t || answer == BPF_FIB_LKUP_RET_NOT_FWDED)
		return REASON_NOT_OURS;
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return REASON_TOO_BIG;
	if (hop_is_refused(answer))
		return REASON_NO_ROUTE;
	ifindex = t->fib.ifindex;
	/* Before 5.13 the device is not told when the neighbour is missing. */
	if (answer == BPF_FIB_LKUP_RET_NO_NEIGH && ifindex != LOOPBACK_IFINDEX)
		answer = BPF_FIB_LKUP_RET_SUCCESS;
	if (answer == BPF_FIB_LKUP_RET_NO_NEIGH)
		return REASON_NO_NEIGHBOUR;
	if (answer != BPF_FIB_LKUP_RET_SUCCESS || (ifindex != near && ifindex != far))
		return REASON_LEFT_TO_TC;
	/* Missing, or before 6.3 still being resolved. */
	return *(any32 *)t->fib.dmac | *(any16 *)(t->fib.dmac + 4) ? 0 : REASON_NO_NEIGHBOUR;
}

/*
 * hop_ask_tc() - the kernel's answer to where a reply goes
 * @near, @far: ifindices of the devices it may leave by
 *
 * Return: 0 with track.fib filled in, or the reason to stop. Its ifindex is that of the device to
 * leave by, its family 0 when the kernel has still to choose the neighbour.
 */
__noinline int hop_ask_tc(struct __sk_buff *skb, __u32 family, __u32 near, __u32 far)
{
	int answer = hop_fib(skb, 0, family);
	struct track *t = track_get();

	/* NOT_FWDED: for this host itself, an answer to a connection of its own to the backend. */
	if (!t || answer == BPF_FIB_LKUP_RET_NOT_FWDED)
		return REASON_NOT_OURS;
	if (hop_is_refused(answer))
		return REASON_NO_ROUTE;
	if (t->fib.ifindex == near)
		return 0;
	/* Replies leave by the public device whatever the table says: the address is that device's.
	 */
	if (t->fib.ifindex != far ||
	    (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH))
		t->fib.family = 0;
	t->fib.ifindex = far;
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

/* frames_ifindex() - the index of a device that takes Ethernet frames, or 0 */
static __always_inline __u32 frames_ifindex(const struct device *device)
{
	return device->is_l3 ? 0 : device->ifindex;
}

/*
 * hop_find_xdp() - next hop with both link-layer addresses, all that XDP can use
 *
 * Return: 0, or the reason to leave the packet to the TC program.
 */
static __always_inline enum reason hop_find_xdp(struct xdp_md *ctx, struct ruleset *rs,
						const struct packet *pkt, const struct match *match,
						const struct edit *edit, __u64 now_ns,
						const int family, struct hop *hop)
{
	struct track *t = track_get();
	struct device *near, *far;
	enum reason reason;
	bool too_big;
	int cached;

	hop_devices(rs, match, &near, &far);
	cached = match->in ? rule_get(rs, match->in)->nexthop : hop_gateway(rs, &edit->dst, family);
	if (cached >= 0 && hop_cached(rs, cached, pkt, now_ns, hop, &too_big))
		return too_big ? REASON_TOO_BIG : 0;
	if (!t)
		return REASON_NO_RULESET;
	t->edit.src = edit->src;
	t->edit.dst = edit->dst;
	reason = reason_of(hop_ask_xdp(ctx, pkt->l3_len, family, frames_ifindex(near),
				       match->in ? 0 : frames_ifindex(far)));
	hop->ifindex = t->fib.ifindex;
	__builtin_memcpy(hop->mac, t->fib.dmac, 6);
	__builtin_memcpy((void *)hop->mac + 6, t->fib.smac, 6);
	return reason;
}

/*
 * hop_find_tc() - egress device, and the agent's next hop while it is fresh; else the kernel
 * resolves the neighbour later, and queues meanwhile
 * @t:      its edit holds the addresses
 * @egress: out: the device of the rule set that it is
 *
 * Return: 0, or the reason to stop.
 */
static __always_inline enum reason hop_find_tc(struct __sk_buff *skb, struct ruleset *rs,
					       const struct packet *pkt, const struct match *match,
					       struct track *t, __u64 now_ns, const int family,
					       struct hop *hop, struct device **egress)
{
	struct device *near, *far;
	enum reason reason;
	bool too_big;
	int cached;

	hop_devices(rs, match, &near, &far);
	hop->family = 0;
	*egress = match->in ? near : far;
	cached = match->in ? rule_get(rs, match->in)->nexthop
			   : hop_gateway(rs, &t->edit.dst, family);
	hop->has_mac = cached >= 0 && hop_cached(rs, cached, pkt, now_ns, hop, &too_big);
	if (hop->has_mac || match->in)
		return 0;
	reason = reason_of(hop_ask_tc(skb, family, near->ifindex, far->ifindex));
	hop->family = t->fib.family;
	if (t->fib.ifindex == near->ifindex)
		*egress = near;
	return reason;
}

#endif
