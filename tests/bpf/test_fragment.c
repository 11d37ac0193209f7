// SPDX-License-Identifier: GPL-2.0-only
// IP fragments: each one translated as if the whole packet had been, in whatever order they come.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include "live.h"
#include "masquerade.h"

TestSuite(fragment, .init = fixture_init);
TestSuite(fragment_live, .init = live_init);

#define PIECES 4
#define PIECE  104 /* bytes of each but the last */

/* struct fragment_entry - value of the map "fragments" */
struct fragment_entry {
	struct ip_addr src, dst;
	uint32_t addr_delta, in, out, slot, ifindex, seen_at;
};

static uint16_t packet_id; /* another one for each packet */

static void set16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/* Piece @number of a packet, headers and checksums as its sender or a router makes them. */
static void piece_of(const struct packet_buf *whole, unsigned number, struct packet_buf *piece)
{
	const bool is_v4 = whole->data[whole->l3] >> 4 == 4;
	const size_t offset = number * PIECE, rest = whole->end - whole->l4 - offset;
	const size_t len = number == PIECES - 1 ? rest : PIECE;
	const bool more = number < PIECES - 1;
	uint8_t *ip;
	uint32_t sum = 0;

	memset(piece, 0, sizeof(*piece));
	memcpy(piece->data, whole->data, whole->l4);
	piece->l3 = whole->l3;
	piece->l4 = whole->l4 + (is_v4 ? 0 : 8);
	piece->len = piece->end = piece->l4 + len;
	memcpy(piece->data + piece->l4, whole->data + whole->l4 + offset, len);
	ip = piece->data + piece->l3;
	if (!is_v4) {
		uint8_t *frag = ip + 40;

		set16(ip + 4, len + 8);
		frag[0] = ip[6];
		ip[6] = IPPROTO_FRAGMENT;
		set16(frag + 2, offset | more);
		set16(frag + 4, 0xabcd);
		set16(frag + 6, packet_id);
		return;
	}
	set16(ip + 2, piece->end - piece->l3);
	set16(ip + 4, packet_id);
	set16(ip + 6, offset / 8 | (more ? 0x2000 : 0));
	set16(ip + 10, 0);
	for (size_t i = 0; i < piece->l4 - piece->l3; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	set16(ip + 10, ~sum);
}

/* A packet in pieces, as it comes and as it has to leave. */
struct pieces {
	struct packet_buf in[PIECES], out[PIECES];
};

static struct pieces pieces;

static void make_pieces(struct test_case *test, const struct packet_spec *out)
{
	struct packet_buf whole;

	packet_id++;
	test->packet.payload = PIECE * PIECES - 40;
	packet_build(&test->packet, &whole);
	for (unsigned i = 0; i < PIECES; i++)
		piece_of(&whole, i, &pieces.in[i]);
	packet_build(out, &whole);
	for (unsigned i = 0; i < PIECES; i++)
		piece_of(&whole, i, &pieces.out[i]);
}

/* One piece through the program; untouched unless it is to be forwarded. */
static void run_piece(struct test_case *test, unsigned number, enum reason wanted,
		      const char *detail)
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

static void fresh_pieces(struct test_case *test)
{
	struct packet_spec out;

	test->packet.payload = PIECE * PIECES - 40;
	out = case_output(test);
	make_pieces(test, &out);
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

/* Both directions, preserve and masquerade. */
static void fragment_for_each(void (*body)(struct test_case *test))
{
	each_body = body;
	case_for_each(body);
	conversation_for_each(each_masqueraded);
}

static void in_order(struct test_case *test)
{
	fresh_pieces(test);
	for (unsigned i = 0; i < PIECES; i++)
		run_piece(test, i,
			  test->program == PROGRAM_XDP ? REASON_FRAGMENT : REASON_FORWARDED,
			  "in order");
}

Test(fragment, in_order)
{
	fragment_for_each(in_order);
}

static void first_then_backwards(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	fresh_pieces(test);
	run_piece(test, 0, REASON_FORWARDED, "backwards");
	for (unsigned i = PIECES - 1; i; i--)
		run_piece(test, i, REASON_FORWARDED, "backwards");
	run_piece(test, 2, REASON_FORWARDED, "once more");
}

Test(fragment, first_then_backwards)
{
	fragment_for_each(first_then_backwards);
}

/* Nothing comes out before the ports are known; the host has it, too, should it be the host's. */
static void too_early(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	fresh_pieces(test);
	for (unsigned i = 1; i < PIECES; i++)
		run_piece(test, i, REASON_HELD, "too early");
	run_piece(test, 1, REASON_HELD, "the fourth");
	run_piece(test, 2, REASON_FRAGMENT, "one too many");
}

Test(fragment, too_early)
{
	fragment_for_each(too_early);
}

/* Of addresses that no forward knows. */
static void of_others(struct test_case *test)
{
	test->packet.src.w[3] ^= htonl(0x40);
	test->packet.dst.w[3] ^= htonl(0x40);
	fresh_pieces(test);
	for (unsigned i = 1; i < PIECES; i++)
		run_piece(test, i, REASON_FRAGMENT, "of others");
	run_piece(test, 0, test->program == PROGRAM_XDP ? REASON_FRAGMENT : REASON_NOT_OURS,
		  "of others");
	run_piece(test, 1, REASON_FRAGMENT, "of others, after the first");
}

Test(fragment, of_others)
{
	case_for_each(of_others);
}

static void age_fragments(void)
{
	int fd = bpf_map__fd(fixture_skel()->maps.fragments);
	struct fragment_entry entry;
	uint8_t key[64], next[64];
	void *from = NULL;

	while (!bpf_map_get_next_key(fd, from, next)) {
		cr_assert_eq(bpf_map_lookup_elem(fd, next, &entry), 0);
		entry.seen_at -= 31000000000ULL >> FLOW_TICK_SHIFT;
		cr_assert_eq(bpf_map_update_elem(fd, next, &entry, BPF_EXIST), 0);
		memcpy(key, next, sizeof(key));
		from = key;
	}
}

static void too_late(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	fresh_pieces(test);
	run_piece(test, 0, REASON_FORWARDED, "too late");
	run_piece(test, 1, REASON_FORWARDED, "in time");
	age_fragments();
	run_piece(test, 2, REASON_HELD, "too late");
}

Test(fragment, too_late)
{
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "in pub>home", "out home>pub", "out tun>pub" };
		struct test_case test;

		fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
		for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
			case_init(&test, path_find(names[i]), i == 2 ? PROGRAM_TC_L3 : PROGRAM_TC,
				  n / PROTO_COUNT, n % PROTO_COUNT);
			too_late(&test);
		}
	}
}

