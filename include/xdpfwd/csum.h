/* SPDX-License-Identifier: GPL-2.0-only */
/* One's complement arithmetic of the Internet checksum (RFC 1071), on words as they lie in memory.
 */
#ifndef XDPFWD_CSUM_H
#define XDPFWD_CSUM_H

#include <xdpfwd/addr.h>

/* csum_add() - sum of two partial sums with the carry brought round */
static inline __u32 csum_add(__u32 a, __u32 b)
{
	__u64 sum = (__u64)a + b;

	return sum + (sum >> 32);
}

/* csum_delta() - what replacing @old by @new adds to a sum (RFC 1624, eqn. 3) */
static inline __u32 csum_delta(__u32 old, __u32 new)
{
	return csum_add(~old, new);
}

/* csum_delta_addr() - the same for an address; the mapped prefix of IPv4 cancels out */
static inline __u32 csum_delta_addr(const struct ip_addr *old, const struct ip_addr *new)
{
	__u64 sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (__u64)~old->w[i] + new->w[i];
	return csum_add(sum, sum >> 32);
}

/* csum_fold() - a sum of some words, carries not yet brought round, in 16 bits; not complemented */
static inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16);
}

/*
 * csum_apply() - a checksum field after a change of @delta in what it covers
 *
 * Exact: equals a checksum made from scratch, since a sum of valid data is never zero (RFC 1624).
 */
static inline __u16 csum_apply(__u16 check, __u64 delta)
{
	return (__u16)~csum_fold((__u16)~check + delta);
}

#endif
