/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BPF programs and the loader share: map keys, values and their sizes. */
#ifndef XDPFWD_ABI_H
#define XDPFWD_ABI_H

#include <xdpfwd/addr.h>

/*
 * Version of everything below. A pinned map of another version is never read: raise it with every
 * change of a layout or of a field's meaning.
 */
#define XDPFWD_ABI_VERSION 5

/* The protocols that can be forwarded, as indices. */
enum proto { PROTO_TCP, PROTO_UDP, PROTO_COUNT };

/* IN: client to backend. OUT: backend to client. */
enum direction { DIR_IN, DIR_OUT, DIR_COUNT };

/* Which hook a program runs in; index of struct reason_counters. */
enum hook { HOOK_XDP, HOOK_TC, HOOK_COUNT };

/* Where a packet goes after a program. */
enum verdict { VERDICT_FORWARD, VERDICT_PASS, VERDICT_DROP };

enum reason {
#define X(name, verdict, help) REASON_##name,
#include <xdpfwd/reasons.def>
#undef X
	REASON_COUNT
};
_Static_assert(REASON_COUNT <= 64, "reasons fit a 64-bit mask and a counter block");

/* reason_is_drop() - true when a packet that left for this reason was dropped */
static inline _Bool reason_is_drop(enum reason reason)
{
	const __u64 mask = 0
#define X(name, verdict, help) | ((__u64)(VERDICT_##verdict == VERDICT_DROP) << REASON_##name)
#include <xdpfwd/reasons.def>
#undef X
		;
	return mask >> reason & 1;
}

/* Sizes of a rule set. Powers of two, so that a mask bounds an index for the verifier. */
#define DEVICES_MAX    32
#define SLOTS_BITS     10
#define SLOTS_MAX      (1 << SLOTS_BITS)
#define ADDRESSES_MAX  128
#define NEXTHOPS_MAX   128
#define NEARS_MAX      16
#define RULES_MAX      2048
#define TABLES_MAX     256
#define PAGES_MAX      4096
#define PAGE_PORTS     256
#define PORT_PAGES     (65536 / PAGE_PORTS)
#define COUNTERS_MAX   1024
#define POOLS_MAX      64
#define POOL_PORTS     65536
#define ACLS_MAX       256
#define ACL_RANGES_MAX 4096
#define SHARES_MAX     1024

/**
 * struct device - a device that packets come from or go to
 * @ifindex: its index
 * @mac:     its address; frames for another one are not ours
 * @is_l3:   its packets start with the IP header
 * @mtu:     largest IP packet in bytes, 0 when unknown; kept by the agent
 */
struct device {
	__u32 ifindex;
	__u8 mac[6];
	__u16 is_l3;
	__u32 mtu;
};
_Static_assert(sizeof(struct device) == 16, "layout of struct device");

/**
 * struct address - an address that packets of a forward come from or go to
 * @addr:  the address; zero where there is none
 * @table: by direction and protocol: its port table, 0 for none. IN tables are found by a packet's
 *         destination, OUT tables by its source
 * @pool:  by protocol: the pool of which it is the masquerade address, 0 for none
 */
struct address {
	struct ip_addr addr;
	__u16 table[DIR_COUNT][PROTO_COUNT];
	__u8 pool[PROTO_COUNT];
	__u8 pad[6];
};
_Static_assert(sizeof(struct address) == 32, "layout of struct address");

/**
 * struct nexthop - the link-layer way to a backend, kept by the agent
 * @valid_until_ns: CLOCK_MONOTONIC; past it the program asks the kernel instead
 * @ifindex: egress device
 * @mtu:     largest IP packet in bytes
 * @mac:     destination and source address, as a frame starts
 */
struct nexthop {
	__u64 valid_until_ns;
	__u32 ifindex;
	__u32 mtu;
	__u8 mac[12];
	__u8 pad[4];
};
_Static_assert(sizeof(struct nexthop) == 32, "layout of struct nexthop");