/* The TTL of each fragment is its own; none is answered. */
static void ttl(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	fresh_pieces(test);
	run_piece(test, 0, REASON_FORWARDED, "TTL");
	test->packet.ttl = 1;
	packet_id--;
	fresh_pieces(test);
	run_piece(test, 1, REASON_LOST_FRAGMENT, "TTL 1");
	test->packet.ttl = 200;
	packet_id--;
	fresh_pieces(test);
	run_piece(test, 2, REASON_FORWARDED, "TTL 200");
}

Test(fragment, ttl)
{
	fragment_for_each(ttl);
}

static void other_device(struct test_case *test)
{
	struct packet_spec out;

	if (test->program != PROGRAM_TC)
		return;
	fresh_pieces(test);
	run_piece(test, 0, REASON_FORWARDED, "first");
	out = case_output(test);
	test->path.ingress = DEV_THIRD;
	memcpy(test->packet.dst_mac, dev_mac(DEV_THIRD), 6);
	packet_id--;
	make_pieces(test, &out);
	run_piece(test, 1, REASON_HELD, "by a device of no forward");
}

Test(fragment, other_device)
{
	case_for_each(other_device);
}

/* Lengths that claim more than there is. */
static void wrong_length(struct test_case *test)
{
	const bool is_v4 = test->family == FAMILY_V4;

	if (test->program == PROGRAM_XDP)
		return;
	fresh_pieces(test);
	run_piece(test, 0, REASON_FORWARDED, "first");
	for (unsigned i = 1; i < PIECES; i++)
		pieces.in[i].data[pieces.in[i].l3 + (is_v4 ? 2 : 4)] = 0x40;
	run_piece(test, 1, REASON_FRAGMENT, "longer than it is");
}

