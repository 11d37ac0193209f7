// SPDX-License-Identifier: GPL-2.0-only
// One HTTP listener: libmicrohttpd, driven by a thread of ours.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include "exporter_internal.h"
#include "log.h"

#define PEM_SIZE_MAX (256 * 1024)
#define NICENESS     10

/* struct visit - an open connection; @fd is -1 for none */
struct visit {
	int fd;
	long long until_s;
};

/**
 * struct exporter_server - a listener
 * @site:    what it answers about
 * @daemon:  libmicrohttpd's side of it; only the thread looks at it while that runs
 * @stop_fd: an event that ends the thread
 * @user:    who may ask
 * @certificate, @key: PEM texts, or NULL
 * @visits:  the connections of this moment
 * @said:    what libmicrohttpd complained of last
 */
struct exporter_server {
	const struct exporter_site *site;
	struct MHD_Daemon *daemon;
	pthread_t thread;
	int stop_fd;
	struct exporter_user user;
	char *certificate, *key;
	struct visit visits[EXPORTER_CONNECTIONS_MAX];
	char said[256];
};

int exporter_bind(const char *listen_text)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name = {};
	struct ip_addr addr;
	uint16_t port;
	int fd, on = 1;

	if (ip_endpoint_parse(listen_text, &addr, &port))
		return -EINVAL;
	if (ip_addr_family(&addr) == FAMILY_V4) {
		name.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
		name.v4.sin_addr.s_addr = addr.w[3];
	} else {
		name.v6 =
			(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		memcpy(&name.v6.sin6_addr, &addr, sizeof(addr));
	}
	fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, &name.any,
		 name.any.sa_family == AF_INET ? sizeof(name.v4) : sizeof(name.v6)) ||
	    listen(fd, EXPORTER_CONNECTIONS_MAX)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *data, const char *fmt, va_list args)
{
	struct exporter_server *server = data;

	vsnprintf(server->said, sizeof(server->said), fmt, args);
	server->said[strcspn(server->said, "\n")] = '\0';
	log_at(LOG_LEVEL_DEBUG, "metrics: %s", server->said);
}

/* Each connection is remembered from accept on, for the deadline that no client can put off. */
static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct exporter_server *server = data;
	struct visit *visit = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (visit)
			visit->fd = -1;
		return;
	}
	for (size_t i = 0; i < EXPORTER_CONNECTIONS_MAX; i++) {
		visit = &server->visits[i];
		if (visit->fd >= 0)
			continue;
		visit->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				    ->connect_fd;
		visit->until_s = exporter_now_s() + EXPORTER_CONNECTION_S;
		*context = visit;
		return;
	}
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	const struct exporter_server *server = data;

	(void)version, (void)upload, (void)context;
	/* Answered with the headers; of what comes after them nothing is kept. */
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (!exporter_may_ask(&server->user, connection))
		return exporter_refuse(connection);
	return exporter_answer(server->site, connection, url, method);
}

static void end_overdue(struct exporter_server *server)
{
	long long now_s = exporter_now_s();

	for (size_t i = 0; i < EXPORTER_CONNECTIONS_MAX; i++)
		if (server->visits[i].fd >= 0 && server->visits[i].until_s <= now_s)
			shutdown(server->visits[i].fd, SHUT_RDWR);
}

/* Milliseconds until libmicrohttpd wants to be called, at most a second. */
static int wait_ms(struct MHD_Daemon *daemon)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(daemon, &ms) == MHD_YES && ms < 1000 ? (int)ms : 1000;
}

/*
 * Behind the agent's loop, and whatever else this host does: passwords that are tried in a hurry,
 * or handshakes, take the time that is left.
 */
static void *serve(void *data)
{
	struct exporter_server *server = data;
	struct pollfd fds[] = {
		{ .fd = server->stop_fd, .events = POLLIN },
		{ .fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		  .events = POLLIN },
	};

	setpriority(PRIO_PROCESS, gettid(), NICENESS);
	for (;;) {
		poll(fds, 2, wait_ms(server->daemon));
		if (fds[0].revents)
			return NULL;
		MHD_run(server->daemon);
		end_overdue(server);
	}
}

/* A file as a malloc()ed string; why not is logged. */
static char *read_pem(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = file ? calloc(1, PEM_SIZE_MAX + 1) : NULL;

	if (text && !fread(text, 1, PEM_SIZE_MAX, file) && ferror(file)) {
		free(text);
		text = NULL;
	}
	if (!text)
		log_error("metrics: cannot read %s: %s", path, strerror(errno));
	if (file)
		fclose(file);
	return text;
}

static int read_files(struct exporter_server *server, const struct config_metrics *metrics)
{
	if (metrics->username) {
		server->user.name = strdup(metrics->username);
		server->user.hash = strdup(metrics->password_hash);
		if (!server->user.name || !server->user.hash)
			return -ENOMEM;
	}
	if (!metrics->tls_certificate)
		return 0;
	server->certificate = read_pem(metrics->tls_certificate);
	server->key = server->certificate ? read_pem(metrics->tls_key) : NULL;
	return server->key ? 0 : -EINVAL;
}

static struct MHD_Daemon *start_daemon(struct exporter_server *server, int listen_fd)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, server->key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (server->key ? MHD_USE_TLS : 0),
				0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER,
				on_log, server, MHD_OPTION_LISTEN_SOCKET, listen_fd,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
				MHD_OPTION_CONNECTION_LIMIT, EXPORTER_CONNECTIONS_MAX,
				MHD_OPTION_PER_IP_CONNECTION_LIMIT, EXPORTER_CONNECTIONS_PER_IP_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, EXPORTER_CONNECTION_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)EXPORTER_HEADERS_MAX,
				MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY,
				server->key ? tls : none, MHD_OPTION_END);
}

/* The thread takes no signals: they are the agent's, and SIGPIPE is nobody's. */
static int start_thread(struct exporter_server *server)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&server->thread, NULL, serve, server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

static void free_server(struct exporter_server *server)
{
	if (server->daemon)
		MHD_stop_daemon(server->daemon); /* closes the socket */
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	free(server->user.name);
	free(server->user.hash);
	free(server->certificate);
	free(server->key);
	free(server);
}

struct exporter_server *exporter_serve(const struct exporter_site *site, int listen_fd,
				       const struct config_metrics *metrics)
{
	struct exporter_server *server = calloc(1, sizeof(*server));

	if (!server) {
		close(listen_fd);
		return NULL;
	}
	server->site = site;
	for (size_t i = 0; i < EXPORTER_CONNECTIONS_MAX; i++)
		server->visits[i].fd = -1;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (!read_files(server, metrics)) {
		server->daemon = start_daemon(server, listen_fd);
		if (!server->daemon)
			log_error("metrics: cannot serve on %s: %s", metrics->listen, server->said);
	}
	if (!server->daemon)
		close(listen_fd);
	if (server->daemon && server->stop_fd >= 0 && !start_thread(server))
		return server;
	free_server(server);
	return NULL;
}

void exporter_stop(struct exporter_server *server)
{
	uint64_t one = 1;

	if (!server)
		return;
	while (write(server->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(server->thread, NULL);
	free_server(server);
}
