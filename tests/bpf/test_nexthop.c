// SPDX-License-Identifier: GPL-2.0-only
// Where packets go: cached next hops, the kernel's answers, MTUs, and routes that do not exist.
#include <criterion/criterion.h>
#include <string.h>
#include "case.h"

TestSuite(nexthop, .init = fixture_init);

#define HOUR_NS	  3600000000000ULL
#define NO_ROUTE4 "198.19.7.7"
#define NO_ROUTE6 "2001:db8:7::7"

/* Every family and protocol of one path and program. */
static void each(const char *path, enum program program, void (*body)(struct test_case *test))
{
	struct test_case test;

	for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
		case_init(&test, path_find(path), program, n / PROTO_COUNT, n % PROTO_COUNT);
		body(&test);
	}
}

/* The backend or the destination of a case becomes another one. */
static void set_forward(struct test_case *test, enum forward forward)
{
	test->path.forward = forward;
	test->packet.dport = fixture_forwards[forward].first;
}

static void set_destination(struct test_case *test, enum peer peer)
{
	test->packet.dst = peer_addr(test->path.world, peer, test->family);
	test->hop_mac = peer_mac(peer);
}

static void set_destination_text(struct test_case *test, const char *v4, const char *v6)
{
	const char *text = test->family == FAMILY_V4 ? v4 : v6;

	cr_assert_eq(ip_addr_parse(text, &test->packet.dst), 0, "%s", text);
}

/* Set l3_len to @len by the payload. */
static void set_length(struct test_case *test, size_t len)
{
	size_t headers =
		(test->family == FAMILY_V4 ? 20 : 40) + (test->proto == PROTO_TCP ? 20 : 8);

	test->packet.payload = len - headers;
}

static void from_cache(struct test_case *test)
{
	case_run(test, "MAC of the cache");
}

static void from_neighbour(struct test_case *test)
{
	test->hop_mac = peer_mac(fixture_forwards[test->path.forward].backend);
	case_run(test, "MAC of the neighbour");
}

static void from_gateway(struct test_case *test)
{
	set_forward(test, FWD_ROUTED);
	test->hop_mac = peer_mac(PEER_ROUTED);
	case_run(test, "MAC of the gateway");
}

Test(nexthop, fresh)
{
	fixture_apply(WORLD_PUB, fixture_now_ns() + HOUR_NS, 1600);
	each("in pub>home", PROGRAM_XDP, from_cache);
	each("in pub>pub", PROGRAM_XDP, from_cache);
	each("hairpin home", PROGRAM_XDP, from_cache);
}

Test(nexthop, never_valid)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	each("in pub>home", PROGRAM_XDP, from_neighbour);
	each("in pub>pub", PROGRAM_XDP, from_neighbour);
	each("hairpin home", PROGRAM_XDP, from_neighbour);
	each("in pub>home", PROGRAM_XDP, from_gateway);
}

Test(nexthop, expired)
{
	fixture_apply(WORLD_PUB, fixture_now_ns() - HOUR_NS / 3600, 1600);
	each("in pub>home", PROGRAM_XDP, from_neighbour);
}

/* The cache expires under the feet of the program; nobody has to swap the rule set. */
Test(nexthop, expires)
{
	struct ruleset *rs;

	fixture_apply(WORLD_PUB, fixture_now_ns() + HOUR_NS, 1600);
	each("in pub>home", PROGRAM_XDP, from_cache);
	rs = fixture_ruleset();
	for (unsigned i = 0; i < NEXTHOPS_MAX; i++)
		rs->nexthops[i].valid_until_ns = 1;
	each("in pub>home", PROGRAM_XDP, from_neighbour);
}

static void unresolved(struct test_case *test)
{
	set_forward(test, FWD_SILENT);
	if (test->program == PROGRAM_XDP)
		test->reason = REASON_NO_NEIGHBOUR;
	case_run(test, "no neighbour entry");
}

