// SPDX-License-Identifier: GPL-2.0-only
// What must not be forwarded: packets of others, and packets that are wrong.
#include <criterion/criterion.h>
#include <linux/if_ether.h>
#include <string.h>
#include "case.h"

TestSuite(refuse, .init = fixture_init);

static const uint8_t macs[][6] = {
	{ 2, 0, 0, 0, 0, 0x99 },		/* another host */
	{ 2, 0, 0, 0, 1, 1 },			/* one byte off */
	{ 3, 0, 0, 0, 0, 1 },			/* multicast, one bit off */
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, /* broadcast */
	{ 1, 0, 0x5e, 0, 0, 1 },
	{ 0x33, 0x33, 0, 0, 0, 1 },
};

static void other_mac(struct test_case *test)
{
	if (test->program == PROGRAM_TC_L3)
		return;
	test->reason = REASON_OTHER_HOST;
	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
		memcpy(test->packet.dst_mac, macs[i], 6);
		case_run(test, "MAC number %zu", i);
	}
}

Test(refuse, other_mac)
{
	case_for_each(other_mac);
}

/* Neither end belongs to a forward. */
static void other_tuple(struct test_case *test)
{
	const struct packet_spec whole = test->packet;

	test->reason = REASON_NOT_OURS;
	test->packet.src.w[3] ^= htonl(0x40);
	test->packet.dst.w[3] ^= htonl(0x40);
	case_run(test, "other addresses");
	test->packet = whole;
	test->packet.src.w[3] = test->packet.dst.w[3] = 0;
	if (test->family == FAMILY_V6)
		memset(&test->packet.src, 0, 16);
	case_run(test, "zero addresses");
	test->packet = whole;
	test->packet.sport = test->packet.dport = 22;
	case_run(test, "other ports");
	if (test->path.in && test->path.out)
		return; /* what follows is a hairpin again */
	test->packet.sport = whole.dport;
	test->packet.dport = whole.sport;
	case_run(test, "ports exchanged");
	test->packet = whole;
	test->packet.src = whole.dst;
	test->packet.dst = whole.src;
	case_run(test, "addresses exchanged");
}

Test(refuse, other_tuple)
{
	case_for_each(other_tuple);
}

static void other_protocol(struct test_case *test)
{
	static const uint8_t protocols[] = { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE,
					     IPPROTO_SCTP, IPPROTO_IPIP,   IPPROTO_UDPLITE,
					     253 };

	test->reason = REASON_NOT_TCP_UDP;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		test->packet.proto = protocols[i];
		case_run(test, "protocol %u", protocols[i]);
	}
}

Test(refuse, other_protocol)
{
	case_for_each(other_protocol);
}

static void not_ip(struct test_case *test)
{
	static const uint16_t types[] = { ETH_P_ARP, ETH_P_PPP_SES, ETH_P_MPLS_UC, 0x05dc, 0xffff };

	test->reason = REASON_NOT_IP;
	test->packet.payload = 60;
	if (test->program == PROGRAM_TC_L3) { /* version 0 */
		test->packet.ethertype = ETH_P_ARP;
		case_run(test, "zeros");
		return;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		test->packet.ethertype = types[i];
		case_run(test, "ethertype %04x", types[i]);
	}
}

Test(refuse, not_ip)
{
	case_for_each(not_ip);
}

/* A rule holds on its two devices only: anything else is spoofed or routed past us on purpose. */
static void other_device(struct test_case *test)
{
	const struct forward_spec *forward = &fixture_forwards[test->path.forward];

	test->reason = REASON_NOT_OURS;
	for (int dev = 0; dev < DEV_COUNT; dev++) {
		bool is_public = dev == (test->path.world == WORLD_PUB ? DEV_PUB : DEV_WAN);

		if ((test->program == PROGRAM_TC_L3) != dev_is_l3(dev) ||
		    dev == (int)forward->device || (is_public && test->path.in))
			continue;
		test->path.ingress = dev;
		memcpy(test->packet.dst_mac, dev_mac(dev), 6);
		case_run(test, "on device %s", dev_name(dev));
	}
}

Test(refuse, other_device)
{
	case_for_each(other_device);
}

/*
 * Sources that the host itself would not take from a cable. The public address is the worst: the
 * backend's answers would come back to it for ever.
 */
static void martian_sources(struct test_case *test)
{
	static const char *const texts[FAMILY_COUNT][8] = {
		{ "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.251", "239.1.2.3",
		  "255.255.255.255" },
		{ "::", "::1", "fe80::10", "febf::1", "ff02::1", "ff0e::1" },
	};

	if (!test->path.in || test->path.out)
		return;
	test->reason = REASON_NOT_OURS;
	test->packet.src = test->packet.dst;
	case_run(test, "from the public address");
	for (const char *const *text = texts[test->family]; *text; text++) {
		cr_assert_eq(ip_addr_parse(*text, &test->packet.src), 0, "%s", *text);
		case_run(test, "from %s", *text);
	}
}

