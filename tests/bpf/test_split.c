// SPDX-License-Identifier: GPL-2.0-only
// IPv4 packets that are too large and may be fragmented: what arrives makes up the right packet.
#include <criterion/criterion.h>
#include <string.h>
#include "answers.h"
#include "live.h"
#include "pieces.h"

TestSuite(split, .init = live_init);

#define PIECE_LARGE 1200 /* of what is in fragments already */

static unsigned narrow = 600; /* the MTU */

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void set16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/* An option that each fragment has to carry, one for the first alone, and the end. */
static void put_options(uint8_t *ip, bool is_first)
{
	static const uint8_t copied[] = { 0x94, 4, 0x12, 0x34 }, once[] = { 0x44, 5, 5, 0, 7 };

	memcpy(ip + 20, copied, sizeof(copied));
	if (is_first)
		memcpy(ip + 24, once, sizeof(once));
	else
		memset(ip + 24, 1, sizeof(once));
}

/**
 * struct whole - a packet that is put together again
 * @expected: it
 * @has:      which bytes behind its IP header have come
 */
struct whole {
	struct packet_buf expected;
	bool has[PACKET_MAX];
	size_t count;
};

/* One fragment: its header is what it has to be, and its bytes are where they belong. */
static void take_piece(struct test_case *test, struct whole *whole, const struct packet_buf *piece,
		       unsigned mtu, bool has_options)
{
	const size_t l3 = whole->expected.l3, header = whole->expected.l4 - l3;
	const uint8_t *ip = piece->data + l3;
	const size_t offset = (get16(ip + 6) & 0x1fff) * 8, len = get16(ip + 2) - header;
	const size_t end = whole->expected.end - whole->expected.l4;
	struct packet_buf head = whole->expected;
	char diff[1024];

	head.len = head.end = head.l4 + len;
	if (piece->len != head.len || len + header > mtu || offset + len > end) {
		case_fail(test, "a fragment of %zu bytes at %zu", piece->len, offset);
		return;
	}
	set16(head.data + l3 + 2, len + header);
	set16(head.data + l3 + 6, offset / 8 | (offset + len < end ? 0x2000 : 0));
	if (has_options)
		put_options(head.data + l3, !offset);
	piece_set_sum(&head);
	memcpy(head.data + head.l4, whole->expected.data + head.l4 + offset, len);
	if (packet_diff(&head, piece->data, piece->len, diff, sizeof(diff)))
		case_fail(test, "the fragment at %zu: %s", offset, diff);
	for (size_t i = offset; i < offset + len; i++) {
		if (whole->has[i])
			case_fail(test, "byte %zu came twice", i);
		whole->has[i] = true;
		whole->count++;
	}
}

