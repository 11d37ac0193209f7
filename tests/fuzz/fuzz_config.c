// SPDX-License-Identifier: GPL-2.0-only
// libFuzzer entry: any bytes as ports.toml end in a config or in errors, never in both or neither.
#include <stdlib.h>
#include <string.h>
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the plan may rely on in a config without errors. */
static void check_config(const struct config *config)
{
	if (!config->forward_count || !config->flows_max)
		abort();
	for (size_t i = 0; i < config->forward_count; i++) {
		const struct config_forward *f = &config->forwards[i];
		struct port_set moved;
		bool any = false;

		if (!f->name || !*f->name || f->backend >= config->backend_count)
			abort();
		for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
			any = any || !port_set_is_empty(&f->ports[proto]);
			if (!port_set_shifted(&f->ports[proto], f->shift, &moved))
				abort();
		}
		if (!any)
			abort();
		for (size_t j = 0; j < i; j++)
			if (!strcmp(f->name, config->forwards[j].name))
				abort();
	}
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *b = &config->backends[i];

		if (!!b->hostname == (b->has[FAMILY_V4] || b->has[FAMILY_V6]))
			abort();
	}
}

/* Messages are one line each, whatever the file holds. */
static void check_diags(const struct diag_list *diags)
{
	for (size_t i = 0; i < diags->count; i++) {
		char *line = diag_format(diags, &diags->items[i]);

		if (!line || strpbrk(line, "\n\r\x1b"))
			abort();
		free(line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag_list diags = { .file = "ports.toml" };
	struct config *config = config_parse((const char *)data, size, &diags);

	if (!config != diag_has_errors(&diags))
		abort();
	if (config)
		check_config(config);
	check_diags(&diags);
	config_free(config);
	diag_free(&diags);
	return 0;
}
