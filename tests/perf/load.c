// SPDX-License-Identifier: GPL-2.0-only
// Asks and answers small requests over TCP, and times them.
//
//   load serve PORT
//   load connect ADDRESS PORT SECONDS CLIENTS       as fast as it goes: connect, ask, close
//   load ask ADDRESS PORT SECONDS CLIENTS RATE      RATE requests a second over CLIENTS connections
//
// The clients print one line of JSON: how many were answered, how many failed, in which time, and
// percentiles of how long each took. With a rate the time starts when a request was due, so that
// one late answer also counts for those that had to wait behind it.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST	    64 /* bytes, and as many come back */
#define CLIENTS_MAX 1024
#define SAMPLES_MAX (1 << 21)
#define EVENTS	    64
#define GRACE_NS    1000000000LL /* how long to wait for the last answers */

/* One client: a connection with at most one request under way. @since_ns: when it was due. */
struct client {
	int fd;
	int64_t since_ns;
	size_t got;
	bool connecting, busy;
};

static struct sockaddr_in6 server = { .sin6_family = AF_INET6 };
static struct client clients[CLIENTS_MAX];
static uint32_t samples[SAMPLES_MAX];
static size_t sample_count, failures;
static int poller;

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void watch(int fd, uint32_t events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
}

/* Answers what it gets; @client is the listener when it is NULL. */
static void serve_event(int listener, struct client *client)
{
	char buf[4096];
	ssize_t len;
	int on = 1;

	if (client) {
		len = read(client->fd, buf, sizeof(buf));
		if (len > 0 && write(client->fd, buf, len) == len)
			return;
		close(client->fd);
		free(client);
		return;
	}
	client = calloc(1, sizeof(*client));
	client->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (client->fd < 0)
		die("accept");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	watch(client->fd, EPOLLIN, client);
}

static void serve(uint16_t port)
{
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	server.sin6_port = htons(port);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&server, sizeof(server)) || listen(listener, 4096))
		die("listen");
	watch(listener, EPOLLIN, NULL);
	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < count; i++)
			serve_event(listener, events[i].data.ptr);
	}
}

static void client_connect(struct client *client)
{
	int on = 1;

	client->fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(client->fd, (struct sockaddr *)&server, sizeof(server)) && errno != EINPROGRESS)
		die("connect");
	client->connecting = true;
	client->got = 0;
	watch(client->fd, EPOLLIN | EPOLLOUT | EPOLLET, client);
}

static bool client_ask(struct client *client)
{
	static const char request[REQUEST];

	client->got = 0;
	client->busy = true;
	return send(client->fd, request, REQUEST, MSG_NOSIGNAL) == REQUEST;
}

static void sample_add(int64_t ns)
{
	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = ns > UINT32_MAX ? UINT32_MAX : ns;
}

/* Return: 1 when the answer is complete, 0 when not yet, -1 when the connection is gone. */
static int client_read(struct client *client)
{
	char buf[REQUEST];

	for (;;) {
		ssize_t len = read(client->fd, buf, sizeof(buf));

		if (len < 0 && errno == EAGAIN)
			return 0;
		if (len <= 0)
			return -1;
		client->got += len;
		if (client->got >= REQUEST) {
			client->busy = false;
			return 1;
		}
	}
}

static void connect_event(struct client *client, uint32_t events)
{
	int state = events & (EPOLLERR | EPOLLHUP) ? -1 : 0;

	if (!state && client->connecting && events & EPOLLOUT) {
		client->connecting = false;
		state = client_ask(client) ? 0 : -1;
	}
	if (!state && events & EPOLLIN)
		state = client_read(client);
	if (!state)
		return;
	close(client->fd);
	if (state > 0)
		sample_add(now_ns() - client->since_ns);
	else
		failures++;
	client->since_ns = now_ns();
	client_connect(client);
}

