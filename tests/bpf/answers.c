// SPDX-License-Identifier: GPL-2.0-only
// Answers in bytes, and the packets that they are for.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include "answers.h"

static const uint8_t type_and_code[][FAMILY_COUNT][2] = {
	[TTL_EXPIRED] = { { 11, 0 }, { 3, 0 } },
	[TOO_BIG] = { { 3, 4 }, { 2, 0 } },
	[REFUSED] = { { 3, 13 }, { 1, 1 } },
};

void answers_renew(void)
{
	uint64_t counts[libbpf_num_possible_cpus()];
	uint32_t zero = 0;

	memset(counts, 0, sizeof(counts));
	cr_assert_eq(
		bpf_map_update_elem(bpf_map__fd(fixture_skel()->maps.answers), &zero, counts, 0), 0,
		"%m");
}

/* Who answers: what the packet was sent to, or what its sender is known as. */
static struct ip_addr answer_from(const struct test_case *test)
{
	if (test->path.in || test->talk)
		return test->packet.dst;
	return peer_addr(test->path.world, PEER_PUBLIC, test->family);
}

/* The headers in front of an answer. */
static struct packet_spec answer_outer(const struct test_case *test)
{
	struct packet_spec outer = {
		.frame = test->packet.frame,
		.src = answer_from(test),
		.dst = test->packet.src,
		.ttl = 64,
		.tag_count = test->packet.tag_count,
	};

	memcpy(outer.dst_mac, test->packet.src_mac, 6);
	memcpy(outer.src_mac, test->packet.dst_mac, 6);
	memcpy(outer.tags, test->packet.tags, sizeof(outer.tags));
	if (test->family == FAMILY_V4) {
		outer.patches[0] = (struct packet_patch){ LAYER_L3, 4, 2, 0 }; /* identification */
	} else {
		outer.patches[0] = (struct packet_patch){ LAYER_L3, 0, 2, 0x6000 };
		outer.patches[1] = (struct packet_patch){ LAYER_L3, 2, 2, 0 }; /* flow label */
	}
	return outer;
}

void answer_build(const struct test_case *test, enum answer answer, unsigned mtu,
		  struct packet_buf *buf)
{
	const size_t max = test->family == FAMILY_V4 ? 576 - 28 : 1280 - 48;
	const struct packet_spec outer = answer_outer(test);
	struct packet_buf about;
	size_t len;

	packet_build(&test->packet, &about);
	len = about.end - about.l3;
	icmp_build(&outer, type_and_code[answer][test->family][0],
		   type_and_code[answer][test->family][1], mtu, about.data + about.l3,
		   len < max ? len : max, buf);
}

void answer_reset(const struct test_case *test, struct packet_buf *buf)
{
	const uint8_t flags = test->packet.tcp.flags;
	struct packet_spec out = answer_outer(test);

	out.proto = IPPROTO_TCP;
	out.sport = test->packet.dport;
	out.dport = test->packet.sport;
	out.tcp.is_set = true;
	if (flags & TCP_ACK) {
		out.tcp.flags = TCP_RST;
		out.tcp.seq = test->packet.tcp.ack;
	} else {
		out.tcp.flags = TCP_RST | TCP_ACK;
		out.tcp.ack = test->packet.tcp.seq + !!(flags & TCP_SYN);
	}
	out.patches[2] = (struct packet_patch){ LAYER_L4, 14, 2, 0 }; /* window */
	packet_build(&out, buf);
}

void answer_expect(struct test_case *test, enum reason wanted, const struct packet_buf *expected)
{
	struct counts before, after;
	struct packet_buf in, out;
	enum reason reason;
	char diff[1024];
	int action;

	packet_build(&test->packet, &in);
	answers_renew();
	fixture_counts(&before);
	action = case_try(test, &in, &out, &reason);
	fixture_counts(&after);
	if (reason != wanted)
		case_fail(test, "counted %s", reason_name(reason));
	else if (action != TC_ACT_REDIRECT)
		case_fail(test, "action %d", action);
	else if (packet_diff(expected, out.data, out.len, diff, sizeof(diff)))
		case_fail(test, "%s", diff);
	if (memcmp(before.forwards, after.forwards, sizeof(before.forwards)) != 0)
		case_fail(test, "counted as traffic of a forward");
}

static void (*each_body)(struct test_case *test);

static void each_preserved(struct test_case *test)
{
	each_body(test);
}

static void each_masqueraded(struct conversation *conv)
{
	conversation_open(conv);
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct test_case test = conversation_case(conv, dir, TCP_ACK);

		each_body(&test);
	}
}

void answer_for_each(void (*body)(struct test_case *test))
{
	each_body = body;
	case_for_each(each_preserved);
	conversation_for_each(each_masqueraded);
}

void answer_set_length(struct test_case *test, size_t len)
{
	size_t headers =
		(test->family == FAMILY_V4 ? 20 : 40) + (test->proto == PROTO_TCP ? 20 : 8);

	test->packet.payload = len - headers;
}

void answer_set_mtus(unsigned device, unsigned near)
{
	struct ruleset *rs = fixture_ruleset();

	for (unsigned i = 0; i < DEVICES_MAX; i++)
		rs->devices[i].mtu = device;
	for (unsigned i = 0; i < NEXTHOPS_MAX; i++)
		rs->nexthops[i].mtu = near;
}
