/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rule a packet belongs to, in constant time whatever the number of ports. */
#ifndef XDPFWD_BPF_LOOKUP_H
#define XDPFWD_BPF_LOOKUP_H

#include "parse.h"

/**
 * struct match - what a packet belongs to, as indices, 0 for none
 * @in:   its destination is the public side of this rule
 * @out:  its source is the backend side of this rule
 * @slot: it comes from a backend and belongs to the masqueraded flow in this slot
 *
 * IN and OUT at once when a backend talks to its own public address (RFC 4787, REQ-9) and keeps its
 * address. Indices and not pointers: compilers like to combine tests for NULL in ways that no
 * verifier follows.
 */
struct match {
	__u32 in, out, slot;
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
 * lookup_flow() - the rule of the masqueraded flow that a packet to a masquerade address belongs to
 * @pool: of that address and the packet's protocol, 0 for none
 * @slot: out
 *
 * Return: index of the rule, 0 when it is none of ours: this host's own traffic.
 */
static __always_inline __u32 lookup_flow(struct ruleset *rs, const struct packet *pkt, __u32 pool,
					 __u32 *slot)
{
	struct flow *flow;
	struct rule *rule;

	*slot = flow_slot(pool, bpf_ntohs(pkt->dport));
	flow = pool ? flow_at(*slot) : NULL;
	if (!flow || flow->state != FLOW_LIVE)
		return 0;
	rule = rule_get(rs, flow->rule);
	if (!ip_addr_equal(&rule->backend_addr, &pkt->src) || !rule->shares ||
	    (__u16)(bpf_ntohs(flow->public_port) + rule->shift) != bpf_ntohs(pkt->sport))
		return 0;
	return flow->rule;
}

/* lookup_in() - for a packet to a rule's public side: may it come from @ifindex? 0 or NOT_OURS */
static __always_inline enum reason lookup_in(struct ruleset *rs, const struct packet *pkt,
					     __u32 ifindex, const struct rule *rule, __u32 *ingress)
{
	/* A public address as a source is spoofed; its answer would come round for ever. */
	if (is_public_addr(rs, &pkt->src))
		return aside(REASON_NOT_OURS);
	*ingress = rule->public_dev;
	if (ifindex == device_get(rs, rule->public_dev)->ifindex)
		return 0;
	*ingress = rule->backend_dev;
	return ifindex == device_get(rs, rule->backend_dev)->ifindex ? 0 : REASON_NOT_OURS;
}

/* lookup_out() - for a packet from a rule's backend side: its rule, or 0 */
static __always_inline __u32 lookup_out(struct ruleset *rs, const struct packet *pkt, __u32 ifindex,
					__u32 pool, struct match *match, __u32 *ingress)
{
	__u32 index = lookup_flow(rs, pkt, pool, &match->slot);
	struct rule *rule;

	if (!index) {
		match->slot = 0;
		index = lookup_rule(rs, &pkt->src, DIR_OUT, pkt->proto, pkt->sport);
	}
	rule = rule_get(rs, index);
	if (!index || ifindex != device_get(rs, rule->backend_dev)->ifindex)
		return 0;
	*ingress = rule->backend_dev;
	return index;
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
	struct address *to = address_at(rs, &pkt->dst);
	__u32 pool = 0;

	*match = (struct match){};
	*ingress = 0;
	if (ip_addr_equal(&to->addr, &pkt->dst)) {
		match->in = lookup_port(rs, to->table[DIR_IN][pkt->proto & 1], pkt->dport);
		pool = to->pool[pkt->proto & 1];
	}
	if (match->in) {
		struct rule *rule = rule_get(rs, match->in);

		if (lookup_in(rs, pkt, ifindex, rule, ingress))
			return aside(REASON_NOT_OURS);
		if (rule->shares ||
		    (*ingress == rule->public_dev && rule->public_dev != rule->backend_dev))
			return addr_is_forwardable(&pkt->src, family) ? 0 : REASON_NOT_OURS;
	} else if (ifindex == rs->clients_ifindex) { /* nothing there can be a backend's */
		return aside(REASON_NOT_OURS);
	}
	match->out = lookup_out(rs, pkt, ifindex, match->in ? 0 : pool, match, ingress);
	if (!(match->in | match->out))
		return aside(REASON_NOT_OURS);
	return addr_is_forwardable(&pkt->src, family) && addr_is_forwardable(&pkt->dst, family)
		       ? 0
		       : REASON_NOT_OURS;
}

#endif
