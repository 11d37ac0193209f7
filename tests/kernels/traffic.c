// SPDX-License-Identifier: GPL-2.0-only
// A TCP and UDP echo server that says who it hears, and its client: small enough for any guest.
//
//   traffic serve PORT                      one port of both protocols, until it is ended
//   traffic ask tcp|udp ADDRESS PORT SIZE   prints the address the server sees, when SIZE bytes
//                                           came back as they were sent
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S  5 /* emulated guests are slow */
#define BUFFER_MAX 65536

static int fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, errno ? strerror(errno) : "wrong answer");
	return 1;
}

/* The byte at an offset of the payload; no period that fits a packet or a power of two. */
static char pattern(size_t offset)
{
	return 'a' + offset % 23;
}

/* "ADDRESS\n", an IPv4 one in its own notation. */
static size_t name_peer(const struct sockaddr_in6 *peer, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	bool mapped = IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr);

	inet_ntop(AF_INET6, &peer->sin6_addr, text, sizeof(text));
	return snprintf(buf, size, "%s\n", mapped ? strrchr(text, ':') + 1 : text);
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t sent = write(fd, buf, len);

		if (sent < 0)
			return -1;
		buf += sent;
		len -= sent;
	}
	return 0;
}

static int bind_any(int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type, 0), on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    (type == SOCK_STREAM && listen(fd, 16)))
		return -1;
	return fd;
}

static void serve_connection(int listener)
{
	struct sockaddr_in6 peer;
	socklen_t peer_len = sizeof(peer);
	int fd = accept(listener, (struct sockaddr *)&peer, &peer_len);
	static char buf[BUFFER_MAX];
	ssize_t len;

	if (fd < 0 || fork()) {
		close(fd);
		return;
	}
	len = name_peer(&peer, buf, sizeof(buf));
	while (len > 0 && !write_all(fd, buf, len))
		len = read(fd, buf, sizeof(buf));
	_exit(0);
}

static void serve_datagram(int fd)
{
	struct sockaddr_in6 peer;
	socklen_t peer_len = sizeof(peer);
	static char buf[BUFFER_MAX];
	char name[INET6_ADDRSTRLEN + 1];
	ssize_t len = recvfrom(fd, buf + sizeof(name), sizeof(buf) - sizeof(name), 0,
			       (struct sockaddr *)&peer, &peer_len);
	size_t name_len;

	if (len < 0)
		return;
	name_len = name_peer(&peer, name, sizeof(name));
	memcpy(buf + sizeof(name) - name_len, name, name_len);
	sendto(fd, buf + sizeof(name) - name_len, name_len + len, 0, (struct sockaddr *)&peer,
	       peer_len);
}

static int serve(uint16_t port)
{
	struct pollfd fds[] = { { .fd = bind_any(SOCK_STREAM, port), .events = POLLIN },
				{ .fd = bind_any(SOCK_DGRAM, port), .events = POLLIN } };

	if (fds[0].fd < 0 || fds[1].fd < 0)
		return fail("serve");
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	puts("ready");
	fflush(stdout);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			serve_connection(fds[0].fd);
		if (fds[1].revents)
			serve_datagram(fds[1].fd);
	}
	return fail("poll");
}

static int send_pattern(int fd, size_t size)
{
	char buf[4096];

	for (size_t sent = 0, len; sent < size; sent += len) {
		len = size - sent < sizeof(buf) ? size - sent : sizeof(buf);
		for (size_t i = 0; i < len; i++)
			buf[i] = pattern(sent + i);
		if (write_all(fd, buf, len))
			return -1;
	}
	return 0;
}

/* Read the server's name for us, and exactly what was sent. */
static int read_answer(int fd, size_t size, char name[INET6_ADDRSTRLEN + 1])
{
	size_t name_len = 0, got = 0;
	char buf[BUFFER_MAX];
	bool named = false;

	while (!named || got < size) {
		ssize_t len = read(fd, buf, sizeof(buf));

		if (len <= 0) {
			errno = len ? errno : 0;
			return -1;
		}
		for (ssize_t i = 0; i < len; i++) {
			if (named && buf[i] != pattern(got++))
				return errno = 0, -1;
			if (!named && name_len < INET6_ADDRSTRLEN && buf[i] != '\n')
				name[name_len++] = buf[i];
			else
				named = true;
		}
	}
	name[name_len] = '\0';
	errno = 0;
	return got == size ? 0 : -1;
}

static int ask(const char *protocol, const char *address, const char *port, size_t size)
{
	bool is_tcp = !strcmp(protocol, "tcp");
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = is_tcp ? SOCK_STREAM : SOCK_DGRAM };
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	char name[INET6_ADDRSTRLEN + 1];
	struct addrinfo *to;
	char buf[4096];
	int fd;

	if (getaddrinfo(address, port, &hints, &to))
		return errno = EINVAL, fail(address);
	fd = socket(to->ai_family, to->ai_socktype, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, to->ai_addr, to->ai_addrlen))
		return fail("connect");
	freeaddrinfo(to);
	/* A writer of its own: both directions are under way at once. */
	if (is_tcp && !fork())
		_exit(send_pattern(fd, size) || shutdown(fd, SHUT_WR));
	if (!is_tcp && (size > sizeof(buf) || send_pattern(fd, size)))
		return fail("send");
	if (read_answer(fd, size, name))
		return fail("answer");
	if (is_tcp && read(fd, buf, sizeof(buf)))
		return fail("end of the connection");
	puts(name);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]));
	if (argc == 6 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10));
	fprintf(stderr, "usage: traffic serve PORT | ask tcp|udp ADDRESS PORT SIZE\n");
	return 2;
}
