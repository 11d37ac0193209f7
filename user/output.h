/* SPDX-License-Identifier: GPL-2.0-only */
/* Results on stdout: JSON documents, aligned tables, colour on a terminal. */
#ifndef XDPFWD_OUTPUT_H
#define XDPFWD_OUTPUT_H

#include <jansson.h>
#include <stdint.h>

/* output_json() - print and free one document; returns 0, or 1 when it could not be made */
int output_json(json_t *json);

#define TABLE_COLUMNS_MAX 8

/**
 * struct table - rows of text to be aligned
 * @align: one letter a column: 'l' or 'r'
 */
struct table {
	const char *align;
	char *(*rows)[TABLE_COLUMNS_MAX];
	size_t count;
};

/* table_add() - append a row; @fmt has one '|' between columns. Memory that runs out shows as gaps
 */
__attribute__((format(printf, 2, 3))) void table_add(struct table *table, const char *fmt, ...);

/* table_print() - print with two spaces in front, the first row as a heading; frees the rows */
void table_print(struct table *table);

/* output_bytes() - "1.2 MB" (powers of 1,000) */
const char *output_bytes(uint64_t bytes, char buf[16]);

/* output_heading() - a line in bold on a terminal */
__attribute__((format(printf, 1, 2))) void output_heading(const char *fmt, ...);

#endif
