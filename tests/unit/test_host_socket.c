// SPDX-License-Identifier: GPL-2.0-only
// The sockets of a host and the processes that hold them.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "netns.h"

TestSuite(host_socket, .init = netns_enter);

static struct sockaddr_storage endpoint(const char *text, uint16_t port)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *v4 = (void *)&storage;
	struct sockaddr_in6 *v6 = (void *)&storage;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else {
		cr_assert_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1, "%s", text);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	}
	return storage;
}

static int bound(int type, const char *text, uint16_t port, bool v6only)
{
	struct sockaddr_storage sa = endpoint(text, port);
	int fd = socket(sa.ss_family, type, 0), on = v6only;

	cr_assert_geq(fd, 0);
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	cr_assert_eq(bind(fd, (void *)&sa, sizeof(sa)), 0, "%s port %u: %m", text, port);
	if (type == SOCK_STREAM)
		cr_assert_eq(listen(fd, 5), 0);
	return fd;
}

static void connect_to(int fd, const char *text, uint16_t port)
{
	struct sockaddr_storage sa = endpoint(text, port);

	cr_assert_eq(connect(fd, (void *)&sa, sizeof(sa)), 0, "%s port %u: %m", text, port);
}

static const struct host_socket *find(const struct host *host, enum proto proto,
				      enum host_socket_state state, uint16_t local_port)
{
	const struct host_socket *found = NULL;

	for (size_t i = 0; i < host->socket_count; i++) {
		const struct host_socket *sock = &host->sockets[i];

		if (sock->proto != proto || sock->state != state || sock->local_port != local_port)
			continue;
		cr_assert_null(found, "port %u is listed twice", local_port);
		found = sock;
	}
	cr_assert(found, "port %u is not listed", local_port);
	return found;
}

Test(host_socket, none)
{
	struct host host = snapshot();

	cr_expect_eq(host.socket_count, 0);
	host_free(&host);
}

Test(host_socket, listeners)
{
	const struct host_socket *sock;
	struct host host;

	prctl(PR_SET_NAME, "listener (1)");
	bound(SOCK_STREAM, "127.0.0.1", 1001, false);
	bound(SOCK_STREAM, "0.0.0.0", 1002, false);
	bound(SOCK_STREAM, "::", 1003, false);
	bound(SOCK_STREAM, "::", 1004, true);
	bound(SOCK_STREAM, "::ffff:127.0.0.1", 1005, false);
	bound(SOCK_DGRAM, "0.0.0.0", 1006, false);
	bound(SOCK_DGRAM, "::", 1007, false);
	bound(SOCK_DGRAM, "::", 1008, true);
	bound(SOCK_DGRAM, "::1", 1009, true);
	bound(SOCK_STREAM, "0.0.0.0", 1006, false);
	host = snapshot();
	cr_expect_eq(host.socket_count, 10);

	sock = find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 1001);
	cr_expect(is_addr(&sock->local, "127.0.0.1"));
	cr_expect_neq(sock->inode, 0);
	cr_expect_str_eq(sock->process, "listener (1)");
	cr_expect_not(sock->v6only);
	cr_expect(is_addr(&find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 1002)->local, "0.0.0.0"));
	sock = find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 1003);
	cr_expect(is_addr(&sock->local, "::"));
	cr_expect_not(sock->v6only);
	sock = find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 1004);
	cr_expect(is_addr(&sock->local, "::"));
	cr_expect(sock->v6only);
	sock = find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 1005);
	cr_expect(ip_addr_is_v4(&sock->local));
	cr_expect(is_addr(&sock->local, "127.0.0.1"));
	cr_expect(is_addr(&find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, 1006)->local, "0.0.0.0"));
	find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 1006);
	cr_expect_not(find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, 1007)->v6only);
	cr_expect(find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, 1008)->v6only);
	sock = find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, 1009);
	cr_expect(is_addr(&sock->local, "::1"));
	cr_expect_str_eq(sock->process, "listener (1)");
	host_free(&host);
}

Test(host_socket, udp_with_a_peer_is_connected)
{
	const struct host_socket *sock;
	struct host host;

	connect_to(bound(SOCK_DGRAM, "127.0.0.1", 2001, false), "127.0.0.2", 53);
	connect_to(bound(SOCK_DGRAM, "::1", 2002, false), "::1", 53);
	host = snapshot();
	sock = find(&host, PROTO_UDP, HOST_SOCKET_CONNECTED, 2001);
	cr_expect(is_addr(&sock->remote, "127.0.0.2"));
	cr_expect_eq(sock->remote_port, 53);
	sock = find(&host, PROTO_UDP, HOST_SOCKET_CONNECTED, 2002);
	cr_expect(is_addr(&sock->remote, "::1"));
	host_free(&host);
}

