/* SPDX-License-Identifier: GPL-2.0-only */
/* One look at the network, for the next hops of what is in force. */
#ifndef XDPFWD_AGENT_REFRESH_H
#define XDPFWD_AGENT_REFRESH_H

#include "state.h"

/* struct agent_nexthops - the neighbours that packets go to */
struct agent_nexthops {
	struct {
		int ifindex;
		struct ip_addr addr;
	} items[NEXTHOPS_MAX];
	size_t count;
};

/* agent_nexthops_have() - is that one of them? A host_watch_fn */
bool agent_nexthops_have(int ifindex, const struct ip_addr *addr, const void *nexthops);

/**
 * agent_refresh() - give the programs the MAC addresses, MTUs and default routes of this moment
 * @warm:  have the kernel look for the neighbours, which no traffic of the host itself would do
 * @known: out
 *
 * Return: 0; -ESTALE while a load is under way; -errno.
 */
int agent_refresh(const char *bpffs, const char *iface, const struct state *state, bool warm,
		  struct agent_nexthops *known);

/**
 * agent_keep() - what agent_refresh() saw still holds, as the kernel has told of no change
 * @known: as agent_refresh() has filled it in; the kernel goes on looking for these neighbours
 *
 * Return: as agent_refresh().
 */
int agent_keep(const char *bpffs, const char *iface, const struct state *state,
	       const struct agent_nexthops *known);

#endif
