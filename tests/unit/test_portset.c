// SPDX-License-Identifier: GPL-2.0-only
// Port sets, compared with what a plain array of 65,536 booleans does.
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "portset.h"

TestSuite(portset);

/* A set from its text form, which has tests of its own. */
static struct port_set set_of(const char *text)
{
	struct port_set set;

	cr_assert_eq(port_set_parse(text, &set), 0, "%s", text);
	return set;
}

static void expect_set(const struct port_set *set, const char *expected)
{
	char *text = port_set_format(set);

	cr_expect_str_eq(text, expected);
	free(text);
}

Test(portset, every_edge_of_a_range_counts)
{
	static const struct port_range ranges[] = {
		{ 1, 1 },     { 1, 63 },    { 63, 64 },	      { 64, 127 },	{ 64, 128 },
		{ 100, 101 }, { 1, 65535 }, { 65535, 65535 }, { 65472, 65535 }, { 49152, 65535 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct port_set set = { 0 }, rest = set_of("1-65535");
		unsigned wrong = 0;

		port_set_add(&set, ranges[i]);
		port_set_remove(&rest, ranges[i]);
		for (unsigned port = 1; port < PORT_COUNT; port++) {
			bool inside = port >= ranges[i].first && port <= ranges[i].last;

			wrong += port_set_has(&set, port) != inside;
			wrong += port_set_has(&rest, port) == inside;
		}
		cr_expect_eq(wrong, 0, "%u-%u", ranges[i].first, ranges[i].last);
		cr_expect_eq(port_set_count(&set), ranges[i].last - ranges[i].first + 1U);
	}
}

Test(portset, port_zero_and_beyond_are_never_members)
{
	struct port_set set = { 0 };

	port_set_add(&set, (struct port_range){ 0, 0 });
	cr_assert(port_set_is_empty(&set));
	port_set_add(&set, (struct port_range){ 0, 2 });
	expect_set(&set, "1-2");
	cr_assert_not(port_set_has(&set, 0));
	cr_assert_not(port_set_has(&set, PORT_COUNT + 1));
}

Test(portset, a_reversed_range_does_nothing)
{
	struct port_set set = set_of("10-20");

	port_set_add(&set, (struct port_range){ 200, 100 });
	port_set_remove(&set, (struct port_range){ 20, 10 });
	expect_set(&set, "10-20");
}

Test(portset, union_difference_and_intersection)
{
	struct port_set a = set_of("1-10,100,60000-65535"), b = set_of("5-15,65535"), set;

	set = a;
	port_set_union(&set, &b);
	expect_set(&set, "1-15,100,60000-65535");
	set = a;
	port_set_subtract(&set, &b);
	expect_set(&set, "1-4,100,60000-65534");
	set = a;
	port_set_intersect(&set, &b);
	expect_set(&set, "5-10,65535");
	port_set_subtract(&set, &b);
	cr_assert(port_set_is_empty(&set));
}

Test(portset, equality_is_of_members)
{
	struct port_set a = set_of("1-3"), b = set_of("3,2,1"), c = set_of("1-4");

	cr_assert(port_set_equal(&a, &b));
	cr_assert_not(port_set_equal(&a, &c));
}

Test(portset, next_finds_maximal_runs)
{
	static const struct port_range expected[] = { { 1, 2 }, { 64, 127 }, { 65535, 65535 } };
	struct port_set set = set_of("2,1,65535,64-100,101-127");
	struct port_range run = { 0, 0 };

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		cr_assert(port_set_next(&set, &run));
		cr_expect_eq(run.first, expected[i].first);
		cr_expect_eq(run.last, expected[i].last);
	}
	cr_assert_not(port_set_next(&set, &run));
}

