// SPDX-License-Identifier: GPL-2.0-only
// When a port that was in use may be had again, by its own client and by others.
#include <criterion/criterion.h>
#include "masquerade.h"

TestSuite(masquerade_quarantine, .init = fixture_init);

/* How a flow that is over may have been dealt with when another client comes. */
static void leave(struct conversation *conv)
{
	(void)conv;
}

static void sweep_it(struct conversation *conv)
{
	struct sweep_run run =
		sweep(fixture_pool(&conv->talk.masquerade, conv->proto), conv->proto);

	cr_expect_eq(run.expired, 1);
	cr_expect_eq(conversation_flow(conv)->state, FLOW_FREE);
}

static void end_it(struct conversation *conv)
{
	struct sweep_run run;

	conversation_flow(conv)->state = FLOW_ENDED;
	run = sweep(fixture_pool(&conv->talk.masquerade, conv->proto), conv->proto);
	cr_expect_eq(run.ended, 1);
	cr_expect_eq(run.expired, 0);
}

/* Whoever had a port may still be written to: for 120 s nobody else gets it. */
static void quarantine(struct conversation *conv, void (*over)(struct conversation *conv))
{
	struct conversation other = conversation_other(conv, 1), third;

	for (int i = 0; i < TIMEOUT_COUNT; i++)
		conversation_rule(conv)->timeout[i] = ticks_of(30);
	conversation_open(conv);
	conversation_age(conv, 35);
	over(conv);
	conversation_open(&other);
	if (other.talk.port == conv->talk.port)
		conversation_fail(&other, "took a port 35 s after its last use");
	conversation_age(conv, 60);
	third = conversation_other(conv, 2);
	conversation_open(&third);
	if (third.talk.port == conv->talk.port)
		conversation_fail(&third, "took a port 95 s after its last use");
	conversation_age(conv, 27);
	third = conversation_other(conv, 3);
	conversation_open(&third);
	if (third.talk.port != conv->talk.port)
		conversation_fail(&third, "port not free after 122 s");
	flows_check();
}

/* The client itself need not wait. */
static void come_back(struct conversation *conv, void (*over)(struct conversation *conv))
{
	uint16_t port;

	for (int i = 0; i < TIMEOUT_COUNT; i++)
		conversation_rule(conv)->timeout[i] = ticks_of(30);
	conversation_open(conv);
	conversation_age(conv, 35);
	over(conv);
	port = conv->talk.port;
	conv->talk.port = 0;
	conversation_open(conv);
	if (conv->talk.port != port)
		conversation_fail(conv, "port %u was its own", port);
	conversation_expect(conv, true, "back again");
	flows_check();
}

#define EACH_WAY_TO_BE_OVER(name, over)                                                            \
	static void quarantine_##name(struct conversation *conv)                                   \
	{                                                                                          \
		quarantine(conv, over);                                                            \
	}                                                                                          \
	static void come_back_##name(struct conversation *conv)                                    \
	{                                                                                          \
		come_back(conv, over);                                                             \
	}                                                                                          \
	Test(masquerade_quarantine, quarantine_##name)                                             \
	{                                                                                          \
		conversation_for_kinds(quarantine_##name);                                         \
	}                                                                                          \
	Test(masquerade_quarantine, come_back_##name)                                              \
	{                                                                                          \
		conversation_for_kinds(come_back_##name);                                          \
	}

EACH_WAY_TO_BE_OVER(expired, leave)
EACH_WAY_TO_BE_OVER(swept, sweep_it)
EACH_WAY_TO_BE_OVER(ended, end_it)

/* A client that comes back after its flow was over, which did not have the client's own port. */
static void renewed(struct conversation *conv, bool confirmed)
{
	conv->talk.client_port = 80;
	for (int i = 0; i < 3; i++) {
		if (confirmed)
			conversation_open(conv);
		else
			conversation_begin(conv);
		conversation_expect(conv, confirmed, "renewed");
		flows_check();
		conversation_age(conv, 7500);
		conv->talk.port = 0;
	}
}

static void renewed_confirmed(struct conversation *conv)
{
	renewed(conv, true);
}

static void renewed_unconfirmed(struct conversation *conv)
{
	renewed(conv, false);
}

Test(masquerade_quarantine, renewed_without_sweep)
{
	conversation_for_kinds(renewed_confirmed);
	conversation_for_kinds(renewed_unconfirmed);
}
