// SPDX-License-Identifier: GPL-2.0-only
// Messages to stderr.
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "log.h"

static enum log_level shown = LOG_LEVEL_INFO;

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	return shown >= LOG_LEVEL_DEBUG ? vfprintf(stderr, fmt, args) : 0;
}

void log_init(enum log_level level)
{
	shown = level;
	libbpf_set_print(print_libbpf);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { "xdpfwd: ", "xdpfwd: warning: ", "xdpfwd: ", "" };
	va_list args;

	if (level > shown)
		return;
	fputs(prefix[level], stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void log_diags(const struct diag_list *diags)
{
	static const enum log_level levels[] = {
		[DIAG_NOTE] = LOG_LEVEL_INFO,
		[DIAG_WARNING] = LOG_LEVEL_WARNING,
		[DIAG_SYSTEM_ERROR] = LOG_LEVEL_ERROR,
		[DIAG_CONFIG_ERROR] = LOG_LEVEL_ERROR,
	};

	for (size_t i = 0; i < diags->count; i++) {
		char *line;

		if (levels[diags->items[i].severity] > shown)
			continue;
		line = diag_format(diags, &diags->items[i]);
		fprintf(stderr, "%s\n", line ?: "out of memory");
		free(line);
	}
}