Test(portset, next_of_all_and_none)
{
	struct port_set all = set_of("1-65535"), none = { 0 };
	struct port_range run = { 0, 0 };

	cr_assert_not(port_set_next(&none, &run));
	cr_assert(port_set_next(&all, &run));
	cr_assert_eq(run.first, 1);
	cr_assert_eq(run.last, 65535);
	cr_assert_not(port_set_next(&all, &run));
}

Test(portset, shifting_moves_and_reports_losses)
{
	static const struct {
		const char *set;
		int shift;
		const char *moved;
		bool whole;
	} cases[] = {
		{ "100-200,300", 0, "100-200,300", true },
		{ "100-200,300", 1000, "1100-1200,1300", true },
		{ "100-200,300", -99, "1-101,201", true },
		{ "100-200,300", -100, "1-100,200", false },
		{ "100-200,300", -201, "99", false },
		{ "65000-65535", 1, "65001-65535", false },
		{ "1,65535", 65534, "65535", false },
		{ "1", 65534, "65535", true },
		{ "1", 65535, "", false },
		{ "5", -70000, "", false },
		{ "", 5, "", true },
	};
	struct port_set moved;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port_set set = set_of(cases[i].set);

		cr_expect_eq(port_set_shifted(&set, cases[i].shift, &moved), cases[i].whole,
			     "%s by %d", cases[i].set, cases[i].shift);
		expect_set(&moved, cases[i].moved);
	}
}

Test(portset, kernel_text_there_and_back)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "", "" },
		{ "\n", "" },
		{ " \t\n", "" },
		{ "22", "22" },
		{ "22,80-90\n", "22,80-90" },
		{ "80-90,22,91", "22,80-91" },
		{ "0-5", "1-5" },
		{ "1-65535", "1-65535" },
		{ "7-7", "7" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port_set set = set_of(cases[i].text);

		expect_set(&set, cases[i].canonical);
	}
}

Test(portset, bad_text_leaves_the_set_alone)
{
	static const char *const bad[] = { ",",
					   "22,",
					   "22,,23",
					   "22 23",
					   "a",
					   "22-",
					   "-22",
					   "9-8",
					   "65536",
					   "1-65536",
					   "22;",
					   "1-2-3",
					   "99999999999999999999",
					   "+5",
					   "22, 23" };
	struct port_set set = set_of("22");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(port_set_parse(bad[i], &set), -EINVAL, "\"%s\"", bad[i]);
		expect_set(&set, "22");
	}
}

/* The plain way: shift both and intersect. */
static unsigned common_plain(const struct port_set *a, int a_shift, const struct port_set *b,
			     int b_shift)
{
	struct port_range first = { 0, 0 };
	struct port_set x, y;

	port_set_shifted(a, a_shift, &x);
	port_set_shifted(b, b_shift, &y);
	port_set_intersect(&x, &y);
	return port_set_next(&x, &first) ? first.first : 0;
}

Test(portset, common_ports_of_shifted_sets)
{
	static const int shifts[] = { 0, 1, -1, 63, 64, -64, 65, -129, 1000, -999 };
	struct port_set a = {}, b = {};

	port_set_add(&a, (struct port_range){ 2000, 2010 });
	port_set_add(&a, (struct port_range){ 4096, 4096 });
	port_set_add(&b, (struct port_range){ 2011, 2063 });
	port_set_add(&b, (struct port_range){ 5095, 5096 });
	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		for (size_t j = 0; j < sizeof(shifts) / sizeof(shifts[0]); j++) {
			cr_assert_eq(port_set_common(&a, shifts[i], &b, shifts[j]),
				     common_plain(&a, shifts[i], &b, shifts[j]), "shifts %d and %d",
				     shifts[i], shifts[j]);
		}
	}
	port_set_add(&a, (struct port_range){ 65535, 65535 });
	port_set_add(&b, (struct port_range){ 1, 1 });
	cr_assert_eq(port_set_common(&a, -65000, &b, 534), 535);
	cr_assert_eq(port_set_common(&b, 0, &a, -65534), 1);
}
