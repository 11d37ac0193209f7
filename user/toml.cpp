// SPDX-License-Identifier: GPL-2.0-only
// toml++ behind a C interface: the one C++ file, as no TOML library for C is packaged.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS	 0
#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

extern "C" {
#include "toml.h"
}

namespace
{

diag_place place_of(const toml::source_region &source)
{
	return { source.begin.line, source.begin.column };
}

bool is_control(char c)
{
	return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

char *copy_text(std::string_view text)
{
	std::string clean;

	for (char c : text) {
		char escape[8];

		if (!is_control(c)) {
			clean += c;
			continue;
		}
		std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
		clean += escape;
	}
	char *copy = strdup(clean.c_str());
	if (!copy)
		throw std::bad_alloc();
	return copy;
}

toml_type type_of(const toml::node &node)
{
	switch (node.type()) {
	case toml::node_type::table:
		return TOML_TABLE;
	case toml::node_type::array:
		return TOML_ARRAY;
	case toml::node_type::string:
		return TOML_STRING;
	case toml::node_type::integer:
		return TOML_INTEGER;
	case toml::node_type::floating_point:
		return TOML_FLOAT;
	case toml::node_type::boolean:
		return TOML_BOOLEAN;
	default:
		return TOML_TIME;
	}
}

void fill_node(toml_node &out, const toml::node &node, std::string_view key, diag_place key_place);

// Room for @count children; child_count grows only as they are filled, so that a half-made tree
// can be freed.
void reserve_children(toml_node &out, size_t count)
{
	if (!count)
		return;
	out.children = static_cast<toml_node *>(calloc(count, sizeof(toml_node)));
	if (!out.children)
		throw std::bad_alloc();
}

void fill_table(toml_node &out, const toml::table &table)
{
	reserve_children(out, table.size());
	for (auto &&[key, value] : table)
		fill_node(out.children[out.child_count++], value, key.str(),
			  place_of(key.source()));
	// toml++ keeps keys in alphabetical order; people read messages in the order of the file.
	std::sort(out.children, out.children + out.child_count,
		  [](const toml_node &a, const toml_node &b) {
			  return a.key_place.line != b.key_place.line
					 ? a.key_place.line < b.key_place.line
					 : a.key_place.column < b.key_place.column;
		  });
}

void fill_node(toml_node &out, const toml::node &node, std::string_view key, diag_place key_place)
{
	out.type = type_of(node);
	out.place = place_of(node.source());
	out.key_place = key_place.line ? key_place : out.place;
	out.key = copy_text(key);
	if (auto table = node.as_table()) {
		fill_table(out, *table);
	} else if (auto array = node.as_array()) {
		reserve_children(out, array->size());
		for (auto &&element : *array)
			fill_node(out.children[out.child_count++], element, "", {});
	} else if (auto string = node.as_string()) {
		out.string = copy_text(string->get());
	} else if (auto integer = node.as_integer()) {
		out.integer = integer->get();
	} else if (auto boolean = node.as_boolean()) {
		out.boolean = boolean->get();
	}
}

void report_syntax_error(diag_list *diags, const toml::parse_error &error)
{
	std::string_view what = error.description();
	constexpr std::string_view preamble = "Error while parsing ";
	const char *hint = "";

	if (what.substr(0, preamble.size()) == preamble)
		what.remove_prefix(preamble.size());
	// 5222-5269 without quotes is the start of a date to TOML.
	if (what.substr(0, 4) == "date")
		hint = "; a range is a string, \"first-last\" in quotes";
	char *text = copy_text(what);
	diag_add(diags, DIAG_CONFIG_ERROR, place_of(error.source()), "syntax: %s%s", text, hint);
	free(text);
}

void free_node(toml_node &node)
{
	for (size_t i = 0; i < node.child_count; i++)
		free_node(node.children[i]);
	free(node.children);
	free(node.key);
	free(node.string);
}

} // namespace

extern "C" struct toml_node *toml_parse(const char *text, size_t len, struct diag_list *diags)
{
	toml_node *root = nullptr;

	try {
		toml::parse_result result = toml::parse(std::string_view(text, len));

		if (!result) {
			report_syntax_error(diags, result.error());
			return nullptr;
		}
		root = static_cast<toml_node *>(calloc(1, sizeof(*root)));
		if (!root)
			throw std::bad_alloc();
		fill_node(*root, result.table(), "", {});
		return root;
	} catch (...) {
		toml_free(root);
		diag_add(diags, DIAG_CONFIG_ERROR, {}, "out of memory while reading the config");
		return nullptr;
	}
}

extern "C" void toml_free(struct toml_node *root)
{
	if (!root)
		return;
	free_node(*root);
	free(root);
}

extern "C" const struct toml_node *toml_get(const struct toml_node *table, const char *key)
{
	for (size_t i = 0; i < table->child_count; i++)
		if (!std::strcmp(table->children[i].key, key))
			return &table->children[i];
	return nullptr;
}

extern "C" const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = { "a table",	      "a list",	    "a string",
					     "an integer",    "a fraction", "a boolean",
					     "a date or time" };

	return names[type];
}
