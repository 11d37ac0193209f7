/* SPDX-License-Identifier: GPL-2.0-only */
/* What is right in a packet: a parser and checksums that share no code with the programs. */
#ifndef XDPFWD_TESTS_INSPECT_H
#define XDPFWD_TESTS_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UNKNOWN: it cannot be told, the packet being a fragment or cut. NONE: UDP without a checksum. */
enum sum_state { SUM_UNKNOWN, SUM_NONE, SUM_RIGHT, SUM_WRONG };

/**
 * struct view - an IP packet taken apart
 * @l3, @l4, @end: offsets of the headers and of the end of the packet
 * @payload:  offset behind the TCP, UDP or ICMP header
 * @is_v6, @proto, @ttl: as its header says; the protocol behind extension headers
 * @l3_sum, @l4_sum: of the IPv4 header; of TCP, UDP or ICMP
 */
struct view {
	size_t l3, l4, payload, end;
	bool is_v6;
	uint8_t proto, ttl;
	enum sum_state l3_sum, l4_sum;
};

/**
 * view_packet() - take apart the IP packet at @l3
 * @len: where the bytes end
 * @is_quoted: it is embedded in an ICMP error, and may be longer than what is there of it
 *
 * Return: false when it is none, or neither a fragment nor TCP, UDP or ICMP.
 */
bool view_packet(const uint8_t *data, size_t len, size_t l3, bool is_quoted, struct view *view);

/* view_quoted() - the packet that an ICMP error is about; false when @view is no such error */
bool view_quoted(const uint8_t *data, const struct view *view, struct view *quoted);

/* view_fragment() - 1: the first fragment of the IP packet at @l3; 2: another one; 0: a whole
 * packet */
int view_fragment(const uint8_t *data, size_t l3);

/* view_l3() - where the IP header of an Ethernet frame with at most one tag is; 0: there is none */
size_t view_l3(const uint8_t *data, size_t len);

/* view_mend() - make all checksums of the IP packet at @l3 right, inside and outside */
void view_mend(uint8_t *data, size_t len, size_t l3);

#endif
