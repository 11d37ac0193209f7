// SPDX-License-Identifier: GPL-2.0-only
// The config reader's machinery: messages with their place, tables of keys, "did you mean".
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_internal.h"

#define WORD_MAX CONFIG_NAME_MAX

static void report(struct config_reader *r, enum diag_severity severity, struct diag_place place,
		   const char *fmt, va_list args)
{
	char text[768];

	vsnprintf(text, sizeof(text), fmt, args);
	diag_add(r->diags, severity, place, "%s%s%s", r->where, *r->where ? ": " : "", text);
}

void config_error(struct config_reader *r, struct diag_place place, const char *fmt, ...)
{
	va_list args;

	r->errors++;
	va_start(args, fmt);
	report(r, DIAG_CONFIG_ERROR, place, fmt, args);
	va_end(args);
}

void config_warn(struct config_reader *r, struct diag_place place, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(r, DIAG_WARNING, place, fmt, args);
	va_end(args);
}

void config_expected(struct config_reader *r, const struct toml_node *node, const char *what)
{
	config_error(r, node->place, "expected %s, got %s", what, toml_type_name(node->type));
}

size_t config_enter(struct config_reader *r, const char *fmt, ...)
{
	size_t mark = strlen(r->where), len = mark;
	va_list args;

	if (len)
		len += (size_t)snprintf(r->where + len, sizeof(r->where) - len, ": ");
	if (len < sizeof(r->where)) {
		va_start(args, fmt);
		vsnprintf(r->where + len, sizeof(r->where) - len, fmt, args);
		va_end(args);
	}
	return mark;
}

void config_leave(struct config_reader *r, size_t mark)
{
	r->where[mark] = '\0';
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/*
 * How many typing slips lie between two words: letters added, left out, changed or swapped with
 * their neighbour (optimal string alignment distance). Case does not count.
 */
static unsigned word_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_len; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = tolower(a[i - 1]) == tolower(b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && tolower(a[i - 1]) == tolower(b[j - 2]) &&
			    tolower(a[i - 2]) == tolower(b[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

/* An abbreviation is nearer than its length says: "proto" is protocol, not ports. */
static unsigned slips(const char *word, const char *known)
{
	size_t len = strlen(word);

	if (len >= 3 && !strncasecmp(word, known, len))
		return strlen(known) > len;
	return word_distance(word, known);
}

/* The first member of the struct at @index of an array. */
static const char *name_at(const void *base, size_t index, size_t stride)
{
	const char *name;

	memcpy(&name, (const char *)base + index * stride, sizeof(name));
	return name;
}

const char *config_hint(const char *word, const void *base, size_t count, size_t stride,
			char buf[CONFIG_HINT_LEN])
{
	unsigned least = 2 + (unsigned)strlen(word) / 4;
	const char *nearest = NULL;
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const char *known = name_at(base, i, stride);
		unsigned distance = slips(word, known);

		if (distance < least) {
			least = distance;
			nearest = known;
		}
	}
	if (nearest) {
		snprintf(buf, CONFIG_HINT_LEN, "; did you mean \"%s\"?", nearest);
		return buf;
	}
	for (size_t i = 0; i < count && len < CONFIG_HINT_LEN; i++) {
		const char *known = name_at(base, i, stride);

		len += (size_t)snprintf(buf + len, CONFIG_HINT_LEN - len, "%s%s",
					i ? ", " : "; known: ", known);
	}
	return buf;
}

void config_read_table(struct config_reader *r, const struct toml_node *node,
		       const struct config_key *keys, size_t count, void *out)
{
	char hint[CONFIG_HINT_LEN];

	if (node->type != TOML_TABLE) {
		config_expected(r, node, "a table");
		return;
	}
	for (size_t i = 0; i < node->child_count; i++) {
		const struct toml_node *child = &node->children[i];
		size_t k = 0, mark;

		while (k < count && strcmp(keys[k].name, child->key) != 0)
			k++;
		if (k == count) {
			config_error(r, child->key_place, "unknown key \"%.*s\"%s", WORD_MAX,
				     child->key,
				     config_hint(child->key, keys, count, sizeof(*keys), hint));
			continue;
		}
		mark = config_enter(r, "%s", keys[k].name);
		keys[k].read(r, child, (char *)out + keys[k].offset);
		config_leave(r, mark);
	}
}

void config_read_list(struct config_reader *r, const struct toml_node *node, config_read_fn *read,
		      void *out)
{
	if (node->type != TOML_ARRAY) {
		read(r, node, out);
		return;
	}
	if (!node->child_count)
		config_error(r, node->place, "the list is empty; leave the key out instead");
	for (size_t i = 0; i < node->child_count; i++)
		read(r, &node->children[i], out);
}

void config_read_later(struct config_reader *r, const struct toml_node *node, void *out)
{
	(void)r, (void)node, (void)out;
}

void *config_grow(struct config_reader *r, void *array, size_t count, size_t size)
{
	char *bigger = reallocarray(array, count + 1, size);

	if (!bigger) {
		config_error(r, (struct diag_place){ 0, 0 }, "out of memory");
		return NULL;
	}
	memset(bigger + count * size, 0, size);
	return bigger;
}

struct diag_place config_place(const struct toml_node *table, const char *key)
{
	const struct toml_node *value = toml_get(table, key);

	return value ? value->place : table->place;
}

const char *config_label_forward(const char *name, size_t index, char buf[CONFIG_LABEL_LEN])
{
	if (name)
		snprintf(buf, CONFIG_LABEL_LEN, "forward \"%.*s\"", CONFIG_NAME_MAX, name);
	else
		snprintf(buf, CONFIG_LABEL_LEN, "forward #%zu", index + 1);
	return buf;
}
