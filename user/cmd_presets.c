// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd presets: the built-in port sets.
#include <stdio.h>
#include "cmd.h"
#include "output.h"
#include "presets.h"

static const char *part_name(enum preset_part part)
{
	return part == PRESET_WEB ? "web" : part == PRESET_RELAY ? "relay" : "always";
}

static json_t *preset_json(const struct preset *preset)
{
	json_t *ports = json_array();

	for (const struct preset_ports *p = preset->ports; p->what; p++)
		json_array_append_new(ports,
				      json_pack("{s:s, s:i, s:i, s:s, s:s}", "protocol",
						proto_name(p->proto), "first", (int)p->range.first,
						"last", (int)p->range.last, "part",
						part_name(p->part), "what", p->what));
	return json_pack("{s:s, s:s, s:o}", "name", preset->name, "title", preset->title, "ports",
			 ports);
}

int cmd_presets(const struct options *options)
{
	const struct preset *one = options->arg_count ? preset_find(options->args[0]) : NULL;
	struct table table = { .align = "ll" };
	json_t *array;

	if (options->arg_count && !one) {
		log_error("no preset \"%s\"; `xdpfwd presets` lists them", options->args[0]);
		return 2;
	}
	if (options->json) {
		array = json_array();
		for (const struct preset *p = presets_all(); p->name; p++)
			if (!one || p == one)
				json_array_append_new(array, preset_json(p));
		return output_json(json_pack("{s:o}", "presets", array));
	}
	if (one) {
		preset_print_toml(one, stdout);
		return 0;
	}
	table_add(&table, "PRESET|WHAT");
	for (const struct preset *p = presets_all(); p->name; p++)
		table_add(&table, "%s|%s", p->name, p->title);
	table_print(&table);
	return 0;
}
