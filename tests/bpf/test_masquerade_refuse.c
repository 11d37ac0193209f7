// SPDX-License-Identifier: GPL-2.0-only
// What must not meet the flows: others' packets, and this host's own traffic.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "masquerade.h"

TestSuite(masquerade_refuse, .init = fixture_init);

/* A reply in which one thing is wrong: not ours, untouched, and the flow does not notice. */
static void refuse(struct conversation *conv, struct test_case *test, const char *detail)
{
	struct flow before = *conversation_flow(conv);

	test->reason = REASON_NOT_OURS;
	case_run(test, "%s", detail);
	if (memcmp(&before, conversation_flow(conv), sizeof(before)))
		conversation_fail(conv, "%s: the record has changed", detail);
}

/* The record of a port of the masquerade address. */
static const struct flow *flow_of(const struct conversation *conv, uint16_t port)
{
	return &fixture_flows(conversation_slot(conv) >> 16)[port];
}

/* Neither a flow's nor a forward's, where clients talk to the same address. */
static bool is_own_port(const struct conversation *conv, uint16_t port)
{
	const __u64 *ports = fixture_ruleset()->limits.ports[conv->proto];

	return flow_of(conv, port)->state == FLOW_FREE &&
	       (!ip_addr_equal(&conv->talk.masquerade, &conv->talk.public_addr) ||
		ports[port / 64] >> port % 64 & 1);
}

static void strangers(struct conversation *conv)
{
	const struct test_case right = conversation_case(conv, DIR_OUT, TCP_ACK);
	struct test_case test;

	conversation_open(conv);
	for (int n = 0; n < 4; n++) {
		test = conversation_case(conv, DIR_OUT, TCP_ACK);
		test.packet.src.w[3] ^= htonl(1 << 8 * n);
		if (conv->family == FAMILY_V4 && n == 3)
			continue; /* not a unicast address any more */
		refuse(conv, &test, "another address");
	}
	for (int bit = 0; bit < 16; bit++) {
		test = conversation_case(conv, DIR_OUT, TCP_ACK);
		test.packet.sport ^= 1 << bit;
		refuse(conv, &test, "another port of the backend");
		if (!is_own_port(conv, conv->talk.port ^ 1 << bit))
			continue;
		test = conversation_case(conv, DIR_OUT, TCP_ACK);
		test.packet.dport ^= 1 << bit;
		refuse(conv, &test, "a port without a flow");
	}
	for (int dev = 0; dev < DEV_COUNT; dev++) {
		if (dev == (int)conv->way->egress ||
		    dev_is_l3(dev) != dev_is_l3(right.path.ingress))
			continue;
		test = conversation_case(conv, DIR_OUT, TCP_ACK);
		test.path.ingress = dev;
		memcpy(test.packet.dst_mac, dev_mac(dev), 6);
		refuse(conv, &test, "from another device");
	}
	conv->proto = !conv->proto; /* same addresses and ports */
	test = conversation_case(conv, DIR_OUT, TCP_ACK);
	conv->proto = !conv->proto;
	refuse(conv, &test, "another protocol");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "nothing wrong");
	flows_check();
}

Test(masquerade_refuse, strangers)
{
	conversation_for_each(strangers);
}

/* Clients may come from the public device or from the backend's; elsewhere they are not ours. */
static void clients_elsewhere(struct conversation *conv)
{
	struct test_case test = conversation_case(conv, DIR_IN, TCP_SYN);

	for (int dev = 0; dev < DEV_COUNT; dev++) {
		bool is_public = dev == (conv->way->world == WORLD_PUB ? DEV_PUB : DEV_WAN);

		if (is_public || dev == (int)fixture_forwards[conv->way->forward].device ||
		    dev_is_l3(dev) != dev_is_l3(conv->way->ingress))
			continue;
		test.path.ingress = dev;
		memcpy(test.packet.dst_mac, dev_mac(dev), 6);
		test.reason = REASON_NOT_OURS;
		case_run(&test, "on %s", dev_name(dev));
	}
	flows_check();
	cr_expect_eq(conversation_new(conv), 0);
}

