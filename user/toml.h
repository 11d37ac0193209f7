/* SPDX-License-Identifier: GPL-2.0-only */
/* A TOML document as a plain C tree with the place of every key and value. */
#ifndef XDPFWD_TOML_H
#define XDPFWD_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "diag.h"

#ifdef __cplusplus
extern "C" {
#endif

enum toml_type {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOLEAN,
	TOML_TIME, /* date, time, or both */
};

/**
 * struct toml_node - a value, and the key it belongs to
 * @type:      what it is
 * @key:       its key, "" for the root and for elements of an array
 * @key_place: where the key stands; where the value does when there is none
 * @place:     where the value stands; for a table, its header or opening brace
 * @children:  of a table or an array, in file order
 * @child_count: how many
 * @string:    of TOML_STRING, else NULL
 * @integer:   of TOML_INTEGER
 * @boolean:   of TOML_BOOLEAN
 *
 * Control characters in keys and strings are written as \u escapes, so that each is one line that
 * ends at its NUL, fit for a message. No key or value of the config contains any.
 */
struct toml_node {
	enum toml_type type;
	char *key;
	struct diag_place key_place, place;
	struct toml_node *children;
	size_t child_count;
	char *string;
	int64_t integer;
	bool boolean;
};

/**
 * toml_parse() - read a TOML 1.0 document
 * @text:  the document, UTF-8
 * @len:   its length in bytes
 * @diags: out: the first syntax error
 *
 * Return: the root table, to be freed with toml_free(), or NULL after one DIAG_CONFIG_ERROR.
 */
struct toml_node *toml_parse(const char *text, size_t len, struct diag_list *diags);

/* toml_free() - free a tree; NULL is allowed */
void toml_free(struct toml_node *root);

/* toml_get() - the value of a key of a table, or NULL */
const struct toml_node *toml_get(const struct toml_node *table, const char *key);

/* toml_type_name() - "a string", "an integer", for messages */
const char *toml_type_name(enum toml_type type);

#ifdef __cplusplus
}
#endif

#endif
