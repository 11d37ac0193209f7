/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors of the tests: about any packet, as hosts and routers send them, sums from scratch. */
#ifndef XDPFWD_TESTS_ERRORS_H
#define XDPFWD_TESTS_ERRORS_H

#include "masquerade.h"

/**
 * struct error_spec - an ICMP error about a packet
 * @type, @code: of the family in question
 * @rest:      the second word of the ICMP header: an MTU, a pointer, or nothing
 * @reporter:  who sends it
 * @plain_outside: extension headers and fragment fields of the packet are those of the embedded one
 * @inner_options: the embedded packet has so many words of IPv4 options
 * @is_cut:    the embedded packet ends @keep bytes behind its IP header
 * @extension: bytes behind the embedded packet (RFC 4884)
 */
struct error_spec {
	uint8_t type, code;
	uint32_t rest;
	struct ip_addr reporter;
	bool plain_outside;
	unsigned inner_options;
	bool is_cut;
	size_t keep, extension;
};

/* ICMP types and codes that are errors, by family; the last one has type 0. */
extern const struct error_kind {
	uint8_t type, codes;
} error_kinds[FAMILY_COUNT][5];

/**
 * icmp_build() - an ICMP message
 * @outer: the packet but for its protocol and payload
 * @data, @len: what follows the 8 bytes of the ICMP header
 */
void icmp_build(const struct packet_spec *outer, uint8_t type, uint8_t code, uint32_t rest,
		const void *data, size_t len, struct packet_buf *buf);

/* icmp_sum() - the checksum of the ICMP message in a packet, from scratch and put into it */
void icmp_sum(struct packet_buf *buf, bool is_v6);

/* error_init() - port unreachable, about the packet that @twin would answer, by its sender */
struct error_spec error_init(const struct test_case *twin);

/* error_build() - an error that goes the way of @twin, about a packet that this would answer */
void error_build(const struct packet_spec *twin, const struct error_spec *error,
		 struct packet_buf *buf);

/**
 * error_run() - send an error the way of @twin, and compare action, reason, bytes and counters
 * @twin:   a packet of the conversation, as it would be forwarded; its TTL is that of the error
 * @reason: what must be counted. FORWARDED: addresses and ports are translated outside and inside
 */
__attribute__((format(printf, 4, 5))) void error_run(struct test_case *twin,
						     const struct error_spec *error,
						     enum reason reason, const char *detail, ...);

/* error_run_bytes() - the same with any bytes, which must stay as they are */
void error_run_bytes(struct test_case *twin, const struct packet_buf *in, enum reason reason);

/**
 * error_for_each() - for every path of preserve, and for both directions of an open conversation in
 * every way of masquerade, by every program but XDP, family and protocol
 */
void error_for_each(void (*body)(struct test_case *twin));

#endif
