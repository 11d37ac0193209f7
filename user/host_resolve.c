// SPDX-License-Identifier: GPL-2.0-only
// Addresses of a DNS name, through the resolver this host is set up with.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include "host_internal.h"

static bool sockaddr_addr(const struct sockaddr *sa, struct ip_addr *addr)
{
	switch (sa->sa_family) {
	case AF_INET:
		*addr = ip_addr_from_v4(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
		return true;
	case AF_INET6:
		return host_addr_from_bytes(&((const struct sockaddr_in6 *)sa)->sin6_addr,
					    sizeof(struct in6_addr), addr);
	default:
		return false;
	}
}

int host_resolve(const char *name, bool has[FAMILY_COUNT], struct ip_addr addrs[FAMILY_COUNT],
		 const char **error)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list;
	int err;

	has[FAMILY_V4] = has[FAMILY_V6] = false;
	err = getaddrinfo(name, NULL, &hints, &list);
	if (err) {
		*error = gai_strerror(err);
		return -ENOENT;
	}
	for (const struct addrinfo *info = list; info; info = info->ai_next) {
		struct ip_addr addr;
		enum ip_family family;

		if (!sockaddr_addr(info->ai_addr, &addr))
			continue;
		/* By the address, as an AAAA record may hold a mapped IPv4 one. */
		family = ip_addr_family(&addr);
		if (!has[family]) {
			has[family] = true;
			addrs[family] = addr;
		}
	}
	freeaddrinfo(list);
	if (has[FAMILY_V4] || has[FAMILY_V6])
		return 0;
	*error = gai_strerror(EAI_NODATA);
	return -ENOENT;
}