Test(fragment, wrong_length)
{
	case_for_each(wrong_length);
}

/* A first fragment without the whole TCP header is nothing anybody needs (RFC 3128). */
static void tiny(struct test_case *test)
{
	struct packet_buf *in = &pieces.in[0];

	if (test->program == PROGRAM_XDP || test->proto != PROTO_TCP)
		return;
	fresh_pieces(test);
	in->len = in->end = in->l4 + 16;
	if (test->family == FAMILY_V4)
		set16(in->data + in->l3 + 2, in->end - in->l3);
	else
		set16(in->data + in->l3 + 4, in->end - in->l3 - 40);
	run_piece(test, 0, REASON_BAD_LENGTH, "16 bytes of TCP");
	run_piece(test, 1, REASON_HELD, "the next one");
}

Test(fragment, tiny)
{
	case_for_each(tiny);
}

static unsigned map_count(struct bpf_map *map)
{
	uint8_t key[64], next[64];
	unsigned count = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(map), count ? key : NULL, next)) {
		memcpy(key, next, sizeof(key));
		count++;
	}
	return count;
}

/* A flood of fragments that never become packets takes what room there is for them, and no more. */
Test(fragment, flood)
{
	struct test_case test;

	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	for (int n = 0; n < FAMILY_COUNT; n++) {
		case_init(&test, path_find("in pub>home"), PROGRAM_TC, n, PROTO_UDP);
		for (int i = 0; i < 5000; i++) {
			struct packet_buf out;
			enum reason reason;

			fresh_pieces(&test);
			case_try(&test, &pieces.in[1], &out, &reason);
			cr_assert(reason == REASON_HELD || reason == REASON_FRAGMENT, "%s",
				  reason_name(reason));
		}
		cr_assert_leq(map_count(fixture_skel()->maps.fragments_held), 256);
		case_init(&test, path_find("in pub>home"), PROGRAM_TC, n, PROTO_UDP);
		case_run(&test, "whole packets go on");
		in_order(&test);
	}
}

/* On the cable: those that came too early leave right behind the first one. */
static void live_pieces(struct test_case *test, const unsigned order[PIECES])
{
	const struct packet_spec out = live_output(test);
	struct virtio_net_hdr offload;
	struct packet_buf actual;
	char diff[1024];

	make_pieces(test, &out);
	for (unsigned i = 0; i < PIECES; i++)
		live_send(test->path.ingress, &pieces.in[order[i]], NULL);
	for (unsigned i = 0; i < PIECES; i++) {
		if (!live_receive(test->path.egress, &actual, &offload)) {
			case_fail(test, "live: %u of %u came", i, PIECES);
			return;
		}
		for (unsigned n = 0; n < PIECES; n++)
			if (!packet_diff(&pieces.out[n], actual.data, actual.len, diff,
					 sizeof(diff)))
				goto found;
		packet_diff(&pieces.out[order[i]], actual.data, actual.len, diff, sizeof(diff));
		case_fail(test, "live: none of its pieces: %s", diff);
		return;
	found:;
	}
}

static void live_orders(struct test_case *test)
{
	static const unsigned orders[][PIECES] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 0, 3, 2 }, { 2, 3, 0, 1 }
	};

	if (test->program == PROGRAM_XDP)
		return;
	test->packet.payload = PIECE * PIECES - 40;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		/* Whoever waits is sent only where the link-layer header is known. */
		if (orders[i][0] && !dev_is_l3(test->path.egress) && !case_by_cache(test))
			continue;
		snprintf(test->detail, sizeof(test->detail), "%u first", orders[i][0]);
		live_pieces(test, orders[i]);
	}
}

Test(fragment_live, orders)
{
	fragment_for_each(live_orders);
}
