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
 * host_resolve() - addresses of a DNS name, the first of each family
 * @name:  the name
 * @has:   out, by family: found
 * @addrs: out, by family
 * @error: out: what the resolver said, a static string, when nothing was found
 *
 * Return: 0, or -ENOENT.
 */
int host_resolve(const char *name, bool has[FAMILY_COUNT], struct ip_addr addrs[FAMILY_COUNT],
		 const char **error);

/**
 * host_tc_has_filters() - does the clsact qdisc of a device hold any filter, ingress or egress
 *
 * Return: true also when the kernel could not be asked, so that nothing of others is removed.
 */
bool host_tc_has_filters(int ifindex);

#endif
