// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd check: errors and warnings of a config, without touching anything.
#include <stdio.h>
#include <stdlib.h>
#include "clients.h"
#include "cmd.h"
#include "config.h"
#include "output.h"

static const char *severity_name(enum diag_severity severity)
{
	return severity == DIAG_NOTE ? "note" : severity == DIAG_WARNING ? "warning" : "error";
}

static json_t *diags_json(const struct diag_list *diags)
{
	json_t *array = json_array();

	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *item = &diags->items[i];

		json_array_append_new(array, json_pack("{s:s, s:i, s:i, s:s}", "severity",
						       severity_name(item->severity), "line",
						       (int)item->line, "column", (int)item->column,
						       "message", item->text));
	}
	return array;
}

/* What allow and deny come to, where they leave anybody out. */
static void print_clients(const struct config_forward *f)
{
	const struct client_lists lists = { f->allow, f->deny, f->allow_count, f->deny_count };

	for (enum ip_family family = 0; family < FAMILY_COUNT; family++) {
		char text[CLIENTS_STRLEN];
		struct acl_range *ranges;
		int count = clients_make(&lists, family, &ranges);

		if (count >= 0 && !clients_are_all(ranges, count, family))
			printf("  forward \"%s\": over IPv%c %s%s\n", f->name,
			       family == FAMILY_V4 ? '4' : '6', count ? "only for " : "for ",
			       clients_format(ranges, count, text));
		free(ranges);
	}
}

int cmd_check(const struct options *options)
{
	struct diag_list diags = { .file = options->config };
	struct config *config;
	int code;

	if (!options->config) {
		log_error("check what? give --config FILE");
		return 2;
	}
	config = config_load(options->config, &diags);
	code = diag_exit_code(&diags);
	if (options->json) {
		int failed = output_json(json_pack("{s:s, s:b, s:o}", "config", options->config,
						   "valid", !code, "findings", diags_json(&diags)));

		code = failed ? failed : code;
	} else {
		log_diags(&diags);
		if (!code)
			printf("%s: %zu forward%s to %zu backend%s, no errors\n", options->config,
			       config->forward_count, config->forward_count == 1 ? "" : "s",
			       config->backend_count, config->backend_count == 1 ? "" : "s");
		for (size_t i = 0; !code && i < config->forward_count; i++)
			print_clients(&config->forwards[i]);
	}
	config_free(config);
	diag_free(&diags);
	return code;
}
