/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rule a packet belongs to, in constant time whatever the number of ports. */
#ifndef XDPFWD_BPF_LOOKUP_H
#define XDPFWD_BPF_LOOKUP_H

#include "parse.h"

/**
 * struct match - the rules a packet belongs to
 * @in:  its destination is the public side of this forward, or NULL
 * @out: its source is the backend side of this forward, or NULL
 *
 * Both at once when a backend talks to its own public address (RFC 4787, REQ-9).
 */
struct match {
	struct rule *in, *out;
};

/* lookup_rule() - the rule of one end of a packet, or NULL */
static __always_inline struct rule *lookup_rule(struct ruleset *rs, const struct ip_addr *addr,
						enum direction dir, __u8 proto, __be16 port_be)
{
	__u32 slot = rs->slots[address_slot(addr, rs->seed) & (SLOTS_MAX - 1)];
	struct address *entry = &rs->addresses[slot & (ADDRESSES_MAX - 1)];
	__u16 port = bpf_ntohs(port_be);
	__u32 table, page, rule;

	if (!ip_addr_equal(&entry->addr, addr))
		return NULL;
	table = entry->table[dir][proto & 1];
	page = rs->tables[table & (TABLES_MAX - 1)][port / PAGE_PORTS];
	rule = rs->pages[page & (PAGES_MAX - 1)][port % PAGE_PORTS];
	return rule ? &rs->rules[rule & (RULES_MAX - 1)] : NULL;
}

/* device_get() - a device of the rule set by index */
static __always_inline struct device *device_get(struct ruleset *rs, __u8 index)
{
	return &rs->devices[index & (DEVICES_MAX - 1)];
}

/*
 * addr_is_forwardable() - a unicast address that may cross a router
 *
 * RFC 1812, 5.3.7 and RFC 3927, 7 for IPv4; RFC 4291, 2.5 for IPv6. One expression, no branches.
 */
static __always_inline bool addr_is_forwardable(const struct ip_addr *addr, const int family)
{
	__u32 high = bpf_ntohl(addr->w[family == AF_INET ? 3 : 0]);

	if (family == AF_INET)
		return !((high >> 24 == 0) | (high >> 24 == 127) | (high >> 16 == 0xa9fe) |
			 (high >> 29 == 7));
	/* Nothing of ::/32 is unicast that is routed: unspecified, loopback, mapped. */
	return !((high == 0) | (high >> 22 == 0xfe80 >> 6) | (high >> 24 == 0xff));
}

/*
 * lookup_match() - what a packet that came in on @ifindex is for
 * @ingress: out: the device it came in on
 *
 * A rule only holds on its own two devices: a packet from elsewhere that claims a backend's address
 * is spoofed, or routed past us on purpose.
 *
 * Return: 0, or REASON_NOT_OURS.
 */
static __always_inline enum reason lookup_match(struct ruleset *rs, const struct packet *pkt,
						__u32 ifindex, const int family,
						struct match *match, struct device **ingress)
{
	struct device *public_dev, *backend_dev;

	match->out = NULL;
	match->in = lookup_rule(rs, &pkt->dst, DIR_IN, pkt->proto, pkt->dport);
	if (match->in) {
		/* The public address as a source is spoofed; its answer would come round for ever.
		 */
		if (ip_addr_equal(&pkt->src, &pkt->dst))
			return REASON_NOT_OURS;
		public_dev = device_get(rs, match->in->public_dev);
		backend_dev = device_get(rs, match->in->backend_dev);
		if (ifindex == public_dev->ifindex && public_dev != backend_dev) {
			*ingress = public_dev;
			return addr_is_forwardable(&pkt->src, family) ? 0 : REASON_NOT_OURS;
		}
		*ingress = backend_dev;
		if (ifindex != backend_dev->ifindex)
			return REASON_NOT_OURS;
	}
	match->out = lookup_rule(rs, &pkt->src, DIR_OUT, pkt->proto, pkt->sport);
	if (match->out) {
		backend_dev = device_get(rs, match->out->backend_dev);
		if (ifindex == backend_dev->ifindex)
			*ingress = backend_dev;
		else
			match->out = NULL;
	}
	if (!match->in && !match->out)
		return REASON_NOT_OURS;
	return addr_is_forwardable(&pkt->src, family) && addr_is_forwardable(&pkt->dst, family)
		       ? 0
		       : REASON_NOT_OURS;
}

#endif