/* All fragments of a packet that has been sent. */
static void receive_whole(struct test_case *test, const struct packet_spec *out, unsigned mtu,
			  bool has_options)
{
	static struct whole whole;
	struct virtio_net_hdr offload;
	struct packet_buf piece;
	unsigned pieces_seen = 0;

	memset(&whole, 0, sizeof(whole));
	packet_build(out, &whole.expected);
	while (whole.count < whole.expected.end - whole.expected.l4 && pieces_seen++ < 64) {
		if (!live_receive(test->path.egress, &piece, &offload)) {
			case_fail(test, "live: %zu bytes came", whole.count);
			return;
		}
		if (offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			case_fail(test, "a checksum is left to the hardware");
		take_piece(test, &whole, &piece, mtu, has_options);
	}
}

/* In three fragments. */
static void send_pieces(struct test_case *test)
{
	struct packet_spec out = live_output(test);
	struct packet_buf in, piece;

	snprintf(test->detail, sizeof(test->detail), "in fragments");
	packet_build(&test->packet, &in);
	for (size_t offset = 0; offset < in.end - in.l4; offset += PIECE_LARGE) {
		const bool is_last = offset + PIECE_LARGE >= in.end - in.l4;

		piece = in;
		piece.len = piece.end = is_last ? in.end - offset : in.l4 + PIECE_LARGE;
		memcpy(piece.data + in.l4, in.data + in.l4 + offset, piece.end - in.l4);
		piece_set_length(&piece);
		set16(piece.data + in.l3 + 6, offset / 8 | (is_last ? 0 : 0x2000));
		piece_set_sum(&piece);
		live_send(test->path.ingress, &piece, NULL);
	}
	receive_whole(test, &out, dev_is_l3(test->path.egress) ? 65535 : narrow, false);
}

/* A tunnel fragments around what it is given, so that nothing happens to it here. */
static bool is_cut(const struct test_case *test)
{
	const size_t headers = 20 + test->packet.options * 4 + (test->proto == PROTO_TCP ? 20 : 8);

	return !dev_is_l3(test->path.egress) && headers + test->packet.payload > narrow;
}

static void send_whole(struct test_case *test, bool has_options, const char *detail)
{
	const bool is_l3 = test->program == PROGRAM_TC_L3;
	struct packet_spec out = live_output(test);
	struct packet_buf in;
	struct virtio_net_hdr offload = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = (is_l3 ? 0 : 14) + 20 + test->packet.options * 4,
		.csum_offset = test->proto == PROTO_TCP ? 16 : 6,
	};

	snprintf(test->detail, sizeof(test->detail), "%s, %zu bytes", detail, test->packet.payload);
	packet_build(&test->packet, &in);
	if (has_options) {
		put_options(in.data + in.l3, true);
		piece_set_sum(&in);
	}
	live_send(test->path.ingress, &in, test->packet.partial ? &offload : NULL);
	out.partial = false;
	receive_whole(test, &out, is_cut(test) ? narrow : 65535, has_options);
}

/* Also where the sender has left the checksum to hardware that can only make it of whole packets.
 */
static void send_both(struct test_case *test, bool has_options, const char *detail)
{
	send_whole(test, has_options, detail);
	if (!is_cut(test))
		return;
	test->packet.partial = true;
	send_whole(test, has_options, detail);
	test->packet.partial = false;
}

static void too_large(struct test_case *test)
{
	static const size_t sizes[] = { 560, 561, 572, 573, 580, 1400, 1460 };

	if (test->program == PROGRAM_XDP || test->family != FAMILY_V4)
		return;
	answer_set_mtus(narrow, narrow);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		test->packet.payload = sizes[i];
		send_both(test, false, "plain");
	}
	test->packet.options = 3;
	send_both(test, true, "with options");
}

Test(split, too_large)
{
	pieces_for_each(too_large);
}

/* What comes in fragments already is cut smaller, the first one like the others. */
static void fragments_again(struct test_case *test)
{
	if (test->program == PROGRAM_XDP || test->family != FAMILY_V4)
		return;
	answer_set_mtus(narrow, narrow);
	test->packet.payload = 2 * PIECE_LARGE + 100;
	send_pieces(test);
}

Test(split, fragments_again)
{
	pieces_for_each(fragments_again);
}

/* Jumbo frames: more than is copied at a time, and a way that takes more than that as well. */
static void jumbo(struct test_case *test)
{
	static const unsigned mtus[] = { 600, 1500, 4000 };

	if (test->program == PROGRAM_XDP || test->family != FAMILY_V4)
		return;
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		narrow = mtus[i];
		answer_set_mtus(narrow, narrow);
		test->packet.payload = 7001;
		send_both(test, false, "jumbo");
	}
}

Test(split, jumbo)
{
	static const enum dev devs[] = { DEV_PUB, DEV_HOME, DEV_TUN, DEV_WAN };

	for (size_t i = 0; i < sizeof(devs) / sizeof(devs[0]); i++) {
		run("ip link set %s mtu 9000", dev_name(devs[i]));
		if (!dev_is_l3(devs[i]))
			run("ip link set %s-peer mtu 9000", dev_name(devs[i]));
	}
	case_for_each(jumbo);
}
