/* SPDX-License-Identifier: GPL-2.0-only */
/* One packet through one program: what goes in, what has to come out. */
#ifndef XDPFWD_TESTS_CASE_H
#define XDPFWD_TESTS_CASE_H

#include "fixture.h"

/**
 * struct path - a way through the host
 * @ingress, @egress: devices
 * @in:      the destination is the public side of @forward
 * @out:     the source is the backend side of @forward; both together are a hairpin
 * @from:    who sends, unless it is the backend
 * @to:      who is to get it, unless it is the backend
 */
struct path {
	const char *name;
	enum world world;
	enum dev ingress, egress;
	bool in, out;
	enum forward forward;
	enum peer from, to;
};

/**
 * struct talk - the tuples of a masqueraded conversation
 * @client, @public_addr, @masquerade, @backend: its addresses
 * @client_port, @public_port, @port, @backend_port: and ports; masquerade address and port are
 *             learned from the first packet that is forwarded while @port is 0
 */
struct talk {
	struct ip_addr client, public_addr, masquerade, backend;
	uint16_t client_port, public_port, port, backend_port;
};

/**
 * struct test_case - a packet and its fate
 * @detail:  what is special about it
 * @packet:  the input, to be changed at will after case_init()
 * @reason:  what must be counted; case_init() says REASON_FORWARDED, or REASON_LEFT_TO_TC
 * @source_forward: whose backend sends, when @path says out; path.forward unless changed
 * @hop_mac: destination address that XDP has to write
 * @gso_segs: TC: the packet is a super-packet of so many segments
 * @talk:    the masqueraded conversation that it belongs to; NULL where addresses are preserved
 *
 * The output follows: @packet unchanged, or rewritten as @path says.
 */
struct test_case {
	struct path path;
	enum program program;
	enum ip_family family;
	enum proto proto;
	char detail[64];
	struct packet_spec packet;
	enum reason reason;
	enum forward source_forward;
	const uint8_t *hop_mac;
	unsigned gso_segs;
	struct talk *talk;
};

/* The paths of every pair of devices that can carry a forward. */
extern const struct path paths[];
extern const size_t path_count;

/* path_find() - a path by name */
const struct path *path_find(const char *name);

/* path_takes() - @program can run on the ingress of @path */
bool path_takes(const struct path *path, enum program program);

/* case_init() - a plain packet on a path, expected to be forwarded */
void case_init(struct test_case *test, const struct path *path, enum program program,
	       enum ip_family family, enum proto proto);

/* case_by_cache() - TC will write the cached MAC address, not leave it to the kernel */
bool case_by_cache(const struct test_case *test);

/* reason_name() - for messages */
const char *reason_name(enum reason reason);

/* case_output() - @packet as it has to leave the program when it is forwarded */
struct packet_spec case_output(const struct test_case *test);

/**
 * case_run() - run it and compare verdict, bytes and all counters
 * @detail: format of test->detail
 *
 * A mismatch fails the test, with the name of the case and the bytes; the test goes on.
 */
__attribute__((format(printf, 2, 3))) void case_run(struct test_case *test, const char *detail,
						    ...);

/* case_run_bytes() - the same with these bytes as input and nothing forwarded */
__attribute__((format(printf, 3, 4))) void
case_run_bytes(struct test_case *test, const struct packet_buf *bytes, const char *detail, ...);

/* case_failures() - how many cases have failed in this test */
unsigned case_failures(void);

/* case_try() - run without expectations; the action, with the output in @out and the reason */
int case_try(const struct test_case *test, const struct packet_buf *in, struct packet_buf *out,
	     enum reason *reason);

/* case_fail() - fail the test with the name of a case */
__attribute__((format(printf, 2, 3))) void case_fail(const struct test_case *test, const char *fmt,
						     ...);

/*
 * case_for_each() - call @body with a fresh case for every path, program, family and protocol,
 * next hops cached and fresh
 */
void case_for_each(void (*body)(struct test_case *test));

#endif