/* Address families as indices. */
enum ip_family { FAMILY_V4, FAMILY_V6, FAMILY_COUNT };

/**
 * struct near - destinations that have a route of their own
 * @addr, @mask: the IPv4 address, or the first half of an IPv6 one, as it lies in memory
 */
struct near {
	__u64 addr, mask;
};

/**
 * struct gateway - when a family's default route, by the public device, can be taken unasked

 * @nears:   entries of @near; NEARS_MAX + 1 when the default route cannot be used here
 * @near:    for all of these, and perhaps some more, the kernel is asked instead
 */
struct gateway {
	__u64 nears;
	struct near near[NEARS_MAX];
};
_Static_assert(sizeof(struct gateway) == 264, "layout of struct gateway");

/* near_key() - the part of an address that struct near looks at */
static inline __u64 near_key(const struct ip_addr *addr, enum ip_family family)
{
	return family == FAMILY_V4 ? addr->w[3] : (__u64)addr->w[1] << 32 | addr->w[0];
}

/* struct acl_range - clients that a rule is for, from @first to @last in network byte order */
struct acl_range {
	struct ip_addr first, last;
};

/* struct acl - a run of disjoint ranges in ascending order; none for nobody */
struct acl {
	__u16 first, count;
};

/* Time in flows: CLOCK_MONOTONIC in ticks of 2^27 ns, 0.134 s; 32 bits last for 18 years. */
#define FLOW_TICK_SHIFT 27

/* Which idle time a flow ends after; the first two stand where enum proto has its own. */
enum flow_timeout { TIMEOUT_TCP_ESTABLISHED, TIMEOUT_UDP, TIMEOUT_TCP_TRANSITORY, TIMEOUT_COUNT };

/**
 * struct rule - one forward on one public address for one protocol
 * @public_addr:  what clients talk to
 * @backend_addr: what it becomes
 * @csum_delta:   csum_delta_addr(public_addr, backend_addr); its complement is the way back
 * @shift:        backend port minus public port, modulo 2^16
 * @counter:      index of its struct forward_counters
 * @nexthop:      index of the next hop to the backend
 * @public_dev:   index of the device of the public address
 * @backend_dev:  index of the device towards the backend
 * @timeout:      idle times of its flows, in ticks
 * @share:        masquerade: the first of its entries in ruleset.shares
 * @shares:       how many; 0 for a forward that preserves the client's address
 * @mid_stream:   a TCP connection may be taken up in the middle
 * @clamp_mss:    TCP connections are told what the devices can carry
 * @reject:       a refused new flow is answered, not only dropped
 * @acl:          which clients it is for: index of ruleset.acls, 0 for all
 *
 * A rule keeps its index as long as all of public_addr, backend_addr, shift, counter and protocol
 * stay the same, for flows refer to it. An index that is no longer used holds zeros.
 */
struct rule {
	struct ip_addr public_addr;
	struct ip_addr backend_addr;
	__u32 csum_delta;
	__u16 shift;
	__u16 counter;
	__u16 nexthop;
	__u8 public_dev;
	__u8 backend_dev;
	__u32 timeout[TIMEOUT_COUNT];
	__u16 share;
	__u8 shares;
	__u8 mid_stream;
	__u8 clamp_mss;
	__u8 reject;
	__u16 acl;
};
_Static_assert(sizeof(struct rule) == 64, "a rule is one cache line");

/**
 * struct flow_key - the client's side of a flow; key of the two flow indices
 * @client, @client_port: the client, port in network order
 * @public_port: the port it talks to, in network order
 * @rule:        the rule that took it; stands for public address, protocol and backend
 * @tail:        all of these in one word
 */
struct flow_key {
	struct ip_addr client;
	union {
		struct {
			__be16 client_port, public_port;
			__u16 rule, zero;
		};
		__u64 tail;
	};
};
_Static_assert(sizeof(struct flow_key) == 24, "layout of struct flow_key");

