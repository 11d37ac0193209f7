/* SPDX-License-Identifier: GPL-2.0-only */
/* One address type for both families, shared by the BPF programs and the loader. */
#ifndef XDPFWD_ADDR_H
#define XDPFWD_ADDR_H

#ifndef __bpf__
#include <linux/types.h>
#include <string.h>
#endif

/**
 * struct ip_addr - an IPv4 or IPv6 address in 16 bytes
 * @w: four words in network order; IPv4 is mapped, ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
 * @d: the same in two, to copy and compare
 *
 * One width for both families keeps one layout in every map and one code path in every program.
 */
struct ip_addr {
	union {
		__be32 w[4];
		__u64 d[2];
	};
};
_Static_assert(sizeof(struct ip_addr) == 16, "an address is 16 bytes in every map");

/* The third word of a mapped IPv4 address, 0x0000ffff in network order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IP_ADDR_V4_WORD 0xffff0000U
#else
#define IP_ADDR_V4_WORD 0x0000ffffU
#endif

/* The comparisons below are one expression each: a verifier follows every branch there is. */

/* ip_addr_is_v4() - true for a mapped IPv4 address */
static inline _Bool ip_addr_is_v4(const struct ip_addr *a)
{
	return !(a->w[0] | a->w[1] | (a->w[2] ^ IP_ADDR_V4_WORD));
}

/* ip_addr_from_v4() - the mapped form of an IPv4 address in network order */
static inline struct ip_addr ip_addr_from_v4(__be32 v4)
{
	struct ip_addr a = { .w = { 0, 0, IP_ADDR_V4_WORD, v4 } };

	return a;
}

/* ip_addr_diff() - 0 when two addresses are the same, family included */
static inline __u64 ip_addr_diff(const struct ip_addr *a, const struct ip_addr *b)
{
	return (a->d[0] ^ b->d[0]) | (a->d[1] ^ b->d[1]);
}

/* ip_addr_equal() - true when two addresses are the same */
static inline _Bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return !ip_addr_diff(a, b);
}

/* ip_addr_is_any() - true for 0.0.0.0 and :: */
static inline _Bool ip_addr_is_any(const struct ip_addr *a)
{
	return !a->w[0] && !a->w[1] && (!a->w[2] || a->w[2] == IP_ADDR_V4_WORD) && !a->w[3];
}

#endif
