// SPDX-License-Identifier: GPL-2.0-only
// IPv4 headers whose checksum is wrong go nowhere, nor does anybody hear of them (RFC 1812, 5.2.2).
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>
#include "pieces.h"

TestSuite(checksum, .init = fixture_init);

static void wrong(struct test_case *test)
{
	const int drop = test->program == PROGRAM_XDP ? XDP_DROP : TC_ACT_SHOT;
	struct packet_buf in, out;
	enum reason reason;
	int action;

	if (test->family != FAMILY_V4 || test->reason != REASON_FORWARDED)
		return;
	for (test->packet.options = 0; test->packet.options <= 10; test->packet.options++) {
		for (int bit = 0; bit < 16; bit++) {
			packet_build(&test->packet, &in);
			in.data[in.l3 + 10 + bit / 8] ^= 1 << bit % 8;
			snprintf(test->detail, sizeof(test->detail), "%u words of options, bit %d",
				 test->packet.options, bit);
			action = case_try(test, &in, &out, &reason);
			if (reason != REASON_BAD_CHECKSUM || action != drop)
				case_fail(test, "counted %s, action %d", reason_name(reason),
					  action);
		}
	}
	/* The last word of the header is in the sum as well. */
	test->packet.options = 10;
	packet_build(&test->packet, &in);
	in.data[in.l4 - 1] ^= 0x80;
	case_try(test, &in, &out, &reason);
	if (reason != REASON_BAD_CHECKSUM)
		case_fail(test, "the last option: counted %s", reason_name(reason));
}

Test(checksum, wrong)
{
	case_for_each(wrong);
}

/* Whose TTL has run out as well is not answered. */
static void unanswered(struct test_case *test)
{
	struct packet_buf in, out;
	enum reason reason;

	if (test->family != FAMILY_V4 || test->program == PROGRAM_XDP)
		return;
	test->packet.ttl = 1;
	for (test->packet.options = 0; test->packet.options <= 5; test->packet.options += 5) {
		packet_build(&test->packet, &in);
		in.data[in.l3 + 10] ^= 1;
		if (case_try(test, &in, &out, &reason) != TC_ACT_SHOT ||
		    reason != REASON_BAD_CHECKSUM)
			case_fail(test, "counted %s", reason_name(reason));
	}
}

Test(checksum, unanswered)
{
	case_for_each(unanswered);
}

static void fragments(struct test_case *test)
{
	struct packet_buf out;
	enum reason reason;

	if (test->family != FAMILY_V4 || test->program == PROGRAM_XDP)
		return;
	for (test->packet.options = 0; test->packet.options <= 5; test->packet.options += 5) {
		pieces_fresh(test);
		pieces_run(test, 0, REASON_FORWARDED, "right");
		pieces.in[1].data[pieces.in[1].l3 + 10] ^= 1;
		if (case_try(test, &pieces.in[1], &out, &reason) != TC_ACT_SHOT ||
		    reason != REASON_BAD_CHECKSUM)
			case_fail(test, "counted %s", reason_name(reason));
		pieces_run(test, 2, REASON_FORWARDED, "right");
	}
}

/* Of those that come later, the program sees nothing but the header. */
Test(checksum, fragments)
{
	pieces_for_each(fragments);
}
