// SPDX-License-Identifier: GPL-2.0-only
// Messages to stderr, one line each: for people, for the journal, or as JSON.
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "log.h"

static enum log_level shown = LOG_LEVEL_INFO;
static enum log_format format;
static bool to_journal;

/* By level: as in JSON, in front of a text, and what the journal takes for a priority. */
static const struct {
	const char *name, *prefix;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "xdpfwd: ", 3 },
	[LOG_LEVEL_WARNING] = { "warning", "xdpfwd: warning: ", 4 },
	[LOG_LEVEL_INFO] = { "info", "xdpfwd: ", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", "", 7 },
};

/* systemd says which stream the journal is, as stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

static void print_json(enum log_level level, const char *text, const struct diag_list *list,
		       const struct diag *diag)
{
	char when[sizeof("2026-11-21T12:00:00Z")];
	time_t now = time(NULL);
	struct tm tm;
	json_t *json;
	char *line;

	strftime(when, sizeof(when), "%FT%TZ", gmtime_r(&now, &tm));
	json = json_pack("{s:s, s:s, s:s}", "time", when, "level", levels[level].name, "message",
			 text);
	if (json && diag && diag->line)
		json_object_update_new(json, json_pack("{s:s*, s:i, s:i}", "file", list->file,
						       "line", diag->line, "column", diag->column));
	line = json ? json_dumps(json, JSON_COMPACT) : NULL;
	fprintf(stderr, "%s\n", line ?: "{}");
	free(line);
	json_decref(json);
}

/* The journal looks for a priority in front of each line. */
static void print_journal(enum log_level level, char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			fprintf(stderr, "<%d>%s\n", levels[level].priority, line);
}

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *text;
	int len;

	(void)level;
	if (shown < LOG_LEVEL_DEBUG)
		return 0;
	len = vasprintf(&text, fmt, args);
	if (len < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	log_at(LOG_LEVEL_DEBUG, "%s", text);
	free(text);
	return len;
}

void log_init(enum log_level level)
{
	shown = level;
	to_journal = stderr_is_journal();
	libbpf_set_print(print_libbpf);
}

void log_set_format(enum log_format wanted)
{
	format = wanted;
}

int log_format_parse(const char *text, enum log_format *wanted)
{
	if (strcmp(text, "text") != 0 && strcmp(text, "json") != 0)
		return -EINVAL;
	*wanted = strcmp(text, "json") ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
	return 0;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	if (level > shown)
		return;
	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if (format == LOG_FORMAT_JSON)
		print_json(level, text, NULL, NULL);
	else if (to_journal)
		print_journal(level, text);
	else
		fprintf(stderr, "%s%s\n", levels[level].prefix, text);
	free(text);
}

void log_diags(const struct diag_list *diags)
{
	static const enum log_level by_severity[] = {
		[DIAG_NOTE] = LOG_LEVEL_INFO,
		[DIAG_WARNING] = LOG_LEVEL_WARNING,
		[DIAG_SYSTEM_ERROR] = LOG_LEVEL_ERROR,
		[DIAG_CONFIG_ERROR] = LOG_LEVEL_ERROR,
	};

	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *diag = &diags->items[i];
		enum log_level level = by_severity[diag->severity];
		char *line;

		if (level > shown)
			continue;
		line = diag_format(diags, diag);
		if (format == LOG_FORMAT_JSON)
			print_json(level, diag->text, diags, diag);
		else if (to_journal && line)
			print_journal(level, line);
		else
			fprintf(stderr, "%s\n", line ?: "out of memory");
		free(line);
	}
}
