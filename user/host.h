/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about this host, read from the kernel by netlink. */
#ifndef XDPFWD_HOST_H
#define XDPFWD_HOST_H

#include "facts.h"

/* A route to be asked for: @oif is 0 for "any device". */
struct host_route_query {
	struct ip_addr dst;
	int oif;
};

/**
 * host_read() - take a snapshot
 * @queries:     destinations whose routes are wanted, answered in order in host.routes
 * @query_count: how many
 * @host:        out: the snapshot; free with host_free()
 *
 * Needs no privilege, but without CAP_NET_ADMIN or /proc access some process names stay empty.
 *
 * Return: 0, or -errno of the netlink exchange.
 */
int host_read(const struct host_route_query *queries, size_t query_count, struct host *host);

/*
 * host_read_network() - only links, addresses, neighbours, destinations and default routes, for
 * those who look every second
 */
int host_read_network(struct host *host);

/* host_read_ways() - only links, addresses, neighbours and the routes asked for; as host_read() */
int host_read_ways(const struct host_route_query *queries, size_t query_count, struct host *host);

/*
 * host_read_ports() - add what decides which ports are free: sockets, without the names of their
 * processes, the range of ephemeral ports and those that are reserved
 * @host: a snapshot without sockets
 *
 * Return: 0, or -errno with a part of it read.
 */
int host_read_ports(struct host *host);

/* host_free() - free the arrays of a snapshot */
void host_free(struct host *host);

/**
 * host_neigh_resolve() - ask the kernel to resolve a neighbour now and keep it (NTF_USE)
 *
 * Return: 0 when the request was taken, or -errno. The answer shows in a later snapshot.
 */
int host_neigh_resolve(int ifindex, const struct ip_addr *addr);

/**
 * host_sysctl_read() - the value of a sysctl of this network namespace
 * @name: dotted, "net.ipv4.ip_local_reserved_ports"
 *
 * Return: a malloc()ed string without the final newline, or NULL with errno set.
 */
char *host_sysctl_read(const char *name);

/* host_sysctl_write() - set it; return 0 or -errno */
int host_sysctl_write(const char *name, const char *value);

/**
 * host_resolve() - addresses of a DNS name, one of each family
 * @name:  the name
 * @has, @addrs: by family; in: the addresses in use; out: the same where the name still has them,
 *         else its first ones
 * @error: out: what the resolver said, a static string, unless all went well
 *
 * Return: 0; -EAGAIN when an address in use was kept because it could not be asked for; -ENOENT
 * when nothing was found, and nothing changed.
 */
int host_resolve(const char *name, bool has[FAMILY_COUNT], struct ip_addr addrs[FAMILY_COUNT],
		 const char **error);

/* What changed: links, addresses, routes and rules; or neighbours that somebody cares for. */
enum host_watch { HOST_WATCH_NETWORK = 1, HOST_WATCH_NEIGHBOURS = 2 };

/* Does anybody care for this neighbour? */
typedef bool host_watch_fn(int ifindex, const struct ip_addr *addr, const void *context);

struct mnl_socket;

/* host_watch_open() - hear of changes from now on; NULL with errno. host_watch_close() ends it */
struct mnl_socket *host_watch_open(void);
void host_watch_close(struct mnl_socket *sock);

/* host_watch_fd() - readable when there is something to hear */
int host_watch_fd(const struct mnl_socket *sock);

/**
 * host_watch_read() - take in all there is to hear, without waiting
 * @is_wanted: a host of a large network hears of many neighbours
 *
 * Return: a set of enum host_watch; all of them when messages were lost.
 */
unsigned host_watch_read(struct mnl_socket *sock, host_watch_fn *is_wanted, const void *context);

/*
 * host_read_listeners() - only the sockets but those of TCP connections, without the names of
 * processes, for those who look every second; as host_read()
 */
int host_read_listeners(struct host *host);

/**
 * host_tc_has_filters() - does the clsact qdisc of a device hold any filter, ingress or egress
 *
 * Return: true also when the kernel could not be asked, so that nothing of others is removed.
 */
bool host_tc_has_filters(int ifindex);

#endif
