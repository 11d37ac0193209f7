// SPDX-License-Identifier: GPL-2.0-only
// Headers in front of TCP and UDP: VLAN tags, IPv4 options, IPv6 extension headers, fragments.
#include <criterion/criterion.h>
#include <linux/if_ether.h>
#include <string.h>
#include "case.h"

TestSuite(headers, .init = fixture_init);

/* The kernel takes the outer tag out of the data before TC; live_vlan has these cases. */
static void vlan_tag(struct test_case *test)
{
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };

	if (test->program != PROGRAM_XDP)
		return;
	test->packet.tag_count = 1;
	for (unsigned i = 0; i < 2; i++) {
		test->packet.tags[0].tpid = tpids[i];
		test->packet.tags[0].tci = 0x600a;
		for (test->packet.options = 0; test->packet.options < 11; test->packet.options += 5)
			case_run(test, "tag %04x, %u words of options", tpids[i],
				 test->packet.options);
	}
}

Test(headers, vlan_tag)
{
	case_for_each(vlan_tag);
}

static void vlan_stack(struct test_case *test)
{
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };

	if (test->program == PROGRAM_TC_L3)
		return;
	test->packet.tag_count = 2;
	test->reason = REASON_VLAN_STACK;
	for (unsigned i = 0; i < 4; i++) {
		test->packet.tags[0].tpid = tpids[i % 2];
		test->packet.tags[1].tpid = tpids[i / 2];
		case_run(test, "tags %04x, %04x", tpids[i % 2], tpids[i / 2]);
	}
}

Test(headers, vlan_stack)
{
	case_for_each(vlan_stack);
}

static void options(struct test_case *test)
{
	if (test->family != FAMILY_V4)
		return;
	for (test->packet.options = 1; test->packet.options <= 10; test->packet.options++)
		for (test->packet.payload = 0; test->packet.payload < 3; test->packet.payload++)
			case_run(test, "%u words of options, payload %zu", test->packet.options,
				 test->packet.payload);
}

Test(headers, ipv4_options)
{
	case_for_each(options);
}

#define HBH(len)                                                                                   \
	{                                                                                          \
		IPPROTO_HOPOPTS, len, 0                                                            \
	}
#define DST(len)                                                                                   \
	{                                                                                          \
		IPPROTO_DSTOPTS, len, 0                                                            \
	}
#define FRAG(field)                                                                                \
	{                                                                                          \
		IPPROTO_FRAGMENT, 8, field                                                         \
	}
#define ROUTING(len)                                                                               \
	{                                                                                          \
		IPPROTO_ROUTING, len, 0                                                            \
	}
#define OTHER(type)                                                                                \
	{                                                                                          \
		type, 16, 0                                                                        \
	}

static const struct {
	const char *name;
	struct packet_ext ext[PACKET_EXT_MAX];
	enum reason reason;
} chains[] = {
	{ "hop-by-hop", { HBH(8) }, REASON_FORWARDED },
	{ "long hop-by-hop", { HBH(128) }, REASON_FORWARDED },
	{ "destination", { DST(8) }, REASON_FORWARDED },
	{ "long destination", { DST(256) }, REASON_FORWARDED },
	{ "atomic fragment", { FRAG(0) }, REASON_FORWARDED },
	{ "atomic fragment with reserved bits", { FRAG(6) }, REASON_FORWARDED },
	{ "hop-by-hop, destination", { HBH(16), DST(24) }, REASON_FORWARDED },
	{ "hop-by-hop, fragment, destination", { HBH(8), FRAG(0), DST(8) }, REASON_FORWARDED },
	{ "six", { HBH(8), DST(8), FRAG(0), DST(8), DST(8), DST(8) }, REASON_FORWARDED },
	{ "seven",
	  { HBH(8), DST(8), DST(8), DST(8), DST(8), DST(8), DST(8) },
	  REASON_EXTENSION_HEADER },
	{ "routing", { ROUTING(24) }, REASON_EXTENSION_HEADER },
	{ "hop-by-hop, routing", { HBH(8), ROUTING(8) }, REASON_EXTENSION_HEADER },
	{ "authentication", { OTHER(IPPROTO_AH) }, REASON_EXTENSION_HEADER },
	{ "encryption", { OTHER(IPPROTO_ESP) }, REASON_NOT_TCP_UDP },
	{ "mobility", { OTHER(IPPROTO_MH) }, REASON_EXTENSION_HEADER },
	{ "600 bytes", { DST(200), DST(200), DST(200) }, REASON_EXTENSION_HEADER },
	{ "first fragment", { FRAG(0x0001) }, REASON_FRAGMENT },
	{ "middle fragment", { FRAG(0x0051) }, REASON_FRAGMENT },
	{ "last fragment", { FRAG(0x00a0) }, REASON_FRAGMENT },
	{ "hop-by-hop, first fragment", { HBH(8), FRAG(0x0001) }, REASON_FRAGMENT },
	{ "furthest fragment", { FRAG(0xfff8) }, REASON_FRAGMENT },
};

