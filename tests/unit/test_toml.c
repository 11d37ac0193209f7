// SPDX-License-Identifier: GPL-2.0-only
// The TOML tree: values, their order and their places, and syntax errors.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "toml.h"

TestSuite(toml);

static struct toml_node *parse(const char *text)
{
	struct diag_list diags = { 0 };
	struct toml_node *root = toml_parse(text, strlen(text), &diags);

	cr_assert_not_null(root, "%s", diags.count ? diags.items[0].text : "no reason given");
	cr_assert_eq(diags.count, 0);
	return root;
}

static void expect_place(struct diag_place place, unsigned line, unsigned column)
{
	cr_expect_eq(place.line, line, "line %u, not %u", place.line, line);
	cr_expect_eq(place.column, column, "column %u, not %u", place.column, column);
}

Test(toml, every_type_and_its_value)
{
	struct toml_node *root = parse("a = \"text\"\nb = -42\nc = true\nd = 1.5\n"
				       "e = 2024-01-01\nf = []\ng = {}\nh = 07:30:00\n");
	static const enum toml_type types[] = {
		TOML_STRING, TOML_INTEGER, TOML_BOOLEAN, TOML_FLOAT,
		TOML_TIME,   TOML_ARRAY,   TOML_TABLE,	 TOML_TIME
	};

	cr_assert_eq(root->type, TOML_TABLE);
	cr_assert_eq(root->child_count, 8);
	for (size_t i = 0; i < 8; i++)
		cr_expect_eq(root->children[i].type, types[i], "child %zu", i);
	cr_expect_str_eq(toml_get(root, "a")->string, "text");
	cr_expect_eq(toml_get(root, "b")->integer, -42);
	cr_expect(toml_get(root, "c")->boolean);
	cr_expect_eq(toml_get(root, "f")->child_count, 0);
	cr_expect_null(toml_get(root, "z"));
	toml_free(root);
}

Test(toml, children_stand_in_file_order)
{
	struct toml_node *root = parse("zebra = 1\nape = 2\n[mole]\n[bee]\n[mole.hill]\n");
	static const char *const keys[] = { "zebra", "ape", "mole", "bee" };

	cr_assert_eq(root->child_count, 4);
	for (size_t i = 0; i < 4; i++)
		cr_expect_str_eq(root->children[i].key, keys[i]);
	toml_free(root);
}

Test(toml, places_of_keys_values_and_elements)
{
	struct toml_node *root = parse("[[forward]]\n  ports = [ 80,\n\t\"\u00e4\", 443 ]\n"
				       "[[forward]]\ntimeout.udp = 5\n");
	const struct toml_node *list = toml_get(root, "forward");
	const struct toml_node *ports = toml_get(&list->children[0], "ports"), *timeout;

	cr_assert_eq(list->type, TOML_ARRAY);
	cr_assert_eq(list->child_count, 2);
	expect_place(list->children[0].place, 1, 1);
	expect_place(list->children[1].place, 4, 1);
	expect_place(ports->key_place, 2, 3);
	expect_place(ports->place, 2, 11);
	expect_place(ports->children[0].place, 2, 13);
	expect_place(ports->children[1].place, 3, 2);
	expect_place(ports->children[2].place, 3, 7);
	expect_place(ports->children[2].key_place, 3, 7);
	cr_expect_str_eq(ports->children[2].key, "");
	timeout = toml_get(&list->children[1], "timeout");
	expect_place(timeout->key_place, 5, 1);
	expect_place(toml_get(timeout, "udp")->place, 5, 15);
	toml_free(root);
}

Test(toml, control_characters_are_written_out)
{
	struct toml_node *root = parse("a = \"x\\u0000y\\nz\\u007f\"\n\"k\\tl\" = 1\n");

	cr_expect_str_eq(root->children[0].string, "x\\u0000y\\u000az\\u007f");
	cr_expect_str_eq(root->children[1].key, "k\\u0009l");
	toml_free(root);
}

Test(toml, letters_beyond_ascii_are_no_spaces)
{
	/* U+00A7 and U+02CD after a line-ending backslash, where toml++ looks for spaces. */
	struct toml_node *root = parse("a = \"\"\"\\\n\u00a7\u02cd\"\"\" # \u00e4\n");

	cr_expect_str_eq(root->children[0].string, "\u00a7\u02cd");
	toml_free(root);
}

Test(toml, a_syntax_error_has_a_place_and_one_line)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *what;
	} cases[] = {
		{ "a = 1\na = 2\n", 2, 5, "cannot redefine existing integer 'a'" },
		{ "[a\n", 1, 3, "table header" },
		{ "[\n", 1, 2, "expected bare key starting character or string delimiter" },
		{ "[[[a]]]\n", 1, 3, "expected bare key starting character" },
		{ "a = \"x\n", 1, 7, "string" },
		{ "a = 1\n\nb = \xff\n", 3, 4, "utf-8" },
		{ "ports = 5222-5269\n", 1, 16, "a range is a string, \"first-last\" in quotes" },
		{ "a = 99999999999999999999\n", 1, 25, "64 bits" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag_list diags = { 0 };

		cr_expect_null(toml_parse(cases[i].text, strlen(cases[i].text), &diags));
		cr_assert_eq(diags.count, 1);
		cr_expect_eq(diags.items[0].severity, DIAG_CONFIG_ERROR);
		cr_expect_eq(diags.items[0].line, cases[i].line, "%s", cases[i].text);
		cr_expect_eq(diags.items[0].column, cases[i].column, "%s: %u", cases[i].text,
			     diags.items[0].column);
		cr_expect_not_null(strstr(diags.items[0].text, cases[i].what), "%s",
				   diags.items[0].text);
		cr_expect_null(strchr(diags.items[0].text, '\n'));
		diag_free(&diags);
	}
}

Test(toml, length_counts_and_not_a_final_nul)
{
	struct diag_list diags = { 0 };
	struct toml_node *root = toml_parse("a = 12345", 5, &diags);

	cr_assert_not_null(root);
	cr_expect_eq(toml_get(root, "a")->integer, 1);
	toml_free(root);
	toml_free(NULL);
}

Test(toml, type_names_read_well_after_got)
{
	cr_expect_str_eq(toml_type_name(TOML_TABLE), "a table");
	cr_expect_str_eq(toml_type_name(TOML_ARRAY), "a list");
	cr_expect_str_eq(toml_type_name(TOML_STRING), "a string");
	cr_expect_str_eq(toml_type_name(TOML_INTEGER), "an integer");
	cr_expect_str_eq(toml_type_name(TOML_FLOAT), "a fraction");
	cr_expect_str_eq(toml_type_name(TOML_BOOLEAN), "a boolean");
	cr_expect_str_eq(toml_type_name(TOML_TIME), "a date or time");
}