Test(refuse, martian_sources)
{
	case_for_each(martian_sources);
}

/* IPv6 with mapped IPv4 addresses must not meet the rules of IPv4. */
static void mapped_addresses(struct test_case *test)
{
	struct test_case v4;

	if (test->family != FAMILY_V6)
		return;
	case_init(&v4, &test->path, test->program, FAMILY_V4, test->proto);
	test->packet.src = v4.packet.src;
	test->packet.dst = v4.packet.dst;
	test->packet.force_v6 = true;
	test->reason = REASON_MALFORMED;
	case_run(test, "mapped addresses");
}

Test(refuse, mapped_addresses)
{
	case_for_each(mapped_addresses);
}

Test(refuse, without_ruleset)
{
	struct test_case test;

	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	fixture_clear();
	for (int program = 0; program < PROGRAM_COUNT; program++) {
		case_init(&test,
			  path_find(program == PROGRAM_TC_L3 ? "out tun>pub" : "in pub>home"),
			  program, FAMILY_V4, PROTO_TCP);
		test.reason = REASON_NO_RULESET;
		case_run(&test, "no rule set");
	}
}

/* Fields that lie; @v6 tells which header the L3 offsets mean. */
static const struct {
	const char *name;
	struct packet_patch patch;
	enum reason reason;
	bool v4, v6, tcp, udp;
} lies[] = {
	{ "total length 0", { LAYER_L3, 2, 2, 0 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "total length 19", { LAYER_L3, 2, 2, 19 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "total length 20", { LAYER_L3, 2, 2, 20 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "total length 27", { LAYER_L3, 2, 2, 27 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "total length 28", { LAYER_L3, 2, 2, 28 }, REASON_BAD_LENGTH, 1, 0, 1, 1 },
	{ "total length 39", { LAYER_L3, 2, 2, 39 }, REASON_BAD_LENGTH, 1, 0, 1, 1 },
	{ "UDP total length one short", { LAYER_L3, 2, 2, 59 }, REASON_BAD_LENGTH, 1, 0, 0, 1 },
	{ "UDP total length one long", { LAYER_L3, 2, 2, 61 }, REASON_MALFORMED, 1, 0, 0, 1 },
	{ "TCP total length one long", { LAYER_L3, 2, 2, 73 }, REASON_MALFORMED, 1, 0, 1, 0 },
	{ "total length 65535", { LAYER_L3, 2, 2, 65535 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "IHL 0", { LAYER_L3, 0, 1, 0x40 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "IHL 1", { LAYER_L3, 0, 1, 0x41 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "IHL 4", { LAYER_L3, 0, 1, 0x44 }, REASON_MALFORMED, 1, 0, 1, 1 },
	{ "UDP IHL 15", { LAYER_L3, 0, 1, 0x4f }, REASON_MALFORMED, 1, 0, 0, 1 },
	{ "payload length 0", { LAYER_L3, 4, 2, 0 }, REASON_MALFORMED, 0, 1, 1, 1 },
	{ "payload length 7", { LAYER_L3, 4, 2, 7 }, REASON_MALFORMED, 0, 1, 1, 1 },
	{ "payload length 8", { LAYER_L3, 4, 2, 8 }, REASON_BAD_LENGTH, 0, 1, 1, 1 },
	{ "payload length 19", { LAYER_L3, 4, 2, 19 }, REASON_BAD_LENGTH, 0, 1, 1, 1 },
	{ "UDP payload length one short", { LAYER_L3, 4, 2, 39 }, REASON_BAD_LENGTH, 0, 1, 0, 1 },
	{ "UDP payload length one long", { LAYER_L3, 4, 2, 41 }, REASON_MALFORMED, 0, 1, 0, 1 },
	{ "TCP payload length one long", { LAYER_L3, 4, 2, 53 }, REASON_MALFORMED, 0, 1, 1, 0 },
	{ "payload length 65535", { LAYER_L3, 4, 2, 65535 }, REASON_MALFORMED, 0, 1, 1, 1 },
	{ "data offset 0", { LAYER_L4, 12, 1, 0x00 }, REASON_BAD_LENGTH, 1, 1, 1, 0 },
	{ "data offset 4", { LAYER_L4, 12, 1, 0x40 }, REASON_BAD_LENGTH, 1, 1, 1, 0 },
	{ "data offset 14", { LAYER_L4, 12, 1, 0xe0 }, REASON_BAD_LENGTH, 1, 1, 1, 0 },
	{ "data offset 15", { LAYER_L4, 12, 1, 0xf0 }, REASON_BAD_LENGTH, 1, 1, 1, 0 },
	{ "UDP length 0", { LAYER_L4, 4, 2, 0 }, REASON_BAD_LENGTH, 1, 1, 0, 1 },
	{ "UDP length 7", { LAYER_L4, 4, 2, 7 }, REASON_BAD_LENGTH, 1, 1, 0, 1 },
	{ "UDP length one long", { LAYER_L4, 4, 2, 41 }, REASON_BAD_LENGTH, 1, 1, 0, 1 },
	{ "UDP length 65535", { LAYER_L4, 4, 2, 65535 }, REASON_BAD_LENGTH, 1, 1, 0, 1 },
};

/* With padding too: what lies behind the packet must not make up for what is missing. */
static void wrong_lengths(struct test_case *test)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		if (!(test->family == FAMILY_V4 ? lies[i].v4 : lies[i].v6) ||
		    !(test->proto == PROTO_TCP ? lies[i].tcp : lies[i].udp))
			continue;
		test->packet.patches[0] = lies[i].patch;
		test->reason = lies[i].reason;
		case_run(test, "%s", lies[i].name);
	}
}

Test(refuse, wrong_lengths)
{
	case_for_each(wrong_lengths);
}

static void wrong_version(struct test_case *test)
{
	static const uint8_t versions[] = { 0, 1, 4, 5, 6, 7, 15 };
	uint8_t low = test->family == FAMILY_V4 ? 5 : 0, right = test->family == FAMILY_V4 ? 4 : 6;

	for (size_t i = 0; i < sizeof(versions); i++) {
		uint8_t version = versions[i];
		bool is_ip = version == 4 || version == 6;

		if (version == right || (test->program == PROGRAM_TC_L3 && is_ip))
			continue;
		test->packet.patches[0] =
			(struct packet_patch){ LAYER_L3, 0, 1, version << 4 | low };
		test->reason = test->program == PROGRAM_TC_L3 ? REASON_NOT_IP : REASON_MALFORMED;
		case_run(test, "version %u", version);
	}
}

Test(refuse, wrong_version)
{
	case_for_each(wrong_version);
}

/* Test runs of TC programs want a whole IP header; live_short_frames has what is shorter. */
static size_t shortest_run(const struct test_case *test, const struct packet_buf *whole)
{
	if (test->program == PROGRAM_TC)
		return whole->l3 + (test->family == FAMILY_V4 ? 20 : 40);
	return test->program == PROGRAM_XDP ? 14 : 15;
}

/* A packet cut at any byte is left alone: its receiver, not we, may say that it is wrong. */
static void truncate_each(struct test_case *test, const char *what)
{
	struct packet_buf whole, cut;

	packet_build(&test->packet, &whole);
	for (size_t len = shortest_run(test, &whole); len < whole.len; len++) {
		cut = whole;
		cut.len = cut.end = len;
		test->reason = len < whole.l3 ? REASON_NOT_IP : REASON_MALFORMED;
		case_run_bytes(test, &cut, "%s, %zu of %zu bytes", what, len, whole.len);
	}
}

static void truncated(struct test_case *test)
{
	truncate_each(test, "plain");
	if (test->family == FAMILY_V4) {
		test->packet.options = 7;
		truncate_each(test, "options");
	} else {
		test->packet.ext_count = 2;
		test->packet.ext[0] = (struct packet_ext){ IPPROTO_HOPOPTS, 16, 0 };
		test->packet.ext[1] = (struct packet_ext){ IPPROTO_FRAGMENT, 8, 0 };
		truncate_each(test, "extension headers");
	}
	if (test->program == PROGRAM_XDP) {
		test->packet.tag_count = 1;
		test->packet.tags[0].tpid = ETH_P_8021Q;
		truncate_each(test, "tag");
	}
}

Test(refuse, truncated)
{
	case_for_each(truncated);
}

/* The length fields of a cut packet made right: TCP and UDP headers that are not whole. */
static void short_l4(struct test_case *test)
{
	struct packet_buf whole, cut;
	size_t header = test->proto == PROTO_TCP ? 20 : 8;

	packet_build(&test->packet, &whole);
	for (size_t len = 0; len < header; len++) {
		size_t l3_len;

		cut = whole;
		cut.len = cut.end = whole.l4 + len;
		l3_len = cut.end - cut.l3 - (test->family == FAMILY_V4 ? 0 : 40);
		cut.data[cut.l3 + (test->family == FAMILY_V4 ? 2 : 4)] = l3_len >> 8;
		cut.data[cut.l3 + (test->family == FAMILY_V4 ? 3 : 5)] = l3_len & 0xff;
		test->reason = len < 8 ? REASON_MALFORMED : REASON_BAD_LENGTH;
		case_run_bytes(test, &cut, "%zu bytes of L4", len);
	}
}

Test(refuse, short_l4)
{
	case_for_each(short_l4);
}
