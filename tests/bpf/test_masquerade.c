// SPDX-License-Identifier: GPL-2.0-only
// How masqueraded packets look: every way, family, protocol and program, byte by byte.
#include <criterion/criterion.h>
#include <linux/if_ether.h>
#include <string.h>
#include "live.h"
#include "masquerade.h"

TestSuite(masquerade, .init = fixture_init);

/* The host's own address on the device towards the backend, of this family. */
static struct ip_addr host_addr(const struct conversation *conv)
{
	enum peer peer = conv->way->egress == DEV_HOME	? PEER_HOST_IN
			 : conv->way->egress == DEV_TUN ? PEER_HOST_TUN
							: PEER_PUBLIC;

	return peer_addr(conv->way->world, peer, conv->family);
}

static void data(struct conversation *conv, const char *detail)
{
	conversation_send(conv, DIR_IN, TCP_ACK | TCP_PSH, REASON_FORWARDED, "%s, in", detail);
	conversation_send(conv, DIR_OUT, TCP_ACK | TCP_PSH, REASON_FORWARDED, "%s, out", detail);
}

static void sizes(struct conversation *conv)
{
	static const size_t payloads[] = { 0, 1, 2, 63, 101, 1000, 1472 };
	struct ip_addr expected = host_addr(conv);

	conversation_open(conv);
	if (!ip_addr_equal(&conv->talk.masquerade, &expected))
		conversation_fail(conv, "not the address of the device to the backend");
	if (conv->talk.port != conv->talk.client_port)
		conversation_fail(conv, "a port that is free was not kept");
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		conv->shape.payload = payloads[i];
		data(conv, "payload");
	}
	conv->shape.payload = 1;
	conv->shape.padding = 17;
	data(conv, "padding");
}

Test(masquerade, payloads)
{
	conversation_for_each(sizes);
}

/* Next hops not cached: the kernel is asked. */
Test(masquerade, by_the_kernel)
{
	struct conversation conv;

	for (size_t i = 0; i < way_count; i++) {
		fixture_masquerade(ways[i].world, 0, 1600);
		for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
			conversation_init(&conv, &ways[i], false, n / PROTO_COUNT, n % PROTO_COUNT);
			conversation_open(&conv);
			data(&conv, "asked");
		}
	}
}

/* Sums whose carries go every way, with the client's port and with another one. */
static void contents(struct conversation *conv)
{
	struct conversation other = *conv;

	other.talk.client_port %= 1000; /* too low to be kept */
	conversation_open(conv);
	conversation_open(&other);
	if (other.talk.port == other.talk.client_port)
		conversation_fail(&other, "a port that may not be used");
	for (unsigned i = 0; i < 256; i += 7) {
		conv->shape.head = other.shape.head = i << 8 | (i ^ 0x5a);
		data(conv, "head");
		data(&other, "head");
	}
}

Test(masquerade, contents)
{
	conversation_for_each(contents);
}

/* A random port each: the sums must be right for all. */
static void many_ports(struct conversation *conv)
{
	for (unsigned i = 1; i < 200; i++) {
		struct conversation other = conversation_other(conv, i);

		other.talk.client_port = conv->talk.client_port % 1000; /* may not be used */
		conversation_open(&other);
		data(&other, "random port");
	}
}

Test(masquerade, random_ports)
{
	conversation_for_kinds(many_ports);
}

/* Choose the payload so that the checksum before or after the rewrite is computed as zero. */
static void zero_sum(struct conversation *conv, enum direction dir, bool after)
{
	struct packet_spec spec;
	struct test_case test;
	struct packet_buf buf;

	for (int pass = 0; pass < 2; pass++) {
		conv->shape.head = pass ? packet_checksum(&spec, &buf) : 0;
		test = conversation_case(conv, dir, TCP_ACK);
		/* A frame of another program's has the same sum. */
		spec = after ? case_output(&test) : test.packet;
		packet_build(&spec, &buf);
	}
	if (packet_checksum(&spec, &buf) != (conv->proto == PROTO_UDP ? 0xffff : 0))
		conversation_fail(conv, "the payload misses: %04x", packet_checksum(&spec, &buf));
	conversation_send(conv, dir, TCP_ACK, REASON_FORWARDED, "checksum 0 %s",
			  after ? "after" : "before");
}

static void zero_sums(struct conversation *conv)
{
	conversation_open(conv);
	for (int n = 0; n < 4; n++)
		zero_sum(conv, n / 2, n % 2);
}

Test(masquerade, checksum_zero)
{
	conversation_for_each(zero_sums);
}

/* Over IPv4 zero says "none" and stays (RFC 768); over IPv6 there is no such thing. */
static void without_checksum(struct conversation *conv)
{
	enum reason reason = conv->family == FAMILY_V4 ? REASON_FORWARDED : REASON_NO_CHECKSUM;

	if (conv->proto != PROTO_UDP)
		return;
	conversation_open(conv);
	conv->shape.no_checksum = true;
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct test_case test = conversation_case(conv, dir, 0);

		if (reason == REASON_FORWARDED || test.reason == REASON_FORWARDED)
			conversation_send(conv, dir, 0, reason, "no checksum");
	}
}

