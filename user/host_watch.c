// SPDX-License-Identifier: GPL-2.0-only
// Hearing from the kernel that the network changes.
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include "host_internal.h"

#define GROUPS                                                                                     \
	(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |                    \
	 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE | 1U << (RTNLGRP_IPV6_RULE - 1))

#define RECEIVE_BYTES 32768

/* struct reading - what the messages read so far come to */
struct reading {
	host_watch_fn *is_wanted;
	const void *context;
	unsigned seen;
};

struct mnl_socket *host_watch_open(void)
{
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (!sock || mnl_socket_bind(sock, GROUPS, MNL_SOCKET_AUTOPID) >= 0)
		return sock;
	err = errno;
	mnl_socket_close(sock);
	errno = err;
	return NULL;
}

int host_watch_fd(const struct mnl_socket *sock)
{
	return mnl_socket_get_fd(sock);
}

static bool neigh_is_wanted(const struct nlmsghdr *nlh, const struct reading *reading)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct ip_addr addr;

	mnl_attr_for_each (attr, nlh, sizeof(*info))
		if (mnl_attr_get_type(attr) == NDA_DST && host_addr_from_attr(attr, &addr))
			return reading->is_wanted(info->ndm_ifindex, &addr, reading->context);
	return false;
}

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;

	switch (nlh->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (neigh_is_wanted(nlh, reading))
			reading->seen |= HOST_WATCH_NEIGHBOURS;
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		/* A bridge tells its ports' states that way. */
		if (((const struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_family == AF_BRIDGE)
			break;
		reading->seen |= HOST_WATCH_NETWORK;
		break;
	default:
		reading->seen |= HOST_WATCH_NETWORK;
	}
	return MNL_CB_OK;
}

unsigned host_watch_read(struct mnl_socket *sock, host_watch_fn *is_wanted, const void *context)
{
	struct reading reading = { .is_wanted = is_wanted, .context = context };
	char buf[RECEIVE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(sock, buf, sizeof(buf));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return reading.seen;
		/* More came than there is room for: anything may have changed. */
		if (len < 0)
			return HOST_WATCH_NETWORK | HOST_WATCH_NEIGHBOURS;
		mnl_cb_run(buf, len, 0, 0, on_message, &reading);
	}
}

void host_watch_close(struct mnl_socket *sock)
{
	if (sock)
		mnl_socket_close(sock);
}
