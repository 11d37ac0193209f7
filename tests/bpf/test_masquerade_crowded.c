// SPDX-License-Identifier: GPL-2.0-only
// Flows that are more than there are ports: who keeps one, who gives way, who gets the last.
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>
#include "masquerade.h"

TestSuite(masquerade_crowded, .init = fixture_init);

#define FIRST 20000
#define LAST  20001

/* Room for two clients, an even port and an odd one; both are confirmed. */
static void fill(struct conversation *conv, struct conversation *second)
{
	ports_allow(FIRST, LAST);
	*second = conversation_other(conv, 1);
	conversation_open(conv);
	conversation_open(second);
	cr_expect_neq(conv->talk.port, second->talk.port);
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

Test(masquerade_crowded, list_half_full)
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
	flows_check();
}

Test(masquerade_crowded, confirmed_stay)
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
	/* A third port does not exist, and now nobody may have these. */
	conversation_send(&second, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
	conv->talk.port = 0;
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_NO_PORT, "comes back");
}

Test(masquerade_crowded, unconfirmed_give_way)
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

Test(masquerade_crowded, free_first)
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

Test(masquerade_crowded, closed_give_way)
{
	conversation_for_tcp(closed_give_way);
}

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

Test(masquerade_crowded, reclaimed_without_sweep)
{
	conversation_for_kinds(reclaimed);
}

/* Who has a port and keeps it; not in the books, which do not matter here. */
static void occupy(const struct conversation *conv, enum peer host, uint16_t port)
{
	struct flow_key key = conversation_key(conv);
	uint32_t now = fixture_now_ns() >> FLOW_TICK_SHIFT;
	struct ip_addr masquerade = peer_addr(WORLD_PUB, host, conv->family);

	fixture_flows(fixture_pool(&masquerade, conv->proto))[port] = (struct flow){
		.client = peer_addr(WORLD_PUB, PEER_CLIENT, conv->family),
		.client_port = htons(port),
		.public_port = key.public_port,
		.rule = key.rule,
		.state = FLOW_LIVE,
		.created_at = now,
		.flags = { FLOW_CONFIRMED, FLOW_SEEN },
		.half = { { .seen_at = now }, { .seen_at = now } },
	};
}

/* How many of @count newcomers get a port, when some of a hundred are taken. */
static unsigned let_in(struct conversation *conv, unsigned first, unsigned last, unsigned taken,
		       unsigned count)
{
	unsigned served = 0;

	for (unsigned port = first; port <= last; port++)
		if (port * 7919 % 100 < taken)
			occupy(conv, PEER_HOST_IN, port);
	for (unsigned i = 0; i < count; i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = 100 + i % 900; /* not to be kept */
		served += conversation_try(&other) == REASON_FORWARDED;
	}
	return served;
}

/* As a host has them: more than half of the ports below 32768, the others above 60999. */
static void nearly_full(struct conversation *conv)
{
	struct flow_limits *limits = &fixture_ruleset()->limits;

	ports_allow(1024, 65535);
	memset(&limits->ports[conv->proto][32768 / 64], 0, (61000 - 32768) / 8);
	cr_expect_eq(let_in(conv, 1024, 65535, 80, 500), 500);
	cr_expect_eq(let_in(conv, 1024, 65535, 99, 100), 100);
}

Test(masquerade_crowded, nearly_full)
{
	conversation_for_kinds(nearly_full);
}

/* The ports that are left are found to the last one, and nobody has to give way before. */
static void last_port(struct conversation *conv)
{
	struct flow_counters counts;
	unsigned left = 0, served;

	ports_allow(20011, 21888);
	for (unsigned port = 20011; port <= 21888; port++)
		left += port * 7919 % 100 >= 99;
	served = let_in(conv, 20011, 21888, 99, left);
	cr_expect_eq(served, left, "%u of %u", served, left);
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.ended[conv->proto], 0);
	cr_expect_eq(conversation_try(conv), REASON_FORWARDED);
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.ended[conv->proto], 1, "of those who are not confirmed");
}

Test(masquerade_crowded, last_port)
{
	conversation_for_kinds(last_port);
}

/* One address of a list is full for good, the other nearly so: all that it has left are found. */
static void one_full(struct conversation *conv)
{
	unsigned served = 0;

	conversation_rule(conv)->shares = 2;
	ports_allow(10000, 29999);
	for (unsigned port = 10000; port < 30000; port++) {
		occupy(conv, PEER_HOST_IN, port);
		if (port * 7919 % 100 < 80)
			occupy(conv, PEER_HOST_OTHER, port);
	}
	for (unsigned i = 0; i < 100; i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = 100 + i;
		served += conversation_try(&other) == REASON_FORWARDED;
	}
	cr_expect_eq(served, 100, "%u served", served);
}

Test(masquerade_crowded, one_full)
{
	conversation_for_kinds(one_full);
}

/* A flood that finds nothing is not looked for at length, and a moment later a port is found. */
static void after_a_flood(struct conversation *conv)
{
	const struct timespec tick = { .tv_nsec = 1 << FLOW_TICK_SHIFT };
	struct ip_addr masquerade = peer_addr(WORLD_PUB, PEER_HOST_IN, conv->family);

	ports_allow(20000, 23999);
	for (unsigned port = 20000; port <= 23999; port++)
		occupy(conv, PEER_HOST_IN, port);
	for (unsigned i = 0; i < 1000; i++) {
		struct conversation other = conversation_other(conv, i);

		cr_expect_eq(conversation_try(&other), REASON_NO_PORT);
	}
	fixture_flows(fixture_pool(&masquerade, conv->proto))[21234] = (struct flow){};
	nanosleep(&tick, NULL);
	for (unsigned i = 0; i < 200 && conversation_try(conv) == REASON_NO_PORT; i++)
		;
	cr_expect_eq(fixture_flows(fixture_pool(&masquerade, conv->proto))[21234].client_port,
		     htons(conv->talk.client_port));
}

Test(masquerade_crowded, after_a_flood)
{
	conversation_for_kinds(after_a_flood);
}

/* Not even the last port is another client's before its time. */
static void quarantined(struct conversation *conv)
{
	struct conversation second, third;

	for (int i = 0; i < TIMEOUT_COUNT; i++)
		conversation_rule(conv)->timeout[i] = ticks_of(30);
	fill(conv, &second);
	conversation_age(conv, 110);
	conversation_age(&second, 100);
	sweep(fixture_pool(&conv->talk.masquerade, conv->proto), conv->proto);
	third = conversation_other(conv, 2);
	cr_expect_eq(conversation_try(&third), REASON_NO_PORT);
	conversation_age(conv, 11);
	conversation_open(&third);
	cr_expect_eq(third.talk.port, conv->talk.port);
	flows_check();
}

Test(masquerade_crowded, quarantined)
{
	conversation_for_kinds(quarantined);
}
