/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the exporter share: one listener, its answers, who may ask. */
#ifndef XDPFWD_EXPORTER_INTERNAL_H
#define XDPFWD_EXPORTER_INTERNAL_H

#include <microhttpd.h>
#include <stdatomic.h>
#include "exporter.h"

/* More connections than these wait; a proxy or a loopback client may take half of them. */
#define EXPORTER_CONNECTIONS_MAX	16
#define EXPORTER_CONNECTIONS_PER_IP_MAX 8

/* From accept to the last byte, however lively the client is. */
#define EXPORTER_CONNECTION_S 10

/* For the headers of a request and those of its answer. */
#define EXPORTER_HEADERS_MAX 16384

/* The agent's loop is taken for stuck when it has not come by for so long. */
#define EXPORTER_STUCK_S 60

/**
 * struct exporter_site - what the answers are about
 * @bpffs, @iface: whose numbers
 * @seen_at_s:     CLOCK_MONOTONIC of the agent's last exporter_follow()
 */
struct exporter_site {
	char bpffs[PATH_MAX];
	char iface[IFNAMSIZ];
	atomic_llong seen_at_s;
};

/* exporter_now_s() - CLOCK_MONOTONIC */
long long exporter_now_s(void);

/**
 * struct exporter_user - who may ask
 * @name, @hash: of [metrics]; both NULL when everybody may
 */
struct exporter_user {
	char *name, *hash;
};

/* exporter_may_ask() - did the client show who it is? Takes the same time whatever it showed */
bool exporter_may_ask(const struct exporter_user *user, struct MHD_Connection *connection);

/* exporter_answer() - answer a request whose sender may ask */
enum MHD_Result exporter_answer(const struct exporter_site *site, struct MHD_Connection *connection,
				const char *url, const char *method);

/* exporter_refuse() - answer one whose sender may not */
enum MHD_Result exporter_refuse(struct MHD_Connection *connection);

/* A listener with its thread. */
struct exporter_server;

/**
 * exporter_bind() - a listening socket
 * @listen: "127.0.0.1:9743"
 *
 * Return: its descriptor, or -errno.
 */
int exporter_bind(const char *listen);

/**
 * exporter_serve() - start a listener
 * @listen_fd: its socket; taken over, also when it cannot be started
 * @metrics:   TLS files and user
 *
 * Return: NULL when it cannot be started, which is logged.
 */
struct exporter_server *exporter_serve(const struct exporter_site *site, int listen_fd,
				       const struct config_metrics *metrics);

/* exporter_stop() - end a listener and all its connections; NULL is allowed */
void exporter_stop(struct exporter_server *server);

#endif
