// SPDX-License-Identifier: GPL-2.0-only
// The maximum segment size of SYNs: lowered to what both devices carry, wherever it stands.
#include <criterion/criterion.h>
#include <string.h>
#include "masquerade.h"

TestSuite(mss, .init = fixture_init);

#define MTU_NEAR   1420 /* of the next hop to the backend */
#define MTU_PUBLIC 1400

/* Set the devices' MTUs, and whether rules clamp. */
static void set_mtus(uint32_t public, uint32_t near, bool clamp)
{
	struct ruleset *rs = fixture_ruleset();

	for (unsigned i = 1; i < RULES_MAX; i++) {
		rs->rules[i].clamp_mss = clamp;
		if (!ip_addr_is_any(&rs->rules[i].public_addr))
			rs->devices[rs->rules[i].public_dev].mtu = public;
	}
	for (unsigned i = 0; i < NEXTHOPS_MAX; i++)
		rs->nexthops[i].mtu = near;
}

static unsigned limit_of(const struct test_case *test, uint32_t mtu)
{
	return mtu - 20 - (test->family == FAMILY_V4 ? 20 : 40);
}

/* An option of @words words with the MSS at @offset among no-operations. */
static void put_mss(struct packet_spec *packet, unsigned words, unsigned offset, uint16_t mss)
{
	packet->tcp_words = words;
	packet->patches[0] = (struct packet_patch){ LAYER_L4, 20 + offset, 1, 2 };
	packet->patches[1] = (struct packet_patch){ LAYER_L4, 21 + offset, 1, 4 };
	packet->patches[2] = (struct packet_patch){ LAYER_L4, 22 + offset, 2, mss };
}

/* Run; what comes out announces @mss, if the packet is forwarded. */
static void run_mss(struct test_case *test, uint16_t mss, const char *detail)
{
	struct packet_spec out = test->packet;
	struct packet_buf in, actual, expected;
	enum reason reason;
	char diff[1024];
	int action;

	snprintf(test->detail, sizeof(test->detail), "%s", detail);
	packet_build(&test->packet, &in);
	action = case_try(test, &in, &actual, &reason);
	if (reason != test->reason) {
		case_fail(test, "counted %s, not %s", reason_name(reason),
			  reason_name(test->reason));
		return;
	}
	if (reason == REASON_FORWARDED) {
		out = case_output(test);
		if (out.patches[2].layer)
			out.patches[2].value = mss;
	}
	packet_build(&out, &expected);
	if (packet_diff(&expected, actual.data, actual.len, diff, sizeof(diff)))
		case_fail(test, "action %d: %s", action, diff);
}

static void (*each_syn_body)(struct test_case *test);

static void each_preserved(struct test_case *test)
{
	const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK };

	if (test->proto != PROTO_TCP)
		return;
	set_mtus(MTU_PUBLIC, MTU_NEAR, true);
	for (int i = 0; i < 2; i++) {
		struct test_case syn = *test;

		syn.packet.payload = 0;
		syn.packet.tcp.is_set = true;
		syn.packet.tcp.flags = flags[i];
		each_syn_body(&syn);
	}
}

static void each_masqueraded(struct conversation *conv)
{
	if (conv->proto != PROTO_TCP)
		return;
	set_mtus(MTU_PUBLIC, MTU_NEAR, true);
	conv->shape.payload = 0;
	conversation_begin(conv);
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct test_case syn =
			conversation_case(conv, dir, dir == DIR_IN ? TCP_SYN : TCP_SYN | TCP_ACK);

		each_syn_body(&syn);
	}
}

/* For SYN and SYN-ACK, both directions, preserve and masquerade, all programs. */
static void syn_for_each(void (*body)(struct test_case *test))
{
	each_syn_body = body;
	case_for_each(each_preserved);
	conversation_for_each(each_masqueraded);
}

/* XDP sends a fitting SYN by itself, and leaves the others to TC as they are. */
static void values(struct test_case *test)
{
	const unsigned limit = limit_of(test, MTU_PUBLIC);
	const unsigned mss[] = { limit - 1, limit, 536, 1, 0, limit + 1, 1460, 8960, 65535 };
	const bool is_forwarded = test->reason == REASON_FORWARDED;

	for (size_t i = 0; i < sizeof(mss) / sizeof(mss[0]); i++) {
		char detail[32];

		snprintf(detail, sizeof(detail), "MSS %u", mss[i]);
		put_mss(&test->packet, 1, 0, mss[i]);
		if (test->program == PROGRAM_XDP && is_forwarded)
			test->reason = mss[i] > limit ? REASON_LEFT_TO_TC : REASON_FORWARDED;
		run_mss(test, mss[i] > limit ? limit : mss[i], detail);
	}
}

Test(mss, values)
{
	syn_for_each(values);
}

static void places(struct test_case *test)
{
	for (unsigned words = 1; words <= 10; words++) {
		for (unsigned offset = 0; offset + 4 <= words * 4; offset++) {
			char detail[64];

			snprintf(detail, sizeof(detail), "byte %u of %u", offset, words * 4);
			put_mss(&test->packet, words, offset, 1460);
			if (test->program == PROGRAM_XDP)
				test->reason = REASON_LEFT_TO_TC;
			run_mss(test, limit_of(test, MTU_PUBLIC), detail);
		}
	}
}

/* First and last, at even and odd offsets, in up to 40 bytes of options. */
Test(mss, places)
{
	syn_for_each(places);
}

