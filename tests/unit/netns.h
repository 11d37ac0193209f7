/* SPDX-License-Identifier: GPL-2.0-only */
/* A network namespace for one test, set up with ip(8), and what tests look for in snapshots. */
#ifndef XDPFWD_TESTS_NETNS_H
#define XDPFWD_TESTS_NETNS_H

#include <criterion/criterion.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "host.h"

/* run() - run a command in the namespace of the test; it has to succeed */
__attribute__((format(printf, 1, 2))) static inline void run(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	cr_assert_eq(system(command), 0, "%s", command);
}

/* netns_enter() - a new namespace; it ends with the process, and so with the test */
static inline void netns_enter(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root for a network namespace");
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %m");
	run("ip link set lo up");
}

/* netns_make_veth() - "pub" and "peer", both up; 198.51.100.1/24 and 2001:db8:1::1/64 on pub */
static inline void netns_make_veth(void)
{
	run("ip link add pub address 02:00:00:00:00:01 type veth peer name peer");
	run("ip link set pub up && ip link set peer up");
	run("ip addr add 198.51.100.1/24 dev pub");
	run("ip addr add 2001:db8:1::1/64 dev pub nodad");
}

/* addr() - an address from text */
static inline struct ip_addr addr(const char *text)
{
	struct ip_addr parsed;

	cr_assert_eq(ip_addr_parse(text, &parsed), 0, "%s", text);
	return parsed;
}

/* is_addr() - compare with an address in text */
static inline bool is_addr(const struct ip_addr *actual, const char *expected)
{
	struct ip_addr parsed = addr(expected);

	return ip_addr_equal(actual, &parsed);
}

/* ifindex_of() - the index of a link that exists */
static inline int ifindex_of(const char *name)
{
	int index = if_nametoindex(name);

	cr_assert_neq(index, 0, "%s", name);
	return index;
}

/* snapshot() - host_read() without routes */
static inline struct host snapshot(void)
{
	struct host host;

	cr_assert_eq(host_read(NULL, 0, &host), 0);
	return host;
}

#endif
