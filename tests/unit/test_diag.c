// SPDX-License-Identifier: GPL-2.0-only
// Findings: their lines, their order and the exit code they lead to.
#include <criterion/criterion.h>
#include <stdlib.h>
#include "diag.h"

TestSuite(diag);

static const struct diag_place nowhere = { 0, 0 };

static void expect_line(const struct diag_list *list, size_t index, const char *expected)
{
	char *line = diag_format(list, &list->items[index]);

	cr_expect_str_eq(line, expected);
	free(line);
}

Test(diag, lines_name_file_place_and_severity)
{
	struct diag_list list = { .file = "ports.toml" };

	diag_add(&list, DIAG_CONFIG_ERROR, (struct diag_place){ 12, 9 },
		 "forward \"%s\": ports: %d is not a port (1-65535)", "turn", 70000);
	diag_add(&list, DIAG_WARNING, (struct diag_place){ 3, 1 }, "unused");
	diag_add(&list, DIAG_NOTE, (struct diag_place){ 4, 2 }, "by the way");
	diag_add(&list, DIAG_SYSTEM_ERROR, nowhere, "no such device: eth9");
	diag_add(&list, DIAG_WARNING, nowhere, "50%% of the ports");
	cr_assert_eq(list.count, 5);
	expect_line(&list, 0,
		    "ports.toml:12:9: forward \"turn\": ports: 70000 is not a port (1-65535)");
	expect_line(&list, 1, "ports.toml:3:1: warning: unused");
	expect_line(&list, 2, "ports.toml:4:2: note: by the way");
	expect_line(&list, 3, "no such device: eth9");
	expect_line(&list, 4, "warning: 50% of the ports");
	diag_free(&list);
}

Test(diag, a_place_without_a_file_is_still_a_place)
{
	struct diag_list list = { .file = NULL };

	diag_add(&list, DIAG_CONFIG_ERROR, (struct diag_place){ 7, 1 }, "x");
	expect_line(&list, 0, "7:1: x");
	diag_free(&list);
}

Test(diag, exit_code_is_that_of_the_worst)
{
	static const struct {
		enum diag_severity items[2];
		int code;
	} cases[] = {
		{ { DIAG_NOTE, DIAG_WARNING }, 0 },
		{ { DIAG_WARNING, DIAG_SYSTEM_ERROR }, 1 },
		{ { DIAG_SYSTEM_ERROR, DIAG_NOTE }, 1 },
		{ { DIAG_SYSTEM_ERROR, DIAG_CONFIG_ERROR }, 2 },
		{ { DIAG_CONFIG_ERROR, DIAG_SYSTEM_ERROR }, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag_list list = { 0 };

		cr_expect_eq(diag_exit_code(&list), 0);
		diag_add(&list, cases[i].items[0], nowhere, "a");
		diag_add(&list, cases[i].items[1], nowhere, "b");
		cr_expect_eq(diag_exit_code(&list), cases[i].code);
		cr_expect_eq(diag_has_errors(&list), cases[i].code != 0);
		diag_free(&list);
	}
}

Test(diag, a_freed_list_can_be_used_again)
{
	struct diag_list list = { .file = "ports.toml" };

	diag_add(&list, DIAG_CONFIG_ERROR, nowhere, "a");
	diag_free(&list);
	cr_assert_eq(list.count, 0);
	cr_assert_not(diag_has_errors(&list));
	diag_add(&list, DIAG_NOTE, (struct diag_place){ 1, 2 }, "b");
	expect_line(&list, 0, "ports.toml:1:2: note: b");
	diag_free(&list);
}
