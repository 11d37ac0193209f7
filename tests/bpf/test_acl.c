// SPDX-License-Identifier: GPL-2.0-only
// Which clients a rule is for: ranges and their ends, and that a refused packet stays as it was.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "masquerade.h"

TestSuite(acl, .init = fixture_init);

#define LIST 7 /* of many */

static struct ip_addr address(const char *text)
{
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

/* All rules are for these clients alone; the ranges lie among others, which allow everybody. */
static void set_list(const struct acl_range *ranges, unsigned count, unsigned first)
{
	struct ruleset *rs = fixture_ruleset();

	for (unsigned i = 0; i < ACL_RANGES_MAX; i++) {
		memset(&rs->acl_ranges[i].first, 0, 16);
		memset(&rs->acl_ranges[i].last, 0xff, 16);
	}
	memcpy(&rs->acl_ranges[first], ranges, count * sizeof(*ranges));
	rs->acls[LIST] = (struct acl){ .first = first, .count = count };
	for (unsigned i = 1; i < RULES_MAX; i++)
		rs->rules[i].acl = LIST;
}

static const struct {
	const char *first, *last;
} allowed[FAMILY_COUNT][3] = {
	{ { "198.51.100.8", "198.51.100.11" },
	  { "203.0.113.10", "203.0.113.10" },
	  { "203.0.113.64", "203.0.113.127" } },
	{ { "2001:db8:51::8", "2001:db8:51::b" },
	  { "2001:db8:113::10", "2001:db8:113::10" },
	  { "2001:db8:113:0:8000::", "2001:db8:113:0:ffff:ffff:ffff:ffff" } },
};

/* Addresses at the ends of these and one beyond. */
static const struct {
	const char *addr[FAMILY_COUNT];
	bool is_allowed;
} clients[] = {
	{ { "198.51.100.7", "2001:db8:51::7" }, false },
	{ { "198.51.100.8", "2001:db8:51::8" }, true },
	{ { "198.51.100.11", "2001:db8:51::b" }, true },
	{ { "198.51.100.12", "2001:db8:51::c" }, false },
	{ { "203.0.113.9", "2001:db8:113::f" }, false },
	{ { "203.0.113.10", "2001:db8:113::10" }, true },
	{ { "203.0.113.11", "2001:db8:113::11" }, false },
	{ { "203.0.113.63", "2001:db8:113:0:7fff:ffff:ffff:ffff" }, false },
	{ { "203.0.113.64", "2001:db8:113:0:8000::" }, true },
	{ { "203.0.113.127", "2001:db8:113:0:ffff:ffff:ffff:ffff" }, true },
	{ { "203.0.113.128", "2001:db8:113:1::" }, false },
	{ { "1.0.0.0", "2000::" }, false },
	{ { "223.255.255.255", "3fff:ffff::" }, false },
};

static void set_allowed(void)
{
	struct acl_range ranges[6];

	for (int i = 0; i < 6; i++) {
		ranges[i].first = address(allowed[i / 3][i % 3].first);
		ranges[i].last = address(allowed[i / 3][i % 3].last);
	}
	set_list(ranges, 6, 100);
}

static void ends_of_ranges(struct test_case *test)
{
	const enum reason reason = test->reason;

	set_allowed();
	if (!test->path.in || test->path.out)
		return;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		test->packet.src = address(clients[i].addr[test->family]);
		test->reason = clients[i].is_allowed ? reason : REASON_DENIED;
		case_run(test, "from %s", clients[i].addr[test->family]);
	}
}

Test(acl, ends_of_ranges)
{
	case_for_each(ends_of_ranges);
}

/* What the backend sends goes on, to whomever; to its own public address it is a client. */
static void from_backend(struct test_case *test)
{
	set_allowed();
	if (!test->path.out)
		return;
	if (test->path.in)
		test->reason = REASON_DENIED;
	case_run(test, "from the backend");
	if (test->path.in)
		return;
	set_list(NULL, 0, 0);
	case_run(test, "from the backend, nobody allowed");
}

Test(acl, from_backend)
{
	case_for_each(from_backend);
}

