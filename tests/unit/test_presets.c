// SPDX-License-Identifier: GPL-2.0-only
// The built-in port sets, and the TOML that is printed of them.
#include <ctype.h>
#include "config_text.h"
#include "presets.h"

TestSuite(presets);

/* The one forward of a config that uses a preset. */
static struct config *use_preset(const char *name, bool web)
{
	char text[256];

	snprintf(text, sizeof(text),
		 FORWARD "preset = \"%s\"\nbackend = \"home\"\nsource = \"preserve\"\nweb = %s\n",
		 name, web ? "true" : "false");
	return parse_good(text);
}

/* Printed tables have no backend of their own. */
static char *print_preset(const struct preset *preset)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	preset_print_toml(preset, out);
	fputs(HOME, out);
	fclose(out);
	return text;
}

/* Uncomment the port lines of a printed preset: '  # 443,   # what' becomes '  443,   # what'. */
static void uncomment_ports(char *text)
{
	for (char *line = text; line; line = strchr(line + 1, '\n')) {
		char *hash = line + strspn(line, "\n ");

		if (hash[0] == '#' && isdigit((unsigned char)hash[2]))
			hash[0] = ' ';
	}
}

static void expect_union(const struct config *printed, const struct config *used)
{
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		struct port_set ports = { 0 }, named = { 0 };

		for (size_t i = 0; i < printed->forward_count; i++) {
			port_set_union(&ports, &printed->forwards[i].ports[proto]);
			port_set_union(&named, &printed->forwards[i].named[proto]);
		}
		cr_expect(port_set_equal(&ports, &used->forwards[0].ports[proto]), "%s of %s",
			  proto_name(proto), used->forwards[0].preset);
		cr_expect(port_set_equal(&named, &used->forwards[0].named[proto]));
	}
}

Test(presets, ports_of_each)
{
	static const struct {
		const char *name;
		bool web;
		const char *tcp, *udp;
	} cases[] = {
		{ "snikket", false, "3478-3479,5000,5222,5269,5349-5350",
		  "3478-3479,5349-5350,49152-65535" },
		{ "snikket", true, "80,443,3478-3479,5000,5222,5269,5349-5350",
		  "3478-3479,5349-5350,49152-65535" },
		{ "ejabberd", false, "1883,3478,5060-5061,5222-5223,5269,5349,7777,8883",
		  "3478,49152-65535" },
		{ "ejabberd", true, "1883,3478,5060-5061,5222-5223,5269,5280,5349,5443,7777,8883",
		  "3478,49152-65535" },
		{ "livekit", false, "7881", "50000-60000" },
		{ "livekit", true, "80,443,7881", "443,50000-60000" },
		{ "plugnmeet", false, "7881", "50000-60000" },
		{ "plugnmeet", true, "80,443,7881", "443,50000-60000" },
		{ "coturn", false, "3478-3479,5349-5350", "3478-3479,5349-5350,49152-65535" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config = use_preset(cases[i].name, cases[i].web);

		expect_ports(&config->forwards[0].ports[PROTO_TCP], cases[i].tcp);
		expect_ports(&config->forwards[0].ports[PROTO_UDP], cases[i].udp);
		cr_expect_str_eq(config->forwards[0].name, cases[i].name);
		config_free(config);
	}
}

Test(presets, ports_between_erlang_nodes_are_in_none)
{
	for (const struct preset *preset = presets_all(); preset->name; preset++) {
		struct config *config = use_preset(preset->name, true);

		for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
			cr_expect_not(port_set_has(&config->forwards[0].ports[proto], 4369));
			cr_expect_not(port_set_has(&config->forwards[0].ports[proto], 5210));
		}
		config_free(config);
	}
}

Test(presets, found_by_name)
{
	size_t count = 0;

	for (const struct preset *preset = presets_all(); preset->name; preset++, count++) {
		cr_expect_eq(preset_find(preset->name), preset);
		cr_expect_str_not_empty(preset->title);
	}
	cr_expect_eq(count, 5);
	cr_expect_null(preset_find("snicket"));
	cr_expect_null(preset_find(""));
}

Test(presets, printed_toml_has_the_same_ports)
{
	for (const struct preset *preset = presets_all(); preset->name; preset++) {
		char *text = print_preset(preset);
		struct config *printed = parse_good(text), *used = use_preset(preset->name, false);

		expect_union(printed, used);
		config_free(printed);
		config_free(used);
		uncomment_ports(text);
		printed = parse_good(text);
		used = use_preset(preset->name, true);
		expect_union(printed, used);
		config_free(printed);
		config_free(used);
		free(text);
	}
}

/* Whether some line of a text holds both, the number first. */
static bool share_a_line(char *text, const char *number, const char *what)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *found = strstr(line, number);

		if (found && strstr(found, what))
			return true;
	}
	return false;
}

Test(presets, printed_toml_says_what_each_port_is_for)
{
	for (const struct preset *preset = presets_all(); preset->name; preset++) {
		for (const struct preset_ports *ports = preset->ports; ports->what; ports++) {
			char *text = print_preset(preset), number[8];

			snprintf(number, sizeof(number), "%u", ports->range.first);
			cr_expect(share_a_line(text, number, ports->what),
				  "%s: %s is not beside %s", preset->name, number, ports->what);
			free(text);
		}
	}
}