static void all_values_odd(struct test_case *test)
{
	if (test->program == PROGRAM_XDP || test->path.out)
		return;
	for (unsigned mss = 1; mss < 65536; mss += 97) {
		unsigned limit = limit_of(test, MTU_PUBLIC);

		put_mss(&test->packet, 3, 1 + mss % 4, mss);
		run_mss(test, mss > limit ? limit : mss, "each value");
	}
}

/* The checksum, whatever the value and its offset. */
Test(mss, checksums)
{
	struct test_case test;

	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	each_syn_body = all_values_odd;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		case_init(&test, path_find("in pub>home"), PROGRAM_TC, family, PROTO_TCP);
		each_preserved(&test);
	}
}

/* Options that say nothing, or nonsense: the packet is none the worse for it. */
static void malformed(struct test_case *test)
{
	static const struct {
		const char *detail;
		uint8_t at[4], bytes[4];
		unsigned words;
	} tests[] = {
		{ "no options", {}, {}, 0 },
		{ "no MSS", { 0 }, { 1 }, 3 },
		{ "length 0", { 0, 1 }, { 8, 0 }, 3 },
		{ "length 1", { 0, 1 }, { 8, 1 }, 3 },
		{ "beyond the end", { 0, 1 }, { 8, 200 }, 3 },
		{ "far beyond the end", { 0, 1, 8, 9 }, { 8, 200, 255, 255 }, 3 },
		{ "just beyond the end", { 0, 1, 8, 9 }, { 8, 13, 255, 255 }, 3 },
		{ "end of options first", { 0, 1, 2, 3 }, { 0, 2, 4, 255 }, 3 },
		{ "MSS of 3 bytes", { 0, 1, 2 }, { 2, 3, 255 }, 3 },
		{ "MSS of 5 bytes", { 0, 1, 2, 3 }, { 2, 5, 255, 255 }, 3 },
		{ "MSS of no bytes", { 0, 1, 2, 3 }, { 2, 0, 255, 255 }, 3 },
		{ "MSS inside another", { 0, 1, 2, 3 }, { 8, 10, 2, 4 }, 3 },
		{ "MSS cut by the end", { 8, 9, 10, 11 }, { 1, 2, 4, 255 }, 3 },
		{ "the last byte", { 39 }, { 2 }, 10 },
	};
	const enum reason reason = test->reason;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		memset(test->packet.patches, 0, sizeof(test->packet.patches));
		test->packet.tcp_words = tests[i].words;
		for (int n = 0; n < 4 && tests[i].words; n++)
			test->packet.patches[n] =
				(struct packet_patch){ LAYER_L4, 20 + tests[i].at[n], 1,
						       tests[i].at[n] || !n ? tests[i].bytes[n]
									    : tests[i].bytes[0] };
		if (test->program == PROGRAM_XDP && reason == REASON_FORWARDED)
			test->reason = tests[i].words ? REASON_LEFT_TO_TC : REASON_FORWARDED;
		run_mss(test, test->packet.patches[2].value, tests[i].detail);
	}
}

Test(mss, malformed)
{
	syn_for_each(malformed);
}

/* The smaller of the two counts; with neither known there is no limit. */
static void mtus(struct test_case *test)
{
	static const unsigned mtu[][3] = { { 1500, 1280, 1280 }, { 1280, 1500, 1280 },
					   { 0, 1300, 1300 },	 { 1300, 0, 1300 },
					   { 0, 0, 0 },		 { 1500, 1500, 1500 } };
	const enum reason reason = test->reason;

	if (test->path.egress == test->path.ingress || test->program == PROGRAM_XDP)
		return;
	for (size_t i = 0; i < sizeof(mtu) / sizeof(mtu[0]); i++) {
		set_mtus(mtu[i][0], mtu[i][1], true);
		put_mss(&test->packet, 2, 1, 9000);
		test->reason = reason;
		run_mss(test, mtu[i][2] ? limit_of(test, mtu[i][2]) : 9000, "MTUs");
	}
	set_mtus(MTU_PUBLIC, MTU_NEAR, true);
}

Test(mss, mtus)
{
	syn_for_each(mtus);
}

static void switched_off(struct test_case *test)
{
	set_mtus(MTU_PUBLIC, MTU_NEAR, false);
	put_mss(&test->packet, 3, 5, 9000);
	run_mss(test, 9000, "off");
	put_mss(&test->packet, 1, 0, 9000);
	run_mss(test, 9000, "off, first");
}

/* Off: also XDP sends every SYN by itself. */
Test(mss, switched_off)
{
	syn_for_each(switched_off);
}

static void no_syn(struct test_case *test)
{
	test->packet.tcp.flags = TCP_ACK;
	put_mss(&test->packet, 3, 5, 9000);
	run_mss(test, 9000, "no SYN");
	put_mss(&test->packet, 1, 0, 9000);
	run_mss(test, 9000, "no SYN, first");
}

/* What looks like the option in a packet of the middle is not touched. */
Test(mss, no_syn)
{
	syn_for_each(no_syn);
}

static void not_tcp(struct test_case *test)
{
	if (test->proto != PROTO_UDP)
		return;
	set_mtus(MTU_PUBLIC, MTU_NEAR, true);
	test->packet.patches[0] = (struct packet_patch){ LAYER_L4, 20, 2, 0x0204 };
	test->packet.patches[1] = (struct packet_patch){ LAYER_L4, 22, 2, 9000 };
	test->packet.patches[3] = (struct packet_patch){ LAYER_L4, 13, 1, TCP_SYN };
	case_run(test, "UDP that looks like it");
}

Test(mss, not_tcp)
{
	case_for_each(not_tcp);
}
