// SPDX-License-Identifier: GPL-2.0-only
// Lists of clients: prefixes allowed and denied, as ranges.
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clients.h"

TestSuite(clients);

#define LIST_MAX 24

/* A list as text, "198.51.100.0/24 2001:db8::/32". */
static size_t parse(const char *text, struct ip_prefix list[LIST_MAX])
{
	char copy[512], *at = copy, *word;
	size_t count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&at, " ")))
		if (*word)
			cr_assert_eq(ip_prefix_parse(word, &list[count++]), 0, "%s", word);
	return count;
}

/* As "A-B C/24", "" for nobody. */
static void expect(const char *allow, const char *deny, enum ip_family family, const char *expected)
{
	struct ip_prefix allowed[LIST_MAX], denied[LIST_MAX];
	struct client_lists lists = { .allow = allowed, .deny = denied };
	char text[1024] = "", one[CLIENTS_RANGE_STRLEN];
	struct acl_range *ranges;
	size_t len = 0;
	int count;

	lists.allow_count = parse(allow, allowed);
	lists.deny_count = parse(deny, denied);
	count = clients_make(&lists, family, &ranges);
	for (int i = 0; i < count; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
				clients_format_range(&ranges[i], one));
	cr_expect_str_eq(text, expected, "allow %s deny %s: %s, not %s", allow, deny, text,
			 expected);
	free(ranges);
}

Test(clients, everybody_by_default)
{
	expect("", "", FAMILY_V4, "0.0.0.0/0");
	expect("", "", FAMILY_V6, "::/0");
	expect("0.0.0.0/0", "", FAMILY_V4, "0.0.0.0/0");
	expect("::/0", "2001:db8::1", FAMILY_V4, "");
}

Test(clients, deny_wins)
{
	expect("203.0.113.0/24", "203.0.113.7", FAMILY_V4,
	       "203.0.113.0-203.0.113.6 203.0.113.8-203.0.113.255");
	expect("203.0.113.7", "203.0.113.0/24", FAMILY_V4, "");
	expect("203.0.113.0/24", "203.0.113.0/25", FAMILY_V4, "203.0.113.128/25");
	expect("203.0.113.0/24", "203.0.113.128/25", FAMILY_V4, "203.0.113.0/25");
	expect("203.0.113.0/24", "198.51.100.0/24", FAMILY_V4, "203.0.113.0/24");
	expect("", "203.0.113.0/24", FAMILY_V4,
	       "0.0.0.0-203.0.112.255 203.0.114.0-255.255.255.255");
	expect("", "0.0.0.0/1 128.0.0.0/1", FAMILY_V4, "");
	expect("203.0.113.0/30", "203.0.113.1 203.0.113.3", FAMILY_V4, "203.0.113.0 203.0.113.2");
	expect("203.0.113.0/24 198.51.100.0/24", "198.51.100.128/25 203.0.113.0/25", FAMILY_V4,
	       "198.51.100.0/25 203.0.113.128/25");
	expect("0.0.0.0/0", "255.255.255.255 0.0.0.0", FAMILY_V4, "0.0.0.1-255.255.255.254");
}

Test(clients, neighbours_are_joined)
{
	expect("203.0.113.128/25 203.0.113.0/25", "", FAMILY_V4, "203.0.113.0/24");
	expect("203.0.113.0/24 203.0.113.64/26 203.0.113.9", "", FAMILY_V4, "203.0.113.0/24");
	expect("203.0.113.0/24 203.0.115.0/24", "", FAMILY_V4, "203.0.113.0/24 203.0.115.0/24");
	expect("203.0.112.255 203.0.113.0", "", FAMILY_V4, "203.0.112.255-203.0.113.0");
	expect("ffff::/16 ffff:ffff::/32", "", FAMILY_V6, "ffff::/16");
}

