/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages to stderr. Results go to stdout and are not logged. */
#ifndef XDPFWD_LOG_H
#define XDPFWD_LOG_H

#include "diag.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* TEXT: for people, or with priorities where stderr is the journal. JSON: an object a line. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* log_init() - what is shown; also routes libbpf's messages here (shown only at debug level) */
void log_init(enum log_level level);

/* log_set_format() - how it is shown from now on */
void log_set_format(enum log_format format);

/* log_format_parse() - "text" or "json"; 0, or -EINVAL */
int log_format_parse(const char *text, enum log_format *format);

/* log_at() - one line at a level; errors and warnings say so in front */
__attribute__((format(printf, 2, 3))) void log_at(enum log_level level, const char *fmt, ...);

#define log_error(...)	 log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_LEVEL_INFO, __VA_ARGS__)

/* log_diags() - every finding as the line a user sees */
void log_diags(const struct diag_list *diags);

#endif