/*
 * FREE: nobody's. LIVE: in use, until it has been idle for too long. ENDED: taken out of service
 * by the loader; the sweep will free it. LEAVING: for a moment, while whoever has taken it out of
 * service takes it out of the books.
 */
enum flow_state { FLOW_FREE, FLOW_LIVE, FLOW_ENDED, FLOW_LEAVING };

/* What has been seen of a flow in one direction; each direction writes its own alone. */
#define FLOW_SEEN      (1 << 0) /* OUT: the backend has replied */
#define FLOW_SYN       (1 << 1)
#define FLOW_FIN       (1 << 2)
#define FLOW_RST       (1 << 3) /* cleared by the next packet of this side that is no RST */
#define FLOW_CONFIRMED (1 << 4) /* IN: the client has answered the backend's first reply */

/**
 * struct flow_half - one direction of a flow
 * @carried: bytes of whole IP packets in 48 bits; above them the high 16 bits of the packets
 * @packets: the low 32 bits of them
 * @seen_at: ticks of the last packet
 */
struct flow_half {
	__u64 carried;
	__u32 packets;
	__u32 seen_at;
};

/* flow_bytes(), flow_packets() - what a direction has carried */
static inline __u64 flow_bytes(const struct flow_half *half)
{
	return half->carried & 0xffffffffffffULL;
}

static inline __u64 flow_packets(const struct flow_half *half)
{
	return half->carried >> 48 << 32 | half->packets;
}

/* flow_half_add() - count packets */
static inline void flow_half_add(struct flow_half *half, __u32 packets, __u32 bytes)
{
	half->packets += packets;
	half->carried += bytes + ((__u64)(half->packets < packets) << 48);
}

/**
 * struct flow - one masqueraded conversation
 * @client, @client_port, @public_port, @rule: as in struct flow_key
 * @state:   enum flow_state; shares an aligned 8-byte word with ports and rule
 * @created_at: ticks; 0 when nobody has ever had it
 * @ack:     TCP: the low half of what the client has to acknowledge: the sequence number that
 *           follows the SYN-ACK
 * @flags:   by direction: FLOW_*
 * @half:    by direction
 *
 * Its place says the rest: element P of pool N is the flow that has port P of that pool's address.
 */
struct flow {
	struct ip_addr client;
	__be16 client_port, public_port;
	__u16 rule;
	__u8 state, pad;
	__u32 created_at;
	__u16 ack;
	__u8 flags[DIR_COUNT];
	struct flow_half half[DIR_COUNT];
};
_Static_assert(sizeof(struct flow) == 64, "a flow is one cache line");

/* Value of the flow indices: pool in the high half, port (host order) in the low one. */
static inline __u32 flow_slot(__u32 pool, __u16 port)
{
	return pool << 16 | port;
}

/**
 * struct pool - the ports of one masquerade address for one protocol
 * @addr:  the address; a pool keeps its index as long as the address stays
 * @proto: enum proto
 */
struct pool {
	struct ip_addr addr;
	__u8 proto, pad[7];
};
_Static_assert(sizeof(struct pool) == 24, "layout of struct pool");

/**
 * struct flow_limits - what a new flow has to keep to
 * @port_first, @port_last: masquerade ports lie between these, both included
 * @per_source:  confirmed flows that one source may have, 0 for any number
 * @new_per_s:   new flows that one source may begin in a second, 0 for any number
 * @udp_max:     confirmed flows that UDP may have, whose answers prove little; 0 for any number
 * @source_mask: by family: what of a source's near_key() tells it from others
 * @ports:       by protocol: bit PORT is set when PORT may be used; the agent keeps it up to date
 */
struct flow_limits {
	__u16 port_first, port_last;
	__u32 per_source, new_per_s;
	__u32 udp_max;
	__u64 source_mask[FAMILY_COUNT];
	__u64 ports[PROTO_COUNT][POOL_PORTS / 64];
};

