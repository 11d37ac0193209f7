// SPDX-License-Identifier: GPL-2.0-only
// Which address and port a flow gets, when nobody else may have it, and who has to give way.
#include <criterion/criterion.h>
#include <string.h>
#include "masquerade.h"

TestSuite(masquerade_ports, .init = fixture_init);

/* Two even ports and two odd ones. */
#define FIRST 20000
#define LAST  20003

/* Room for two clients with even ports, as this one's is; both are confirmed. */
static void fill(struct conversation *conv, struct conversation *second)
{
	ports_allow(FIRST, LAST);
	*second = conversation_other(conv, 1);
	conversation_open(conv);
	conversation_open(second);
	cr_expect_neq(conv->talk.port, second->talk.port);
}

static void kept(struct conversation *conv)
{
	static const uint16_t ports[] = { 1024, 1025, 2999, 3010, 32768, 49151 };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = ports[i];
		conversation_open(&other);
		if (other.talk.port != ports[i])
			conversation_fail(&other, "port %u is free", ports[i]);
	}
}

Test(masquerade_ports, kept_when_free)
{
	conversation_for_kinds(kept);
}

/* Two ports of three are allowed; the clients' are not, or have been taken. */
static void another(struct conversation *conv)
{
	struct flow_limits *limits = &fixture_ruleset()->limits;

	ports_allow(10000, 10999);
	for (unsigned port = 10000; port < 11000; port++)
		if (port % 3 == 2)
			limits->ports[conv->proto][port / 64] &= ~(1ULL << port % 64);
	for (unsigned i = 0; i < 100; i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = i % 4 < 2 ? 5000 + i : 10002 + i % 2;
		conversation_open(&other);
		if (other.talk.port < 10000 || other.talk.port > 10999 || other.talk.port % 3 == 2)
			conversation_fail(&other, "port %u is not allowed", other.talk.port);
		if (other.talk.port % 2 != other.talk.client_port % 2)
			conversation_fail(&other, "odd and even");
	}
	flows_check();
}

Test(masquerade_ports, another_of_the_allowed)
{
	conversation_for_kinds(another);
}

/* The range may begin with an odd port and end with an even one. */
static void odd_edges(struct conversation *conv)
{
	ports_allow(20001, 20004);
	for (unsigned i = 0; i < 2; i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = 40000 + i;
		conversation_open(&other);
		if (other.talk.port < 20001 || other.talk.port > 20004)
			conversation_fail(&other, "port %u is not in the range", other.talk.port);
	}
}

Test(masquerade_ports, odd_edges)
{
	conversation_for_kinds(odd_edges);
}

/* What the loader takes away is not given out any more, and what is in use goes on. */
static void taken_away(struct conversation *conv)
{
	struct conversation other = conversation_other(conv, 0);

	conversation_open(conv);
	ports_allow(FIRST, LAST);
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "port not allowed any more");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "port not allowed any more");
	other.talk.client_port = 1; /* parity goes with it */
	conversation_open(&other);
	cr_expect(other.talk.port >= FIRST && other.talk.port <= LAST);
}

Test(masquerade_ports, taken_away)
{
	conversation_for_kinds(taken_away);
}

/* No port is allowed at all. */
static void none(struct conversation *conv)
{
	ports_allow(FIRST, LAST);
	memset(fixture_ruleset()->limits.ports, 0, sizeof(fixture_ruleset()->limits.ports));
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_NO_PORT, "no port");
	flows_check();
}

Test(masquerade_ports, none)
{
	conversation_for_kinds(none);
}

#define SPREAD 200

/* The same port of two addresses is two ports. */
static void list(struct conversation *conv)
{
	struct ip_addr second = peer_addr(WORLD_PUB, PEER_HOST_OTHER, conv->family);
	unsigned on_second = 0;

	conversation_rule(conv)->shares = 2;
	for (unsigned i = 0; i < SPREAD; i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = 1024 + i;
		conversation_open(&other);
		on_second += ip_addr_equal(&other.talk.masquerade, &second);
		if (other.talk.port != other.talk.client_port)
			conversation_fail(&other, "the port was free on each of them");
	}
	if (on_second < SPREAD / 4 || on_second > SPREAD * 3 / 4)
		conversation_fail(conv, "%u of %u on the second", on_second, SPREAD);
	flows_check();
}

Test(masquerade_ports, list_of_addresses)
{
	conversation_for_kinds(list);
}

/* One address of the list has no port left, which is no reason to turn anybody away. */
static void list_half_full(struct conversation *conv)
{
	struct conversation second, third;

	fill(conv, &second);
	conversation_rule(conv)->shares = 2;
	third = conversation_other(conv, 2);
	conversation_open(&third);
	flows_check();
}

Test(masquerade_ports, list_half_full)
{
	conversation_for_kinds(list_half_full);
}

