// SPDX-License-Identifier: GPL-2.0-only
// IP fragments: each one translated as if the whole packet had been, in whatever order they come.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include "answers.h"
#include "pieces.h"

TestSuite(fragment, .init = fixture_init);

/* struct fragment_entry - value of the map "fragments" */
struct fragment_entry {
	struct ip_addr src, dst;
	uint32_t addr_delta, in, out, slot, ifindex, seen_at;
};

static void in_order(struct test_case *test)
{
	pieces_fresh(test);
	for (unsigned i = 0; i < PIECES; i++)
		pieces_run(test, i,
			   test->program == PROGRAM_XDP ? REASON_FRAGMENT : REASON_FORWARDED,
			   "in order");
}

Test(fragment, in_order)
{
	pieces_for_each(in_order);
}

static void behind_options(struct test_case *test)
{
	static const uint8_t types[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS };

	if (test->family != FAMILY_V6)
		return;
	test->packet.ext_count = 1;
	for (size_t i = 0; i < sizeof(types); i++) {
		test->packet.ext[0] = (struct packet_ext){ types[i], 8 + 16 * i, 0 };
		in_order(test);
	}
}

/* IPv6: extension headers that every router looks at come before that of the fragment. */
Test(fragment, behind_options)
{
	pieces_for_each(behind_options);
}

static void first_then_backwards(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	pieces_fresh(test);
	pieces_run(test, 0, REASON_FORWARDED, "backwards");
	for (unsigned i = PIECES - 1; i; i--)
		pieces_run(test, i, REASON_FORWARDED, "backwards");
	pieces_run(test, 2, REASON_FORWARDED, "once more");
}

Test(fragment, first_then_backwards)
{
	pieces_for_each(first_then_backwards);
}

/* Nothing comes out before the ports are known; the host has it, too, should it be the host's. */
static void too_early(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	pieces_fresh(test);
	for (unsigned i = 1; i < PIECES; i++)
		pieces_run(test, i, REASON_HELD, "too early");
	pieces_run(test, 1, REASON_HELD, "the fourth");
	pieces_run(test, 2, REASON_FRAGMENT, "one too many");
}

Test(fragment, too_early)
{
	pieces_for_each(too_early);
}

/* Of addresses that no forward knows. */
static void of_others(struct test_case *test)
{
	test->packet.src.w[3] ^= htonl(0x40);
	test->packet.dst.w[3] ^= htonl(0x40);
	pieces_fresh(test);
	for (unsigned i = 1; i < PIECES; i++)
		pieces_run(test, i, REASON_FRAGMENT, "of others");
	pieces_run(test, 0, test->program == PROGRAM_XDP ? REASON_FRAGMENT : REASON_NOT_OURS,
		   "of others");
	pieces_run(test, 1, REASON_FRAGMENT, "of others, after the first");
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
	pieces_fresh(test);
	pieces_run(test, 0, REASON_FORWARDED, "too late");
	pieces_run(test, 1, REASON_FORWARDED, "in time");
	age_fragments();
	pieces_run(test, 2, REASON_HELD, "too late");
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
	pieces_fresh(test);
	pieces_run(test, 0, REASON_FORWARDED, "TTL");
	test->packet.ttl = 1;
	pieces.id--;
	pieces_fresh(test);
	pieces_run(test, 1, REASON_LOST_FRAGMENT, "TTL 1");
	test->packet.ttl = 200;
	pieces.id--;
	pieces_fresh(test);
	pieces_run(test, 2, REASON_FORWARDED, "TTL 200");
}

Test(fragment, ttl)
{
	pieces_for_each(ttl);
}

static void other_device(struct test_case *test)
{
	struct packet_spec out;

	if (test->program != PROGRAM_TC)
		return;
	pieces_fresh(test);
	pieces_run(test, 0, REASON_FORWARDED, "first");
	out = case_output(test);
	test->path.ingress = DEV_THIRD;
	memcpy(test->packet.dst_mac, dev_mac(DEV_THIRD), 6);
	pieces.id--;
	pieces_make(test, &out);
	pieces_run(test, 1, REASON_HELD, "by a device of no forward");
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
	pieces_fresh(test);
	pieces_run(test, 0, REASON_FORWARDED, "first");
	for (unsigned i = 1; i < PIECES; i++)
		pieces.in[i].data[pieces.in[i].l3 + (is_v4 ? 2 : 4)] = 0x40;
	pieces_run(test, 1, REASON_FRAGMENT, "longer than it is");
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
	pieces_fresh(test);
	in->len = in->end = in->l4 + 16;
	piece_set_length(in);
	if (test->family == FAMILY_V4)
		piece_set_sum(in);
	pieces_run(test, 0, REASON_BAD_LENGTH, "16 bytes of TCP");
	pieces_run(test, 1, REASON_HELD, "the next one");
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

			pieces_fresh(&test);
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

/* A later fragment is larger than its way, where it must not be cut (RFC 8200, 4.5). */
static void too_large(struct test_case *test)
{
	const bool is_v4 = test->family == FAMILY_V4;
	struct packet_buf out;
	enum reason reason;
	int action;

	if (test->program != PROGRAM_TC || (is_v4 && dev_is_l3(test->path.egress)))
		return;
	pieces_fresh(test);
	answer_set_mtus(1500, 1500);
	pieces_run(test, 0, REASON_FORWARDED, "fits");
	answer_set_mtus(PIECE, PIECE);
	answers_renew();
	if (is_v4) {
		pieces.in[1].data[pieces.in[1].l3 + 6] |= 0x40; /* DF */
		piece_set_sum(&pieces.in[1]);
		pieces.out[1] = pieces.in[1];
		pieces_run(test, 1, REASON_LOST_FRAGMENT, "too large, and DF");
		return;
	}
	action = case_try(test, &pieces.in[1], &out, &reason);
	if (reason != REASON_OVERSIZE || action != TC_ACT_REDIRECT)
		case_fail(test, "counted %s, action %d", reason_name(reason), action);
	else if (out.len != pieces.in[1].len + 48 || out.data[54] != 2 || out.data[61] != PIECE ||
		 memcmp(out.data + 62, pieces.in[1].data + 14, out.len - 62) != 0)
		case_fail(test, "not packet too big: %zu bytes", out.len);
	answer_set_mtus(1500, 1500);
	pieces_run(test, 2, REASON_FORWARDED, "fits");
}

Test(fragment, too_large)
{
	pieces_for_each(too_large);
}
