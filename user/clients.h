/* SPDX-License-Identifier: GPL-2.0-only */
/* Which clients a forward is for: prefixes allowed and denied, as ranges of addresses. Pure. */
#ifndef XDPFWD_CLIENTS_H
#define XDPFWD_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <xdpfwd/abi.h>
#include "ipaddr.h"

/**
 * struct client_lists - prefixes of both families in any order
 * @allow, @allow_count: who is let in; everybody when there are none
 * @deny, @deny_count:   who is not, whatever @allow says
 */
struct client_lists {
	const struct ip_prefix *allow, *deny;
	size_t allow_count, deny_count;
};

/**
 * clients_make() - the clients of one family
 * @ranges: out: a malloc()ed array of disjoint ranges in ascending order, none of them next to
 *          another; NULL when there is none
 *
 * Return: how many, or -ENOMEM.
 */
int clients_make(const struct client_lists *lists, enum ip_family family,
		 struct acl_range **ranges);

/* clients_are_all() - do the ranges hold every address of the family? */
bool clients_are_all(const struct acl_range *ranges, size_t count, enum ip_family family);

/* clients_include() - do the ranges, in ascending order, hold the address? */
bool clients_include(const struct acl_range *ranges, size_t count, const struct ip_addr *addr);

#define CLIENTS_RANGE_STRLEN (2 * IP_ADDR_STRLEN)

/* clients_format_range() - write "203.0.113.7", "203.0.113.0/24" or "FIRST-LAST"; returns @buf */
const char *clients_format_range(const struct acl_range *range, char buf[CLIENTS_RANGE_STRLEN]);

#define CLIENTS_STRLEN (4 * CLIENTS_RANGE_STRLEN)

/* clients_format() - write "nobody", "203.0.113.7, 203.0.113.9 and 4 more"; returns @buf */
const char *clients_format(const struct acl_range *ranges, size_t count, char buf[CLIENTS_STRLEN]);

#endif
