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
 * lookup_match() - what a packet that came in on @ifindex is for
 * @ingress: out: the device it came in on
 *
 * A rule only holds on its own two devices: a packet from elsewhere that claims a backend's address
 * is spoofed, or routed past us on purpose.
 *
 * Return: 0, or REASON_NOT_OURS.
 */
static __always_inline enum reason lookup_match(struct ruleset *rs, const struct packet *pkt,
						__u32 ifindex, struct match *match,
						struct device **ingress)
{
	struct device *public_dev, *backend_dev;

	match->out = NULL;
	match->in = lookup_rule(rs, &pkt->dst, DIR_IN, pkt->proto, pkt->dport);
	if (match->in) {
		public_dev = device_get(rs, match->in->public_dev);
		backend_dev = device_get(rs, match->in->backend_dev);
		if (ifindex == public_dev->ifindex && public_dev != backend_dev) {
			*ingress = public_dev;
			return 0;
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
	return match->in || match->out ? 0 : REASON_NOT_OURS;
}

#endif
