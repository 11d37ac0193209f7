// SPDX-License-Identifier: GPL-2.0-only
// Takes the snapshot of this host part by part.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host_internal.h"

static int read_port_range(struct host *host)
{
	char *text = host_sysctl_read("net.ipv4.ip_local_port_range");
	int fields;

	if (!text)
		return -errno;
	fields = sscanf(text, "%" SCNu16 " %" SCNu16, &host->port_min, &host->port_max);
	free(text);
	return fields == 2 ? 0 : -EINVAL;
}

static int read_reserved_ports(struct host *host)
{
	char *text = host_sysctl_read("net.ipv4.ip_local_reserved_ports");
	int err;

	if (!text)
		return -errno;
	err = port_set_parse(text, &host->reserved);
	free(text);
	return err;
}

/* A family that is not there does not forward. */
static bool read_switch(const char *name)
{
	char *text = host_sysctl_read(name);
	bool on = text && strcmp(text, "0") != 0;

	free(text);
	return on;
}

static int read_switches(struct host *host)
{
	host->forwarding_lo[FAMILY_V4] = read_switch("net.ipv4.conf.lo.forwarding");
	host->forwarding_lo[FAMILY_V6] = read_switch("net.ipv6.conf.lo.forwarding");
	return 0;
}

static int read_sockets(struct host *host)
{
	int err = host_sockets_read(host);

	if (!err)
		host_process_name_sockets(host->sockets, host->socket_count);
	return err;
}

static int read_session(struct host *host)
{
	host->ssh_port = host_ssh_port(environ, getppid());
	return 0;
}

int host_read(const struct host_route_query *queries, size_t query_count, struct host *host)
{
	static int (*const readers[])(struct host *) = {
		host_links_read,	host_addrs_read, host_neighs_read,
		host_destinations_read, read_sockets,	 read_port_range,
		read_reserved_ports,	read_switches,	 read_session,
	};
	int err = 0;

	memset(host, 0, sizeof(*host));
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]) && !err; i++)
		err = readers[i](host);
	if (!err)
		err = host_routes_read(queries, query_count, host);
	if (err)
		host_free(host);
	return err;
}

int host_read_network(struct host *host)
{
	int err;

	memset(host, 0, sizeof(*host));
	err = host_links_read(host) ?: host_addrs_read(host) ?: host_neighs_read(host) ?:
	      host_destinations_read(host);
	if (err)
		host_free(host);
	return err;
}

int host_read_ways(const struct host_route_query *queries, size_t query_count, struct host *host)
{
	int err;

	memset(host, 0, sizeof(*host));
	err = host_links_read(host) ?: host_addrs_read(host) ?: host_neighs_read(host) ?:
	      host_routes_read(queries, query_count, host);
	if (err)
		host_free(host);
	return err;
}

int host_read_listeners(struct host *host)
{
	memset(host, 0, sizeof(*host));
	return host_listeners_read(host);
}

int host_read_ports(struct host *host)
{
	return host_sockets_read(host) ?: read_port_range(host) ?: read_reserved_ports(host);
}

void host_free(struct host *host)
{
	free(host->links);
	free(host->addrs);
	free(host->neighs);
	free(host->routes);
	free(host->destinations);
	free(host->sockets);
	memset(host, 0, sizeof(*host));
}
