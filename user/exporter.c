// SPDX-License-Identifier: GPL-2.0-only
// Which listener there is to be, and when it changes.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "exporter_internal.h"
#include "log.h"

/* What a listener was made from; as in struct config_metrics, each NULL or a copy. */
enum setting { LISTEN, TLS_CERTIFICATE, TLS_KEY, USERNAME, PASSWORD_HASH, SETTING_COUNT };

/**
 * struct exporter - the listener of an agent
 * @site:       what it tells about
 * @settings:   what @server was made from
 * @listen_fd:  its socket, once more, so that another server can go on with it; -1 for none
 * @server:     NULL when it does not listen
 * @generation: of the load whose config @settings are from, 0 before the first
 */
struct exporter {
	struct exporter_site site;
	char *settings[SETTING_COUNT];
	int listen_fd;
	struct exporter_server *server;
	uint32_t generation;
};

struct exporter *exporter_new(const char *bpffs, const char *iface)
{
	struct exporter *exporter = calloc(1, sizeof(*exporter));

	if (!exporter)
		return NULL;
	snprintf(exporter->site.bpffs, sizeof(exporter->site.bpffs), "%s", bpffs);
	snprintf(exporter->site.iface, sizeof(exporter->site.iface), "%s", iface);
	exporter->site.seen_at_s = exporter_now_s();
	exporter->listen_fd = -1;
	return exporter;
}

static void get_settings(const struct config_metrics *metrics, const char *settings[SETTING_COUNT])
{
	settings[LISTEN] = metrics->listen;
	settings[TLS_CERTIFICATE] = metrics->tls_certificate;
	settings[TLS_KEY] = metrics->tls_key;
	settings[USERNAME] = metrics->username;
	settings[PASSWORD_HASH] = metrics->password_hash;
}

static bool same_setting(const struct exporter *exporter, const char *const *settings,
			 enum setting which)
{
	const char *a = exporter->settings[which], *b = settings[which];

	return a && b ? !strcmp(a, b) : a == b;
}

/* A certificate may have been renewed under the same name, so TLS is never taken for the same. */
static bool same_settings(const struct exporter *exporter, const char *const *settings)
{
	bool same = !settings[TLS_KEY];

	for (enum setting i = 0; i < SETTING_COUNT; i++)
		same = same && same_setting(exporter, settings, i);
	return same;
}

static void take_settings(struct exporter *exporter, const char *const *settings)
{
	for (enum setting i = 0; i < SETTING_COUNT; i++) {
		free(exporter->settings[i]);
		exporter->settings[i] = settings[i] ? strdup(settings[i]) : NULL;
	}
}

static void stop(struct exporter *exporter)
{
	exporter_stop(exporter->server);
	exporter->server = NULL;
	if (exporter->listen_fd >= 0)
		close(exporter->listen_fd);
	exporter->listen_fd = -1;
}

/* The socket to go on with, or a new one; logs why not. */
static int open_socket(struct exporter *exporter, const char *const *settings)
{
	int fd;

	if (exporter->listen_fd >= 0 && same_setting(exporter, settings, LISTEN))
		return fcntl(exporter->listen_fd, F_DUPFD_CLOEXEC, 0);
	fd = exporter_bind(settings[LISTEN]);
	if (fd < 0)
		log_error("metrics: cannot listen on %s: %s; end what listens there, or change "
			  "listen in [metrics]",
			  settings[LISTEN], strerror(-fd));
	return fd;
}

int exporter_listen(struct exporter *exporter, const struct config_metrics *metrics)
{
	const char *settings[SETTING_COUNT];
	struct exporter_server *server = NULL;
	int fd, kept_fd;

	get_settings(metrics, settings);
	if (same_settings(exporter, settings))
		return 0;
	if (settings[LISTEN]) {
		fd = open_socket(exporter, settings);
		if (fd < 0)
			return fd;
		kept_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		server = exporter_serve(&exporter->site, fd, metrics);
		if (!server) {
			if (kept_fd >= 0)
				close(kept_fd);
			return -EINVAL;
		}
	}
	stop(exporter);
	take_settings(exporter, settings);
	exporter->server = server;
	if (server) {
		exporter->listen_fd = kept_fd;
		log_info("metrics: listening on http%s://%s", metrics->tls_key ? "s" : "",
			 metrics->listen);
	}
	return 0;
}

void exporter_follow(struct exporter *exporter, const struct state *state)
{
	bool first;

	if (!exporter)
		return;
	exporter->site.seen_at_s = exporter_now_s();
	first = !exporter->generation;
	if (exporter->generation == state->generation)
		return;
	exporter->generation = state->generation;
	if (!first) {
		struct diag_list diags = {};
		struct config *config = state_config(state, &diags);

		/* Who reloads has been told what is wrong with the file. */
		if (config && exporter_listen(exporter, &config->metrics))
			log_warning("metrics: %s", exporter->server ? "the listener stays as it was"
								    : "there is no listener");
		config_free(config);
		diag_free(&diags);
	}
}

void exporter_free(struct exporter *exporter)
{
	static const char *const nothing[SETTING_COUNT];

	if (!exporter)
		return;
	stop(exporter);
	take_settings(exporter, nothing);
	free(exporter);
}