Test(clients, families_are_apart)
{
	expect("203.0.113.0/24 2001:db8::/32", "2001:db8:1::/48", FAMILY_V4, "203.0.113.0/24");
	expect("203.0.113.0/24 2001:db8::/47", "2001:db8:1::/48", FAMILY_V6, "2001:db8::/48");
	expect("203.0.113.0/24", "", FAMILY_V6, "");
	expect("", "203.0.113.0/24", FAMILY_V6, "::/0");
	expect("", "::/1 8000::/1", FAMILY_V6, "");
	expect("", "::", FAMILY_V6, "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void expect_text(const char *allow, const char *expected)
{
	struct ip_prefix list[LIST_MAX];
	struct client_lists lists = { .allow = list, .allow_count = parse(allow, list) };
	struct acl_range *ranges;
	char text[CLIENTS_STRLEN];
	int count = clients_make(&lists, FAMILY_V4, &ranges);

	cr_expect_str_eq(clients_format(ranges, count, text), expected, "%s", text);
	free(ranges);
}

Test(clients, as_text)
{
	expect_text("::/0", "nobody");
	expect_text("203.0.113.9", "203.0.113.9");
	expect_text("203.0.113.9 203.0.113.4/30", "203.0.113.4/30, 203.0.113.9");
	expect_text("203.0.113.1 203.0.113.3 203.0.113.5 203.0.113.7 203.0.113.9",
		    "203.0.113.1, 203.0.113.3, 203.0.113.5 and 2 more");
}

static bool is_in(const struct ip_prefix *list, size_t count, const struct ip_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (ip_prefix_contains(&list[i], addr))
			return true;
	return false;
}

static uint32_t random_number(void)
{
	static uint64_t state = 0x2545f4914f6cdd1dULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 24;
}

/* Few bits vary, at both ends and in the middle, so that much meets. */
static struct ip_addr random_addr(enum ip_family family)
{
	uint32_t high = random_number() % 4 * 0x55000055U, low = random_number() % 64;
	uint32_t word = __builtin_bswap32((random_number() % 2 ? high : ~0U << 6) ^ low);

	if (family == FAMILY_V4)
		return ip_addr_from_v4(word);
	return (struct ip_addr){ .w = { high, 0, random_number() % 2 ? ~0U : 0, word } };
}

static size_t random_list(struct ip_prefix *list)
{
	size_t count = random_number() % LIST_MAX;

	for (size_t i = 0; i < count; i++) {
		enum ip_family family = random_number() % FAMILY_COUNT;
		struct ip_addr addr = random_addr(family);
		unsigned max = family == FAMILY_V4 ? 32 : 128;
		char text[IP_ADDR_STRLEN + 8], host[IP_ADDR_STRLEN];
		unsigned len = random_number() % 3 ? max - random_number() % 7
						   : random_number() % (max + 1);

		snprintf(text, sizeof(text), "%s/%u", ip_addr_format(&addr, host), len);
		cr_assert_neq(ip_prefix_parse(text, &list[i]), -EINVAL, "%s", text);
	}
	return count;
}

static void expect_in_order(const struct acl_range *ranges, int count)
{
	for (int i = 0; i < count; i++) {
		cr_assert_leq(memcmp(&ranges[i].first, &ranges[i].last, 16), 0);
		cr_assert(!i || memcmp(&ranges[i - 1].last, &ranges[i].first, 16) < 0);
	}
}

Test(clients, random_lists_against_a_search)
{
	unsigned inside = 0, outside = 0;

	for (unsigned round = 0; round < 2000; round++) {
		struct ip_prefix allow[LIST_MAX], deny[LIST_MAX];
		struct client_lists lists = { .allow = allow, .deny = deny };
		enum ip_family family = round % FAMILY_COUNT;
		struct acl_range *ranges;
		int count;

		lists.allow_count = random_list(allow);
		lists.deny_count = random_list(deny);
		count = clients_make(&lists, family, &ranges);
		cr_assert_geq(count, 0);
		expect_in_order(ranges, count);
		for (unsigned i = 0; i < 200; i++) {
			struct ip_addr addr = random_addr(family);
			bool wanted =
				(!lists.allow_count || is_in(allow, lists.allow_count, &addr)) &&
				!is_in(deny, lists.deny_count, &addr);

			cr_assert_eq(clients_include(ranges, count, &addr), wanted, "round %u",
				     round);
			inside += wanted;
			outside += !wanted;
		}
		free(ranges);
	}
	cr_expect_gt(inside, 10000);
	cr_expect_gt(outside, 10000);
}