static double run_connect(int64_t duration_ns, unsigned int count)
{
	int64_t start = now_ns(), now = start;

	for (unsigned int i = 0; i < count; i++) {
		clients[i].since_ns = start;
		client_connect(&clients[i]);
	}
	while (now - start < duration_ns) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(poller, events, EVENTS, 100);

		for (int i = 0; i < ready; i++)
			connect_event(events[i].data.ptr, events[i].events);
		now = now_ns();
	}
	return (now - start) / 1e9;
}

/* Connections for `ask` are made one by one before the clock starts. */
static void open_all(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct epoll_event event;

		client_connect(&clients[i]);
		if (epoll_wait(poller, &event, 1, 5000) != 1 || !(event.events & EPOLLOUT) ||
		    event.events & EPOLLERR || !client_ask(&clients[i]))
			die("connect");
		clients[i].connecting = false;
		while (client_read(&clients[i]) == 0)
			epoll_wait(poller, &event, 1, 5000);
		if (clients[i].busy)
			die("first answer");
	}
}

static void ask_answered(struct client *client)
{
	int state = client->busy ? client_read(client) : 0;

	if (state < 0)
		die("connection lost");
	if (state > 0)
		sample_add(now_ns() - client->since_ns);
}

/* The next client that is free, in turn; NULL when all wait for an answer. */
static struct client *next_free(unsigned int count)
{
	static unsigned int turn;

	for (unsigned int i = 0; i < count; i++) {
		struct client *client = &clients[turn++ % count];

		if (!client->busy)
			return client;
	}
	return NULL;
}

static double run_ask(int64_t duration_ns, unsigned int count, unsigned int rate)
{
	int64_t period = 1000000000LL / rate, start, due, now;
	size_t asked = 0, wanted = duration_ns / period;

	open_all(count);
	due = now = start = now_ns();
	while (sample_count < wanted && now - start < duration_ns + GRACE_NS) {
		struct epoll_event events[EVENTS];
		struct timespec wait = {};
		struct client *client;
		int ready;

		while (asked < wanted && due <= now && (client = next_free(count))) {
			client->since_ns = due;
			if (!client_ask(client))
				die("ask");
			asked++;
			due += period;
		}
		wait.tv_nsec = due > now && asked < wanted ? due - now : 1000000;
		ready = epoll_pwait2(poller, events, EVENTS, &wait, NULL);
		for (int i = 0; i < ready; i++)
			ask_answered(events[i].data.ptr);
		now = now_ns();
	}
	failures = wanted - sample_count;
	return (now - start) / 1e9;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static double percentile_us(double share)
{
	return sample_count ? samples[(size_t)(share * (sample_count - 1))] / 1e3 : 0;
}

int main(int argc, char **argv)
{
	char address[INET6_ADDRSTRLEN + 8];
	unsigned int count;
	double seconds;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_TIMERSLACK, 1);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc != 6 + (argc > 1 && !strcmp(argv[1], "ask"))) {
		fprintf(stderr, "usage: load serve|connect|ask ...\n");
		return 2;
	}
	snprintf(address, sizeof(address), "%s%s", strchr(argv[2], ':') ? "" : "::ffff:", argv[2]);
	server.sin6_port = htons(atoi(argv[3]));
	count = atoi(argv[5]);
	if (inet_pton(AF_INET6, address, &server.sin6_addr) != 1 || !count || count > CLIENTS_MAX)
		die("arguments");
	seconds = argc == 6 ? run_connect(atof(argv[4]) * 1e9, count)
			    : run_ask(atof(argv[4]) * 1e9, count, atoi(argv[6]));
	qsort(samples, sample_count, sizeof(samples[0]), compare);
	printf("{\"answered\": %zu, \"failed\": %zu, \"seconds\": %.6f, \"p50\": %.2f, "
	       "\"p99\": %.2f, \"p999\": %.2f}\n",
	       sample_count, failures, seconds, percentile_us(0.5), percentile_us(0.99),
	       percentile_us(0.999));
	return 0;
}
