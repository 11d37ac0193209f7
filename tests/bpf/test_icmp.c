// SPDX-License-Identifier: GPL-2.0-only
// ICMP errors about forwarded packets: both directions, outside and inside, and what is none.
#include <criterion/criterion.h>
#include <string.h>
#include "errors.h"

TestSuite(icmp, .init = fixture_init);

#define L4_OF(twin) ((twin)->proto == PROTO_TCP ? 20U : 8U)

static void all_types(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	for (const struct error_kind *kind = error_kinds[twin->family]; kind->type; kind++) {
		for (unsigned code = 0; code < kind->codes; code++) {
			error.type = kind->type;
			error.code = code;
			error.rest = kind->type == 3 && code == 4 ? 1280 : 0;
			error_run(twin, &error, REASON_FORWARDED, "type %u, code %u", error.type,
				  code);
		}
	}
}

Test(icmp, types_and_codes)
{
	error_for_each(all_types);
}

static struct ip_addr router(const struct test_case *twin)
{
	struct ip_addr addr;
	bool private = !twin->path.in;

	cr_assert_eq(ip_addr_parse(twin->family == FAMILY_V4 ? private ? "10.7.7.7" : "192.0.2.77"
				   : private		     ? "fd00:7::7"
							     : "2001:db8:77::7",
				   &addr),
		     0);
	return addr;
}

/* A router of the backend's side is shown as the public address, one of the Internet as itself. */
static void from_routers(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	error.type = twin->family == FAMILY_V4 ? 11 : 3;
	error.code = 0;
	error.reporter = router(twin);
	error_run(twin, &error, REASON_FORWARDED, "by a router");
	error.rest = 1400;
	error.type = twin->family == FAMILY_V4 ? 3 : 2;
	error.code = twin->family == FAMILY_V4 ? 4 : 0;
	error_run(twin, &error, REASON_FORWARDED, "MTU of a router");
}

Test(icmp, from_routers)
{
	error_for_each(from_routers);
}

static void cut_short(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	error.is_cut = true;
	for (twin->packet.padding = 0; twin->packet.padding <= 32; twin->packet.padding += 32) {
		for (error.keep = 8; error.keep <= L4_OF(twin) + 9; error.keep++) {
			if (twin->proto == PROTO_TCP && error.keep == 17)
				continue; /* half a checksum is left as it is */
			error_run(twin, &error, REASON_FORWARDED, "%zu bytes of L4, padding %zu",
				  error.keep, twin->packet.padding);
		}
	}
}

Test(icmp, cut_short)
{
	error_for_each(cut_short);
}

static void embedded_options(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	if (twin->family != FAMILY_V4)
		return;
	for (error.inner_options = 0; error.inner_options <= 10; error.inner_options++) {
		twin->packet.options = 0;
		error_run(twin, &error, REASON_FORWARDED, "%u words inside", error.inner_options);
		twin->packet.options = 10 - error.inner_options / 2;
		error_run(twin, &error, REASON_FORWARDED, "%u words inside, %u outside",
			  error.inner_options, twin->packet.options);
	}
}

Test(icmp, options)
{
	error_for_each(embedded_options);
}

static void extensions(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	for (error.extension = 1; error.extension < 100; error.extension += 7)
		error_run(twin, &error, REASON_FORWARDED, "%zu bytes behind", error.extension);
	error.extension = 20;
	error.is_cut = twin->proto == PROTO_UDP;
	error.keep = 8;
	error_run(twin, &error, REASON_FORWARDED, "behind 8 bytes of L4");
	error.extension = 0;
	error.is_cut = false;
	for (twin->packet.payload = 0; twin->packet.payload < 1200; twin->packet.payload += 171)
		error_run(twin, &error, REASON_FORWARDED, "payload %zu", twin->packet.payload);
}

Test(icmp, extensions)
{
	error_for_each(extensions);
}

static void without_checksum(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	if (twin->proto != PROTO_UDP)
		return;
	twin->packet.no_checksum = true;
	error_run(twin, &error, REASON_FORWARDED, "embedded UDP without a checksum");
}

Test(icmp, without_checksum)
{
	error_for_each(without_checksum);
}

/* The checksum inside where 0 and 0xffff are the same number, before and after. */
static void corner_checksums(struct test_case *twin)
{
	struct packet_spec out = case_output(twin);
	struct error_spec error = error_init(twin);
	unsigned found = 0;

	out.frame = PACKET_BARE;
	for (unsigned head = 0; head < 65536 && found < 6; head += 1) {
		struct packet_spec specs[2] = { twin->packet, out };
		struct packet_buf bytes;
		bool is_corner = false;

		for (int i = 0; i < 2 && !is_corner; i++) {
			uint16_t check;

			specs[i].head = head;
			packet_build(&specs[i], &bytes);
			check = packet_checksum(&specs[i], &bytes);
			is_corner = check < 2 || check > 0xfffd;
		}
		if (!is_corner)
			continue;
		twin->packet.head = head;
		error_run(twin, &error, REASON_FORWARDED, "head %04x", head);
		found++;
	}
	if (!found)
		case_fail(twin, "no such checksum");
}

/* One path and one direction are enough: the sums know nothing of devices. */
Test(icmp, corner_checksums)
{
	static const char *const names[] = { "in pub>home", "out home>pub", "out tun>pub" };
	struct test_case twin;

	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	for (int i = 0; i < 3 * FAMILY_COUNT * PROTO_COUNT; i++) {
		case_init(&twin, path_find(names[i / 4]), i / 4 == 2 ? PROGRAM_TC_L3 : PROGRAM_TC,
			  i / 2 % 2, i % 2);
		twin.path.forward = i / 4 == 2 ? FWD_TUN : FWD_UP;
		twin.source_forward = twin.path.forward;
		if (twin.path.in)
			twin.packet.dport = fixture_forwards[FWD_UP].first;
		else if (i / 4 == 1)
			twin.packet.sport = fixture_forwards[FWD_UP].first + 1000;
		twin.packet.payload = 8;
		corner_checksums(&twin);
	}
}

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
Test(icmp, other_types)
{
	error_for_each(other_types);
}

static void by_xdp(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	if (twin->program == PROGRAM_XDP)
		error_run(twin, &error, REASON_NOT_TCP_UDP, "left to TC");
}

Test(icmp, by_xdp)
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

Test(icmp, about_others)
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

Test(icmp, wrong_inside)
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

Test(icmp, wrong_length)
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

Test(icmp, ttl)
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

Test(icmp, martian_reporters)
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

Test(icmp, on_another_device)
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

Test(icmp, unknown_flow)
{
	conversation_for_each(unknown_flow);
}