/* XDP leaves it to TC, where the kernel resolves and queues. */
Test(nexthop, unresolved)
{
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	each("in pub>home", PROGRAM_XDP, unresolved);
	each("in pub>home", PROGRAM_TC, unresolved);
}

/* A neighbour that has been asked for and has not answered has no address yet. */
Test(nexthop, incomplete)
{
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	run("ip neigh add 198.18.9.3 dev home nud incomplete");
	run("ip neigh add 2001:db8:9::3 dev home nud incomplete");
	each("in pub>home", PROGRAM_XDP, unresolved);
	run("ip neigh replace 198.18.9.3 dev home nud failed");
	run("ip neigh replace 2001:db8:9::3 dev home nud failed");
	each("in pub>home", PROGRAM_XDP, unresolved);
}

static void mtu_1400(struct test_case *test)
{
	set_length(test, 1400);
	case_run(test, "1400 bytes");
	test->packet.padding = 9;
	case_run(test, "1400 bytes and padding");
	test->packet.padding = 0;
	set_length(test, 1401);
	test->reason = REASON_TOO_BIG;
	case_run(test, "1401 bytes");
}

Test(nexthop, mtu_of_the_cache)
{
	fixture_apply(WORLD_PUB, UINT64_MAX, 1400);
	each("in pub>home", PROGRAM_XDP, mtu_1400);
}

static void mtu_1400_neighbour(struct test_case *test)
{
	test->hop_mac = peer_mac(fixture_forwards[test->path.forward].backend);
	mtu_1400(test);
}

/* The kernel's own answer, for the device and for a route. */
Test(nexthop, mtu_of_the_kernel)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	run("ip link set home mtu 1400");
	each("in pub>home", PROGRAM_XDP, mtu_1400_neighbour);
	run("ip route replace 203.0.113.0/24 via 198.51.100.1 mtu lock 1400");
	run("ip -6 route replace 2001:db8:113::/64 via 2001:db8:51::1 mtu lock 1400");
	each("out home>pub", PROGRAM_XDP, mtu_1400);
}

static void unreachable(struct test_case *test)
{
	if (test->path.in)
		set_forward(test, FWD_DEAD);
	else
		set_destination(test, PEER_DEAD);
	test->reason = REASON_NO_ROUTE;
	case_run(test, "unreachable");
}

static void blackhole(struct test_case *test)
{
	set_destination(test, PEER_VOID);
	test->reason = REASON_NO_ROUTE;
	case_run(test, "blackhole");
}

Test(nexthop, refused_routes)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	each("in pub>home", PROGRAM_XDP, unreachable);
	each("out home>pub", PROGRAM_XDP, unreachable);
	each("out home>pub", PROGRAM_TC, unreachable);
	each("out tun>pub", PROGRAM_TC_L3, unreachable);
	each("out home>pub", PROGRAM_XDP, blackhole);
	each("out home>pub", PROGRAM_TC, blackhole);
	each("out tun>pub", PROGRAM_TC_L3, blackhole);
}

/* A backend answers to a connection that this host itself has made to it. */
static void to_the_host(struct test_case *test)
{
	test->reason = REASON_NOT_OURS;
	set_destination(test, PEER_HOST_IN);
	case_run(test, "to the host's own address");
	set_destination(test, PEER_PUBLIC);
	case_run(test, "to the public address");
	set_destination_text(test, "224.0.0.251", "ff02::fb");
	case_run(test, "to a multicast group");
}

static void to_broadcast(struct test_case *test)
{
	test->reason = REASON_NOT_OURS;
	set_destination_text(test, "198.18.9.255", "ff02::1");
	case_run(test, "to everybody");
	set_destination_text(test, "127.0.0.1", "fe80::10");
	case_run(test, "to an address of one link or host");
}

Test(nexthop, to_the_host)
{
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	each("out home>pub", PROGRAM_XDP, to_the_host);
	each("out home>pub", PROGRAM_TC, to_the_host);
	each("out pub>pub", PROGRAM_TC, to_the_host);
	each("out tun>pub", PROGRAM_TC_L3, to_the_host);
	each("out home>pub", PROGRAM_TC, to_broadcast);
}

