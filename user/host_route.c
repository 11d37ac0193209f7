// SPDX-License-Identifier: GPL-2.0-only
// Asking the kernel how it would send to a destination.
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include "host_internal.h"

uint32_t host_metrics_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, metrics) {
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			return mnl_attr_get_u32(attr);
	}
	return 0;
}

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
	struct host_route *route = data;
	const struct nlattr *attr;
	const struct rtvia *via;

	/* Local, broadcast, multicast or anycast: nobody to forward to. */
	if (info->rtm_type != RTN_UNICAST) {
		route->error = -EINVAL;
		return MNL_CB_OK;
	}
	mnl_attr_for_each (attr, nlh, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			route->ifindex = mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			route->has_gateway = host_addr_from_attr(attr, &route->gateway);
			break;
		case RTA_VIA: /* an IPv4 route by an IPv6 gateway, RFC 5549 */
			via = mnl_attr_get_payload(attr);
			route->has_gateway = host_addr_from_bytes(
				via->rtvia_addr, mnl_attr_get_payload_len(attr) - sizeof(*via),
				&route->gateway);
			break;
		case RTA_PREFSRC:
			host_addr_from_attr(attr, &route->source);
			break;
		case RTA_METRICS:
			route->mtu = host_metrics_mtu(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

static int read_route(const struct host_route_query *query, struct host_route *route)
{
	union host_request request;
	struct rtmsg *info;
	int err, refusal;

	info = host_netlink_request(&request, RTM_GETROUTE, NLM_F_ACK, sizeof(*info));
	info->rtm_family = host_addr_put_attr(&request.header, RTA_DST, &query->dst);
	info->rtm_dst_len = info->rtm_family == AF_INET ? 32 : 128;
	if (query->oif)
		mnl_attr_put_u32(&request.header, RTA_OIF, query->oif);
	route->dst = query->dst;
	err = host_netlink_ask(NETLINK_ROUTE, &request, on_route, route, &refusal);
	if (refusal)
		route->error = refusal;
	return err;
}

/*
 * Asked for a way out by another device, the kernel sends even to this host's own address. A
 * link-local one may well be somebody else's there, though.
 */
static bool is_own_addr(const struct host *host, const struct host_route_query *query)
{
	for (size_t i = 0; i < host->addr_count; i++) {
		const struct host_addr *own = &host->addrs[i];

		if (ip_addr_equal(&own->addr, &query->dst) &&
		    (own->global || own->ifindex == query->oif))
			return true;
	}
	return false;
}

int host_routes_read(const struct host_route_query *queries, size_t query_count, struct host *host)
{
	int err = 0;

	if (!query_count)
		return 0;
	host->routes = calloc(query_count, sizeof(*host->routes));
	if (!host->routes)
		return -ENOMEM;
	host->route_count = query_count;
	for (size_t i = 0; i < query_count && !err; i++) {
		struct host_route *route = &host->routes[i];

		err = read_route(&queries[i], route);
		if (is_own_addr(host, &queries[i]))
			*route = (struct host_route){ .dst = queries[i].dst, .error = -EINVAL };
	}
	return err;
}