Test(host_socket, tcp_connection_and_its_end)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", 3001, false), client, server;
	const struct host_socket *sock;
	struct host host;
	char byte;

	prctl(PR_SET_NAME, "talker");
	client = socket(AF_INET, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", 3001);
	server = accept(listener, NULL, NULL);
	cr_assert_geq(server, 0);
	host = snapshot();
	cr_expect_eq(host.socket_count, 3);
	sock = find(&host, PROTO_TCP, HOST_SOCKET_CONNECTED, 3001);
	cr_expect(is_addr(&sock->local, "127.0.0.1"));
	cr_expect(is_addr(&sock->remote, "127.0.0.1"));
	cr_expect_str_eq(sock->process, "talker");
	sock = find(&host, PROTO_TCP, HOST_SOCKET_CONNECTED, sock->remote_port);
	cr_expect_eq(sock->remote_port, 3001);
	host_free(&host);

	/* The side that closes first is left in TIME_WAIT. */
	close(client);
	cr_assert_eq(read(server, &byte, 1), 0);
	close(server);
	host = snapshot();
	cr_expect_eq(host.socket_count, 1);
	find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 3001);
	host_free(&host);
}

/* What is looked at each second leaves out what there may be very many of. */
Test(host_socket, listeners_without_connections)
{
	int listener = bound(SOCK_STREAM, "::", 3001, false);
	struct host host;

	connect_to(socket(AF_INET6, SOCK_STREAM, 0), "::1", 3001);
	cr_assert_geq(accept(listener, NULL, NULL), 0);
	bound(SOCK_STREAM, "127.0.0.1", 3002, false);
	bound(SOCK_DGRAM, "127.0.0.1", 3003, false);
	connect_to(bound(SOCK_DGRAM, "::1", 3004, false), "::1", 53);
	cr_assert_eq(host_read_listeners(&host), 0);
	cr_expect_eq(host.socket_count, 4);
	find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 3001);
	find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 3002);
	find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, 3003);
	find(&host, PROTO_UDP, HOST_SOCKET_CONNECTED, 3004);
	host_free(&host);
}

/* Half-open connections are the listener's; a flood of them must not fill the snapshot. */
Test(host_socket, tcp_half_open_is_left_out)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", 3002, false), wait_s = 30;
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct host host;

	cr_assert_eq(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof(wait_s)),
		     0);
	connect_to(client, "127.0.0.1", 3002);
	host = snapshot();
	cr_expect_eq(host.socket_count, 2);
	find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 3002);
	host_free(&host);
}

/* How many sockets on port 4789 are known to be the kernel's. */
static int count_kernel_sockets(void)
{
	struct host host = snapshot();
	int count = 0;

	for (size_t i = 0; i < host.socket_count; i++)
		count += host.sockets[i].local_port == 4789 && host.sockets[i].proto == PROTO_UDP &&
			 !host.sockets[i].inode && !host.sockets[i].process[0];
	host_free(&host);
	return count;
}

/* The exit status of a process that does nothing but @work; 100 when it could not begin. */
static int in_child(int (*work)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(work());
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 100;
	return WEXITSTATUS(status);
}

static int with_own_proc(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		return 100;
	return count_kernel_sockets();
}

static int with_own_processes(void)
{
	return unshare(CLONE_NEWPID | CLONE_NEWNS) ? 100 : in_child(with_own_proc);
}

/*
 * WireGuard's socket is of this kind. It has an inode that no process holds, which only somebody
 * who sees every process can tell; so look from a process namespace where that is certain.
 */
Test(host_socket, kernel_socket)
{
	if (system("ip link add vx0 type vxlan id 7 dstport 4789 2>/dev/null"))
		cr_skip_test("needs vxlan in the kernel");
	run("ip link set vx0 up");
	cr_expect_eq(in_child(with_own_processes), 1);
}

/* What the agent looks at every second: no walk through all processes. */
Test(host_socket, ports)
{
	struct host host;

	bound(SOCK_STREAM, "127.0.0.1", 20001, false);
	bound(SOCK_DGRAM, "::", 20002, false);
	cr_assert_eq(host_sysctl_write("net.ipv4.ip_local_port_range", "30000 40000"), 0);
	cr_assert_eq(host_sysctl_write("net.ipv4.ip_local_reserved_ports", "31000-31009"), 0);
	cr_assert_eq(host_read_network(&host), 0);
	cr_expect_eq(host.socket_count, 0);
	cr_assert_eq(host_read_ports(&host), 0);
	cr_expect_eq(host.socket_count, 2);
	cr_expect_str_empty(find(&host, PROTO_TCP, HOST_SOCKET_LISTEN, 20001)->process);
	cr_expect_str_empty(find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, 20002)->process);
	cr_expect_eq(host.port_min, 30000);
	cr_expect_eq(host.port_max, 40000);
	cr_expect_eq(port_set_count(&host.reserved), 10);
	cr_expect(host.link_count, "the network is still there");
	host_free(&host);
}

Test(host_socket, more_than_one_message_holds)
{
	struct host host;

	for (int port = 20899; port >= 20000; port--)
		bound(SOCK_DGRAM, "127.0.0.1", port, false);
	host = snapshot();
	cr_expect_eq(host.socket_count, 900);
	for (int port = 20000; port < 20900; port++)
		cr_expect_neq(find(&host, PROTO_UDP, HOST_SOCKET_LISTEN, port)->process[0], '\0');
	host_free(&host);
}
