/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host_*.c files share: one reader for each part of a snapshot, and the way to netlink. */
#ifndef XDPFWD_HOST_INTERNAL_H
#define XDPFWD_HOST_INTERNAL_H

#include <libmnl/libmnl.h>
#include <sys/types.h>
#include "host.h"

/**
 * struct host_array - items that arrive one at a time
 * @items:     the memory, free()
 * @count:     items in it
 * @capacity:  items it has room for
 * @item_size: bytes of one
 */
struct host_array {
	void *items;
	size_t count, capacity, item_size;
};

/* host_array_add() - a new zeroed item at the end, or NULL with errno set to ENOMEM */
void *host_array_add(struct host_array *array);

/* Room for the requests made here: a header and at most three attributes. */
union host_request {
	struct nlmsghdr header;
	char bytes[256];
};

/**
 * host_netlink_request() - begin a request
 * @request:    out: the message, without attributes
 * @type:       RTM_* or SOCK_DIAG_BY_FAMILY
 * @flags:      NLM_F_* besides NLM_F_REQUEST
 * @extra_size: bytes of the family header after the netlink header
 *
 * Return: the family header, zeroed.
 */
void *host_netlink_request(union host_request *request, uint16_t type, uint16_t flags,
			   size_t extra_size);

/**
 * host_netlink_ask() - send one request and hand every message of the answer to @each
 * @bus:     NETLINK_ROUTE or NETLINK_SOCK_DIAG
 * @request: the request, with NLM_F_DUMP or NLM_F_ACK so that the answer has an end
 * @each:    called for every message; NULL when none is expected
 * @data:    for @each
 * @refusal: out: 0, or the -errno that the kernel answered with
 *
 * Return: 0, or -errno of the exchange itself; -EINTR when the dump was inconsistent.
 */
int host_netlink_ask(int bus, union host_request *request, mnl_cb_t each, void *data, int *refusal);

/**
 * host_netlink_dump() - collect a dump, again from the start when it changed under way
 * @bus:     as for host_netlink_ask()
 * @request: the request, with NLM_F_DUMP
 * @each:    called for every message with @into as data
 * @into:    where the items go; emptied and freed on error
 *
 * Return: 0, or -errno; -EAGAIN when no try came out consistent.
 */
int host_netlink_dump(int bus, union host_request *request, mnl_cb_t each, struct host_array *into);

/* host_addr_from_bytes() - an address of 4 or 16 bytes; false for any other length */
bool host_addr_from_bytes(const void *bytes, size_t len, struct ip_addr *addr);

/* host_addr_from_attr() - an address attribute; false when it is not 4 or 16 bytes long */
bool host_addr_from_attr(const struct nlattr *attr, struct ip_addr *addr);

/* host_addr_put_attr() - append @addr as 4 or 16 bytes; returns its address family, AF_* */
uint8_t host_addr_put_attr(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *addr);

/* host_metrics_mtu() - the MTU in an RTA_METRICS attribute, or 0 */
uint32_t host_metrics_mtu(const struct nlattr *metrics);

/* The readers fill their part of an otherwise untouched snapshot: 0, or -errno and nothing set. */
int host_links_read(struct host *host);
int host_addrs_read(struct host *host);
int host_neighs_read(struct host *host);
int host_destinations_read(struct host *host);
int host_sockets_read(struct host *host); /* without the names of processes */
int host_listeners_read(struct host *host);
/* host_routes_read() - likewise, when the addresses are there */
int host_routes_read(const struct host_route_query *queries, size_t query_count, struct host *host);

/**
 * host_process_name_sockets() - fill in @process where /proc tells who holds the inode
 * @sockets: sockets with their inodes; one that certainly nobody holds is the kernel's and gets 0
 * @count:   how many
 */
void host_process_name_sockets(struct host_socket *sockets, size_t count);

/**
 * host_ssh_port() - the server's port of the SSH session that this process runs in
 * @environment: of this process, NULL-terminated
 * @parent:      its parent; sudo drops $SSH_CONNECTION, so the ancestors are asked too
 *
 * Return: the port, or 0 when there is no session or /proc does not tell.
 */
uint16_t host_ssh_port(char *const *environment, pid_t parent);

#endif
