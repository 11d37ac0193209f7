// SPDX-License-Identifier: GPL-2.0-only
// The TCP and UDP sockets of this host, the kernel's own included.
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include "host_internal.h"

/*
 * TCP states asked for. TIME_WAIT holds no socket any more; SYN_RECV belongs to a listener that is
 * listed anyway, and a flood makes any number of them.
 */
#define TCP_STATES                                                                                 \
	(1U << TCP_LISTEN | 1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_FIN_WAIT1 |     \
	 1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING)

/* A connection in one of these whose process is gone only waits for its own end. */
#define TCP_CLOSING_STATES                                                                         \
	(1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING)

/* UDP has two: TCP_CLOSE without a peer and TCP_ESTABLISHED with one. */
#define UDP_STATES (1U << TCP_CLOSE | 1U << TCP_ESTABLISHED)

static struct ip_addr socket_addr(uint8_t family, const __be32 words[4])
{
	struct ip_addr addr;

	host_addr_from_bytes(words, family == AF_INET ? sizeof(words[0]) : sizeof(addr), &addr);
	return addr;
}

static int on_socket(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct host_socket *sock;

	if (!msg->idiag_inode && 1U << msg->idiag_state & TCP_CLOSING_STATES)
		return MNL_CB_OK;
	sock = host_array_add(data);
	if (!sock)
		return MNL_CB_ERROR;
	sock->state = msg->idiag_state == TCP_LISTEN || msg->idiag_state == TCP_CLOSE
			      ? HOST_SOCKET_LISTEN
			      : HOST_SOCKET_CONNECTED;
	sock->local = socket_addr(msg->idiag_family, msg->id.idiag_src);
	sock->local_port = ntohs(msg->id.idiag_sport);
	sock->remote = socket_addr(msg->idiag_family, msg->id.idiag_dst);
	sock->remote_port = ntohs(msg->id.idiag_dport);
	sock->inode = msg->idiag_inode;
	mnl_attr_for_each (attr, nlh, sizeof(*msg)) {
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY)
			sock->v6only = mnl_attr_get_u8(attr);
	}
	return MNL_CB_OK;
}

static int read_sockets(enum proto proto, uint8_t family, uint32_t tcp_states,
			struct host_array *sockets)
{
	size_t before = sockets->count;
	struct inet_diag_req_v2 *query;
	union host_request request;
	struct host_socket *items;
	int err;

	query = host_netlink_request(&request, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof(*query));
	query->sdiag_family = family;
	query->sdiag_protocol = proto == PROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	query->idiag_states = proto == PROTO_TCP ? tcp_states : UDP_STATES;
	err = host_netlink_dump(NETLINK_SOCK_DIAG, &request, on_socket, sockets);
	items = sockets->items;
	/* The answer does not repeat the protocol. */
	for (size_t i = before; i < sockets->count; i++)
		items[i].proto = proto;
	return err;
}

static int read_all(struct host *host, uint32_t tcp_states)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct host_array sockets = { .item_size = sizeof(struct host_socket) };
	int err = 0;

	for (int proto = 0; proto < PROTO_COUNT; proto++) {
		for (int i = 0; i < FAMILY_COUNT && !err; i++)
			err = read_sockets(proto, families[i], tcp_states, &sockets);
	}
	if (err)
		return err;
	host->sockets = sockets.items;
	host->socket_count = sockets.count;
	return 0;
}

int host_sockets_read(struct host *host)
{
	return read_all(host, TCP_STATES);
}

/* The kernel keeps these apart from connections, whose table is as large as its memory allows. */
int host_listeners_read(struct host *host)
{
	return read_all(host, 1U << TCP_LISTEN);
}
