// SPDX-License-Identifier: GPL-2.0-only
// Answers in bytes, and the packets that they are for.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <string.h>
#include "answers.h"

static const uint8_t type_and_code[][FAMILY_COUNT][2] = {
	[TTL_EXPIRED] = { { 11, 0 }, { 3, 0 } },
	[TOO_BIG] = { { 3, 4 }, { 2, 0 } },
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

void answer_build(const struct test_case *test, enum answer answer, unsigned mtu,
		  struct packet_buf *buf)
{
	const bool is_v4 = test->family == FAMILY_V4;
	const size_t max = is_v4 ? 576 - 28 : 1280 - 48;
	struct packet_spec outer = {
		.frame = test->packet.frame,
		.src = answer_from(test),
		.dst = test->packet.src,
		.ttl = 64,
		.tag_count = test->packet.tag_count,
	};
	struct packet_buf about;
	size_t len;

	memcpy(outer.dst_mac, test->packet.src_mac, 6);
	memcpy(outer.src_mac, test->packet.dst_mac, 6);
	memcpy(outer.tags, test->packet.tags, sizeof(outer.tags));
	if (is_v4) {
		outer.patches[0] = (struct packet_patch){ LAYER_L3, 4, 2, 0 }; /* identification */
	} else {
		outer.patches[0] = (struct packet_patch){ LAYER_L3, 0, 2, 0x6000 };
		outer.patches[1] = (struct packet_patch){ LAYER_L3, 2, 2, 0 }; /* flow label */
	}
	packet_build(&test->packet, &about);
	len = about.end - about.l3;
	icmp_build(&outer, type_and_code[answer][test->family][0],
		   type_and_code[answer][test->family][1], mtu, about.data + about.l3,
		   len < max ? len : max, buf);
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
