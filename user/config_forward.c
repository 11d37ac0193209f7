// SPDX-License-Identifier: GPL-2.0-only
// The [[forward]] tables of the config, key by key; config_combine() then puts them together.
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_internal.h"

static void read_name(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *name = config_get_string(r, node, "a name such as \"xmpp\"");
	struct config_draft *d = out;

	if (!name || !config_check_name(r, node->place, name))
		return;
	for (size_t i = 0; i < r->config->forward_count; i++) {
		const struct config_forward *other = &r->config->forwards[i];

		if (other != d->f && other->name && !strcmp(other->name, name)) {
			config_error(r, node->place,
				     "line %u has a forward of this name already; choose another",
				     r->extra[i].name_place.line);
			return;
		}
	}
	d->extra->name_place = node->place;
	config_read_string(r, node, &d->f->name);
}

static void read_protocol(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *name = config_get_string(r, node, "\"tcp\", \"udp\" or [\"tcp\", \"udp\"]");
	struct config_draft *d = out;

	if (!name)
		return;
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		if (strcmp(name, proto_name(proto)) != 0)
			continue;
		if (d->protocols[proto])
			config_error(r, node->place, "\"%s\" is listed twice", name);
		d->protocols[proto] = true;
		return;
	}
	config_error(r, node->place, "\"%.80s\" is not a protocol; use \"tcp\", \"udp\" or both",
		     name);
}

static void read_protocols(struct config_reader *r, const struct toml_node *node, void *out)
{
	config_read_list(r, node, read_protocol, out);
}

static void read_backend(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *name = config_get_string(r, node, "the NAME of a [backend.NAME]");
	const struct config *config = r->config;
	char hint[CONFIG_HINT_LEN];
	struct config_draft *d = out;

	for (size_t i = 0; name && i < config->backend_count; i++) {
		if (!strcmp(config->backends[i].name, name)) {
			d->f->backend = i;
			return;
		}
	}
	if (!name)
		return;
	config_hint(name, config->backends, config->backend_count, sizeof(*config->backends), hint);
	config_error(r, node->place, "unknown backend \"%.63s\"%s", name,
		     *hint ? hint : "; describe it in a [backend.NAME] table");
}

static void read_preset(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *name = config_get_string(r, node, "a preset such as \"snikket\"");
	const struct preset *presets = presets_all();
	char hint[CONFIG_HINT_LEN];
	struct config_draft *d = out;
	size_t count = 0;

	if (!name)
		return;
	d->preset = preset_find(name);
	if (d->preset) {
		config_read_string(r, node, &d->f->preset);
		return;
	}
	while (presets[count].name)
		count++;
	config_error(r, node->place, "unknown preset \"%.63s\"%s", name,
		     config_hint(name, presets, count, sizeof(*presets), hint));
}

static void read_source(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *mode = config_get_string(r, node, "\"masquerade\" or \"preserve\"");
	struct config_draft *d = out;

	if (!mode)
		return;
	d->f->source_given = true;
	if (!strcmp(mode, "preserve"))
		d->f->source = SOURCE_PRESERVE;
	else if (strcmp(mode, "masquerade") != 0)
		config_error(r, node->place,
			     "\"%.63s\" is not a source mode; use \"masquerade\" or \"preserve\"",
			     mode);
}

static void read_to_port(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct port_range *range = out;

	if (!config_get_ports(r, node, range))
		return;
	if (range->first != range->last) {
		config_error(r, node->place, "it is the first backend port; write %u",
			     range->first);
		*range = (struct port_range){ 0, 0 };
	}
}

static void read_address(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_forward *f = ((struct config_draft *)out)->f;

	config_add_unicast(r, node, "an address such as \"198.51.100.1\"", &f->addresses,
			   &f->address_count);
}

static void read_addresses(struct config_reader *r, const struct toml_node *node, void *out)
{
	config_read_list(r, node, read_address, out);
}

/* Appends to a list of prefixes; read_allow() and read_deny() say which. */
static void add_prefix(struct config_reader *r, const struct toml_node *node,
		       struct ip_prefix **list, size_t *count)
{
	struct ip_prefix prefix, *bigger;

	if (!config_get_prefix(r, node, &prefix))
		return;
	bigger = config_grow(r, *list, *count, sizeof(*bigger));
	if (!bigger)
		return;
	*list = bigger;
	bigger[(*count)++] = prefix;
}

static void read_allow_item(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_forward *f = ((struct config_draft *)out)->f;

	add_prefix(r, node, &f->allow, &f->allow_count);
}

static void read_allow(struct config_reader *r, const struct toml_node *node, void *out)
{
	config_read_list(r, node, read_allow_item, out);
}

