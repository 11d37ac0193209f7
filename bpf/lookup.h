/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rule a packet belongs to, in constant time whatever the number of ports. */
#ifndef XDPFWD_BPF_LOOKUP_H
#define XDPFWD_BPF_LOOKUP_H

#include "parse.h"

/**
 * struct match - the rules a packet belongs to, as indices, 0 for none
 * @in:  its destination is the public side of this rule
 * @out: its source is the backend side of this rule
 *
 * Both at once when a backend talks to its own public address (RFC 4787, REQ-9). Indices and not
 * pointers: compilers like to combine tests for NULL in ways that no verifier follows.
 */
struct match {
	__u32 in, out;
};

/* rule_get() - a rule by index */
static __always_inline struct rule *rule_get(struct ruleset *rs, __u32 index)
{
	return &rs->rules[index & (RULES_MAX - 1)];
}

/* address_at() - the only entry that can be @addr's; whose it is has still to be seen */
static __always_inline struct address *address_at(struct ruleset *rs, const struct ip_addr *addr)
{
	return &rs->addresses[address_slot(addr, rs->seed) & (SLOTS_MAX - 1)];
}

/* is_public_addr() - clients talk to this address */
static __always_inline bool is_public_addr(struct ruleset *rs, const struct ip_addr *addr)
{
	struct address *entry = address_at(rs, addr);

	return ip_addr_equal(&entry->addr, addr) &&
	       (entry->table[DIR_IN][PROTO_TCP] | entry->table[DIR_IN][PROTO_UDP]);
}

/* lookup_port() - index of the rule of a port in a port table, or 0 */
static __always_inline __u32 lookup_port(struct ruleset *rs, __u32 table, __be16 port)
{
	__u16 number = bpf_ntohs(port);
	__u32 page = rs->tables[table & (TABLES_MAX - 1)][number / PAGE_PORTS];

	return rs->pages[page & (PAGES_MAX - 1)][number % PAGE_PORTS];
}

/* lookup_rule() - index of the rule of one end of a packet, or 0 */
static __always_inline __u32 lookup_rule(struct ruleset *rs, const struct ip_addr *addr,
					 enum direction dir, __u8 proto, __be16 port)
{
	struct address *entry = address_at(rs, addr);

	if (!ip_addr_equal(&entry->addr, addr))
		return 0;
	return lookup_port(rs, entry->table[dir][proto & 1], port);
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
 * @ingress: out: index of the device it came in on
 *
 * A rule only holds on its own two devices: a packet from elsewhere that claims a backend's address
 * is spoofed, or routed past us on purpose.
 *
 * Return: 0, or REASON_NOT_OURS.
 */
static __always_inline enum reason lookup_match(struct ruleset *rs, const struct packet *pkt,
						__u32 ifindex, const int family,
						struct match *match, __u32 *ingress)
{
	struct rule *in, *out;

	match->out = 0;
	match->in = lookup_rule(rs, &pkt->dst, DIR_IN, pkt->proto, pkt->dport);
	in = rule_get(rs, match->in); /* rule 0 is all zero */
	*ingress = in->public_dev;
	if (match->in) {
		/* A public address as a source is spoofed; its answer would come round for ever. */
		if (is_public_addr(rs, &pkt->src))
			return REASON_NOT_OURS;
		if (ifindex == device_get(rs, in->public_dev)->ifindex &&
		    in->public_dev != in->backend_dev)
			return addr_is_forwardable(&pkt->src, family) ? 0 : REASON_NOT_OURS;
		*ingress = in->backend_dev;
		if (ifindex != device_get(rs, in->backend_dev)->ifindex)
			return REASON_NOT_OURS;
	}
	if (!match->in && ifindex == rs->clients_ifindex) /* nothing there can be a backend's */
		return REASON_NOT_OURS;
	match->out = lookup_rule(rs, &pkt->src, DIR_OUT, pkt->proto, pkt->sport);
	out = rule_get(rs, match->out);
	if (match->out && ifindex == device_get(rs, out->backend_dev)->ifindex)
		*ingress = out->backend_dev;
	else
		match->out = 0;
	if (!(match->in | match->out))
		return REASON_NOT_OURS;
	return addr_is_forwardable(&pkt->src, family) && addr_is_forwardable(&pkt->dst, family)
		       ? 0
		       : REASON_NOT_OURS;
}

#endif
