// SPDX-License-Identifier: GPL-2.0-only
// Our own ICMP errors: for packets whose TTL has run out, and for those that are too long.
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <string.h>
#include "answers.h"

TestSuite(answer, .init = fixture_init);

#define ANSWERS_MAX 64 /* per CPU and tick */

static void run_answer(struct test_case *test, enum answer answer, unsigned mtu, const char *detail)
{
	struct packet_buf expected;

	snprintf(test->detail, sizeof(test->detail), "%s", detail);
	answer_build(test, answer, mtu, &expected);
	answer_expect(test, answer == TTL_EXPIRED ? REASON_TTL_EXPIRED : REASON_OVERSIZE,
		      &expected);
}

/* What a test run knows of packets without Ethernet is too little: those are tested live. */
static void ttl(struct test_case *test)
{
	static const size_t payloads[] = { 0,	1,   18,  32,  63,  64,	  65,
					   500, 507, 508, 509, 520, 1232, 1500 };

	if (test->program != PROGRAM_TC)
		return;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		test->packet.payload = payloads[i];
		for (test->packet.ttl = 0; test->packet.ttl < 2; test->packet.ttl++)
			run_answer(test, TTL_EXPIRED, 0, "TTL");
	}
	test->packet.ttl = 1;
	test->packet.payload = 0;
	test->packet.padding = 18;
	run_answer(test, TTL_EXPIRED, 0, "TTL, padding is not part of the packet");
	test->packet.padding = 0;
	if (test->family == FAMILY_V4)
		test->packet.options = 10;
	run_answer(test, TTL_EXPIRED, 0, "TTL, options");
}

Test(answer, ttl)
{
	answer_for_each(ttl);
}

static void left_to_tc(struct test_case *test)
{
	if (test->program != PROGRAM_XDP)
		return;
	test->reason = REASON_LEFT_TO_TC;
	for (test->packet.ttl = 0; test->packet.ttl < 2; test->packet.ttl++)
		case_run(test, "TTL %u", test->packet.ttl);
}

Test(answer, left_to_tc)
{
	case_for_each(left_to_tc);
}

/* Longer by one byte than what the next hop, or the device where there is none, can carry. */
static void oversize(struct test_case *test)
{
	const unsigned mtu = test->path.in ? MTU - 20 : MTU;
	const struct packet_spec whole = test->packet;
	const enum reason reason = test->reason;

	if (test->program == PROGRAM_TC_L3)
		return;
	answer_set_mtus(MTU, MTU - 20);
	test->packet.frag = test->family == FAMILY_V4 ? 0x4000 : 0;
	answer_set_length(test, mtu + 1);
	if (test->program == PROGRAM_XDP) {
		if (reason == REASON_FORWARDED && test->path.in) {
			test->reason = REASON_TOO_BIG;
			case_run(test, "oversize by one");
		}
		return;
	}
	run_answer(test, TOO_BIG, mtu, "oversize by one");
	answer_set_length(test, 1500);
	run_answer(test, TOO_BIG, mtu, "oversize by many");
	test->packet.padding = 9;
	run_answer(test, TOO_BIG, mtu, "oversize, with padding");
	test->packet.ttl = 1;
	run_answer(test, TTL_EXPIRED, 0, "oversize, TTL as well");
	test->packet = whole;
	test->packet.ttl = 1;
	run_answer(test, TTL_EXPIRED, 0, "the MTU is not repeated");
}

Test(answer, oversize)
{
	answer_for_each(oversize);
}

static void fitting(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	answer_set_mtus(MTU, test->path.in ? MTU - 20 : 100);
	test->packet.frag = test->family == FAMILY_V4 ? 0x4000 : 0;
	answer_set_length(test, test->path.in ? MTU - 20 : MTU);
	case_run(test, "just fits");
	test->packet.padding = 30;
	case_run(test, "just fits, with padding");
	test->packet.padding = 0;
	answer_set_mtus(0, 0);
	case_run(test, "no MTU is known");
}

Test(answer, fitting)
{
	case_for_each(fitting);
}

/* A tunnel fragments around what is too long, unless that must not be fragmented. */
static void into_tunnel(struct test_case *test)
{
	if (test->family != FAMILY_V4 || !dev_is_l3(test->path.egress) ||
	    test->program == PROGRAM_XDP)
		return;
	answer_set_mtus(MTU, MTU);
	answer_set_length(test, 1500);
	case_run(test, "without DF");
}

