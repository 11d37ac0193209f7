// SPDX-License-Identifier: GPL-2.0-only
// Addresses, endpoints and prefixes from and to text.
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "ipaddr.h"

TestSuite(ipaddr);

Test(ipaddr, v4_is_mapped)
{
	static const unsigned char mapped[16] = { [10] = 0xff, 0xff, 198, 51, 100, 7 };
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse("198.51.100.7", &addr), 0);
	cr_assert_eq(memcmp(&addr, mapped, sizeof(addr)), 0);
	cr_assert_eq(ip_addr_family(&addr), FAMILY_V4);
}

Test(ipaddr, v6_keeps_its_bytes)
{
	static const unsigned char bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x42 };
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse("2001:db8::42", &addr), 0);
	cr_assert_eq(memcmp(&addr, bytes, sizeof(addr)), 0);
	cr_assert_eq(ip_addr_family(&addr), FAMILY_V6);
}

Test(ipaddr, refuses_what_is_no_literal)
{
	static const char *const bad[] = { "",
					   "198.51.100",
					   "198.51.100.256",
					   "198.51.100.07x",
					   "198.51.100.1/24",
					   "[2001:db8::1]",
					   "2001:db8::1::2",
					   "fe80::1%lo",
					   "home.example" };
	struct ip_addr addr;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ip_addr_parse(bad[i], &addr), -EINVAL, "%s", bad[i]);
}

Test(ipaddr, text_survives_the_way_there_and_back)
{
	static const char *const texts[] = { "0.0.0.0", "198.51.100.7", "255.255.255.255", "::",
					     "::1",	"2001:db8::1",	"fe80::1:2:3:4" };
	char buf[IP_ADDR_STRLEN];
	struct ip_addr addr;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_expect_eq(ip_addr_parse(texts[i], &addr), 0);
		cr_expect_str_eq(ip_addr_format(&addr, buf), texts[i]);
	}
}

Test(ipaddr, endpoints_bracket_v6_only)
{
	static const char *const texts[] = { "198.51.100.7:80", "[2001:db8::1]:5222",
					     "255.255.255.255:65535",
					     "[2001:db8:1111:2222:3333:4444:5555:6666]:65535" };
	char buf[IP_ENDPOINT_STRLEN];
	struct ip_addr addr;
	uint16_t port;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_expect_eq(ip_endpoint_parse(texts[i], &addr, &port), 0, "%s", texts[i]);
		cr_expect_str_eq(ip_endpoint_format(&addr, port, buf), texts[i]);
	}
	cr_assert_eq(ip_endpoint_parse("[2001:db8::1]:5222", &addr, &port), 0);
	cr_assert_eq(port, 5222);
}

Test(ipaddr, refuses_what_is_no_endpoint)
{
	static const char *const bad[] = {
		"",
		":80",
		"198.51.100.7",
		"198.51.100.7:",
		"198.51.100.7:0",
		"198.51.100.7:65536",
		"198.51.100.7:+80",
		"198.51.100.7:8 0",
		"2001:db8::1:80",
		"[198.51.100.7]:80",
		"[2001:db8::1]80",
		"[2001:db8::1:80",
		"2001:db8::1]:80",
		"[]:80",
		"[:80",
		"[:",
		"198.51.100.7:80x",
		"localhost:80",
		"[2001:db8::1] :80",
	};
	struct ip_addr addr;
	uint16_t port;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ip_endpoint_parse(bad[i], &addr, &port), -EINVAL, "%s", bad[i]);
}

Test(ipaddr, prefix_without_length_is_one_address)
{
	struct ip_prefix prefix;

	cr_assert_eq(ip_prefix_parse("198.51.100.7", &prefix), 0);
	cr_assert_eq(prefix.len, 32);
	cr_assert_eq(ip_prefix_parse("2001:db8::7", &prefix), 0);
	cr_assert_eq(prefix.len, 128);
}

Test(ipaddr, refuses_what_is_no_prefix)
{
	static const char *const bad[] = { "",
					   "/8",
					   "198.51.100.0/",
					   "198.51.100.0/33",
					   "2001:db8::/129",
					   "198.51.100.0/-1",
					   "198.51.100.0/2x",
					   "::ffff:198.51.100.0/120" };
	struct ip_prefix prefix;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ip_prefix_parse(bad[i], &prefix), -EINVAL, "%s", bad[i]);
}

Test(ipaddr, host_bits_are_named_and_cut)
{
	static const struct {
		const char *text, *network;
	} cases[] = {
		{ "198.51.100.7/24", "198.51.100.0" }, { "198.51.100.7/31", "198.51.100.6" },
		{ "198.51.100.7/0", "0.0.0.0" },       { "2001:db8:ffff::1/33", "2001:db8:8000::" },
		{ "2001:db8::3/127", "2001:db8::2" },
	};
	char buf[IP_ADDR_STRLEN];
	struct ip_prefix prefix;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(ip_prefix_parse(cases[i].text, &prefix), -ERANGE, "%s", cases[i].text);
		cr_expect_str_eq(ip_addr_format(&prefix.addr, buf), cases[i].network);
	}
}

Test(ipaddr, prefix_contains_its_own_family_only)
{
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {
		{ "198.51.100.0/24", "198.51.100.255", true },
		{ "198.51.100.0/24", "198.51.101.0", false },
		{ "198.51.100.6/31", "198.51.100.7", true },
		{ "198.51.100.6/31", "198.51.100.8", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "203.0.113.9", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_prefix prefix;
		struct ip_addr addr;

		cr_assert_eq(ip_prefix_parse(cases[i].prefix, &prefix), 0, "%s", cases[i].prefix);
		cr_assert_eq(ip_addr_parse(cases[i].addr, &addr), 0);
		cr_expect_eq(ip_prefix_contains(&prefix, &addr), cases[i].inside, "%s in %s",
			     cases[i].addr, cases[i].prefix);
	}
}
