// SPDX-License-Identifier: GPL-2.0-only
// Whatever happens to flows, in whatever order: records, indices and counters fit together.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>
#include "masquerade.h"

TestSuite(masquerade_random, .init = fixture_init);

#define CLIENTS 12
#define STEPS	3000

/* What may happen to one of some clients who fight for eight ports. */
static void happen(struct conversation *conv)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST,
					 TCP_SYN | TCP_ACK };
	unsigned what = rand() % 16;
	struct packet_buf in, out;
	struct test_case test;
	enum reason reason;

	if (what < 11 || !conv->talk.port) {
		test = conversation_case(conv, what < 6 ? DIR_IN : DIR_OUT,
					 flags[rand() % sizeof(flags)]);
		packet_build(&test.packet, &in);
		case_try(&test, &in, &out, &reason);
		if (what < 6 && reason == REASON_FORWARDED) {
			/* Behind an IPv4 header, behind an Ethernet header. */
			conv->talk.masquerade = peer_addr(WORLD_PUB, PEER_HOST_IN, FAMILY_V4);
			conv->talk.port = out.data[34] << 8 | out.data[35];
		}
	} else if (what < 14) {
		conversation_age(conv, (const int[]){ 20, 130, 310 }[what - 11]);
	} else if (what == 14) {
		struct flow *flow = conversation_flow(conv);

		if (flow->state == FLOW_LIVE)
			flow->state = FLOW_ENDED;
		sweep_port(conversation_slot(conv) >> 16, conv->proto, conv->talk.port);
	} else {
		sweep_port(conversation_slot(conv) >> 16, conv->proto, conv->talk.port);
	}
}

/* The ports are drawn by the kernel, whatever the seed. */
Test(masquerade_random, books)
{
	struct conversation conv, clients[PROTO_COUNT][CLIENTS];
	const char *given = getenv("SEED");
	unsigned seed = given ? atoi(given) : time(NULL);
	bool failed = false;

	srand(seed);
	fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
	ports_allow(20000, 20007);
	for (int proto = 0; proto < PROTO_COUNT; proto++) {
		conversation_init(&conv, &ways[0], true, FAMILY_V4, proto);
		for (int i = 0; i < CLIENTS; i++) {
			clients[proto][i] = conversation_other(&conv, i);
			clients[proto][i].talk.client_port += i % 2;
		}
	}
	for (unsigned step = 0; step < STEPS && !failed; step++) {
		happen(&clients[rand() % PROTO_COUNT][rand() % CLIENTS]);
		failed = step % 200 == 0 && !flows_check();
	}
	cr_expect(!failed && flows_check(), "SEED=%u", seed);
}
