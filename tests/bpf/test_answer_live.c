// SPDX-License-Identifier: GPL-2.0-only
// Our own ICMP errors on the cable: devices without Ethernet, VLAN tags, super-packets.
#include <criterion/criterion.h>
#include <string.h>
#include "answers.h"
#include "live.h"

TestSuite(answer_live, .init = live_init);

/* The answer comes back by the device that the packet came from. */
static void live_answer(struct test_case *test, enum answer answer, unsigned mtu,
			const struct virtio_net_hdr *offload, const char *detail)
{
	struct packet_buf in, expected, actual;
	struct virtio_net_hdr left;
	char diff[1024];

	snprintf(test->detail, sizeof(test->detail), "%s", detail);
	packet_build(&test->packet, &in);
	answer_build(test, answer, mtu, &expected);
	answers_renew();
	live_send(test->path.ingress, &in, offload);
	if (!live_receive(test->path.ingress, &actual, &left))
		case_fail(test, "live: nothing came back");
	else if (packet_diff(&expected, actual.data, actual.len, diff, sizeof(diff)))
		case_fail(test, "live: %s", diff);
	else if (left.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		case_fail(test, "live: to be cut into segments");
	else if (left.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		case_fail(test, "live: the hardware is to spoil the checksum");
}

/* What a sender on this machine leaves to the hardware is not left to it in an answer. */
static void without_checksum(struct test_case *test, enum answer answer, unsigned mtu)
{
	const struct virtio_net_hdr offload = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = (test->program == PROGRAM_TC_L3 ? 0 : 14) +
			      (test->family == FAMILY_V4 ? 20 : 40),
		.csum_offset = test->proto == PROTO_TCP ? 16 : 6,
	};

	test->packet.partial = true;
	live_answer(test, answer, mtu, &offload, "no checksum yet");
	test->packet.partial = false;
}

static void on_the_cable(struct test_case *test)
{
	const struct packet_spec whole = test->packet;
	const bool is_v4 = test->family == FAMILY_V4;

	if (test->program == PROGRAM_XDP)
		return;
	answer_set_mtus(MTU, MTU);
	test->packet.ttl = 1;
	live_answer(test, TTL_EXPIRED, 0, NULL, "TTL");
	without_checksum(test, TTL_EXPIRED, 0);
	test->packet.payload = 1400;
	live_answer(test, TTL_EXPIRED, 0, NULL, "TTL, long");
	test->packet = whole;
	test->packet.frag = is_v4 ? 0x4000 : 0;
	answer_set_length(test, MTU + 1);
	live_answer(test, TOO_BIG, MTU, NULL, "oversize");
	without_checksum(test, TOO_BIG, MTU);
	if (test->program == PROGRAM_TC_L3)
		return;
	test->packet.tag_count = 1;
	test->packet.tags[0].tpid = 0x8100;
	test->packet.tags[0].tci = 7;
	live_answer(test, TOO_BIG, MTU, NULL, "oversize, tagged");
	answer_set_length(test, 400);
	test->packet.ttl = 1;
	live_answer(test, TTL_EXPIRED, 0, NULL, "TTL, tagged");
}

Test(answer_live, each_device)
{
	answer_for_each(on_the_cable);
}

/* A super-packet that is answered whole must not be cut into segments any more. */
static void super_packet(struct test_case *test)
{
	const bool is_v4 = test->family == FAMILY_V4;
	struct virtio_net_hdr offload = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = is_v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.gso_size = 100,
		.hdr_len = (test->program == PROGRAM_TC_L3 ? 0 : 14) + (is_v4 ? 40 : 60),
		.csum_start = (test->program == PROGRAM_TC_L3 ? 0 : 14) + (is_v4 ? 20 : 40),
		.csum_offset = 16,
	};
	struct packet_buf in, actual;
	struct virtio_net_hdr left;

	if (test->proto != PROTO_TCP || test->program == PROGRAM_XDP)
		return;
	test->packet.partial = true;
	test->packet.ttl = 1;
	test->packet.payload = 300;
	packet_build(&test->packet, &in);
	answers_renew();
	live_send(test->path.ingress, &in, &offload);
	if (!live_receive(test->path.ingress, &actual, &left))
		case_fail(test, "live: nothing came back");
	else if (actual.len != in.len + (is_v4 ? 28 : 48))
		case_fail(test, "live: %zu bytes about %zu", actual.len, in.len);
	else if (left.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		case_fail(test, "live: to be cut into segments");
}

Test(answer_live, super_packet)
{
	case_for_each(super_packet);
}
