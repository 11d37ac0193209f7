// SPDX-License-Identifier: GPL-2.0-only
// Which destinations have routes of their own, and where the default routes lead.
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include "host_internal.h"

/* A router with a full table gains nothing from the list, and it would cost a lot to read. */
#define DESTINATIONS_MAX 1024

/* The three rules that every family starts with; any other makes a route depend on more than it. */
static const uint32_t usual_tables[] = { RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT };

/* What one dump of routes collects. */
struct collection {
	struct host_array prefixes;
	struct host_default best[FAMILY_COUNT];
	uint32_t best_metric[FAMILY_COUNT];
};

/* A default route as one message tells it. */
static void read_default(const struct nlmsghdr *nlh, struct host_default *route, uint32_t *metric)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool has_gateway = false, plain = true;

	*route = (struct host_default){};
	*metric = 0;
	mnl_attr_for_each (attr, nlh, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			route->ifindex = mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			has_gateway = host_addr_from_attr(attr, &route->gateway);
			break;
		case RTA_PRIORITY:
			*metric = mnl_attr_get_u32(attr);
			break;
		case RTA_METRICS:
			route->mtu = host_metrics_mtu(attr);
			break;
		case RTA_MULTIPATH:
		case RTA_ENCAP:
		case RTA_VIA:
			plain = false;
			break;
		}
	}
	route->usable = has_gateway && plain && route->ifindex && !info->rtm_tos &&
			info->rtm_type == RTN_UNICAST;
}

static void take_default(const struct nlmsghdr *nlh, enum ip_family family,
			 struct collection *collection)
{
	struct host_default route;
	uint32_t metric;

	if (((const struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_table != RT_TABLE_MAIN)
		return;
	read_default(nlh, &route, &metric);
	if (metric > collection->best_metric[family])
		return;
	/* Two of one metric are used in turn, or by a rule that only the kernel knows. */
	if (metric == collection->best_metric[family])
		route.usable = false;
	collection->best[family] = route;
	collection->best_metric[family] = metric;
}

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
	enum ip_family family = info->rtm_family == AF_INET ? FAMILY_V4 : FAMILY_V6;
	struct collection *collection = data;
	const struct nlattr *attr;
	struct ip_prefix *prefix;

	if (info->rtm_flags & RTM_F_CLONED ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return MNL_CB_OK;
	if (!info->rtm_dst_len) {
		take_default(nlh, family, collection);
		return MNL_CB_OK;
	}
	if (collection->prefixes.count > DESTINATIONS_MAX)
		return MNL_CB_OK;
	prefix = host_array_add(&collection->prefixes);
	if (!prefix)
		return MNL_CB_ERROR;
	prefix->len = info->rtm_dst_len;
	mnl_attr_for_each (attr, nlh, sizeof(*info))
		if (mnl_attr_get_type(attr) == RTA_DST)
			host_addr_from_attr(attr, &prefix->addr);
	return MNL_CB_OK;
}

static int on_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct fib_rule_hdr *info = mnl_nlmsg_get_payload(nlh);
	bool *unusual = data;
	size_t i;

	for (i = 0; i < sizeof(usual_tables) / sizeof(usual_tables[0]); i++)
		if (info->table == usual_tables[i] && info->action == FR_ACT_TO_TBL)
			break;
	if (i == sizeof(usual_tables) / sizeof(usual_tables[0]) || info->src_len || info->dst_len ||
	    info->tos || info->flags & FIB_RULE_INVERT)
		unusual[info->family == AF_INET ? FAMILY_V4 : FAMILY_V6] = true;
	return MNL_CB_OK;
}

static int ask(uint16_t type, size_t extra, mnl_cb_t each, void *data)
{
	union host_request request;
	int err, refusal;

	host_netlink_request(&request, type, NLM_F_DUMP, extra);
	err = host_netlink_ask(NETLINK_ROUTE, &request, each, data, &refusal);
	return err ? err : refusal;
}

int host_destinations_read(struct host *host)
{
	struct collection collection = { .prefixes = { .item_size = sizeof(struct ip_prefix) },
					 .best_metric = { UINT32_MAX, UINT32_MAX } };
	bool unusual[FAMILY_COUNT] = {};
	int err = ask(RTM_GETROUTE, sizeof(struct rtmsg), on_route, &collection);

	/* Not worth a try again, nor a failed load: without an answer the kernel is asked each
	 * time. */
	if (err || ask(RTM_GETRULE, sizeof(struct fib_rule_hdr), on_rule, unusual) ||
	    collection.prefixes.count > DESTINATIONS_MAX) {
		free(collection.prefixes.items);
		return 0;
	}
	host->destinations = collection.prefixes.items;
	host->destination_count = collection.prefixes.count;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		host->defaults[family] = collection.best[family];
		host->defaults[family].usable &= !unusual[family];
	}
	return 0;
}
