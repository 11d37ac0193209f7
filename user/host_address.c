// SPDX-License-Identifier: GPL-2.0-only
// The addresses of this host, and which of them stands for its link.
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include "host_internal.h"

/* Not in use yet, or not to be used for anything new. */
#define UNUSABLE_FLAGS (IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED)

/**
 * struct seen_addr - an address and what decides whether it is the primary one
 * @addr:    for the snapshot
 * @minor:   secondary (IPv4) or temporary (IPv6); the kernel has one bit for both
 * @created: when it was added, hundredths of a second after boot
 */
struct seen_addr {
	struct host_addr addr;
	bool minor;
	uint32_t created;
};

static int on_addr(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
	struct ip_addr address = { 0 }, local = { 0 };
	bool has_address = false, has_local = false;
	struct host_array *addrs = data;
	uint32_t flags = info->ifa_flags;
	struct seen_addr *seen;
	const struct nlattr *attr;
	uint32_t created = 0;

	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, nlh, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_ADDRESS:
			has_address = host_addr_from_attr(attr, &address);
			break;
		case IFA_LOCAL:
			has_local = host_addr_from_attr(attr, &local);
			break;
		case IFA_FLAGS:
			flags = mnl_attr_get_u32(attr);
			break;
		case IFA_CACHEINFO:
			created = ((struct ifa_cacheinfo *)mnl_attr_get_payload(attr))->cstamp;
			break;
		}
	}
	/* With a peer IFA_ADDRESS is the far end; IPv6 without one has no IFA_LOCAL. */
	if (!has_local && !has_address)
		return MNL_CB_OK;
	seen = host_array_add(addrs);
	if (!seen)
		return MNL_CB_ERROR;
	seen->addr.ifindex = info->ifa_index;
	seen->addr.addr = has_local ? local : address;
	seen->addr.prefix_len = info->ifa_prefixlen;
	seen->addr.global = info->ifa_scope == RT_SCOPE_UNIVERSE && !(flags & UNUSABLE_FLAGS);
	seen->minor = flags & IFA_F_SECONDARY;
	seen->created = created;
	return MNL_CB_OK;
}

static bool is_candidate(const struct seen_addr *seen)
{
	return seen->addr.global && !seen->minor;
}

/*
 * The oldest candidate is the first. The order of the dump does not tell: for IPv6 most kernels
 * put the newest address in front, so that adding one would move the primary.
 */
static bool is_primary(const struct seen_addr *seen, size_t count, size_t index)
{
	const struct seen_addr *self = &seen[index];

	if (!is_candidate(self))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct seen_addr *other = &seen[i];

		if (other->addr.ifindex != self->addr.ifindex || !is_candidate(other) ||
		    ip_addr_family(&other->addr.addr) != ip_addr_family(&self->addr.addr))
			continue;
		if (other->created < self->created ||
		    (other->created == self->created && i < index))
			return false;
	}
	return true;
}

int host_addrs_read(struct host *host)
{
	struct host_array addrs = { .item_size = sizeof(struct seen_addr) };
	struct seen_addr *seen;
	union host_request request;
	int err;

	host_netlink_request(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	err = host_netlink_dump(NETLINK_ROUTE, &request, on_addr, &addrs);
	if (err || !addrs.count)
		return err;
	seen = addrs.items;
	host->addrs = calloc(addrs.count, sizeof(*host->addrs));
	if (!host->addrs) {
		free(seen);
		return -ENOMEM;
	}
	host->addr_count = addrs.count;
	for (size_t i = 0; i < addrs.count; i++) {
		host->addrs[i] = seen[i].addr;
		host->addrs[i].primary = is_primary(seen, addrs.count, i);
	}
	free(seen);
	return 0;
}
