// SPDX-License-Identifier: GPL-2.0-only
// What is forwarded, and how: every path, family, protocol and program, byte by byte.
#include <criterion/criterion.h>
#include "case.h"

TestSuite(forward, .init = fixture_init);

static void payload_sizes(struct test_case *test)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 63, 64, 101, 1000, 1471, 1472 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		test->packet.payload = sizes[i];
		case_run(test, "payload %zu", sizes[i]);
	}
}

Test(forward, payloads)
{
	case_for_each(payload_sizes);
}

/* A short packet is padded to 60 bytes; what is behind it is neither summed nor counted. */
static void padded(struct test_case *test)
{
	test->packet.payload = 1;
	for (size_t padding = 1; padding <= 40; padding += 13) {
		test->packet.padding = padding;
		case_run(test, "padding %zu", padding);
	}
}

Test(forward, padding)
{
	case_for_each(padded);
}

static void ttls(struct test_case *test)
{
	enum reason forwarded = test->reason;

	/* What TC answers to the others is in test_answer.c. */
	for (int ttl = test->program == PROGRAM_XDP ? 0 : 2; ttl < 256; ttl += ttl < 3 ? 1 : 63) {
		test->packet.ttl = ttl;
		test->reason = ttl <= 1 ? REASON_LEFT_TO_TC : forwarded;
		case_run(test, "TTL %d", ttl);
	}
}

Test(forward, ttl)
{
	case_for_each(ttls);
}

/* The hosts of 256 payloads see the carries of the sum go every way. */
static void payload_contents(struct test_case *test)
{
	for (unsigned i = 0; i < 256; i += 5) {
		test->packet.head = i << 8 | (i ^ 0x5a);
		test->packet.sport += test->path.out ? 0 : i;
		test->packet.dport += test->path.in ? 0 : i;
		case_run(test, "head %04x", test->packet.head);
	}
}

Test(forward, contents)
{
	case_for_each(payload_contents);
}

/* Over IPv4 zero says "none" and stays (RFC 768); over IPv6 there is no such thing. */
static void udp_without_checksum(struct test_case *test)
{
	if (test->proto != PROTO_UDP)
		return;
	test->packet.no_checksum = true;
	if (test->family == FAMILY_V6)
		test->reason = REASON_NO_CHECKSUM;
	case_run(test, "no checksum");
}

Test(forward, udp_without_checksum)
{
	case_for_each(udp_without_checksum);
}

/* Choose the payload so that the checksum before or after the rewrite is computed as zero. */
static void checksum_zero(struct test_case *test, bool after)
{
	struct packet_spec spec;
	struct packet_buf buf;

	test->packet.head = 0;
	spec = after ? case_output(test) : test->packet;
	packet_build(&spec, &buf);
	test->packet.head = packet_checksum(&spec, &buf);
	spec = after ? case_output(test) : test->packet;
	packet_build(&spec, &buf);
	if (packet_checksum(&spec, &buf) != (test->proto == PROTO_UDP ? 0xffff : 0))
		case_fail(test, "the payload misses: %04x", packet_checksum(&spec, &buf));
	case_run(test, "checksum 0 %s", after ? "after" : "before");
}

static void checksum_zero_before_and_after(struct test_case *test)
{
	checksum_zero(test, false);
	checksum_zero(test, true);
}

Test(forward, checksum_zero)
{
	case_for_each(checksum_zero_before_and_after);
}

/* A UDP datagram may be shorter than the IP packet that carries it. */
static void udp_shorter_than_ip(struct test_case *test)
{
	if (test->proto != PROTO_UDP)
		return;
	for (unsigned len = 8; len <= 40; len += 16) {
		test->packet.patches[0] = (struct packet_patch){ LAYER_L4, 4, 2, len };
		case_run(test, "UDP length %u of 40", len);
	}
}

Test(forward, udp_shorter_than_ip)
{
	case_for_each(udp_shorter_than_ip);
}

static void tcp_options(struct test_case *test)
{
	if (test->proto != PROTO_TCP)
		return;
	for (test->packet.tcp_words = 1; test->packet.tcp_words <= 10; test->packet.tcp_words++)
		case_run(test, "%u words of TCP options", test->packet.tcp_words);
}

Test(forward, tcp_options)
{
	case_for_each(tcp_options);
}

/* A super-packet counts as its segments. */
static void super_packets(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		return;
	test->packet.payload = 1400;
	test->gso_segs = 14;
	case_run(test, "14 segments");
}

Test(forward, super_packets)
{
	case_for_each(super_packets);
}

/* By public port: the forward, or FWD_COUNT for none. */
static const struct {
	uint16_t port;
	enum forward forward;
} edges[] = {
	{ 0, FWD_COUNT },     { 1, FWD_COUNT },	    { 4999, FWD_COUNT },  { 5000, FWD_PLAIN },
	{ 5009, FWD_PLAIN },  { 5010, FWD_COUNT },  { 2999, FWD_COUNT },  { 3000, FWD_UP },
	{ 3001, FWD_UP },     { 3009, FWD_UP },	    { 3010, FWD_COUNT },  { 7999, FWD_COUNT },
	{ 8000, FWD_DOWN },   { 8005, FWD_DOWN },   { 8009, FWD_DOWN },	  { 8010, FWD_COUNT },
	{ 49151, FWD_COUNT }, { 49152, FWD_RANGE }, { 49153, FWD_RANGE }, { 51711, FWD_RANGE },
	{ 51712, FWD_RANGE }, { 51819, FWD_RANGE }, { 51820, FWD_COUNT }, { 51821, FWD_RANGE },
	{ 51967, FWD_RANGE }, { 51968, FWD_RANGE }, { 65534, FWD_RANGE }, { 65535, FWD_RANGE },
};

/* The same ports on every path that leads to or from HOME. */
static void range_edges(struct test_case *test)
{
	enum reason forwarded = test->reason;

	if (fixture_forwards[test->path.forward].device != DEV_HOME ||
	    test->path.in == test->path.out)
		return;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		bool ours = edges[i].forward != FWD_COUNT;
		int shift = ours ? fixture_forwards[edges[i].forward].shift : 0;

		if (test->path.in)
			test->packet.dport = edges[i].port;
		else
			test->packet.sport = edges[i].port + shift;
		test->path.forward = ours ? edges[i].forward : FWD_PLAIN;
		test->source_forward = test->path.forward;
		test->reason = ours ? forwarded : REASON_NOT_OURS;
		case_run(test, "public port %u", edges[i].port);
	}
}

Test(forward, range_edges)
{
	case_for_each(range_edges);
}

/* Source ports of a backend that belong to no forward. */
static void shifted_edges(struct test_case *test)
{
	static const uint16_t none[] = { 3000, 3999, 4010, 6999, 7010, 8000, 9003, 51820, 1, 0 };

	if (fixture_forwards[test->path.forward].device != DEV_HOME || test->path.in)
		return;
	test->reason = REASON_NOT_OURS;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		test->packet.sport = none[i];
		case_run(test, "backend port %u", none[i]);
	}
}

Test(forward, shifted_edges)
{
	case_for_each(shifted_edges);
}

/* One backend talks to the public side of another one's forward. */
static void between_backends(struct test_case *test)
{
	if (test->path.egress != DEV_HOME || !test->path.in || !test->path.out)
		return;
	test->path.forward = FWD_ROUTED;
	test->packet.dport = fixture_forwards[FWD_ROUTED].first;
	case_run(test, "to another backend");
}

Test(forward, between_backends)
{
	case_for_each(between_backends);
}