/**
 * struct ruleset - a whole configuration, swapped in one piece
 * @version:   XDPFWD_ABI_VERSION
 * @seed:      of address_slot(), chosen so that no two addresses share a slot
 * @generation: counts the loads of an interface; tells the agent whose next hops these are
 * @clients_ifindex: the public device when no backend is behind it, else 0
 * @devices:   by index
 * @nexthops:  by index; the first are the gateways of the families
 * @gateways:  by family: the way to most clients
 * @addresses: by address_slot()
 * @rules:     by index, 0 unused
 * @limits:    of new flows
 * @pools:     by index, 0 unused
 * @shares:    indices of pools; each rule has a run of them
 * @acls:      by index, 0 unused; entries of @acl_ranges
 * @tables:    port table: high byte of the port -> page. Table 0 holds only page 0
 * @pages:     low byte of the port -> rule. Page 0 holds only rule 0, "none"
 *
 * A run of whole pages with one rule is one shared page, so a range of any width costs one page and
 * a lookup stays in a few cache lines.
 */
struct ruleset {
	__u64 seed;
	__u32 version;
	__u32 generation;
	__u32 clients_ifindex;
	__u8 pad[44];
	struct device devices[DEVICES_MAX];
	struct nexthop nexthops[NEXTHOPS_MAX];
	struct gateway gateways[FAMILY_COUNT];
	__u8 pad2[48];
	struct address addresses[SLOTS_MAX];
	struct rule rules[RULES_MAX];
	struct flow_limits limits;
	__u8 pad3[32];
	struct pool pools[POOLS_MAX];
	__u8 shares[SHARES_MAX];
	struct acl acls[ACLS_MAX];
	struct acl_range acl_ranges[ACL_RANGES_MAX];
	__u16 tables[TABLES_MAX][PORT_PAGES];
	__u16 pages[PAGES_MAX][PAGE_PORTS];
};
_Static_assert(sizeof(struct ruleset) % 64 == 0, "whole cache lines");

/*
 * address_slot() - where an address is looked for
 *
 * A polynomial in the (odd) seed, so that every set of addresses fits some seed. One multiplication
 * for IPv4, of which the first half is zero.
 */
static inline __u32 address_slot(const struct ip_addr *addr, __u64 seed)
{
	return (addr->d[0] * seed + addr->d[1]) * (seed * 0x9e3779b97f4a7c15ULL) >>
	       (64 - SLOTS_BITS);
}

/* struct forward_counters - per CPU: what one forward carried, bytes of whole IP packets */
struct forward_counters {
	__u64 packets[DIR_COUNT];
	__u64 bytes[DIR_COUNT];
};

/**
 * struct sweep_run - the packet that the sweep program is run with: what to do, and what came of it
 * @pool: which pool
 * @next: element to go on at; moved on by each run
 * @ended: flows ended, of which @expired had been idle for too long
 * @seen:  elements looked at
 * @live:  flows that stay
 * @proto: enum proto of the pool, which the rule set in force may not know any more
 */
struct sweep_run {
	__u32 pool, next;
	__u32 ended, expired;
	__u32 seen, live;
	__u32 proto;
	__u32 pad[9];
};
_Static_assert(sizeof(struct sweep_run) == 64, "as long as the shortest frame");

/* Elements that one run of the sweep looks at. */
#define SWEEP_ELEMENTS 64

/* struct flow_counters - per CPU, by protocol; flows that there are: created - ended */
struct flow_counters {
	__u64 created[PROTO_COUNT];
	__u64 ended[PROTO_COUNT];   /* for whatever cause */
	__u64 expired[PROTO_COUNT]; /* of these: idle for too long */
	__u64 confirmed[PROTO_COUNT];
};

/* struct reason_counters - per CPU: how packets left one hook */
struct reason_counters {
	__u64 packets[64];
};

#endif