static void nobody_and_everybody(struct test_case *test)
{
	struct ruleset *rs = fixture_ruleset();
	const enum reason reason = test->reason;

	if (!test->path.in)
		return;
	set_list(NULL, 0, 0);
	test->reason = REASON_DENIED;
	case_run(test, "nobody");
	set_list(NULL, 0, ACL_RANGES_MAX - 1);
	case_run(test, "nobody, at the end of the table");
	for (unsigned i = 1; i < RULES_MAX; i++)
		rs->rules[i].acl = 0;
	test->reason = reason;
	case_run(test, "no list");
	set_list(&rs->acl_ranges[0], 1, 1);
	case_run(test, "everybody");
}

Test(acl, nobody_and_everybody)
{
	case_for_each(nobody_and_everybody);
}

/* The first and the last address of all; families do not mix. */
static void first_and_last(struct test_case *test)
{
	const bool is_v4 = test->family == FAMILY_V4;
	struct acl_range whole = {
		.first = address(is_v4 ? "0.0.0.0" : "::1:0:0:0"),
		.last = address(is_v4 ? "255.255.255.255"
				      : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	};
	struct acl_range other = {
		.first = address(is_v4 ? "::1:0:0:0" : "0.0.0.0"),
		.last = address(is_v4 ? "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
				      : "255.255.255.255"),
	};

	if (!test->path.in)
		return;
	set_list(&whole, 1, 17);
	case_run(test, "the whole family");
	set_list(&other, 1, 17);
	test->reason = REASON_DENIED;
	case_run(test, "the other family");
}

Test(acl, first_and_last)
{
	case_for_each(first_and_last);
}

/* A refused client has no flow, no answer, and does not learn whether the rest was right. */
static void masqueraded(struct conversation *conv)
{
	struct test_case test = conversation_case(conv, DIR_IN, TCP_SYN);

	set_list(NULL, 0, 0);
	test.reason = REASON_DENIED;
	case_run(&test, "a new flow");
	test.packet.ttl = 1;
	case_run(&test, "TTL 1");
	if (conversation_new(conv))
		case_fail(&test, "it has got a flow");
	for (unsigned i = 1; i < RULES_MAX; i++)
		fixture_ruleset()->rules[i].acl = 0;
	conversation_open(conv);
	set_list(NULL, 0, 0);
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_DENIED, "refused from now on");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "the backend's last words");
	for (unsigned i = 1; i < RULES_MAX; i++)
		fixture_ruleset()->rules[i].acl = 0;
}

Test(acl, masqueraded)
{
	conversation_for_each(masqueraded);
}

static uint32_t number;

static uint32_t draw(uint32_t below)
{
	number = number * 1664525 + 1013904223;
	return (uint64_t)number * below >> 32;
}

/* A list of @count ranges and gaps of random widths within 32 bits, held against a linear search.
 */
static void random_list(struct test_case *test, unsigned count, unsigned first)
{
	static struct acl_range ranges[ACL_RANGES_MAX];
	const struct ip_addr base = test->packet.src;
	uint32_t at = 0x14000000;

	for (unsigned i = 0; i < count; i++) {
		ranges[i].first = ranges[i].last = base;
		ranges[i].first.w[3] = htonl(at += 1 + draw(20000));
		ranges[i].last.w[3] = htonl(at += draw(3) ? draw(20000) : 0);
	}
	set_list(ranges, count, first);
	for (int n = 0; n < 200; n++) {
		const struct acl_range *range = &ranges[draw(count)];
		uint32_t client =
			ntohl(draw(2) ? range->first.w[3] : range->last.w[3]) - 2 + draw(5);
		bool is_allowed = false;

		for (unsigned i = 0; i < count; i++)
			is_allowed = is_allowed || (client >= ntohl(ranges[i].first.w[3]) &&
						    client <= ntohl(ranges[i].last.w[3]));
		test->packet.src.w[3] = htonl(client);
		test->reason = is_allowed ? REASON_FORWARDED : REASON_DENIED;
		case_run(test, "seed of the list, %u ranges, client %08x", count, client);
	}
	test->packet.src = base;
}

Test(acl, random_lists)
{
	static const unsigned counts[] = { 1, 2, 3, 7, 8, 9, 1000, 2048, 4095, 4096 };
	uint32_t seed = time(NULL);
	struct test_case test;

	fixture_apply(WORLD_PUB, UINT64_MAX, 1600);
	number = seed;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		case_init(&test, path_find("in pub>home"), family ? PROGRAM_XDP : PROGRAM_TC,
			  family, PROTO_UDP);
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
			random_list(&test, counts[i], draw(ACL_RANGES_MAX + 1 - counts[i]));
	}
	if (case_failures())
		fprintf(stderr, "seed %u\n", seed);
}
