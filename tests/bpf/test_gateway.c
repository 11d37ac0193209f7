// SPDX-License-Identifier: GPL-2.0-only
// Replies by the default route: taken unasked, but never for a destination with a route of its own.
#include <criterion/criterion.h>
#include <string.h>
#include "case.h"

TestSuite(gateway, .init = fixture_init);

#define HOUR_NS 3600000000000ULL

/* Make the gateway of both families usable, with a MAC address that no neighbour has. */
static void gateways_set(uint64_t valid_until_ns, uint32_t mtu)
{
	struct ruleset *rs;

	fixture_apply(WORLD_PUB, 0, 1600);
	rs = fixture_ruleset();
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct nexthop *nexthop = &rs->nexthops[family];

		nexthop->ifindex = dev_ifindex(DEV_PUB);
		nexthop->mtu = mtu;
		memcpy(nexthop->mac, fixture_cached_mac, 6);
		memcpy(nexthop->mac + 6, dev_mac(DEV_PUB), 6);
		nexthop->valid_until_ns = valid_until_ns;
		memset(&rs->gateways[family], 0, sizeof(rs->gateways[family]));
	}
}

/* One destination that is asked for: @text/@bits of the part that is compared. */
static void near_set(enum ip_family family, const char *text, unsigned bits)
{
	struct gateway *gateway = &fixture_ruleset()->gateways[family];
	struct near *near = &gateway->near[gateway->nears++];
	struct ip_addr mask = {}, addr;

	for (unsigned bit = 0; bit < bits; bit++)
		((uint8_t *)&mask.w[family == FAMILY_V4 ? 3 : 0])[bit / 8] |= 0x80 >> bit % 8;
	cr_assert_eq(ip_addr_parse(text, &addr), 0);
	near->mask = near_key(&mask, family);
	near->addr = near_key(&addr, family) & near->mask;
}

static void each_of(const char *path, enum program program, void (*body)(struct test_case *test))
{
	struct test_case test;

	for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
		case_init(&test, path_find(path), program, n / PROTO_COUNT, n % PROTO_COUNT);
		body(&test);
	}
}

static void each(void (*body)(struct test_case *test))
{
	each_of("out home>pub", PROGRAM_XDP, body);
	each_of("out home>pub", PROGRAM_TC, body);
	each_of("out tun>pub", PROGRAM_TC_L3, body);
}

static void by_gateway(struct test_case *test)
{
	test->hop_mac = fixture_cached_mac;
	case_run(test, "MAC of the cached gateway");
}

static void by_kernel(struct test_case *test)
{
	case_run(test, "MAC of the neighbour");
}

Test(gateway, taken_unasked)
{
	gateways_set(fixture_now_ns() + HOUR_NS, 1600);
	each(by_gateway);
}

Test(gateway, stale)
{
	gateways_set(1, 1600);
	each(by_kernel);
}

Test(gateway, not_usable)
{
	gateways_set(UINT64_MAX, 1600);
	for (int family = 0; family < FAMILY_COUNT; family++)
		fixture_ruleset()->gateways[family].nears = NEARS_MAX + 1;
	each(by_kernel);
}

Test(gateway, other_prefixes)
{
	gateways_set(UINT64_MAX, 1600);
	near_set(FAMILY_V4, "203.0.112.0", 24);
	near_set(FAMILY_V6, "2001:db8:112::", 48);
	each(by_gateway);
}

Test(gateway, own_prefix)
{
	gateways_set(UINT64_MAX, 1600);
	near_set(FAMILY_V4, "198.51.100.0", 24);
	near_set(FAMILY_V6, "2001:db8:51::", 64);
	for (int i = 0; i < NEARS_MAX - 2; i++) {
		near_set(FAMILY_V4, "198.18.9.0", 24);
		near_set(FAMILY_V6, "2001:db8:9::", 64);
	}
	near_set(FAMILY_V4, "203.0.113.0", 24);
	near_set(FAMILY_V6, "2001:db8:113::", 64);
	each(by_kernel);
}

static void too_big(struct test_case *test)
{
	test->packet.payload = 1400;
	if (test->program == PROGRAM_XDP)
		test->reason = REASON_TOO_BIG;
	else
		test->hop_mac = fixture_cached_mac;
	case_run(test, "larger than the gateway's MTU");
}

Test(gateway, mtu)
{
	gateways_set(UINT64_MAX, 1300);
	each(too_big);
}
