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

/* IPv6: extension headers that are walked, of the embedded packet alone, and of the error as well.
 */
static void extension_headers(struct test_case *twin)
{
	static const struct packet_ext chains[][3] = {
		{ { IPPROTO_HOPOPTS, 8, 0 } },
		{ { IPPROTO_DSTOPTS, 64, 0 } },
		{ { IPPROTO_FRAGMENT, 8, 0 } },
		{ { IPPROTO_HOPOPTS, 16, 0 },
		  { IPPROTO_DSTOPTS, 8, 0 },
		  { IPPROTO_FRAGMENT, 8, 0 } },
	};
	struct error_spec error = error_init(twin);

	if (twin->family != FAMILY_V6)
		return;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		memcpy(twin->packet.ext, chains[i], sizeof(chains[i]));
		twin->packet.ext_count = i < 3 ? 1 : 3;
		error.plain_outside = true;
		error_run(twin, &error, REASON_FORWARDED, "chain %zu inside", i);
		error.plain_outside = false;
		error_run(twin, &error, REASON_FORWARDED, "chain %zu inside and outside", i);
	}
}

Test(icmp, extension_headers)
{
	error_for_each(extension_headers);
}

/* A first fragment has the ports: who is told that it was too large has to be told. */
static void about_fragments(struct test_case *twin)
{
	struct error_spec error = error_init(twin);

	twin->packet.frag = twin->family == FAMILY_V4 ? 0x2000 : 0;
	twin->packet.ext[0] = (struct packet_ext){ IPPROTO_FRAGMENT, 8, 1 };
	twin->packet.ext_count = twin->family == FAMILY_V6;
	error.plain_outside = true;
	error_run(twin, &error, REASON_FORWARDED, "about a first fragment");
}

Test(icmp, about_fragments)
{
	error_for_each(about_fragments);
}
