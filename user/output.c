// SPDX-License-Identifier: GPL-2.0-only
// Results on stdout.
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "output.h"

static bool use_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

int output_json(json_t *json)
{
	int err;

	if (!json)
		return 1;
	err = json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
	return err || fflush(stdout) ? 1 : 0;
}

void table_add(struct table *table, const char *fmt, ...)
{
	char *(*rows)[TABLE_COLUMNS_MAX], *line, *rest, *cell;
	va_list args;
	int column = 0, len;

	rows = reallocarray(table->rows, table->count + 1, sizeof(*rows));
	if (!rows)
		return;
	table->rows = rows;
	memset(rows[table->count], 0, sizeof(*rows));
	va_start(args, fmt);
	len = vasprintf(&line, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	rest = line;
	while (column < TABLE_COLUMNS_MAX && (cell = strsep(&rest, "|")))
		rows[table->count][column++] = strdup(cell);
	free(line);
	table->count++;
}

static int column_width(const struct table *table, int column)
{
	int width = 0;

	for (size_t i = 0; i < table->count; i++) {
		int len = table->rows[i][column] ? strlen(table->rows[i][column]) : 0;

		width = len > width ? len : width;
	}
	return width;
}

void table_print(struct table *table)
{
	int columns = strlen(table->align);

	for (size_t i = 0; i < table->count; i++) {
		bool bold = !i && use_colour();

		fputs(bold ? "\033[2m" : "", stdout);
		for (int c = 0; c < columns; c++) {
			const char *cell = table->rows[i][c] ?: "";
			int width = column_width(table, c);

			if (table->align[c] == 'r')
				printf("  %*s", width, cell);
			else
				printf("  %-*s", c == columns - 1 ? 0 : width, cell);
		}
		fputs(bold ? "\033[0m\n" : "\n", stdout);
	}
	for (size_t i = 0; i < table->count; i++)
		for (int c = 0; c < TABLE_COLUMNS_MAX; c++)
			free(table->rows[i][c]);
	free(table->rows);
	table->rows = NULL;
	table->count = 0;
}

const char *output_bytes(uint64_t bytes, char buf[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double value = bytes;
	int unit = 0;

	while (value >= 999.95 && unit < 5) {
		value /= 1000;
		unit++;
	}
	if (unit)
		snprintf(buf, 16, "%.1f %s", value, units[unit]);
	else
		snprintf(buf, 16, "%" PRIu64 " B", bytes);
	return buf;
}

void output_heading(const char *fmt, ...)
{
	va_list args;

	fputs(use_colour() ? "\033[1m" : "", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	fputs(use_colour() ? "\033[0m\n" : "\n", stdout);
}
