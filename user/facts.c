// SPDX-License-Identifier: GPL-2.0-only
// Finds things in a snapshot of the host.
#include <string.h>
#include "facts.h"

const struct host_link *host_link_by_name(const struct host *host, const char *name)
{
	for (size_t i = 0; i < host->link_count; i++) {
		if (!strcmp(host->links[i].name, name))
			return &host->links[i];
	}
	return NULL;
}

const struct host_link *host_link_by_index(const struct host *host, int ifindex)
{
	for (size_t i = 0; i < host->link_count; i++) {
		if (host->links[i].ifindex == ifindex)
			return &host->links[i];
	}
	return NULL;
}

const struct host_neigh *host_neigh_find(const struct host *host, int ifindex,
					 const struct ip_addr *addr)
{
	for (size_t i = 0; i < host->neigh_count; i++) {
		const struct host_neigh *neigh = &host->neighs[i];

		if (neigh->ifindex == ifindex && ip_addr_equal(&neigh->addr, addr))
			return neigh;
	}
	return NULL;
}
