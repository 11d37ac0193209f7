/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet in fragments, as they come and as they have to leave. */
#ifndef XDPFWD_TESTS_PIECES_H
#define XDPFWD_TESTS_PIECES_H

#include "masquerade.h"

#define PIECES 4
#define PIECE  104 /* bytes of each but the last */

/**
 * struct pieces - a packet in pieces
 * @id:      its number; another one for each packet
 * @in, @out: as they come, as they have to leave
 */
struct pieces {
	uint16_t id;
	struct packet_buf in[PIECES], out[PIECES];
};

extern struct pieces pieces;

/* piece_set_length() - the IP length field of a packet whose end has moved */
void piece_set_length(struct packet_buf *piece);

/* piece_set_sum() - the checksum of its IPv4 header, from scratch */
void piece_set_sum(struct packet_buf *piece);

/* pieces_make() - cut the packet of @test, and @out for what it has to become */
void pieces_make(struct test_case *test, const struct packet_spec *out);

/* pieces_fresh() - the same with what case_output() says */
void pieces_fresh(struct test_case *test);

/* pieces_run() - one of them through the program: untouched unless it is to be forwarded */
void pieces_run(struct test_case *test, unsigned number, enum reason wanted, const char *detail);

/* pieces_for_each() - for every path of preserve, and both directions of open conversations */
void pieces_for_each(void (*body)(struct test_case *test));

#endif