Test(answer, into_tunnel)
{
	case_for_each(into_tunnel);
}

/* Segments of 100 bytes: what counts is their length on the wire. */
static void segments(struct test_case *test)
{
	const unsigned headers = test->family == FAMILY_V4 ? 40 : 60;

	if (test->program != PROGRAM_TC || test->proto != PROTO_TCP)
		return;
	test->packet.frag = test->family == FAMILY_V4 ? 0x4000 : 0;
	test->packet.payload = 3000;
	test->gso_segs = 30;
	answer_set_mtus(headers + 100, headers + 100);
	case_run(test, "segments that fit");
	answer_set_mtus(headers + 99, headers + 99);
	run_answer(test, TOO_BIG, headers + 99, "segments that do not fit");
}

Test(answer, segments)
{
	case_for_each(segments);
}

/* Dropped with a reason, but not answered: a tag in the data, and an access list. */
static void unanswered(struct test_case *test)
{
	if (test->program != PROGRAM_TC)
		return;
	answers_renew();
	test->packet.ttl = 1;
	test->packet.tag_count = 1;
	test->packet.tags[0].tpid = 0x8100;
	test->packet.tags[0].tci = 7;
	test->reason = REASON_TTL_EXPIRED;
	case_run(test, "a tag in the data");
}

Test(answer, unanswered)
{
	case_for_each(unanswered);
}

static void not_ours(struct test_case *test)
{
	static const char *const sources[FAMILY_COUNT][4] = {
		{ "0.0.0.0", "127.0.0.1", "224.0.0.251", "255.255.255.255" },
		{ "::", "::1", "ff02::fb", "fe80::1" },
	};
	const struct packet_spec whole = test->packet;

	test->packet.ttl = 1;
	test->reason = REASON_NOT_OURS;
	for (int i = 0; i < 4 && test->path.in && !test->path.out; i++) {
		cr_assert_eq(ip_addr_parse(sources[test->family][i], &test->packet.src), 0);
		case_run(test, "from %s", sources[test->family][i]);
	}
	test->packet = whole;
	test->packet.ttl = 1;
	test->packet.sport = test->packet.dport = 22;
	case_run(test, "other ports");
	if (test->program == PROGRAM_TC_L3)
		return;
	test->packet = whole;
	test->packet.ttl = 1;
	test->packet.dst_mac[0] = 1;
	test->reason = REASON_OTHER_HOST;
	if (test->program == PROGRAM_TC)
		case_run(test, "multicast frame");
}

Test(answer, not_ours)
{
	case_for_each(not_ours);
}

static void no_flow_begins(struct conversation *conv)
{
	struct test_case test = conversation_case(conv, DIR_IN, TCP_SYN);

	if (test.program != PROGRAM_TC)
		return;
	test.packet.ttl = 1;
	run_answer(&test, TTL_EXPIRED, 0, "first packet");
	if (conversation_new(conv))
		case_fail(&test, "it has begun a flow");
}

Test(answer, no_flow_begins)
{
	conversation_for_each(no_flow_begins);
}

/* A burst is answered up to the limit in each tick that it lasts, and the rest only dropped. */
Test(answer, rate)
{
	const unsigned burst = 2000;
	unsigned answered = 0, ticks;
	struct test_case test;
	struct packet_buf in;
	uint64_t begin;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0, "%m");
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	case_init(&test, path_find("in pub>home"), PROGRAM_TC, FAMILY_V4, PROTO_UDP);
	test.packet.ttl = 1;
	packet_build(&test.packet, &in);
	answers_renew();
	begin = fixture_now_ns() - 20000000; /* the programs' clock is coarse */
	for (unsigned i = 0; i < burst; i++) {
		struct packet_buf out;
		enum reason reason;
		int action = case_try(&test, &in, &out, &reason);

		cr_assert_eq(reason, REASON_TTL_EXPIRED);
		cr_assert(action == TC_ACT_REDIRECT || action == TC_ACT_SHOT, "%d", action);
		answered += action == TC_ACT_REDIRECT;
	}
	ticks = (fixture_now_ns() >> FLOW_TICK_SHIFT) - (begin >> FLOW_TICK_SHIFT) + 1;
	cr_assert_geq(answered, ANSWERS_MAX);
	cr_assert_leq(answered, ticks * ANSWERS_MAX, "%u answers in %u ticks", answered, ticks);
	cr_assert_lt(answered, burst);
}
