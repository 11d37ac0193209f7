// SPDX-License-Identifier: GPL-2.0-only
// Addresses of a DNS name, through the resolver this host is set up with.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
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

/* struct answer - what was found so far, by family; @kept: the address in use is among it */
struct answer {
	bool has[FAMILY_COUNT], kept[FAMILY_COUNT];
	struct ip_addr addr[FAMILY_COUNT];
};

/* Names with several addresses are answered in turns; whoever is served by one stays there. */
static void take(const struct addrinfo *info, const bool *in_use, const struct ip_addr *using,
		 struct answer *answer)
{
	struct ip_addr addr;
	enum ip_family family;

	if (!sockaddr_addr(info->ai_addr, &addr))
		return;
	/* By the address, as an AAAA record may hold a mapped IPv4 one. */
	family = ip_addr_family(&addr);
	if (in_use[family] && ip_addr_equal(&addr, &using[family]))
		answer->kept[family] = true;
	else if (answer->has[family])
		return;
	if (!answer->has[family] || answer->kept[family])
		answer->addr[family] = addr;
	answer->has[family] = true;
}

/*
 * One family at a time: asked for both, the resolver calls it a success when one of the two
 * questions was answered, and the other family would seem to be gone.
 */
int host_resolve(const char *name, bool has[FAMILY_COUNT], struct ip_addr addrs[FAMILY_COUNT],
		 const char **error)
{
	static const int families[FAMILY_COUNT] = { [FAMILY_V4] = AF_INET, [FAMILY_V6] = AF_INET6 };
	struct answer answer = {};
	int failure = 0, ret = 0;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct addrinfo hints = { .ai_family = families[family],
						.ai_socktype = SOCK_DGRAM };
		struct addrinfo *list = NULL;
		int err = getaddrinfo(name, NULL, &hints, &list);

		for (const struct addrinfo *info = list; info; info = info->ai_next)
			take(info, has, addrs, &answer);
		if (list)
			freeaddrinfo(list);
		/* "Ask again" tells more than that there is none of the other family. */
		if (err && failure != EAI_AGAIN)
			failure = err;
		if (has[family] && !answer.has[family] && (err == EAI_AGAIN || err == EAI_FAIL)) {
			answer.has[family] = answer.kept[family] = true;
			answer.addr[family] = addrs[family];
			ret = -EAGAIN;
		}
	}
	if (!answer.has[FAMILY_V4] && !answer.has[FAMILY_V6])
		ret = -ENOENT;
	if (ret)
		*error = gai_strerror(failure ?: EAI_NODATA);
	if (ret == -ENOENT)
		return ret;
	memcpy(has, answer.has, sizeof(answer.has));
	memcpy(addrs, answer.addr, sizeof(answer.addr));
	return ret;
}
