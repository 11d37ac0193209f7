// SPDX-License-Identifier: GPL-2.0-only
// ICMP that is not carried: what is no error, nobody's, about nothing of ours, or wrong.
#include <criterion/criterion.h>
#include <string.h>
#include "errors.h"

TestSuite(icmp_refuse, .init = fixture_init);

static void other_types(struct test_case *twin)
{
	static const uint8_t types[FAMILY_COUNT][8] = { { 0, 4, 5, 8, 9, 13, 17, 40 },
							{ 0, 5, 100, 127, 128, 129, 135, 137 } };
	struct error_spec error = error_init(twin);

	for (size_t i = 0; i < 8; i++) {
		error.type = types[twin->family][i];
		error_run(twin, &error, REASON_NOT_TCP_UDP, "type %u", error.type);
	}
}

/* Echo, redirects, neighbours and whatever else is the host's. */
Test(icmp_refuse, other_types)
{
	error_for_each(other_types);
}

static void by_xdp(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	if (twin->program == PROGRAM_XDP)
		error_run(twin, &error, REASON_NOT_TCP_UDP, "left to TC");
}

Test(icmp_refuse, by_xdp)
{
	case_for_each(by_xdp);
}

/* Errors about the host's own packets, and such as nobody of ours can have caused. */
static void about_others(struct test_case *twin)
{
	const struct packet_spec whole = twin->packet;
	struct error_spec error = error_init(twin);

	twin->packet.sport = 22;
	twin->packet.dport = 22;
	error_run(twin, &error, REASON_NOT_TCP_UDP, "the host's SSH");
	twin->packet = whole;
	twin->packet.sport = 53;
	twin->packet.dport = 33000;
	error_run(twin, &error, REASON_NOT_TCP_UDP, "a question of the host's own");
	twin->packet = whole;
	twin->packet.dst.w[3] ^= htonl(0x20);
	if (!twin->path.in && twin->talk)
		error_run(twin, &error, REASON_NOT_TCP_UDP, "another address of the host");
	twin->packet = whole;
	error.is_cut = true;
	for (error.keep = 0; error.keep < 8; error.keep++)
		error_run(twin, &error, REASON_NOT_TCP_UDP, "%zu bytes of L4", error.keep);
}

Test(icmp_refuse, about_others)
{
	error_for_each(about_others);
}

/* A byte of the embedded packet is another; the ICMP checksum is right for it. */
static void with_byte(struct test_case *twin, size_t offset, uint8_t value, const char *detail)
{
	struct error_spec error = error_init(twin);
	struct packet_buf in;

	error_build(&twin->packet, &error, &in);
	in.data[in.l4 + 8 + offset] = value;
	icmp_sum(&in, twin->family == FAMILY_V6);
	snprintf(twin->detail, sizeof(twin->detail), "%s", detail);
	error_run_bytes(twin, &in, REASON_NOT_TCP_UDP);
}

static void wrong_inside(struct test_case *twin)
{
	if (twin->family == FAMILY_V4) {
		with_byte(twin, 0, 0x55, "version 5 inside");
		with_byte(twin, 0, 0x44, "header of 16 bytes inside");
		with_byte(twin, 6, 0x01, "a later fragment inside");
		with_byte(twin, 9, IPPROTO_ICMP, "ICMP inside");
		with_byte(twin, 9, IPPROTO_GRE, "GRE inside");
		with_byte(twin, 15, 0x99, "sent by somebody else");
	} else {
		with_byte(twin, 0, 0x40, "version 4 inside");
		with_byte(twin, 6, IPPROTO_ICMPV6, "ICMPv6 inside");
		with_byte(twin, 6, IPPROTO_ESP, "ESP inside");
		with_byte(twin, 23, 0x99, "sent by somebody else");
	}
}

Test(icmp_refuse, wrong_inside)
{
	error_for_each(wrong_inside);
}

/* The IP length says that the embedded packet is not there: what follows is padding. */
static void wrong_length(struct test_case *twin)
{
	const bool is_v4 = twin->family == FAMILY_V4;
	struct error_spec error = error_init(twin);
	struct packet_buf in;
	uint32_t sum = 0;

	for (int delta = -40; delta <= 4; delta += 44) {
		error_build(&twin->packet, &error, &in);
		if (delta < 0)
			delta = is_v4 ? -(int)(in.end - in.l4 - 35) : -(int)(in.end - in.l4 - 55);
		in.end += delta;
		in.data[in.l3 + (is_v4 ? 2 : 4)] = (in.end - in.l3 - (is_v4 ? 0 : 40)) >> 8;
		in.data[in.l3 + (is_v4 ? 3 : 5)] = in.end - in.l3 - (is_v4 ? 0 : 40);
		if (delta < 0)
			icmp_sum(&in, !is_v4);
		if (is_v4) {
			in.data[in.l3 + 10] = in.data[in.l3 + 11] = sum = 0;
			for (int i = 0; i < 20; i += 2)
				sum += in.data[in.l3 + i] << 8 | in.data[in.l3 + i + 1];
			sum = ~((sum & 0xffff) + (sum >> 16));
			in.data[in.l3 + 10] = sum >> 8;
			in.data[in.l3 + 11] = sum;
		}
		snprintf(twin->detail, sizeof(twin->detail), "length %+d", delta);
		error_run_bytes(twin, &in, REASON_MALFORMED);
		delta = delta < 0 ? -40 : delta;
	}
}

Test(icmp_refuse, wrong_length)
{
	error_for_each(wrong_length);
}