Test(masquerade_refuse, clients_elsewhere)
{
	conversation_for_each(clients_elsewhere);
}

/* Spoofed: the public address itself, and what no router would carry. None begins a flow. */
static void martians(struct conversation *conv)
{
	static const char *const texts[FAMILY_COUNT][8] = {
		{ "0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.251",
		  "255.255.255.255" },
		{ "::", "::1", "fe80::10", "ff02::1", "ff0e::1" },
	};

	conv->talk.client = conv->talk.public_addr;
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_NOT_OURS, "from the public address");
	conv->talk.client_port = conv->talk.public_port;
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_NOT_OURS, "from itself");
	for (const char *const *text = texts[conv->family]; *text; text++) {
		cr_assert_eq(ip_addr_parse(*text, &conv->talk.client), 0, "%s", *text);
		conversation_send(conv, DIR_IN, TCP_SYN, REASON_NOT_OURS, "from %s", *text);
		cr_expect_eq(conversation_new(conv), 0);
	}
	flows_check();
}

Test(masquerade_refuse, martians)
{
	conversation_for_each(martians);
}

/* Frames for another host are not tracked, in either direction. */
static void other_mac(struct conversation *conv)
{
	struct test_case test;

	conversation_open(conv);
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct flow before = *conversation_flow(conv);

		test = conversation_case(conv, dir, TCP_FIN | TCP_ACK);
		if (test.program == PROGRAM_TC_L3 || test.reason != REASON_FORWARDED)
			continue;
		test.packet.dst_mac[5] ^= 0x99;
		test.reason = REASON_OTHER_HOST;
		case_run(&test, "another host's");
		cr_expect_eq(memcmp(&before, conversation_flow(conv), sizeof(before)), 0);
	}
}

Test(masquerade_refuse, other_mac)
{
	conversation_for_each(other_mac);
}

#define OWN_PACKETS 300

/*
 * This host talks by the masquerade address too, with the backend and with others: what comes for
 * its own ports is left alone, however it looks.
 */
static void own_traffic(struct conversation *conv)
{
	struct test_case test;

	conversation_open(conv);
	for (unsigned i = 0; i < OWN_PACKETS; i++) {
		test = conversation_case(conv, DIR_OUT, rand());
		do
			test.packet.dport = i % 3 ? (unsigned)rand() : conv->talk.port + 1 + i;
		while (!is_own_port(conv, test.packet.dport));
		test.packet.sport = i % 2 ? test.packet.sport : rand();
		if (i % 5 == 0)
			test.packet.src.w[3] ^= htonl(rand() & 0xff);
		test.packet.payload = rand() % 200;
		test.packet.head = rand();
		test.packet.tcp_words = rand() % 11;
		test.packet.no_checksum = rand() % 4 == 0;
		test.packet.ttl = rand();
		test.reason = REASON_NOT_OURS;
		case_run(&test, "the host's own, number %u", i);
	}
	flows_check();
}

Test(masquerade_refuse, own_traffic)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? atoi(given) : time(NULL);

	srand(seed);
	conversation_for_each(own_traffic);
	cr_expect(!case_failures(), "SEED=%u", seed);
}

/* An answer to the host itself over the public address while a backend is behind that device. */
Test(masquerade_refuse, own_traffic_one_armed)
{
	struct conversation conv;
	struct test_case test;

	fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
	for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT * 2; n++) {
		conversation_init(&conv, &ways[9], n % 2, n / 2 / PROTO_COUNT, n / 2 % PROTO_COUNT);
		conv.talk.client_port += n;
		conversation_open(&conv);
		test = conversation_case(&conv, DIR_OUT, TCP_ACK);
		test.packet.dport = 22;
		test.reason = REASON_NOT_OURS;
		case_run(&test, "backend to the host's port 22");
		test.packet.src = peer_addr(WORLD_PUB, PEER_REMOTE, conv.family);
		test.packet.dport = conv.talk.port;
		case_run(&test, "a stranger to a masquerade port");
	}
	flows_check();
}
