/* SPDX-License-Identifier: GPL-2.0-only */
/* What a check found: a list of errors, warnings and notes, in order, printed by nobody but cmd_*.
 */
#ifndef XDPFWD_DIAG_H
#define XDPFWD_DIAG_H

#include <stdbool.h>
#include <stddef.h>

/* How bad; DIAG_CONFIG_ERROR ends in exit code 2, DIAG_SYSTEM_ERROR in 1. */
enum diag_severity { DIAG_NOTE, DIAG_WARNING, DIAG_SYSTEM_ERROR, DIAG_CONFIG_ERROR };

/**
 * struct diag - one finding
 * @severity: how bad it is
 * @line:     line in the config file from 1; 0 when it is not about a place in the file
 * @column:   column from 1
 * @text:     one line: what, and the mend
 */
struct diag {
	enum diag_severity severity;
	unsigned line, column;
	char *text;
};

/**
 * struct diag_list - findings in the order they were made
 * @file: name of the config file as the user wrote it, for the prefix; may be NULL
 */
struct diag_list {
	const char *file;
	struct diag *items;
	size_t count;
};

/* Where in the config file something stands; { 0, 0 } for "nowhere". */
struct diag_place {
	unsigned line, column;
};

/* diag_add() - append a finding unless the same is there already; @fmt as for printf */
__attribute__((format(printf, 4, 5))) void diag_add(struct diag_list *list,
						    enum diag_severity severity,
						    struct diag_place place, const char *fmt, ...);

/* diag_has_errors() - true when the list holds an error of either kind */
bool diag_has_errors(const struct diag_list *list);

/* diag_exit_code() - 0 without errors, 2 when the config is wrong, else 1 */
int diag_exit_code(const struct diag_list *list);

/**
 * diag_format() - one finding as the line a user sees
 * @list: the list, for the file name
 * @item: the finding
 *
 * Return: a malloc()ed "ports.toml:12:9: forward ..." or "warning: ..."; NULL when out of memory.
 */
char *diag_format(const struct diag_list *list, const struct diag *item);

/* diag_free() - free the items, leave the list empty */
void diag_free(struct diag_list *list);

#endif
