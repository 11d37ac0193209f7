// SPDX-License-Identifier: GPL-2.0-only
// Readers of single config values: strings, ports, addresses, prefixes, durations.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_internal.h"

#define DAY_S	       86400
#define DURATION_MAX_S (365 * DAY_S)

/* As much of a user's text as a message repeats. */
#define QUOTED_MAX 80

const char *config_get_string(struct config_reader *r, const struct toml_node *node,
			      const char *what)
{
	if (node->type != TOML_STRING) {
		config_expected(r, node, what);
		return NULL;
	}
	if (!*node->string) {
		config_error(r, node->place, "expected %s, got an empty string", what);
		return NULL;
	}
	return node->string;
}

void config_read_string(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *text = config_get_string(r, node, "a string");
	char **copy = out;

	if (!text)
		return;
	*copy = strdup(text);
	if (!*copy)
		config_error(r, node->place, "out of memory");
}

void config_read_bool(struct config_reader *r, const struct toml_node *node, void *out)
{
	if (node->type != TOML_BOOLEAN)
		config_expected(r, node, "true or false");
	else
		*(bool *)out = node->boolean;
}

void config_read_duration(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *what = "a duration such as \"300s\", \"5m\", \"2h\" or \"1d\"";
	const char *text = config_get_string(r, node, what);
	unsigned long unit_s, value;
	const char *unit;

	if (!text)
		return;
	unit = text + strspn(text, "0123456789");
	if (unit == text || !*unit || unit[1] || !strchr("smhd", *unit)) {
		config_error(r, node->place, "\"%.*s\" is not %s", QUOTED_MAX, text, what);
		return;
	}
	value = strtoul(text, NULL, 10);
	unit_s = *unit == 's' ? 1 : *unit == 'm' ? 60 : *unit == 'h' ? 3600 : DAY_S;
	if (!value || value > DURATION_MAX_S / unit_s)
		config_error(r, node->place, "%.*s is not between 1s and 365d", QUOTED_MAX, text);
	else
		*(uint32_t *)out = (uint32_t)(value * unit_s);
}

static bool check_port(struct config_reader *r, const struct toml_node *node, const char *digits)
{
	size_t len = strspn(digits, "0123456789");
	unsigned long port = strtoul(digits, NULL, 10);

	if (port >= 1 && port < PORT_COUNT)
		return true;
	config_error(r, node->place, "%.*s is not a port (1-65535)", len > 20 ? 20 : (int)len,
		     digits);
	return false;
}

bool config_get_ports(struct config_reader *r, const struct toml_node *node,
		      struct port_range *range)
{
	char number[24];
	const char *text = number, *last;
	size_t len;

	if (node->type == TOML_INTEGER) {
		snprintf(number, sizeof(number), "%" PRId64, node->integer);
	} else {
		text = config_get_string(r, node, "a port or a \"first-last\" range");
		if (!text)
			return false;
	}
	if (node->type == TOML_INTEGER && node->integer < 0) {
		config_error(r, node->place, "%s is not a port (1-65535)", number);
		return false;
	}
	len = strspn(text, "0123456789");
	last = text[len] == '-' ? text + len + 1 : text;
	if (!len || !*last || last[strspn(last, "0123456789")]) {
		config_error(r, node->place, "\"%.*s\" is not a port or a \"first-last\" range",
			     QUOTED_MAX, text);
		return false;
	}
	if (!check_port(r, node, text) || (last != text && !check_port(r, node, last)))
		return false;
	range->first = (uint16_t)strtoul(text, NULL, 10);
	range->last = (uint16_t)strtoul(last, NULL, 10);
	if (range->first > range->last) {
		config_error(r, node->place, "reversed range %u-%u; write %u-%u", range->first,
			     range->last, range->last, range->first);
		return false;
	}
	return true;
}

static void read_ports_item(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_ports *ports = out;
	struct port_range range, run = { 0, 0 };
	struct port_set twice = { 0 };

	if (!config_get_ports(r, node, &range))
		return;
	port_set_add(&twice, range);
	port_set_intersect(&twice, &ports->all);
	if (port_set_next(&twice, &run))
		config_error(r, node->place, "port %u is listed twice; name it once", run.first);
	port_set_add(&ports->all, range);
	if (range.first == range.last)
		port_set_add(&ports->named, range);
}

void config_read_ports(struct config_reader *r, const struct toml_node *node, void *out)
{
	config_read_list(r, node, read_ports_item, out);
}

bool config_get_prefix(struct config_reader *r, const struct toml_node *node,
		       struct ip_prefix *prefix)
{
	const char *text = config_get_string(
		r, node, "a prefix such as \"198.51.100.0/24\" or \"2001:db8::/32\"");
	char network[IP_ADDR_STRLEN];
	int err;

	if (!text)
		return false;
	err = ip_prefix_parse(text, prefix);
	if (err == -ERANGE)
		config_error(r, node->place, "%s has host bits set; the network is %s/%u", text,
			     ip_addr_format(&prefix->addr, network), prefix->len);
	else if (err)
		config_error(r, node->place, "\"%.*s\" is not an address or a prefix", QUOTED_MAX,
			     text);
	return !err;
}

bool config_check_name(struct config_reader *r, struct diag_place place, const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._+-");

	if (len && len <= CONFIG_NAME_MAX && !name[len])
		return true;
	config_error(
		r, place,
		"\"%.*s\" is not a name; names are 1-%d letters, digits, '.', '_', '+' or '-', "
		"as they become metric labels",
		QUOTED_MAX, name, CONFIG_NAME_MAX);
	return false;
}

bool config_check_unicast(struct config_reader *r, const struct toml_node *node,
			  const struct ip_addr *addr)
{
	static const struct {
		const char *prefix, *what;
	} unusable[] = {
		{ "0.0.0.0/8", "means \"this host\"" },
		{ "127.0.0.0/8", "is a loopback address" },
		{ "224.0.0.0/4", "is a multicast address" },
		{ "240.0.0.0/4", "is reserved or broadcast" },
		{ "::/128", "means \"any address\"" },
		{ "::1/128", "is the loopback address" },
		{ "fe80::/10", "is a link-local address" },
		{ "ff00::/8", "is a multicast address" },
	};
	char text[IP_ADDR_STRLEN];
	struct ip_prefix prefix;

	for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
		if (ip_prefix_parse(unusable[i].prefix, &prefix) ||
		    !ip_prefix_contains(&prefix, addr))
			continue;
		config_error(r, node->place, "%s %s; name a unicast address",
			     ip_addr_format(addr, text), unusable[i].what);
		return false;
	}
	return true;
}

void config_add_unicast(struct config_reader *r, const struct toml_node *node, const char *what,
			struct ip_addr **list, size_t *count)
{
	const char *text = config_get_string(r, node, what);
	struct ip_addr addr, *bigger;

	if (!text)
		return;
	if (ip_addr_parse(text, &addr)) {
		config_error(r, node->place, "\"%.80s\" is not an IPv4 or IPv6 address", text);
		return;
	}
	if (!config_check_unicast(r, node, &addr))
		return;
	for (size_t i = 0; i < *count; i++) {
		if (ip_addr_equal(&(*list)[i], &addr)) {
			config_error(r, node->place, "%s is listed twice; name it once", text);
			return;
		}
	}
	bigger = config_grow(r, *list, *count, sizeof(*bigger));
	if (!bigger)
		return;
	*list = bigger;
	(*list)[(*count)++] = addr;
}
