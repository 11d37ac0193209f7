// SPDX-License-Identifier: GPL-2.0-only
// Fragments in bytes, each on its own way through the programs.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "pieces.h"

struct pieces pieces;

static void set16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

void piece_set_length(struct packet_buf *piece)
{
	const bool is_v4 = piece->data[piece->l3] >> 4 == 4;

	set16(piece->data + piece->l3 + (is_v4 ? 2 : 4), piece->end - piece->l3 - (is_v4 ? 0 : 40));
}

void piece_set_sum(struct packet_buf *piece)
{
	uint8_t *ip = piece->data + piece->l3;
	uint32_t sum = 0;

	set16(ip + 10, 0);
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	set16(ip + 10, ~sum);
}

/* The header of a fragment comes behind the extension headers that the packet has. */
static void put_fragment_header(const struct packet_buf *whole, struct packet_buf *piece,
				uint16_t field)
{
	uint8_t *ip = piece->data + piece->l3, *frag = piece->data + whole->l4;
	uint8_t *next = whole->l4 - whole->l3 > 40 ? ip + 40 : ip + 6;

	frag[0] = *next;
	*next = IPPROTO_FRAGMENT;
	set16(frag + 2, field);
	set16(frag + 4, 0xabcd);
	set16(frag + 6, pieces.id);
}

/* Piece @number of a packet, headers and checksums as its sender or a router makes them. */
static void piece_of(const struct packet_buf *whole, unsigned number, struct packet_buf *piece)
{
	const bool is_v4 = whole->data[whole->l3] >> 4 == 4;
	const size_t offset = number * PIECE, rest = whole->end - whole->l4 - offset;
	const size_t len = number == PIECES - 1 ? rest : PIECE;
	const bool more = number < PIECES - 1;

	memset(piece, 0, sizeof(*piece));
	memcpy(piece->data, whole->data, whole->l4);
	piece->l3 = whole->l3;
	piece->l4 = whole->l4 + (is_v4 ? 0 : 8);
	piece->len = piece->end = piece->l4 + len;
	memcpy(piece->data + piece->l4, whole->data + whole->l4 + offset, len);
	piece_set_length(piece);
	if (!is_v4) {
		put_fragment_header(whole, piece, offset | more);
		return;
	}
	set16(piece->data + piece->l3 + 4, pieces.id);
	set16(piece->data + piece->l3 + 6, offset / 8 | (more ? 0x2000 : 0));
	piece_set_sum(piece);
}

void pieces_make(struct test_case *test, const struct packet_spec *out)
{
	struct packet_buf whole;

	pieces.id++;
	test->packet.payload = PIECE * PIECES - 40;
	packet_build(&test->packet, &whole);
	for (unsigned i = 0; i < PIECES; i++)
		piece_of(&whole, i, &pieces.in[i]);
	packet_build(out, &whole);
	for (unsigned i = 0; i < PIECES; i++)
		piece_of(&whole, i, &pieces.out[i]);
}

void pieces_run(struct test_case *test, unsigned number, enum reason wanted, const char *detail)
{
	const struct packet_buf *expected =
		wanted == REASON_FORWARDED ? &pieces.out[number] : &pieces.in[number];
	struct packet_buf out;
	enum reason reason;
	char diff[1024];
	int action;

	snprintf(test->detail, sizeof(test->detail), "%s, piece %u", detail, number);
	action = case_try(test, &pieces.in[number], &out, &reason);
	if (reason != wanted)
		case_fail(test, "counted %s, not %s", reason_name(reason), reason_name(wanted));
	else if (packet_diff(expected, out.data, out.len, diff, sizeof(diff)))
		case_fail(test, "action %d: %s", action, diff);
}

void pieces_fresh(struct test_case *test)
{
	struct packet_spec out;

	test->packet.payload = PIECE * PIECES - 40;
	out = case_output(test);
	pieces_make(test, &out);
}

static void (*each_body)(struct test_case *test);

static void each_masqueraded(struct conversation *conv)
{
	conversation_open(conv);
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct test_case test = conversation_case(conv, dir, TCP_ACK);

		each_body(&test);
	}
}

void pieces_for_each(void (*body)(struct test_case *test))
{
	each_body = body;
	case_for_each(body);
	conversation_for_each(each_masqueraded);
}
