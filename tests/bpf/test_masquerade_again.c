// SPDX-License-Identifier: GPL-2.0-only
// Connections that are over and begin again, and those that only look as if they were.
#include <criterion/criterion.h>
#include "masquerade.h"

TestSuite(masquerade_again, .init = fixture_init);

/* A client may use its port again at once: the same masquerade port, and all from the start. */
static void reopened(struct conversation *conv, const struct step *end, unsigned count)
{
	conversation_open(conv);
	for (unsigned i = 0; i < count; i++)
		conversation_send(conv, end[i].dir, end[i].tcp, REASON_FORWARDED, "end %u", i);
	conversation_open(conv);
	conversation_expect(conv, true, "open again");
	cr_expect_eq(conversation_source_flows(conv), 1);
	flows_check();
	/* Nothing of the first one is left over. */
	conversation_age(conv, 7000);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "established");
	conversation_close(conv);
	conversation_age(conv, 245);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "closed again");
	sweep(fixture_pool(&conv->talk.masquerade, conv->proto), conv->proto);
	flows_check();
}

static void reopened_after(struct conversation *conv)
{
	static const struct step closed[] = { FIN_IN, FIN_OUT, ACK_IN };
	static const struct step closed_by_backend[] = { FIN_OUT, ACK_IN, FIN_IN, ACK_OUT };
	static const struct step reset[] = { RST_IN };
	static const struct step reset_by_backend[] = { RST_OUT };
	static const struct {
		const struct step *steps;
		unsigned count;
	} ends[] = {
		{ closed, 3 }, { closed_by_backend, 4 }, { reset, 1 }, { reset_by_backend, 1 }
	};

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct conversation other = conversation_other(conv, i);

		reopened(&other, ends[i].steps, ends[i].count);
		if (conversation_source_flows(&other) != 0)
			conversation_fail(&other, "its source still has %d flows",
					  conversation_source_flows(&other));
	}
}

Test(masquerade_again, reopened)
{
	conversation_for_tcp(reopened_after);
}

/* Both sides have gone before the client has answered. */
static void closed_early(struct conversation *conv)
{
	conversation_begin(conv);
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "reply");
	conversation_send(conv, DIR_IN, TCP_FIN, REASON_FORWARDED, "FIN that answers nothing");
	conversation_send(conv, DIR_OUT, TCP_FIN | TCP_ACK, REASON_FORWARDED, "backend's FIN");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
	conversation_expect(conv, false, "too late");
	conversation_open(conv);
	conversation_expect(conv, true, "open");
	cr_expect_eq(conversation_source_flows(conv), 1);
	flows_check();
}

Test(masquerade_again, closed_early)
{
	conversation_for_tcp(closed_early);
}

/* A half-open connection is half open even where there was an open one before. */
static void reopened_half(struct conversation *conv)
{
	struct conversation other = conversation_other(conv, 1);

	conversation_open(conv);
	conversation_close(conv);
	conversation_begin(conv);
	conversation_age(conv, 241);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "half open");
	conversation_open(&other);
	conversation_send(&other, DIR_OUT, TCP_RST, REASON_FORWARDED, "reset");
	conversation_begin(&other);
	conversation_age(&other, 241);
	conversation_send(&other, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "half open");
}

Test(masquerade_again, reopened_half)
{
	conversation_for_tcp(reopened_half);
}

/* Who guesses addresses and ports can reset or even "reopen" a flow, but not end it. */
static void attacked(struct conversation *conv)
{
	conversation_open(conv);
	conversation_send(conv, DIR_IN, TCP_RST, REASON_FORWARDED, "spoofed RST");
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_FORWARDED, "spoofed SYN");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "challenge (RFC 5961)");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "data");
	conversation_expect(conv, true, "after the attack");
	conversation_age(conv, 7000);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "still established");
}

Test(masquerade_again, attacked)
{
	conversation_for_tcp(attacked);
}
