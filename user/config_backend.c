// SPDX-License-Identifier: GPL-2.0-only
// The [backend.NAME] tables of the config.
#include <ctype.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_internal.h"

#define NAME_LABEL_MAX 63
#define NAME_MAX_LEN   253

/*
 * A DNS name as RFC 1123 has it, plus the underscores that are found in practice. The last label
 * is not a number (RFC 3696, 2), so that 198.51.100.300 is a slip and not a name.
 */
static bool is_dns_name(const char *text)
{
	size_t label = 0;
	bool number = true;

	if (strlen(text) > NAME_MAX_LEN)
		return false;
	for (const char *c = text; *c; c++) {
		if (*c == '.') {
			if (!label)
				return false;
			if (c[1]) {
				label = 0;
				number = true;
			}
			continue;
		}
		if ((!isalnum((unsigned char)*c) && *c != '-' && *c != '_') ||
		    ++label > NAME_LABEL_MAX)
			return false;
		number = number && isdigit((unsigned char)*c);
	}
	return label && !number;
}

static void add_literal(struct config_reader *r, const struct toml_node *node,
			struct config_backend *backend, const struct ip_addr *addr)
{
	enum ip_family family = ip_addr_family(addr);

	if (!config_check_unicast(r, node, addr))
		return;
	if (backend->has[family])
		config_error(r, node->place,
			     "a second IPv%c address; a backend has at most one of each family",
			     family == FAMILY_V4 ? '4' : '6');
	backend->has[family] = true;
	backend->address[family] = *addr;
}

static void read_address_item(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *text = config_get_string(r, node, "an address such as \"198.18.9.2\"");
	struct ip_addr addr;

	if (!text)
		return;
	if (!ip_addr_parse(text, &addr))
		add_literal(r, node, out, &addr);
	else if (is_dns_name(text))
		config_error(r, node->place,
			     "a list holds literal addresses, one of each family; write the name "
			     "by itself: address = \"%s\"",
			     text);
	else
		config_error(r, node->place, "\"%.80s\" is not an IPv4 or IPv6 address", text);
}

static void read_address(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_backend *backend = out;
	struct ip_addr addr;
	const char *text;

	if (node->type == TOML_ARRAY) {
		config_read_list(r, node, read_address_item, out);
		return;
	}
	text = config_get_string(r, node, "an address or a name, or a list of addresses");
	if (!text)
		return;
	if (!ip_addr_parse(text, &addr))
		add_literal(r, node, backend, &addr);
	else if (is_dns_name(text))
		config_read_string(r, node, &backend->hostname);
	else
		config_error(r, node->place, "\"%.80s\" is neither an address nor a name", text);
}

static void read_device(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *text = config_get_string(r, node, "a network device such as \"wg0\"");

	if (!text)
		return;
	for (const char *c = text; *c; c++) {
		if (!isgraph((unsigned char)*c) || strchr("/:\\", *c) || c - text >= IFNAMSIZ - 1) {
			config_error(r, node->place,
				     "\"%.80s\" is not a device name (1-%d characters, no space, "
				     "'/' or ':')",
				     text, IFNAMSIZ - 1);
			return;
		}
	}
	config_read_string(r, node, out);
}

static void read_masquerade_item(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct config_backend *backend = out;

	config_add_unicast(r, node, "an address of this host", &backend->masquerade,
			   &backend->masquerade_count);
}

static void read_masquerade(struct config_reader *r, const struct toml_node *node, void *out)
{
	config_read_list(r, node, read_masquerade_item, out);
}

static const struct config_key backend_keys[] = {
	{ "address", read_address, 0 },
	{ "device", read_device, offsetof(struct config_backend, device) },
	{ "masquerade_address", read_masquerade, 0 },
};

static void read_backend(struct config_reader *r, const struct toml_node *node)
{
	struct config *config = r->config;
	struct config_backend *backend;
	size_t mark;

	if (node->type != TOML_TABLE) {
		config_error(r, node->key_place,
			     "backend: \"%.63s\" stands outside of a backend; head its table "
			     "[backend.NAME]",
			     node->key);
		return;
	}
	backend = config_grow(r, config->backends, config->backend_count, sizeof(*backend));
	if (!backend)
		return;
	config->backends = backend;
	backend += config->backend_count;
	backend->name = strdup(node->key);
	if (!backend->name) {
		config_error(r, node->place, "out of memory");
		return;
	}
	config->backend_count++;
	backend->place = node->place;
	backend->address_place = config_place(node, "address");
	backend->device_place = config_place(node, "device");
	backend->masquerade_place = config_place(node, "masquerade_address");
	mark = config_enter(r, "backend \"%.*s\"", CONFIG_NAME_MAX, backend->name);
	config_check_name(r, node->key_place, backend->name);
	config_read_table(r, node, backend_keys, ARRAY_SIZE(backend_keys), backend);
	if (!toml_get(node, "address"))
		config_error(r, node->place, "address is missing; add address = \"...\"");
	config_leave(r, mark);
}

void config_read_backends(struct config_reader *r, const struct toml_node *node)
{
	if (node->type != TOML_TABLE) {
		config_error(r, node->place, "backend: expected [backend.NAME] tables, got %s",
			     toml_type_name(node->type));
		return;
	}
	for (size_t i = 0; i < node->child_count; i++)
		read_backend(r, &node->children[i]);
}
