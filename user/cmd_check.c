// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd check: errors and warnings of a config, without touching anything.
#include <stdio.h>
#include <stdlib.h>
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
	}
	config_free(config);
	diag_free(&diags);
	return code;
}
