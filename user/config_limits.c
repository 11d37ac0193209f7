// SPDX-License-Identifier: GPL-2.0-only
// The [limits] table of the config.
#include <stddef.h>
#include <string.h>
#include "config_internal.h"

#define FLOWS_DEFAULT	   131072
#define NEW_FLOWS_DEFAULT  32768
#define NEW_FLOWS_MAX	   (1U << 24)
#define PREFIX_V6_DEFAULT  64
#define PREFIX_V6_MAX	   64
#define FIRST_PORT_DEFAULT 1024
#define LAST_PORT_DEFAULT  65535

/* Half of the flows, which are known when the whole table is read. */
#define PER_SOURCE_DEFAULT UINT32_MAX

static void read_number(struct config_reader *r, const struct toml_node *node, const char *what,
			uint32_t min, uint32_t max, uint32_t *out)
{
	if (node->type != TOML_INTEGER)
		config_expected(r, node, what);
	else if (node->integer < min || node->integer > max)
		config_error(r, node->place, "%lld is not between %u and %u",
			     (long long)node->integer, min, max);
	else
		*out = (uint32_t)node->integer;
}

static void read_flows(struct config_reader *r, const struct toml_node *node, void *out)
{
	read_number(r, node, "a number of flows", 1, CONFIG_FLOWS_MAX, out);
}

static void read_per_source(struct config_reader *r, const struct toml_node *node, void *out)
{
	read_number(r, node, "a number of flows, 0 for no limit", 0, CONFIG_FLOWS_MAX, out);
}

static void read_new_flows(struct config_reader *r, const struct toml_node *node, void *out)
{
	read_number(r, node, "a number of flows, 0 for no limit", 0, NEW_FLOWS_MAX, out);
}

static void read_prefix_v6(struct config_reader *r, const struct toml_node *node, void *out)
{
	read_number(r, node, "a prefix length", 1, PREFIX_V6_MAX, out);
}

static void read_masquerade_ports(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_limits *limits = out;

	limits->masquerade_ports_place = node->place;
	config_get_ports(r, node, &limits->masquerade_ports);
}

static void read_on_full(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *answer = config_get_string(r, node, "\"drop\" or \"reject\"");
	struct config_limits *limits = out;

	if (!answer)
		return;
	limits->reject = !strcmp(answer, "reject");
	if (!limits->reject && strcmp(answer, "drop") != 0)
		config_error(r, node->place,
			     "\"%.63s\" is not an answer; use \"drop\" or \"reject\"", answer);
}

static const struct config_key limits_keys[] = {
	{ "flows", read_flows, offsetof(struct config, flows_max) },
	{ "flows_per_source", read_per_source, offsetof(struct config, limits.flows_per_source) },
	{ "new_flows_per_second", read_new_flows,
	  offsetof(struct config, limits.new_flows_per_second) },
	{ "source_prefix_v6", read_prefix_v6, offsetof(struct config, limits.source_prefix_v6) },
	{ "masquerade_ports", read_masquerade_ports, offsetof(struct config, limits) },
	{ "on_full", read_on_full, offsetof(struct config, limits) },
};

void config_limits_init(struct config *config)
{
	config->flows_max = FLOWS_DEFAULT;
	config->limits = (struct config_limits){
		.flows_per_source = FLOWS_DEFAULT / 2,
		.new_flows_per_second = NEW_FLOWS_DEFAULT,
		.source_prefix_v6 = PREFIX_V6_DEFAULT,
		.masquerade_ports = { FIRST_PORT_DEFAULT, LAST_PORT_DEFAULT },
	};
}

void config_read_limits(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config *config = out;

	config->limits.flows_per_source = PER_SOURCE_DEFAULT;
	config_read_table(r, node, limits_keys, ARRAY_SIZE(limits_keys), out);
	if (config->limits.flows_per_source == PER_SOURCE_DEFAULT)
		config->limits.flows_per_source = config->flows_max / 2;
}
