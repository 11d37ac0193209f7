// SPDX-License-Identifier: GPL-2.0-only
// The neighbour table: who is known, and asking for who is not.
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include "host_internal.h"

/* States in which the kernel sends without waiting for an answer first. */
#define USABLE_STATES                                                                              \
	(NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

static int on_neigh(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(nlh);
	struct host_neigh neigh = { .ifindex = info->ndm_ifindex, .state = info->ndm_state };
	const struct nlattr *attr;
	bool has_addr = false;
	struct host_neigh *item;

	mnl_attr_for_each (attr, nlh, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case NDA_DST:
			has_addr = host_addr_from_attr(attr, &neigh.addr);
			break;
		case NDA_LLADDR:
			if (mnl_attr_get_payload_len(attr) == sizeof(neigh.mac))
				memcpy(neigh.mac, mnl_attr_get_payload(attr), sizeof(neigh.mac));
			break;
		}
	}
	if (!has_addr)
		return MNL_CB_OK;
	item = host_array_add(data);
	if (!item)
		return MNL_CB_ERROR;
	neigh.usable = neigh.state & USABLE_STATES;
	*item = neigh;
	return MNL_CB_OK;
}

int host_neighs_read(struct host *host)
{
	struct host_array neighs = { .item_size = sizeof(struct host_neigh) };
	union host_request request;
	int err;

	host_netlink_request(&request, RTM_GETNEIGH, NLM_F_DUMP, sizeof(struct ndmsg));
	err = host_netlink_dump(NETLINK_ROUTE, &request, on_neigh, &neighs);
	host->neighs = neighs.items;
	host->neigh_count = neighs.count;
	return err;
}

static void neigh_request(union host_request *request, uint16_t type, uint16_t flags, int ifindex,
			  const struct ip_addr *addr)
{
	struct ndmsg *info = host_netlink_request(request, type, flags, sizeof(*info));

	info->ndm_ifindex = ifindex;
	info->ndm_family = host_addr_put_attr(&request->header, NDA_DST, addr);
}

static int on_state(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(nlh);
	uint16_t *state = data;

	*state = info->ndm_state;
	return MNL_CB_OK;
}

int host_neigh_resolve(int ifindex, const struct ip_addr *addr)
{
	union host_request request;
	struct ndmsg *info;
	uint16_t state = NUD_NONE;
	int err, refusal;

	/*
	 * Since 5.16 NTF_USE turns a permanent entry into an ordinary one, which would undo what
	 * the administrator set. Such an entry needs no resolving.
	 */
	neigh_request(&request, RTM_GETNEIGH, NLM_F_ACK, ifindex, addr);
	err = host_netlink_ask(NETLINK_ROUTE, &request, on_state, &state, &refusal);
	if (err || state & (NUD_PERMANENT | NUD_NOARP))
		return err;

	neigh_request(&request, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, ifindex, addr);
	info = mnl_nlmsg_get_payload(&request.header);
	info->ndm_flags = NTF_USE;
	info->ndm_state = NUD_NONE;
	err = host_netlink_ask(NETLINK_ROUTE, &request, NULL, NULL, &refusal);
	return err ? err : refusal;
}