static void read_deny_item(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_forward *f = ((struct config_draft *)out)->f;

	add_prefix(r, node, &f->deny, &f->deny_count);
}

static void read_deny(struct config_reader *r, const struct toml_node *node, void *out)
{
	config_read_list(r, node, read_deny_item, out);
}

/* RFC 4787, 4.3; RFC 5382, 5: two hours and four minutes. */
static const struct config_timeouts default_timeouts = {
	.udp_s = 300,
	.tcp_established_s = 7440,
	.tcp_transitory_s = 240,
	.icmp_s = 60,
};

static void read_timeout(struct config_reader *r, const struct toml_node *node, void *out)
{
	static const struct config_key keys[] = {
		{ "udp", config_read_duration, offsetof(struct config_timeouts, udp_s) },
		{ "tcp_established", config_read_duration,
		  offsetof(struct config_timeouts, tcp_established_s) },
		{ "tcp_transitory", config_read_duration,
		  offsetof(struct config_timeouts, tcp_transitory_s) },
		{ "icmp", config_read_duration, offsetof(struct config_timeouts, icmp_s) },
	};
	struct config_draft *d = out;

	config_read_table(r, node, keys, ARRAY_SIZE(keys), &d->f->timeouts);
}

/* exclude takes from ports that may come from a preset, so it is read when those are known. */
static const struct config_key forward_keys[] = {
	{ "name", read_name, 0 },
	{ "protocol", read_protocols, 0 },
	{ "ports", config_read_ports, offsetof(struct config_draft, ports) },
	{ "exclude", config_read_later, 0 },
	{ "backend", read_backend, 0 },
	{ "to_port", read_to_port, offsetof(struct config_draft, to_port) },
	{ "address", read_addresses, 0 },
	{ "source", read_source, 0 },
	{ "allow", read_allow, 0 },
	{ "deny", read_deny, 0 },
	{ "timeout", read_timeout, 0 },
	{ "mid_stream", config_read_bool, offsetof(struct config_draft, mid_stream) },
	{ "mss_clamp", config_read_bool, offsetof(struct config_draft, mss_clamp) },
	{ "preset", read_preset, 0 },
	{ "web", config_read_bool, offsetof(struct config_draft, web) },
	{ "turn_ports", config_read_ports, offsetof(struct config_draft, turn) },
};

static void read_forward(struct config_reader *r, const struct toml_node *node, size_t index)
{
	struct config_forward *f = &r->config->forwards[index];
	struct config_draft d = {
		.f = f, .extra = &r->extra[index], .errors = r->errors, .mss_clamp = true
	};
	const struct toml_node *name = toml_get(node, "name");
	char label[CONFIG_LABEL_LEN];
	size_t mark;

	f->backend = CONFIG_NO_BACKEND;
	f->timeouts = default_timeouts;
	f->place = node->place;
	f->ports_place = config_place(node, toml_get(node, "preset") ? "preset" : "ports");
	f->source_place = config_place(node, "source");
	f->allow_place = config_place(node, "allow");
	f->deny_place = config_place(node, "deny");
	f->timeout_place = config_place(node, "timeout");
	f->mid_stream_place = config_place(node, "mid_stream");
	f->address_place = config_place(node, "address");
	f->to_port_place = config_place(node, "to_port");
	f->backend_place = config_place(node, "backend");

	config_label_forward(name && name->type == TOML_STRING ? name->string : NULL, index, label);
	mark = config_enter(r, "%s", label);
	config_read_table(r, node, forward_keys, ARRAY_SIZE(forward_keys), &d);
	if (node->type == TOML_TABLE)
		config_combine(r, node, &d);
	config_leave(r, mark);
	d.extra->broken = r->errors != d.errors;
	d.extra->lost_addresses = toml_get(node, "address") && !f->address_count;
}

void config_read_forwards(struct config_reader *r, const struct toml_node *node)
{
	struct config *config = r->config;

	if (node->type == TOML_TABLE) {
		config_error(r, node->place,
			     "[forward] is one table; head each forward with [[forward]]");
		return;
	}
	if (node->type != TOML_ARRAY) {
		config_error(r, node->place, "forward: expected [[forward]] tables, got %s",
			     toml_type_name(node->type));
		return;
	}
	for (size_t i = 0; i < node->child_count; i++) {
		struct config_forward *bigger;

		if (i == CONFIG_FORWARDS_MAX) {
			config_error(r, node->children[i].place,
				     "more than %d forwards; put ports that share a backend in one "
				     "list",
				     CONFIG_FORWARDS_MAX);
			return;
		}
		bigger = config_grow(r, config->forwards, i, sizeof(*bigger));
		if (!bigger)
			return;
		config->forwards = bigger;
		config->forward_count = i + 1;
		read_forward(r, &node->children[i], i);
	}
}
