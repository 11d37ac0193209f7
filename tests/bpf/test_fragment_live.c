// SPDX-License-Identifier: GPL-2.0-only
// Fragments on the cable: those that come too early, and those that the programs make.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <string.h>
#include "answers.h"
#include "live.h"
#include "pieces.h"

TestSuite(fragment_live, .init = live_init);

#define FRAGMENT_S 30

/* Whether one more packet leaves, and which piece it is; PIECES when it is none of them. */
static bool live_next(struct test_case *test, unsigned *number)
{
	struct virtio_net_hdr offload;
	struct packet_buf actual;
	char diff[1024];

	if (!live_receive(test->path.egress, &actual, &offload))
		return false;
	for (*number = 0; *number < PIECES; ++*number)
		if (!packet_diff(&pieces.out[*number], actual.data, actual.len, diff, sizeof(diff)))
			return true;
	packet_diff(&pieces.out[0], actual.data, actual.len, diff, sizeof(diff));
	case_fail(test, "live: none of its pieces: %s", diff);
	return true;
}

/* Each piece is counted once, as traffic of its forward. */
static void check_counts(const struct test_case *test, const struct counts *before)
{
	const unsigned key = test->path.forward * PROTO_COUNT + test->proto;
	const enum direction dir = test->path.in ? DIR_IN : DIR_OUT;
	struct counts after;
	size_t bytes = 0;

	for (unsigned i = 0; i < PIECES; i++)
		bytes += pieces.in[i].end - pieces.in[i].l3;
	fixture_counts(&after);
	if (after.forwards[key].packets[dir] - before->forwards[key].packets[dir] != PIECES ||
	    after.forwards[key].bytes[dir] - before->forwards[key].bytes[dir] != bytes)
		case_fail(test, "live: %llu packets and %llu bytes are counted",
			  after.forwards[key].packets[dir] - before->forwards[key].packets[dir],
			  after.forwards[key].bytes[dir] - before->forwards[key].bytes[dir]);
}

/* Those that came too early leave right behind the first one. */
static void live_pieces(struct test_case *test, const unsigned order[PIECES])
{
	const struct packet_spec out = live_output(test);
	unsigned number, seen = 0;
	struct counts before;

	pieces_make(test, &out);
	fixture_counts(&before);
	for (unsigned i = 0; i < PIECES; i++)
		live_send(test->path.ingress, &pieces.in[order[i]], NULL);
	for (unsigned i = 0; i < PIECES; i++) {
		if (!live_next(test, &number)) {
			case_fail(test, "live: %u of %u came", i, PIECES);
			return;
		}
		seen |= 1U << number;
	}
	if (seen != (1U << PIECES) - 1)
		case_fail(test, "live: not each of them came: %x", seen);
	check_counts(test, &before);
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
		snprintf(test->detail, sizeof(test->detail), "%u first", orders[i][0]);
		live_pieces(test, orders[i]);
	}
}

Test(fragment_live, orders)
{
	pieces_for_each(live_orders);
}

/* As if all that is kept had come long ago. */
static void age_held(void)
{
	int fd = bpf_map__fd(fixture_skel()->maps.fragments_held);
	static uint32_t held[1024];
	uint8_t key[64];

	cr_assert_leq(bpf_map__value_size(fixture_skel()->maps.fragments_held), sizeof(held));
	while (!bpf_map_get_next_key(fd, NULL, key)) {
		cr_assert_eq(bpf_map_lookup_elem(fd, key, held), 0);
		if ((fixture_now_ns() >> FLOW_TICK_SHIFT) - held[2] > 60)
			break;
		held[2] -= (FRAGMENT_S + 1) * 1000000000ULL >> FLOW_TICK_SHIFT;
		cr_assert_eq(bpf_map_update_elem(fd, key, held, BPF_EXIST), 0);
	}
}

/* The number of a packet comes again: what is left of the old one goes, and holds up nobody. */
static void live_stale(struct test_case *test)
{
	const unsigned order[] = { 3, 1, 0, 2 };
	struct packet_spec out;
	unsigned number, count[PIECES + 1] = {};

	if (test->program == PROGRAM_XDP)
		return;
	test->packet.payload = PIECE * PIECES - 40;
	out = live_output(test);
	pieces_make(test, &out);
	live_send(test->path.ingress, &pieces.in[2], NULL);
	age_held();
	for (unsigned i = 0; i < PIECES; i++)
		live_send(test->path.ingress, &pieces.in[order[i]], NULL);
	for (unsigned i = 0; i < PIECES && live_next(test, &number); i++)
		count[number]++;
	for (unsigned i = 0; i < PIECES; i++)
		if (count[i] != 1)
			case_fail(test, "live: piece %u came %u times", i, count[i]);
}

Test(fragment_live, stale)
{
	case_for_each(live_stale);
}