Test(masquerade, udp_without_checksum)
{
	conversation_for_each(without_checksum);
}

/* What runs out begins no flow, and is not counted to one. */
static void ttls(struct conversation *conv)
{
	conv->shape.ttl = 64;
	conversation_open(conv);
	for (int ttl = 2; ttl < 256; ttl += ttl < 3 ? 1 : 63) {
		conv->shape.ttl = ttl;
		conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "TTL %d in", ttl);
		conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "TTL %d out", ttl);
	}
}

Test(masquerade, ttl)
{
	conversation_for_each(ttls);
}

static void options(struct conversation *conv)
{
	if (conv->family != FAMILY_V4)
		return;
	conv->shape.options = 3;
	conversation_open(conv);
	for (conv->shape.options = 1; conv->shape.options <= 10; conv->shape.options++)
		data(conv, "IPv4 options");
	conv->shape.options = 0;
	for (conv->shape.tcp_words = 1; conv->shape.tcp_words <= 10; conv->shape.tcp_words++)
		data(conv, "TCP options");
}

Test(masquerade, options)
{
	conversation_for_each(options);
}

static void extension_headers(struct conversation *conv)
{
	static const struct packet_ext chain[] = { { IPPROTO_HOPOPTS, 16, 0 },
						   { IPPROTO_DSTOPTS, 24, 0 },
						   { IPPROTO_FRAGMENT, 8, 0 },
						   { IPPROTO_DSTOPTS, 128, 0 } };

	if (conv->family != FAMILY_V6)
		return;
	memcpy(conv->shape.ext, chain, sizeof(chain));
	conv->shape.ext_count = 2;
	conversation_open(conv);
	for (conv->shape.ext_count = 1; conv->shape.ext_count <= 4; conv->shape.ext_count++)
		data(conv, "extension headers");
}

Test(masquerade, extension_headers)
{
	conversation_for_each(extension_headers);
}

static void tags(struct conversation *conv)
{
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };

	if (!conv->use_xdp || dev_is_l3(conv->way->ingress) || dev_is_l3(conv->way->egress))
		return;
	conv->shape.tag_count = 1;
	conv->shape.tags[0].tpid = ETH_P_8021Q;
	conv->shape.tags[0].tci = 0x600a;
	conversation_open(conv);
	for (unsigned i = 0; i < 2; i++) {
		conv->shape.tags[0].tpid = tpids[i];
		data(conv, "tagged");
	}
}

Test(masquerade, tags)
{
	conversation_for_each(tags);
}

/* Every port of a forward, and those next to it. */
static void public_ports(struct conversation *conv)
{
	const struct forward_spec *forward = &fixture_forwards[conv->way->forward];

	for (unsigned port = forward->first; port < forward->first + 5U && port <= forward->last;
	     port++) {
		struct conversation other = conversation_other(conv, 0);

		other.talk.client_port = conv->talk.client_port;
		other.talk.public_port = port;
		other.talk.backend_port = port + forward->shift;
		conversation_open(&other);
		data(&other, "port of the forward");
	}
	conv->talk.public_port = forward->first - 1;
	if (conv->way->forward != FWD_ROUTED)
		conversation_send(conv, DIR_IN, TCP_SYN, REASON_NOT_OURS, "port below");
}

Test(masquerade, public_ports)
{
	conversation_for_each(public_ports);
}

/* A super-packet is counted as its segments, by the flow too. */
Test(masquerade, super_packets)
{
	struct conversation conv;
	struct test_case test;

	fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
	conversation_init(&conv, &ways[0], false, FAMILY_V4, PROTO_TCP);
	conversation_open(&conv);
	conv.shape.payload = 1400;
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct flow before = *conversation_flow(&conv);

		test = conversation_case(&conv, dir, TCP_ACK);
		test.gso_segs = 14;
		case_run(&test, "14 segments");
		cr_expect_eq(flow_packets(&conversation_flow(&conv)->half[dir]),
			     flow_packets(&before.half[dir]) + 14);
		cr_expect_eq(flow_bytes(&conversation_flow(&conv)->half[dir]),
			     flow_bytes(&before.half[dir]) + 1440);
	}
}

TestSuite(live_masquerade, .init = live_init);

/* On the cable, by the real hooks: offloads and tags that a test run does not have. */
static void live_both(struct conversation *conv, const char *detail)
{
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct test_case test = conversation_case(conv, dir, TCP_ACK);

		if (test.reason == REASON_FORWARDED)
			live_run(&test, "%s", detail);
	}
}

static void live_shapes(struct conversation *conv)
{
	bool l3 = dev_is_l3(conv->way->ingress) || dev_is_l3(conv->way->egress);

	conv->use_xdp = false;
	conversation_open(conv);
	live_both(conv, "plain");
	if (l3)
		return;
	conv->shape.tag_count = 1;
	conv->shape.tags[0].tpid = ETH_P_8021Q;
	conv->shape.tags[0].tci = 0x600a;
	live_both(conv, "tagged");
}

Test(live_masquerade, tc)
{
	conversation_for_each(live_shapes);
}
