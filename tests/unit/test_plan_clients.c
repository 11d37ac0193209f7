// SPDX-License-Identifier: GPL-2.0-only
// Which clients each rule is for.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clients.h"
#include "plan_world.h"

TestSuite(plan_clients, .init = world_init, .fini = world_fini);

/* A line for each rule: "tcp-80 198.51.100.1 0" for all, else the list's number and content. */
static void expect_clients(const char *expected)
{
	char *all = NULL, addr[IP_ADDR_STRLEN], text[CLIENTS_STRLEN];
	size_t len;
	FILE *out = open_memstream(&all, &len);

	cr_assert(world.plan, "%s", world.found);
	for (size_t i = 0; i < world.plan->rule_count; i++) {
		const struct plan_rule *rule = &world.plan->rules[i];
		const struct acl *acl = &world.plan->acls[rule->acl];

		cr_assert_leq(rule->acl, world.plan->acl_count);
		fprintf(out, "%s %s %u", world.config->forwards[rule->forward].name,
			ip_addr_format(&rule->public_addr, addr), rule->acl);
		if (rule->acl)
			fprintf(out, " %s",
				clients_format(&world.plan->acl_ranges[acl->first], acl->count,
					       text));
		fputc('\n', out);
	}
	fclose(out);
	cr_expect_str_eq(all, expected, "%sexpected:\n%s", all, expected);
	free(all);
}

#define SOME "allow = [\"203.0.113.0/24\", \"2001:db8:5::/48\"]\n"

Test(plan_clients, each_rule_has_the_list_of_its_family)
{
	expect_plan(HOME TCP("80") SOME "deny = \"203.0.113.128/25\"\n" UDP("53"));
	expect_clients("tcp-80 198.51.100.1 1 203.0.113.0/25\n"
		       "tcp-80 2001:db8:1::1 2 2001:db8:5::/48\n"
		       "udp-53 198.51.100.1 0\n"
		       "udp-53 2001:db8:1::1 0\n");
}

Test(plan_clients, lists_that_read_the_same_are_one)
{
	expect_plan(HOME TCP("80") SOME UDP("53") SOME TCP(
		"81") "allow = [\"203.0.113.128/25\", "
		      "\"203.0.113.0/25\", \"2001:db8:5::7\", \"2001:db8:5::/48\"]\n");
	expect_clients("tcp-80 198.51.100.1 1 203.0.113.0/24\n"
		       "tcp-80 2001:db8:1::1 2 2001:db8:5::/48\n"
		       "udp-53 198.51.100.1 1 203.0.113.0/24\n"
		       "udp-53 2001:db8:1::1 2 2001:db8:5::/48\n"
		       "tcp-81 198.51.100.1 1 203.0.113.0/24\n"
		       "tcp-81 2001:db8:1::1 2 2001:db8:5::/48\n");
	cr_expect_eq(world.plan->acl_count, 2);
	cr_expect_eq(world.plan->acl_range_count, 2);
}

Test(plan_clients, a_list_that_leaves_nobody_out_is_none)
{
	expect_plan(HOME TCP("80") "allow = [\"0.0.0.0/1\", \"128.0.0.0/1\", \"::/0\"]\n");
	expect_clients("tcp-80 198.51.100.1 0\ntcp-80 2001:db8:1::1 0\n");
	cr_expect_eq(world.plan->acl_count, 0);
}

Test(plan_clients, a_family_without_clients_is_noted_once)
{
	world_plan(HOME "[[forward]]\nprotocol = [\"tcp\", \"udp\"]\nports = 53\n"
			"backend = \"home\"\nsource = \"preserve\"\nallow = \"203.0.113.0/24\"\n");
	expect_found("note: forward \"tcp+udp-53\": no IPv6 client is allowed, so nobody gets "
		     "through over IPv6\n");
	expect_clients("tcp+udp-53 198.51.100.1 1 203.0.113.0/24\n"
		       "tcp+udp-53 198.51.100.1 1 203.0.113.0/24\n"
		       "tcp+udp-53 2001:db8:1::1 2 nobody\n"
		       "tcp+udp-53 2001:db8:1::1 2 nobody\n");
}

/* One rule for each of these lists, in both families: IPv4 lists of @prefixes each. */
static char *many(unsigned forwards, unsigned prefixes)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fputs(HOME4, out);
	for (unsigned i = 0; i < forwards; i++) {
		fprintf(out,
			"[[forward]]\nprotocol = \"tcp\"\nports = %u\nbackend = \"home\"\n"
			"source = \"preserve\"\nallow = [",
			1 + i);
		for (unsigned n = 0; n < prefixes; n++)
			fprintf(out, "\"203.%u.%u.%u\",", i, n / 100, n % 100 * 2);
		fputs("]\n", out);
	}
	fclose(out);
	return text;
}

static void expect_many(unsigned forwards, unsigned prefixes, const char *finding)
{
	char *text = many(forwards, prefixes);

	world_plan(text);
	cr_expect_eq(!world.plan, !!finding);
	expect_found(finding ?: "");
	free(text);
}

Test(plan_clients, there_is_room_for_so_many)
{
	expect_many(255, 1, NULL);
	expect_many(256, 1,
		    "f:1538:9: forward \"tcp-256\": too many different lists of clients: at most "
		    "255 for one interface\n");
	expect_many(4, 1024, NULL);
	expect_many(4, 1025,
		    "f:26:9: forward \"tcp-4\": too many ranges of clients: at most 4096 in all "
		    "the different lists of one interface\n");
}

Test(plan_clients, another_list_is_another_plan)
{
	struct plan *plan;

	expect_plan(HOME TCP("80") SOME);
	plan = world.plan;
	world.plan = NULL;
	expect_plan(HOME TCP("80") SOME);
	cr_expect(plan_equal(plan, world.plan));
	expect_plan(HOME TCP("80") SOME "deny = \"203.0.113.7\"\n");
	cr_expect_not(plan_equal(plan, world.plan));
	expect_plan(HOME TCP("80"));
	cr_expect_not(plan_equal(plan, world.plan));
	plan_free(plan);
}
