// SPDX-License-Identifier: GPL-2.0-only
// Packets on the cable: what leaves the host in the end, offloads and VLAN tags included.
#include <criterion/criterion.h>
#include <linux/if_ether.h>
#include <string.h>
#include "live.h"

TestSuite(live, .init = live_init);

static void payload_sizes(struct test_case *test)
{
	for (test->packet.payload = 0; test->packet.payload <= 1472; test->packet.payload += 368)
		live_run(test, "payload %zu", test->packet.payload);
}

Test(live, tc)
{
	live_for_each(payload_sizes);
}

static void xdp_payload_sizes(struct test_case *test)
{
	const struct path *path = &test->path;

	if (!dev_is_l3(path->ingress) && !dev_is_l3(path->egress))
		test->program = PROGRAM_XDP;
	payload_sizes(test);
}

/* Next hops not cached: the neighbour's MAC address, from whichever program sends. */
Test(live, xdp_then_tc)
{
	struct test_case test;

	live_attach_xdp();
	fixture_apply(WORLD_PUB, 0, 1600);
	for (size_t i = 0; i < path_count; i++) {
		if (paths[i].world != WORLD_PUB)
			continue;
		for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
			case_init(&test, &paths[i],
				  dev_is_l3(paths[i].ingress) ? PROGRAM_TC_L3 : PROGRAM_TC,
				  n / PROTO_COUNT, n % PROTO_COUNT);
			test.hop_mac =
				peer_mac(paths[i].in ? fixture_forwards[paths[i].forward].backend
						     : paths[i].to);
			xdp_payload_sizes(&test);
		}
	}
}

/* What is sent to an unknown neighbour waits in the kernel until it has answered. */
Test(live, neighbour_resolved_later)
{
	struct test_case test;

	fixture_apply(WORLD_PUB, 0, 1600);
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct packet_buf in, expected, actual;
		struct virtio_net_hdr offload;
		struct packet_spec out;
		char diff[1024];

		case_init(&test, path_find("in pub>home"), PROGRAM_TC, family, PROTO_UDP);
		test.path.forward = FWD_SILENT;
		test.packet.dport = fixture_forwards[FWD_SILENT].first;
		out = live_output(&test);
		packet_build(&test.packet, &in);
		packet_build(&out, &expected);
		live_send(DEV_PUB, &in, NULL);
		run("ip neigh replace %s lladdr 02:09:00:00:00:03 dev home nud permanent",
		    family == FAMILY_V4 ? "198.18.9.3" : "2001:db8:9::3");
		if (!live_receive(DEV_HOME, &actual, &offload))
			case_fail(&test, "live: nothing came");
		else if (packet_diff(&expected, actual.data, actual.len, diff, sizeof(diff)))
			case_fail(&test, "live: %s", diff);
	}
}

/* IPv4 through a router that has an IPv6 address only (RFC 8950). */
Test(live, ipv4_via_ipv6)
{
	struct test_case test;

	fixture_apply(WORLD_PUB, 0, 1600);
	run("ip route replace 203.0.113.0/24 via inet6 2001:db8:51::1 dev pub");
	case_init(&test, path_find("out home>pub"), PROGRAM_TC, FAMILY_V4, PROTO_TCP);
	live_run(&test, "through an IPv6 router");
	case_init(&test, path_find("in pub>home"), PROGRAM_TC, FAMILY_V4, PROTO_TCP);
	run("ip route replace 198.18.9.2/32 via inet6 2001:db8:9::2 dev home");
	live_run(&test, "through an IPv6 router");
}

static void vlan_tag(struct test_case *test)
{
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };

	if (test->program != PROGRAM_TC)
		return;
	test->packet.tag_count = 1;
	for (unsigned i = 0; i < 2; i++) {
		test->packet.tags[0].tpid = tpids[i];
		test->packet.tags[0].tci = 0x600a;
		live_run(test, "tag %04x", tpids[i]);
	}
}

Test(live, vlan_tag)
{
	live_for_each(vlan_tag);
}

/* Send what must not be forwarded, then a packet that must: it has to be the first to come. */
static void refused(struct test_case *test, const struct packet_buf *in, enum reason reason,
		    const char *detail)
{
	struct test_case after_it = *test;
	struct counts before, after;

	fixture_counts(&before);
	live_send(test->path.ingress, in, NULL);
	after_it.packet.tag_count = 0;
	after_it.packet.head = 0xf00d;
	live_run(&after_it, "after %s", detail);
	fixture_counts(&after);
	if (after.reasons[HOOK_TC][reason] - before.reasons[HOOK_TC][reason] != 1)
		case_fail(test, "%s: not counted as reason %d", detail, reason);
}

