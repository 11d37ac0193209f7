// SPDX-License-Identifier: GPL-2.0-only
// Findings of a check, collected in order and written as "file:line:column: text".
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "diag.h"

static const char *const severity_prefix[] = {
	[DIAG_NOTE] = "note: ",
	[DIAG_WARNING] = "warning: ",
	[DIAG_SYSTEM_ERROR] = "",
	[DIAG_CONFIG_ERROR] = "",
};

static bool diag_is_known(const struct diag_list *list, const struct diag *diag)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *item = &list->items[i];

		if (item->severity == diag->severity && item->line == diag->line &&
		    item->column == diag->column && !strcmp(item->text, diag->text))
			return true;
	}
	return false;
}

void diag_add(struct diag_list *list, enum diag_severity severity, struct diag_place place,
	      const char *fmt, ...)
{
	struct diag *items = reallocarray(list->items, list->count + 1, sizeof(*items));
	struct diag diag = { severity, place.line, place.column, NULL };
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&diag.text, fmt, args);
	va_end(args);
	/* A lost error would let a wrong config through, so there is no going on without it. */
	if (!items || len < 0)
		abort();
	list->items = items;
	if (diag_is_known(list, &diag)) /* both address families often find the same */
		free(diag.text);
	else
		items[list->count++] = diag;
}

bool diag_has_errors(const struct diag_list *list)
{
	return diag_exit_code(list) != 0;
}

int diag_exit_code(const struct diag_list *list)
{
	int code = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].severity == DIAG_CONFIG_ERROR)
			return 2;
		if (list->items[i].severity == DIAG_SYSTEM_ERROR)
			code = 1;
	}
	return code;
}

char *diag_format(const struct diag_list *list, const struct diag *item)
{
	const char *prefix = severity_prefix[item->severity];
	char *line = NULL;
	int len;

	if (!item->line)
		len = asprintf(&line, "%s%s", prefix, item->text);
	else
		len = asprintf(&line, "%s%s%u:%u: %s%s", list->file ? list->file : "",
			       list->file ? ":" : "", item->line, item->column, prefix, item->text);
	return len < 0 ? NULL : line;
}

void diag_free(struct diag_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].text);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}
