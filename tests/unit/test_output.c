// SPDX-License-Identifier: GPL-2.0-only
// Tables, numbers, headings and JSON on stdout.
#include "capture.h"
#include "output.h"

TestSuite(output);

static void expect_out(char *actual, const char *expected)
{
	cr_expect_str_eq(actual, expected, "%snot:\n%s", actual, expected);
	free(actual);
}

static void print_ports(void)
{
	struct table table = { .align = "lrl" };

	table_add(&table, "FORWARD|PORTS|WHY");
	table_add(&table, "%s|%d|%s", "web", 2, "because");
	table_add(&table, "a-long-name|%s|so", "123456");
	table_print(&table);
}

#define PORTS                                                                                      \
	"  FORWARD       PORTS  WHY\n"                                                             \
	"  web               2  because\n"                                                         \
	"  a-long-name  123456  so\n"

Test(output, columns_are_as_wide_as_their_widest_cell)
{
	expect_out(capture(stdout, print_ports()), PORTS);
}

Test(output, a_table_is_empty_once_it_is_printed)
{
	struct table table = { .align = "l" };

	expect_out(capture(stdout, table_print(&table)), "");
	table_add(&table, "ONE");
	expect_out(capture(stdout, table_print(&table)), "  ONE\n");
	cr_expect_eq(table.count, 0);
	cr_expect_null(table.rows);
	table_add(&table, "TWO");
	expect_out(capture(stdout, table_print(&table)), "  TWO\n");
}

Test(output, cells_may_be_empty_missing_or_too_many)
{
	struct table table = { .align = "ll" };

	table_add(&table, "A|B");
	table_add(&table, "|b");
	table_add(&table, "a");
	table_add(&table, "1|2|3|4|5|6|7|8|9|10");
	expect_out(capture(stdout, table_print(&table)), "  A  B\n"
							 "     b\n"
							 "  a  \n"
							 "  1  2\n");
}

Test(output, numbers_stand_to_the_right)
{
	struct table table = { .align = "rr" };

	table_add(&table, "IN|OUT");
	table_add(&table, "1|22222");
	table_add(&table, "333|4");
	expect_out(capture(stdout, table_print(&table)), "   IN    OUT\n"
							 "    1  22222\n"
							 "  333      4\n");
}

#define BYTES(count, expected)                                                                     \
	do {                                                                                       \
		char buf[16];                                                                      \
		const char *text = output_bytes(count, buf);                                       \
		cr_expect_eq(text, buf);                                                           \
		cr_expect_str_eq(text, expected);                                                  \
	} while (0)

Test(output, bytes)
{
	BYTES(0, "0 B");
	BYTES(1, "1 B");
	BYTES(999, "999 B");
	BYTES(1000, "1.0 kB");
	BYTES(1049, "1.0 kB");
	BYTES(1051, "1.1 kB");
	BYTES(999949, "999.9 kB");
	BYTES(999951, "1.0 MB");
	BYTES(1234567, "1.2 MB");
	BYTES(12345678901, "12.3 GB");
	BYTES(999999999999, "1.0 TB");
	BYTES(5000000000000000, "5.0 PB");
	BYTES(UINT64_MAX, "18446.7 PB");
}

static void print_heading(void)
{
	output_heading("%s: %d", "eth0", 7);
}

Test(output, colour_on_a_terminal)
{
	unsetenv("NO_COLOR");
	expect_out(capture_terminal(print_heading()), "\033[1meth0: 7\033[0m\n");
	expect_out(capture_terminal(print_ports()), "\033[2m  FORWARD       PORTS  WHY\033[0m\n"
						    "  web               2  because\n"
						    "  a-long-name  123456  so\n");
	/* Empty means "not set", https://no-color.org */
	setenv("NO_COLOR", "", 1);
	expect_out(capture_terminal(print_heading()), "\033[1meth0: 7\033[0m\n");
}

Test(output, no_colour_for_those_who_said_so)
{
	setenv("NO_COLOR", "1", 1);
	expect_out(capture_terminal(print_heading()), "eth0: 7\n");
	expect_out(capture_terminal(print_ports()), PORTS);
}

Test(output, no_colour_into_a_file)
{
	unsetenv("NO_COLOR");
	expect_out(capture(stdout, print_heading()), "eth0: 7\n");
	expect_out(capture(stdout, print_ports()), PORTS);
}

Test(output, json)
{
	int code = 1;

	expect_out(capture(stdout, code = output_json(json_pack("{s:[i]}", "list", 7))),
		   "{\n  \"list\": [\n    7\n  ]\n}\n");
	cr_expect_eq(code, 0);
	/* A document that could not be made is no empty line. */
	expect_out(capture(stdout, code = output_json(NULL)), "");
	cr_expect_eq(code, 1);
}
