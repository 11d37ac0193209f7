// SPDX-License-Identifier: GPL-2.0-only
// Filters on the clsact qdisc of a device.
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "host_internal.h"

static int note_filter(const struct nlmsghdr *nlh, void *data)
{
	bool *found = data;

	if (nlh->nlmsg_type == RTM_NEWTFILTER)
		*found = true;
	return MNL_CB_OK;
}

bool host_tc_has_filters(int ifindex)
{
	static const uint32_t parents[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	bool found = false;

	for (int i = 0; i < 2 && !found; i++) {
		union host_request request;
		struct tcmsg *tc =
			host_netlink_request(&request, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*tc));
		int refusal;

		tc->tcm_family = AF_UNSPEC;
		tc->tcm_ifindex = ifindex;
		tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, parents[i]);
		if (host_netlink_ask(NETLINK_ROUTE, &request, note_filter, &found, &refusal))
			return true;
	}
	return found;
}
