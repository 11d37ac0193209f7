/* SPDX-License-Identifier: GPL-2.0-only */
/* The ICMP errors that the programs send themselves, as they have to be. */
#ifndef XDPFWD_TESTS_ANSWERS_H
#define XDPFWD_TESTS_ANSWERS_H

#include "errors.h"

#define MTU 1300

enum answer { TTL_EXPIRED, TOO_BIG, REFUSED };

/* answers_renew() - as if no answer had been given for a long time */
void answers_renew(void);

/* answer_build() - the answer to the packet of @test as it has to go back to its sender */
void answer_build(const struct test_case *test, enum answer answer, unsigned mtu,
		  struct packet_buf *buf);

/* answer_reset() - the RST to the TCP packet of @test */
void answer_reset(const struct test_case *test, struct packet_buf *buf);

/* answer_expect() - run it: @reason is counted, and @expected goes back */
void answer_expect(struct test_case *test, enum reason reason, const struct packet_buf *expected);

/*
 * answer_for_each() - for every path of preserve, and for both directions of an open conversation
 * in every way of masquerade, by every program, family and protocol
 */
void answer_for_each(void (*body)(struct test_case *test));

/* answer_set_length() - of the IP packet, by its payload */
void answer_set_length(struct test_case *test, size_t len);

/* answer_set_mtus() - of all devices and all next hops */
void answer_set_mtus(unsigned device, unsigned near);

#endif
