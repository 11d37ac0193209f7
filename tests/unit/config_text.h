/* SPDX-License-Identifier: GPL-2.0-only */
/* Configs from text, and what was found in them, for the tests of config and presets. */
#ifndef XDPFWD_TESTS_CONFIG_TEXT_H
#define XDPFWD_TESTS_CONFIG_TEXT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"

/* Three lines before a forward, so that its first key stands in line 4. */
#define HOME	"[backend.home]\naddress = \"198.18.9.2\"\n"
#define FORWARD HOME "[[forward]]\n"
/* A forward that lacks nothing, for keys from line 7 on. */
#define XMPP	FORWARD "protocol = \"tcp\"\nports = [5222, 5269]\nbackend = \"home\"\n"

/* All findings as the user sees them, one a line, and the config or NULL. */
static inline char *findings_of(const char *text, struct config **config)
{
	struct diag_list diags = { .file = "f" };
	char *all = NULL;
	FILE *out;
	size_t len;

	*config = config_parse(text, strlen(text), &diags);
	cr_assert_eq(*config == NULL, diag_has_errors(&diags), "%s", text);
	out = open_memstream(&all, &len);
	for (size_t i = 0; i < diags.count; i++) {
		char *line = diag_format(&diags, &diags.items[i]);

		fprintf(out, "%s\n", line);
		free(line);
	}
	fclose(out);
	diag_free(&diags);
	return all;
}

static inline void expect_findings(const char *text, const char *expected)
{
	struct config *config;
	char *found = findings_of(text, &config);

	cr_expect_str_eq(found, expected, "found:\n%sexpected:\n%sin:\n%s", found, expected, text);
	free(found);
	config_free(config);
}

/* A config in which nothing is found. */
static inline struct config *parse_good(const char *text)
{
	struct config *config;
	char *found = findings_of(text, &config);

	cr_assert_str_empty(found, "%s", found);
	free(found);
	return config;
}

static inline void expect_ports(const struct port_set *set, const char *expected)
{
	char *text = port_set_format(set);

	cr_expect_str_eq(text, expected);
	free(text);
}

#endif