/* No answer to an error, whatever becomes of it (RFC 1122, 3.2.2; RFC 4443, 2.4). */
static void ttl_of_the_error(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	for (twin->packet.ttl = 0; twin->packet.ttl <= 1; twin->packet.ttl++)
		error_run(twin, &error, REASON_TTL_EXPIRED, "TTL %u", twin->packet.ttl);
	error_run(twin, &error, REASON_FORWARDED, "TTL %u", twin->packet.ttl);
	twin->packet.ttl = 255;
	error_run(twin, &error, REASON_FORWARDED, "TTL %u", twin->packet.ttl);
}

Test(icmp_refuse, ttl)
{
	error_for_each(ttl_of_the_error);
}

/* Nobody who can be answered has such an address; the public one is the host's own. */
static void martian_reporters(struct test_case *twin)
{
	static const char *const texts[FAMILY_COUNT][6] = {
		{ "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.251", "255.255.255.255",
		  "198.51.100.2" },
		{ "::", "::1", "fe80::10", "ff02::1", "ff0e::1", "2001:db8:51::2" },
	};
	struct error_spec error = error_init(twin);

	for (int i = 0; i < (twin->path.world == WORLD_PUB ? 6 : 5); i++) {
		cr_assert_eq(ip_addr_parse(texts[twin->family][i], &error.reporter), 0);
		error_run(twin, &error, REASON_NOT_OURS, "from %s", texts[twin->family][i]);
	}
}

Test(icmp_refuse, martian_reporters)
{
	error_for_each(martian_reporters);
}

static void on_another_device(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	if (twin->program != PROGRAM_TC)
		return;
	twin->path.ingress = DEV_THIRD;
	memcpy(twin->packet.dst_mac, dev_mac(DEV_THIRD), 6);
	error_run(twin, &error, REASON_NOT_TCP_UDP, "on a third device");
}

Test(icmp_refuse, on_another_device)
{
	error_for_each(on_another_device);
}

/* Masquerade: no conversation, no translation (RFC 5508, REQ-4 and 5). */
static void unknown_flow(struct conversation *conv)
{
	struct test_case twin = conversation_case(conv, DIR_IN, TCP_ACK);
	struct error_spec error = error_init(&twin);

	if (conv->use_xdp)
		return;
	error_run(&twin, &error, REASON_BAD_ICMP, "no flow");
	conversation_open(conv);
	twin = conversation_case(conv, DIR_IN, TCP_ACK);
	twin.packet.sport++;
	error_run(&twin, &error, REASON_BAD_ICMP, "the client's other port");
	twin = conversation_case(conv, DIR_OUT, TCP_ACK);
	error = error_init(&twin);
	twin.packet.dport ^= 2;
	error_run(&twin, &error, REASON_NOT_TCP_UDP, "a port of the host's own");
	conversation_age(conv, 8000);
	twin = conversation_case(conv, DIR_OUT, TCP_ACK);
	error_run(&twin, &error, REASON_BAD_ICMP, "too late");
	twin = conversation_case(conv, DIR_IN, TCP_ACK);
	error = error_init(&twin);
	error_run(&twin, &error, REASON_BAD_ICMP, "too late");
}

Test(icmp_refuse, unknown_flow)
{
	conversation_for_each(unknown_flow);
}

/* One bit of a checksum is another (RFC 5508, REQ-3). */
static void with_bit(struct test_case *twin, size_t offset, const char *detail)
{
	struct error_spec error = error_init(twin);
	struct packet_buf in;

	error_build(&twin->packet, &error, &in);
	if (offset < 8)
		in.data[in.l4 + offset] ^= 0x10;
	else
		in.data[in.l3 + offset] ^= 0x10;
	snprintf(twin->detail, sizeof(twin->detail), "%s", detail);
	error_run_bytes(twin, &in, REASON_BAD_CHECKSUM);
}

static void wrong_checksum(struct test_case *twin)
{
	const bool is_v4 = twin->family == FAMILY_V4;
	struct error_spec error = error_init(twin);
	struct packet_buf in;

	with_bit(twin, 2, "the checksum of ICMP");
	with_bit(twin, 7, "the pointer, not in the checksum");
	error_build(&twin->packet, &error, &in);
	in.data[in.end - 1] ^= 1;
	error_run_bytes(twin, &in, REASON_BAD_CHECKSUM);
	if (!is_v4)
		return;
	with_bit(twin, 10, "the checksum of IP");
	twin->packet.options = 3;
	with_bit(twin, 11, "the checksum of IP, with options");
	twin->packet.options = 0;
	for (error.inner_options = 0; error.inner_options <= 10; error.inner_options += 5) {
		error_build(&twin->packet, &error, &in);
		in.data[in.l4 + 8 + 10] ^= 1;
		icmp_sum(&in, false);
		snprintf(twin->detail, sizeof(twin->detail), "that inside, %u words of options",
			 error.inner_options);
		error_run_bytes(twin, &in, REASON_BAD_CHECKSUM);
	}
}

Test(icmp_refuse, wrong_checksum)
{
	error_for_each(wrong_checksum);
}

/* Longer than any that a router may send, so that the cost of the sum is bounded. */
static void endless(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	twin->packet.payload = 2100;
	error_run(twin, &error, REASON_BAD_CHECKSUM, "too long");
}

Test(icmp_refuse, endless)
{
	error_for_each(endless);
}

/* The first fragment of an error stays with the host like all others. */
static void in_fragments(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	twin->packet.frag = twin->family == FAMILY_V4 ? 0x2000 : 0;
	twin->packet.ext[0] = (struct packet_ext){ IPPROTO_FRAGMENT, 8, 1 };
	twin->packet.ext_count = twin->family == FAMILY_V6;
	error_run(twin, &error, REASON_NOT_TCP_UDP, "in fragments");
}

Test(icmp_refuse, in_fragments)
{
	error_for_each(in_fragments);
}
