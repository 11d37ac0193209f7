// SPDX-License-Identifier: GPL-2.0-only
// The links of this host: what they are, what drives them, and the XDP program they carry.
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host_internal.h"

static void parse_kind(const struct nlattr *info, struct host_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attr));
	}
}

/*
 * The program that matters is the one that sees a packet first. With programs of several modes
 * attached (XDP_ATTACHED_MULTI) that is the native one.
 */
static void parse_xdp(const struct nlattr *xdp, struct host_link *link)
{
	uint32_t id[IFLA_XDP_MAX + 1] = { 0 };
	const struct nlattr *attr;
	uint8_t attached = XDP_ATTACHED_NONE;

	mnl_attr_for_each_nested (attr, xdp) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFLA_XDP_ATTACHED)
			attached = mnl_attr_get_u8(attr);
		else if (type <= IFLA_XDP_MAX && mnl_attr_get_payload_len(attr) == sizeof(*id))
			id[type] = mnl_attr_get_u32(attr);
	}
	switch (attached) {
	case XDP_ATTACHED_DRV:
	case XDP_ATTACHED_MULTI:
		link->xdp = HOST_XDP_NATIVE;
		break;
	case XDP_ATTACHED_SKB:
		link->xdp = HOST_XDP_GENERIC;
		break;
	case XDP_ATTACHED_HW:
		link->xdp = HOST_XDP_OFFLOAD;
		break;
	}
	link->xdp_prog_id =
		attached == XDP_ATTACHED_MULTI ? id[IFLA_XDP_DRV_PROG_ID] : id[IFLA_XDP_PROG_ID];
}

static void parse_attr(const struct nlattr *attr, struct host_link *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_ADDRESS:
		if (link->is_l2 && mnl_attr_get_payload_len(attr) == sizeof(link->mac))
			memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_NUM_RX_QUEUES:
		link->rx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_NUM_TX_QUEUES:
		link->tx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->lower = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		parse_kind(attr, link);
		break;
	case IFLA_XDP:
		parse_xdp(attr, link);
		break;
	}
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct host_link *link = host_array_add(data);
	const struct nlattr *attr;
	bool lower_elsewhere = false;

	if (!link)
		return MNL_CB_ERROR;
	link->ifindex = info->ifi_index;
	link->is_l2 = info->ifi_type == ARPHRD_ETHER;
	link->loopback = info->ifi_flags & IFF_LOOPBACK;
	link->up = info->ifi_flags & IFF_UP;
	/* The kernel derives it from the operational state: up, or unknown to the driver. */
	link->carrier = info->ifi_flags & IFF_RUNNING;
	mnl_attr_for_each (attr, nlh, sizeof(*info)) {
		parse_attr(attr, link);
		if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
			lower_elsewhere = true;
	}
	/* An index of another namespace would name the wrong device here. */
	if (lower_elsewhere)
		link->lower = 0;
	return MNL_CB_OK;
}

static void read_driver(int sock, struct host_link *link)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };

	memcpy(request.ifr_name, link->name, sizeof(request.ifr_name));
	if (!ioctl(sock, SIOCETHTOOL, &request))
		snprintf(link->driver, sizeof(link->driver), "%.*s", (int)sizeof(info.driver),
			 info.driver);
}

int host_links_read(struct host *host)
{
	struct host_array links = { .item_size = sizeof(struct host_link) };
	union host_request request;
	int err, sock;

	host_netlink_request(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(&request.header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = host_netlink_dump(NETLINK_ROUTE, &request, on_link, &links);
	if (err)
		return err;
	host->links = links.items;
	host->link_count = links.count;

	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	for (size_t i = 0; i < host->link_count; i++)
		read_driver(sock, &host->links[i]);
	close(sock);
	return 0;
}
