// SPDX-License-Identifier: GPL-2.0-only
// The lookup of the programs themselves, on a rule set where every port has another rule.
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include "case.h"
#include "ruleset.h"

TestSuite(lookup, .init = fixture_init);

#define FORWARDS 64
#define BACKENDS 4

static struct ip_addr backend_addr(unsigned port)
{
	struct ip_addr addr = peer_addr(WORLD_PUB, PEER_HOME, FAMILY_V4);

	addr.w[3] = htonl(ntohl(addr.w[3]) + port % BACKENDS);
	return addr;
}

/* Port n belongs to forward n % 64, which leads to backend n % 4. */
static struct plan *interleaved_plan(void)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	cr_assert(plan);
	plan->rules = calloc(FORWARDS * PROTO_COUNT, sizeof(*plan->rules));
	cr_assert(plan->rules);
	plan->device_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		plan->devices[i].ifindex = dev_ifindex(i);
		memcpy(plan->devices[i].mac, dev_mac(i), 6);
	}
	plan->nexthop_count = BACKENDS;
	for (unsigned i = 0; i < BACKENDS; i++)
		plan->nexthops[i] = (struct plan_nexthop){
			.device = 1, .mtu = 1500, .has_mac = true, .mac = { 2, 0xbb, 0, 0, 0, i }
		};
	for (unsigned i = 0; i < FORWARDS * PROTO_COUNT; i++) {
		struct plan_rule *rule = &plan->rules[plan->rule_count++];

		rule->proto = i / FORWARDS;
		rule->public_addr = peer_addr(WORLD_PUB, PEER_PUBLIC, FAMILY_V4);
		rule->backend_addr = backend_addr(i);
		rule->nexthop = i % BACKENDS;
		for (unsigned port = i % FORWARDS; port < PORT_COUNT; port += FORWARDS)
			port_set_add(&rule->ports, (struct port_range){ port, port });
	}
	return plan;
}

static void expect_output(const struct test_case *test, const struct packet_spec *spec)
{
	struct packet_buf in, out, expected;
	enum reason reason;
	char diff[1024];

	packet_build(&test->packet, &in);
	packet_build(spec, &expected);
	if (case_try(test, &in, &out, &reason) != XDP_REDIRECT || reason != REASON_FORWARDED)
		case_fail(test, "port %u: reason %d", test->packet.dport, reason);
	if (packet_diff(&expected, out.data, out.len, diff, sizeof(diff)))
		case_fail(test, "port %u: %s", test->packet.dport, diff);
}

Test(lookup, interleaved)
{
	struct plan *plan = interleaved_plan();
	struct test_case test;

	fixture_apply_plan(plan, UINT64_MAX);
	for (unsigned port = 1; port < PORT_COUNT; port += 13) {
		struct packet_spec out;

		case_init(&test, path_find("in pub>home"), PROGRAM_XDP, FAMILY_V4, port / 13 % 2);
		test.packet.dport = port;
		out = test.packet;
		out.ttl--;
		out.dst = backend_addr(port);
		memcpy(out.dst_mac, plan->nexthops[port % BACKENDS].mac, 6);
		memcpy(out.src_mac, dev_mac(DEV_HOME), 6);
		expect_output(&test, &out);

		case_init(&test, path_find("out home>pub"), PROGRAM_XDP, FAMILY_V4, port / 13 % 2);
		test.packet.src = backend_addr(port);
		test.packet.sport = port;
		out = test.packet;
		out.ttl--;
		out.src = peer_addr(WORLD_PUB, PEER_PUBLIC, FAMILY_V4);
		memcpy(out.dst_mac, test.hop_mac, 6);
		memcpy(out.src_mac, dev_mac(DEV_PUB), 6);
		expect_output(&test, &out);
	}
	free(plan->rules);
	free(plan);
}

/* The source of an OUT packet must be the backend of that very port, not any backend. */
Test(lookup, port_of_another_backend)
{
	struct plan *plan = interleaved_plan();
	struct test_case test;

	fixture_apply_plan(plan, UINT64_MAX);
	for (unsigned port = 1; port < PORT_COUNT; port += 1021) {
		for (int program = PROGRAM_XDP; program <= PROGRAM_TC; program++) {
			case_init(&test, path_find("out home>pub"), program, FAMILY_V4,
				  port / 1021 % 2);
			test.packet.src = backend_addr(port + 1);
			test.packet.sport = port;
			test.reason = REASON_NOT_OURS;
			case_run(&test, "backend port %u", port);
		}
	}
	free(plan->rules);
	free(plan);
}

/* Two public addresses: one of them as the source of a packet from outside is spoofed, too. */
Test(lookup, source_is_another_public_address)
{
	struct plan *plan = interleaved_plan();
	struct test_case test;

	for (unsigned i = 1; i < FORWARDS * PROTO_COUNT; i += 2)
		plan->rules[i].public_addr = peer_addr(WORLD_PUB, PEER_ARM, FAMILY_V4);
	fixture_apply_plan(plan, UINT64_MAX);
	for (int program = PROGRAM_XDP; program <= PROGRAM_TC; program++) {
		case_init(&test, path_find("in pub>home"), program, FAMILY_V4, PROTO_UDP);
		test.packet.src = peer_addr(WORLD_PUB, PEER_ARM, FAMILY_V4);
		test.packet.sport = 5001;
		test.packet.dport = 5000;
		test.reason = REASON_NOT_OURS;
		case_run(&test, "from the other public address");
	}
	free(plan->rules);
	free(plan);
}
