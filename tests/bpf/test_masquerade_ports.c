// SPDX-License-Identifier: GPL-2.0-only
// Which address and port a flow gets while there is room.
#include <criterion/criterion.h>
#include <string.h>
#include "masquerade.h"

TestSuite(masquerade_ports, .init = fixture_init);

#define FIRST 20000
#define LAST  20003

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
