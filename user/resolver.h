/* SPDX-License-Identifier: GPL-2.0-only */
/* DNS names looked up again and again, in a thread of its own: nobody waits for a name server. */
#ifndef XDPFWD_RESOLVER_H
#define XDPFWD_RESOLVER_H

#include <xdpfwd/abi.h>
#include "ipaddr.h"

/* getaddrinfo() tells no TTL. */
#define RESOLVER_INTERVAL_S 30

/**
 * struct resolver_name - a name and what is known of it
 * @name:   the name
 * @has, @addr: by family: the address in use; the last good one when a lookup fails
 * @failed: the last lookup did not succeed
 */
struct resolver_name {
	char name[256];
	bool has[FAMILY_COUNT];
	struct ip_addr addr[FAMILY_COUNT];
	bool failed;
};

struct resolver;

/* resolver_new() - a resolver of no names yet, and without a thread; NULL with errno */
struct resolver *resolver_new(void);

/**
 * resolver_watch() - from now on look these up, and forget the others
 * @names, @count: copied; with the addresses in use, which count as looked up just now
 *
 * Return: 0, or -errno when there is no thread to do it.
 */
int resolver_watch(struct resolver *resolver, const struct resolver_name *names, size_t count);

/* resolver_fd() - readable when a lookup came out another way than the one before */
int resolver_fd(const struct resolver *resolver);

/* resolver_clear() - make it unreadable again */
void resolver_clear(struct resolver *resolver);

/* resolver_get() - what is known of @name->name; false for a name that is not looked up */
bool resolver_get(struct resolver *resolver, struct resolver_name *name);

/* resolver_free() - end the thread, at the latest with the lookup under way; NULL is allowed */
void resolver_free(struct resolver *resolver);

#endif
