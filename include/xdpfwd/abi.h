/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BPF programs and the loader share: map keys, values and their sizes. */
#ifndef XDPFWD_ABI_H
#define XDPFWD_ABI_H

#include <xdpfwd/addr.h>

/*
 * Version of everything below. A pinned map of another version is never read: raise it with every
 * change of a layout or of a field's meaning.
 */
#define XDPFWD_ABI_VERSION 1

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
#define DEVICES_MAX   32
#define SLOTS_BITS    10
#define SLOTS_MAX     (1 << SLOTS_BITS)
#define ADDRESSES_MAX 128
#define NEXTHOPS_MAX  128
#define NEARS_MAX     16
#define RULES_MAX     2048
#define TABLES_MAX    256
#define PAGES_MAX     4096
#define PAGE_PORTS    256
#define PORT_PAGES    (65536 / PAGE_PORTS)
#define COUNTERS_MAX  1024

/**
 * struct device - a device that packets come from or go to
 * @ifindex: its index
 * @is_l3:   its packets start with the IP header
 * @mac:     its address; frames for another one are not ours
 */
struct device {
	__u32 ifindex;
	__u16 is_l3;
	__u8 mac[6];
	__u8 pad[4];
};
_Static_assert(sizeof(struct device) == 16, "layout of struct device");

/**
 * struct address - an address that packets of a forward come from or go to
 * @addr:  the address; entry 0 is unused and zero
 * @table: by direction and protocol: its port table, 0 for none. IN tables are found by a packet's
 *         destination, OUT tables by its source
 */
struct address {
	struct ip_addr addr;
	__u16 table[DIR_COUNT][PROTO_COUNT];
};
_Static_assert(sizeof(struct address) == 24, "layout of struct address");

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
	__u8 pad[20];
};
_Static_assert(sizeof(struct rule) == 64, "a rule is one cache line");

/**
 * struct ruleset - a whole configuration, swapped in one piece
 * @version:   XDPFWD_ABI_VERSION
 * @seed:      of address_slot(), chosen so that no two addresses share a slot
 * @generation: counts the loads of an interface; tells the agent whose next hops these are
 * @clients_ifindex: the public device when no backend is behind it, else 0
 * @devices:   by index
 * @nexthops:  by index; the first are the gateways of the families
 * @gateways:  by family: the way to most clients
 * @slots:     by address_slot(): index into addresses
 * @addresses: by index, 0 unused
 * @rules:     by index, 0 unused
 * @tables:    port table: high byte of the port -> page. Table 0 holds only page 0
 * @pages:     low byte of the port -> rule. Page 0 holds only rule 0, "none"
 *
 * A run of whole pages with one rule is one shared page, so a range of any width costs one page and
 * a lookup stays in a few cache lines.
 */
struct ruleset {
	__u32 version;
	__u32 seed;
	__u32 generation;
	__u32 clients_ifindex;
	__u8 pad[48];
	struct device devices[DEVICES_MAX];
	struct nexthop nexthops[NEXTHOPS_MAX];
	struct gateway gateways[FAMILY_COUNT];
	__u8 pad2[48];
	__u16 slots[SLOTS_MAX];
	struct address addresses[ADDRESSES_MAX];
	struct rule rules[RULES_MAX];
	__u16 tables[TABLES_MAX][PORT_PAGES];
	__u16 pages[PAGES_MAX][PAGE_PORTS];
};
_Static_assert(sizeof(struct ruleset) % 64 == 0, "whole cache lines");

/*
 * address_slot() - where an address is looked for
 *
 * A polynomial in the (odd) seed, so that every set of addresses fits some seed.
 */
static inline __u32 address_slot(const struct ip_addr *addr, __u32 seed)
{
	__u32 hash = addr->w[0];

	hash = hash * seed + addr->w[1];
	hash = hash * seed + addr->w[2];
	hash = hash * seed + addr->w[3];
	return hash * (seed * 0x9e3779b1U) >> (32 - SLOTS_BITS);
}

/* struct forward_counters - per CPU: what one forward carried, bytes of whole IP packets */
struct forward_counters {
	__u64 packets[DIR_COUNT];
	__u64 bytes[DIR_COUNT];
};

/* struct reason_counters - per CPU: how packets left one hook */
struct reason_counters {
	__u64 packets[64];
};

#endif