static void extension_headers(struct test_case *test)
{
	enum reason forwarded = test->reason;

	if (test->family != FAMILY_V6)
		return;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		if (chains[i].reason == REASON_FRAGMENT && test->program != PROGRAM_XDP)
			continue;
		memcpy(test->packet.ext, chains[i].ext, sizeof(test->packet.ext));
		test->packet.ext_count = 0;
		while (test->packet.ext_count < PACKET_EXT_MAX &&
		       test->packet.ext[test->packet.ext_count].len)
			test->packet.ext_count++;
		test->reason = chains[i].reason == REASON_FORWARDED ? forwarded : chains[i].reason;
		case_run(test, "%s", chains[i].name);
	}
}

Test(headers, ipv6_extension_headers)
{
	case_for_each(extension_headers);
}

/* Up to some length a chain is walked, beyond it the packet is left alone: never half of each. */
static void chain_lengths(struct test_case *test)
{
	enum reason forwarded = test->reason, last = forwarded;

	if (test->family != FAMILY_V6)
		return;
	test->packet.ext_count = 2;
	for (unsigned len = 16; len <= 640; len += 8) {
		struct packet_buf in, out;
		enum reason reason;

		test->packet.ext[0] = (struct packet_ext)HBH(8);
		test->packet.ext[1] = (struct packet_ext)DST(len - 8);
		packet_build(&test->packet, &in);
		case_try(test, &in, &out, &reason);
		test->reason = reason == REASON_EXTENSION_HEADER ? reason : forwarded;
		case_run(test, "%u bytes of headers", len);
		if (len <= 256 && test->reason != forwarded)
			case_fail(test, "not walked");
		if (len >= 600 && test->reason == forwarded)
			case_fail(test, "the limit is gone: raise it in this test");
		if (last != forwarded && test->reason == forwarded)
			case_fail(test, "walked, but a shorter chain was not");
		last = test->reason;
	}
}

Test(headers, ipv6_chain_lengths)
{
	case_for_each(chain_lengths);
}

/* A header that says it is longer than the packet. */
static void chain_beyond_end(struct test_case *test)
{
	if (test->family != FAMILY_V6)
		return;
	test->packet.ext_count = 1;
	test->packet.ext[0] = (struct packet_ext)DST(8);
	test->reason = REASON_MALFORMED;
	test->packet.patches[0] = (struct packet_patch){ LAYER_L3, 41, 1, 12 };
	case_run(test, "104 bytes of options in an 80 byte packet");
	test->packet.payload = 0;
	test->packet.patches[0].value = test->proto == PROTO_TCP ? 2 : 1;
	case_run(test, "options up to the end");
}

Test(headers, ipv6_chain_beyond_end)
{
	case_for_each(chain_beyond_end);
}

static void ipv4_fragments(struct test_case *test)
{
	static const struct {
		uint16_t field;
		bool whole;
	} fields[] = {
		{ 0x0000, true },  { 0x4000, true },  { 0x8000, true },	 { 0x2000, false },
		{ 0x2051, false }, { 0x00a2, false }, { 0x0001, false }, { 0x1fff, false },
		{ 0x6000, false }, { 0x4001, false },
	};
	enum reason forwarded = test->reason;

	/* TC forwards them: test_fragment.c. */
	if (test->family != FAMILY_V4 || test->program != PROGRAM_XDP)
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		test->packet.frag = fields[i].field;
		test->reason = fields[i].whole ? forwarded : REASON_FRAGMENT;
		case_run(test, "fragment field %04x", fields[i].field);
	}
}

Test(headers, ipv4_fragments)
{
	case_for_each(ipv4_fragments);
}