static void without_route(struct test_case *test)
{
	set_destination_text(test, NO_ROUTE4, NO_ROUTE6);
	test->reason = REASON_NOT_OURS;
	case_run(test, "no route at all");
}

Test(nexthop, without_route)
{
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	each("out home>pub", PROGRAM_XDP, without_route);
	each("out home>pub", PROGRAM_TC, without_route);
	each("out tun>pub", PROGRAM_TC_L3, without_route);
}

static void via_gateway(struct test_case *test)
{
	set_destination(test, PEER_REMOTE);
	case_run(test, "through the router");
}

static void on_link(struct test_case *test)
{
	set_destination(test, PEER_CLIENT);
	case_run(test, "on the link");
}

Test(nexthop, of_replies)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	for (int program = 0; program < 2; program++) {
		each("out home>pub", program, via_gateway);
		each("out home>pub", program, on_link);
		each("out pub>pub", program, via_gateway);
		each("out pub>pub", program, on_link);
	}
}

static void via_ipv6(struct test_case *test)
{
	if (test->family != FAMILY_V4)
		return;
	set_destination_text(test, "198.19.6.6", NULL);
	test->hop_mac = peer_mac(PEER_REMOTE);
	case_run(test, "through an IPv6 router");
}

/* IPv4 through a router that has an IPv6 address only (RFC 8950). */
Test(nexthop, ipv4_via_ipv6)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	run("ip route add 198.19.6.0/24 via inet6 2001:db8:51::1 dev pub");
	each("out home>pub", PROGRAM_XDP, via_ipv6);
	each("out home>pub", PROGRAM_TC, via_ipv6);
	each("out tun>pub", PROGRAM_TC_L3, via_ipv6);
}

/* A peer of the backend in its own network: from the public address, out of the device it came. */
static void near_peer(struct test_case *test)
{
	test->path.egress = DEV_HOME;
	set_destination(test, PEER_ROUTED);
	case_run(test, "to the backend's network");
}

Test(nexthop, near)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	each("out home>pub", PROGRAM_XDP, near_peer);
	each("out home>pub", PROGRAM_TC, near_peer);
}

/* A route over a device of no rule: XDP cannot tell; replies still leave by the public device. */
static void third_device(struct test_case *test)
{
	set_destination_text(test, "198.19.5.5", "2001:db8:5::5");
	if (test->program == PROGRAM_XDP)
		test->reason = REASON_LEFT_TO_TC;
	case_run(test, "route over a third device");
}

Test(nexthop, third_device)
{
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	run("ip route add 198.19.5.0/24 dev third && ip route add 2001:db8:5::/64 dev third");
	each("out home>pub", PROGRAM_XDP, third_device);
	each("out home>pub", PROGRAM_TC, third_device);
	each("out tun>pub", PROGRAM_TC_L3, third_device);
}

static void forwarding_off(struct test_case *test)
{
	if (test->program == PROGRAM_XDP)
		test->reason = REASON_LEFT_TO_TC;
	case_run(test, "forwarding is off");
}

/* Without the switch the kernel gives XDP no answers; TC goes on. */
Test(nexthop, forwarding_off)
{
	fixture_apply(WORLD_PUB, 0, 1600);
	run("cd /proc/sys/net && echo 0 > ipv4/conf/lo/forwarding && "
	    "echo 0 > ipv6/conf/lo/forwarding");
	each("in pub>home", PROGRAM_XDP, forwarding_off);
	each("in pub>home", PROGRAM_TC, forwarding_off);
	each("out home>pub", PROGRAM_XDP, forwarding_off);
	each("out home>pub", PROGRAM_TC, forwarding_off);
	each("out tun>pub", PROGRAM_TC_L3, forwarding_off);
	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	each("in pub>home", PROGRAM_XDP, from_cache);
}
