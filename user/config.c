// SPDX-License-Identifier: GPL-2.0-only
// ports.toml as a whole: its top-level keys, in and out of files and memory.
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_internal.h"

#define FILE_SIZE_MAX (1U << 20)

const char *proto_name(enum proto proto)
{
	static const char *const names[] = { [PROTO_TCP] = "tcp", [PROTO_UDP] = "udp" };

	_Static_assert(ARRAY_SIZE(names) == PROTO_COUNT, "every protocol has a name");
	return names[proto];
}

/* Forwards name backends that may stand below them, so read_root() sees to the order. */
static const struct config_key root_keys[] = {
	{ "metrics", config_read_metrics, offsetof(struct config, metrics) },
	{ "limits", config_read_limits, 0 },
	{ "backend", config_read_later, 0 },
	{ "forward", config_read_later, 0 },
};

static void read_root(struct config_reader *r, const struct toml_node *root)
{
	const struct toml_node *backends = toml_get(root, "backend");
	const struct toml_node *forwards = toml_get(root, "forward");

	config_read_table(r, root, root_keys, ARRAY_SIZE(root_keys), r->config);
	if (backends)
		config_read_backends(r, backends);
	if (forwards)
		config_read_forwards(r, forwards);
	if (!forwards || (forwards->type == TOML_ARRAY && !forwards->child_count))
		config_error(r, (struct diag_place){ 1, 1 }, "no [[forward]]: nothing to forward");
	config_check(r);
}

static int compare_diags(const void *a, const void *b)
{
	const struct diag *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

struct config *config_parse(const char *text, size_t len, struct diag_list *diags)
{
	struct config_reader *r = calloc(1, sizeof(*r));
	struct toml_node *root = toml_parse(text, len, diags);
	struct config *config = calloc(1, sizeof(*config));
	size_t before = diags->count;
	bool good = false;

	if (!r || !config)
		diag_add(diags, DIAG_CONFIG_ERROR, (struct diag_place){ 0, 0 }, "out of memory");
	if (r && config && root) {
		config_limits_init(config);
		r->config = config;
		r->diags = diags;
		read_root(r, root);
		config->text = strndup(text, len);
		good = config->text && !r->errors;
		/* Some checks wait for the whole file; its reader goes from top to bottom. */
		if (diags->count > before)
			qsort(diags->items + before, diags->count - before, sizeof(*diags->items),
			      compare_diags);
	}
	toml_free(root);
	free(r);
	if (good)
		return config;
	config_free(config);
	return NULL;
}

/* The whole file as a malloc()ed string; NULL with errno set. */
static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	int err = 0;

	if (!file)
		return NULL;
	text = malloc(FILE_SIZE_MAX + 1);
	if (!text) {
		err = ENOMEM;
	} else {
		errno = 0;
		*len = fread(text, 1, FILE_SIZE_MAX + 1, file);
		if (ferror(file))
			err = errno ? errno : EIO;
		else if (*len > FILE_SIZE_MAX)
			err = EFBIG;
	}
	fclose(file);
	if (!err)
		return text;
	free(text);
	errno = err;
	return NULL;
}

struct config *config_load(const char *path, struct diag_list *diags)
{
	struct config *config;
	char *text;
	size_t len;

	diags->file = path;
	text = read_file(path, &len);
	if (!text) {
		diag_add(diags, DIAG_CONFIG_ERROR, (struct diag_place){ 0, 0 },
			 "cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	config = config_parse(text, len, diags);
	free(text);
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->backend_count; i++) {
		free(config->backends[i].name);
		free(config->backends[i].hostname);
		free(config->backends[i].device);
		free(config->backends[i].masquerade);
	}
	for (size_t i = 0; i < config->forward_count; i++) {
		free(config->forwards[i].name);
		free(config->forwards[i].addresses);
		free(config->forwards[i].allow);
		free(config->forwards[i].deny);
		free(config->forwards[i].preset);
	}
	free(config->text);
	free(config->backends);
	free(config->forwards);
	free(config->metrics.listen);
	free(config->metrics.tls_certificate);
	free(config->metrics.tls_key);
	free(config->metrics.username);
	free(config->metrics.password_hash);
	free(config);
}