static void vlan_stack(struct test_case *test)
{
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };
	struct packet_buf in;

	if (test->program != PROGRAM_TC)
		return;
	test->packet.tag_count = 2;
	test->packet.tags[0].tci = 10;
	test->packet.tags[1].tci = 20;
	for (unsigned i = 0; i < 4; i++) {
		test->packet.tags[0].tpid = tpids[i % 2];
		test->packet.tags[1].tpid = tpids[i / 2];
		packet_build(&test->packet, &in);
		refused(test, &in, REASON_VLAN_STACK, "two tags");
	}
}

Test(live, vlan_stack)
{
	live_for_each(vlan_stack);
}

/* Frames cut inside the IP header, which a test run does not take. */
static void short_frames(struct test_case *test)
{
	struct packet_buf whole, in;

	if (test->program != PROGRAM_TC)
		return;
	packet_build(&test->packet, &whole);
	for (size_t len = 15; len <= whole.l4; len++) {
		in = whole;
		in.len = len;
		refused(test, &in, REASON_MALFORMED, "a cut frame");
	}
}

Test(live, short_frames)
{
	live_for_each(short_frames);
}

/*
 * Send a packet whose checksum is left to the hardware, as a super-packet when @gso_size is not 0.
 * It must come out the same: the pseudo header's sum follows the addresses, the ports are not in
 * it.
 */
static void offloaded(struct test_case *test, unsigned gso_size, const char *detail)
{
	uint8_t gso_type =
		test->family == FAMILY_V4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	struct virtio_net_hdr offload = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM }, left;
	struct packet_buf in, expected, actual;
	struct packet_spec out;
	char diff[1024];

	strcpy(test->detail, detail);
	test->packet.partial = true;
	out = live_output(test);
	packet_build(&test->packet, &in);
	packet_build(&out, &expected);
	offload.csum_start = in.l4;
	offload.csum_offset = test->proto == PROTO_TCP ? 16 : 6;
	if (gso_size) {
		offload.gso_type = gso_type;
		offload.gso_size = gso_size;
		offload.hdr_len = in.l4 + 20;
	}
	live_send(test->path.ingress, &in, &offload);
	if (!live_receive(test->path.egress, &actual, &left)) {
		case_fail(test, "live: nothing came");
		return;
	}
	if (packet_diff(&expected, actual.data, actual.len, diff, sizeof(diff)))
		case_fail(test, "live: %s", diff);
	if (left.flags != VIRTIO_NET_HDR_F_NEEDS_CSUM || left.csum_start != expected.l4 ||
	    left.csum_offset != offload.csum_offset || left.gso_type != offload.gso_type ||
	    left.gso_size != offload.gso_size)
		case_fail(test, "flags %x, checksum at %u+%u, GSO %u of type %u", left.flags,
			  left.csum_start, left.csum_offset, left.gso_size, left.gso_type);
}

static void partial_checksums(struct test_case *test)
{
	for (unsigned payload = 0; payload < 200; payload += 33) {
		test->packet.payload = payload;
		offloaded(test, 0, "partial checksum");
	}
}

Test(live, partial_checksums)
{
	live_for_each(partial_checksums);
}

/* Most of these are not in the linear part of the buffer. */
static void super_packets(struct test_case *test)
{
	unsigned key = test->path.forward * PROTO_COUNT + test->proto;
	enum direction dir = test->path.in ? DIR_IN : DIR_OUT;
	struct counts before, after;

	if (test->proto != PROTO_TCP)
		return;
	test->packet.payload = 9000;
	fixture_counts(&before);
	offloaded(test, 1000, "nine segments");
	fixture_counts(&after);
	if (after.forwards[key].packets[dir] - before.forwards[key].packets[dir] != 9)
		case_fail(test, "counted as %llu packets",
			  after.forwards[key].packets[dir] - before.forwards[key].packets[dir]);
}

Test(live, super_packets)
{
	live_for_each(super_packets);
}

/* Of a packet in pages no header may be where the program looks first. */
static void paged(struct test_case *test)
{
	struct virtio_net_hdr offload = { .hdr_len = 1 }, left;
	struct packet_buf in, expected, actual;
	struct packet_spec out;
	char diff[1024];

	fixture_apply(test->path.world, UINT64_MAX, 9000);
	strcpy(test->detail, "in pages");
	test->packet.payload = 5001;
	if (test->family == FAMILY_V4)
		test->packet.options = 10;
	out = live_output(test);
	packet_build(&test->packet, &in);
	packet_build(&out, &expected);
	live_send(test->path.ingress, &in, &offload);
	if (!live_receive(test->path.egress, &actual, &left))
		case_fail(test, "live: nothing came");
	else if (packet_diff(&expected, actual.data, actual.len, diff, sizeof(diff)))
		case_fail(test, "live: %s", diff);
}

Test(live, paged)
{
	run("for dev in pub pub-peer home home-peer tun wan; do ip link set $dev mtu 9000; done");
	live_for_each(paged);
}
