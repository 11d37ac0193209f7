// SPDX-License-Identifier: GPL-2.0-only
// The config's [metrics]: where the HTTP listener is, and who may ask it.
#include <stddef.h>
#include <string.h>
#include "config_internal.h"

static void read_listen(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *what = "\"ADDRESS:PORT\" such as \"127.0.0.1:9743\" or \"[::1]:9743\"";
	const char *text = config_get_string(r, node, what);
	struct ip_addr addr;
	uint16_t port;

	if (!text)
		return;
	if (ip_endpoint_parse(text, &addr, &port))
		config_error(r, node->place, "\"%.80s\" is not %s", text, what);
	else
		config_read_string(r, node, out);
}

/* The agent reads the file, and its directory is not that of the config. */
static void read_path(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *text = config_get_string(r, node, "the path of a PEM file");

	if (!text)
		return;
	if (*text != '/')
		config_error(r, node->place, "\"%.80s\" is not a path that begins with /", text);
	else
		config_read_string(r, node, out);
}

/* RFC 7617, 2: the first colon ends the name. */
static void read_username(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *text = config_get_string(r, node, "a user name");

	if (!text)
		return;
	if (strchr(text, ':'))
		config_error(r, node->place, "\"%.80s\" has a colon; choose another", text);
	else
		config_read_string(r, node, out);
}

/* SHA-256 or SHA-512 crypt: $5$ or $6$, options and salt, $, and 43 or 86 digits of base 64. */
static bool is_hash(const char *text)
{
	static const char digits[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t len = !strncmp(text, "$5$", 3) ? 43 : !strncmp(text, "$6$", 3) ? 86 : 0;
	const char *last = strrchr(text, '$');

	return len && last > text + 2 && strlen(last + 1) == len && strspn(last + 1, digits) == len;
}

/* What is no hash may be the password itself: it is not repeated. */
static void read_hash(struct config_reader *r, const struct toml_node *node, void *out)
{
	const char *text = config_get_string(r, node, "a hash of the password");

	if (!text)
		return;
	if (!is_hash(text))
		config_error(r, node->place,
			     "it is not a SHA-256 or SHA-512 crypt hash ($5$ or $6$); "
			     "`openssl passwd -6` makes one");
	else
		config_read_string(r, node, out);
}

static void need_both(struct config_reader *r, const struct toml_node *table, const char *key,
		      const char *other)
{
	if (toml_get(table, key) && !toml_get(table, other))
		config_error(r, config_place(table, key), "%s: it needs %s, too", key, other);
}

static bool is_loopback(const char *listen)
{
	struct ip_addr addr;
	char text[IP_ADDR_STRLEN];
	uint16_t port;

	ip_endpoint_parse(listen, &addr, &port);
	ip_addr_format(&addr, text);
	return !strncmp(text, "127.", 4) || !strcmp(text, "::1");
}

void config_read_metrics(struct config_reader *r, const struct toml_node *node, void *out)
{
	static const struct config_key keys[] = {
		{ "listen", read_listen, offsetof(struct config_metrics, listen) },
		{ "tls_certificate", read_path, offsetof(struct config_metrics, tls_certificate) },
		{ "tls_key", read_path, offsetof(struct config_metrics, tls_key) },
		{ "username", read_username, offsetof(struct config_metrics, username) },
		{ "password_hash", read_hash, offsetof(struct config_metrics, password_hash) },
	};
	struct config_metrics *metrics = out;

	config_read_table(r, node, keys, ARRAY_SIZE(keys), metrics);
	if (node->type != TOML_TABLE)
		return;
	metrics->listen_place = config_place(node, "listen");
	need_both(r, node, "tls_certificate", "tls_key");
	need_both(r, node, "tls_key", "tls_certificate");
	need_both(r, node, "username", "password_hash");
	need_both(r, node, "password_hash", "username");
	if (!toml_get(node, "listen") && node->child_count)
		config_warn(r, node->place, "without listen there is no HTTP listener");
	if (metrics->listen && !is_loopback(metrics->listen) &&
	    (!toml_get(node, "tls_key") || !toml_get(node, "username")))
		config_warn(r, metrics->listen_place,
			    "listen: others than this host can read %s; give tls_certificate, "
			    "tls_key, username and password_hash, or listen on 127.0.0.1",
			    metrics->listen);
}