/* Confirmed flows keep their ports, whatever comes. */
static void confirmed_stay(struct conversation *conv)
{
	struct conversation second, third;

	fill(conv, &second);
	conversation_age(conv, 200); /* idle for long, and alive */
	third = conversation_other(conv, 2);
	for (int i = 0; i < 20; i++)
		conversation_send(&third, DIR_IN, TCP_SYN, REASON_NO_PORT, "all confirmed");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "goes on");
	conversation_send(&second, DIR_IN, TCP_ACK, REASON_FORWARDED, "goes on");
	third.talk.client_port++;
	conversation_open(&third); /* the other half of the ports */
	flows_check();
}

Test(masquerade_ports, confirmed_stay)
{
	conversation_for_kinds(confirmed_stay);
}

/* Of flows that are not confirmed, the one that has been idle for longer gives way. */
static void unconfirmed_give_way(struct conversation *conv)
{
	struct conversation second = conversation_other(conv, 1),
			    third = conversation_other(conv, 2);
	struct flow_counters counts;

	ports_allow(FIRST, LAST);
	conversation_begin(conv);
	conversation_begin(&second);
	conversation_age(conv, 20);
	conversation_age(&second, 10);
	conversation_open(&third);
	if (third.talk.port != conv->talk.port)
		conversation_fail(&third, "not the port that was idle for longest");
	if (conversation_new(conv) || conversation_confirmed(conv))
		conversation_fail(conv, "still in an index");
	conversation_send(&second, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "goes on");
	flows_check();
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[conv->proto], 3);
	cr_expect_eq(counts.ended[conv->proto], 1);
	cr_expect_eq(counts.expired[conv->proto], 0, "it gave way");
	/* A third even port does not exist, and now nobody may have these. */
	conversation_send(&second, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
	conv->talk.port = 0;
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_NO_PORT, "comes back");
}

Test(masquerade_ports, unconfirmed_give_way)
{
	conversation_for_kinds(unconfirmed_give_way);
}

/* As long as there is a free port, nobody has to give way. */
static void free_first(struct conversation *conv)
{
	struct conversation other = conversation_other(conv, 1);

	ports_allow(FIRST, LAST);
	conversation_begin(conv);
	conversation_age(conv, 100);
	conversation_open(&other);
	if (other.talk.port == conv->talk.port)
		conversation_fail(&other, "took a port that was in use");
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "goes on");
}

Test(masquerade_ports, free_first)
{
	conversation_for_kinds(free_first);
}

/* A connection that is closed gives way when it must, but not before its port may change hands. */
static void closed_give_way(struct conversation *conv)
{
	struct conversation second, third;

	fill(conv, &second);
	conversation_close(conv);
	third = conversation_other(conv, 2);
	conversation_age(conv, 90);
	conversation_send(&third, DIR_IN, TCP_SYN, REASON_NO_PORT, "closed a while ago");
	conversation_age(conv, 31);
	conversation_open(&third);
	cr_expect_eq(third.talk.port, conv->talk.port);
	flows_check();
}

Test(masquerade_ports, closed_give_way)
{
	conversation_for_tcp(closed_give_way);
}

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
	Test(masquerade_ports, quarantine_##name)                                                  \
	{                                                                                          \
		conversation_for_kinds(quarantine_##name);                                         \
	}                                                                                          \
	Test(masquerade_ports, come_back_##name)                                                   \
	{                                                                                          \
		conversation_for_kinds(come_back_##name);                                          \
	}

EACH_WAY_TO_BE_OVER(expired, leave)
EACH_WAY_TO_BE_OVER(swept, sweep_it)
EACH_WAY_TO_BE_OVER(ended, end_it)

/* Without an agent nobody sweeps: packets alone reclaim what is over. */
static void reclaimed(struct conversation *conv)
{
	struct conversation second, third;
	struct flow_counters counts;

	fill(conv, &second);
	conversation_age(conv, 7500);
	conversation_age(&second, 7500);
	for (unsigned i = 2; i < 4; i++) {
		third = conversation_other(conv, i);
		conversation_open(&third);
	}
	if (conversation_confirmed(conv) || conversation_confirmed(&second))
		conversation_fail(conv, "still in the index");
	flows_check();
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[conv->proto], 4);
	cr_expect_eq(counts.ended[conv->proto], 2);
	cr_expect_eq(counts.expired[conv->proto], 2);
	/* Over IPv6 all of them are one source. */
	cr_expect_eq(conversation_source_flows(conv), conv->family == FAMILY_V4 ? 0 : 2);
	cr_expect_eq(conversation_source_flows(&third), conv->family == FAMILY_V4 ? 1 : 2);
}

Test(masquerade_ports, reclaimed_without_sweep)
{
	conversation_for_kinds(reclaimed);
}

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

Test(masquerade_ports, renewed_without_sweep)
{
	conversation_for_kinds(renewed_confirmed);
	conversation_for_kinds(renewed_unconfirmed);
}
