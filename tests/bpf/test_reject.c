// SPDX-License-Identifier: GPL-2.0-only
// on_full = "reject": who is refused a new flow is told so at once, as its protocol does it.
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include "answers.h"

TestSuite(reject, .init = fixture_init);

/* No port is left, and clients are to be told. */
static struct test_case refused(struct conversation *conv, uint8_t flags)
{
	memset(fixture_ruleset()->limits.ports, 0, sizeof(fixture_ruleset()->limits.ports));
	conversation_rule(conv)->reject = 1;
	conversation_rule(conv)->mid_stream = 1;
	return conversation_case(conv, DIR_IN, flags);
}

static void told(struct conversation *conv)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_ACK, TCP_PSH | TCP_ACK, TCP_FIN | TCP_ACK };
	struct packet_buf expected;

	conv->seq[DIR_IN] = 0xffffffff;
	conv->ack[DIR_IN] = 0x12345678;
	for (size_t i = 0; i < sizeof(flags); i++) {
		struct test_case test = refused(conv, flags[i]);

		snprintf(test.detail, sizeof(test.detail), "flags %02x", flags[i]);
		if (test.program == PROGRAM_TC_L3)
			return; /* a test run takes its first bytes for Ethernet */
		for (test.packet.payload = 0; test.packet.payload < 1000;
		     test.packet.payload += 333) {
			if (test.program == PROGRAM_XDP) {
				test.reason = REASON_LEFT_TO_TC;
				case_run(&test, "left to TC");
				continue;
			}
			if (conv->proto == PROTO_TCP)
				answer_reset(&test, &expected);
			else
				answer_build(&test, REFUSED, 0, &expected);
			answer_expect(&test, REASON_NO_PORT, &expected);
		}
		if (test.program == PROGRAM_XDP)
			continue;
		conversation_rule(conv)->reject = 0;
		test.reason = REASON_NO_PORT;
		case_run(&test, "on_full = \"drop\"");
	}
}

Test(reject, told)
{
	conversation_for_each(told);
}

/* A RST begins nothing, and nobody answers to it. */
static void resets(struct conversation *conv)
{
	struct test_case test = refused(conv, TCP_RST | TCP_ACK);

	if (test.program == PROGRAM_XDP)
		return;
	answers_renew();
	test.reason = REASON_NO_FLOW;
	case_run(&test, "RST");
}

Test(reject, resets)
{
	conversation_for_tcp(resets);
}

/* Not faster than other answers, from all of them together. */
static void slowly(struct conversation *conv)
{
	struct test_case test = refused(conv, TCP_SYN);
	unsigned answered = 0, burst = 3000;
	struct packet_buf in, out;
	enum reason reason;

	if (test.program == PROGRAM_XDP)
		return;
	packet_build(&test.packet, &in);
	answers_renew();
	for (unsigned i = 0; i < burst; i++)
		answered += case_try(&test, &in, &out, &reason) == TC_ACT_REDIRECT;
	if (!answered || answered == burst)
		case_fail(&test, "%u of %u are answered", answered, burst);
}

Test(reject, slowly)
{
	conversation_for_kinds(slowly);
}
