/* SPDX-License-Identifier: GPL-2.0-only */
/* A host made up for one test, and what the plan makes of it, as text to compare. */
#ifndef XDPFWD_TESTS_PLAN_WORLD_H
#define XDPFWD_TESTS_PLAN_WORLD_H

#include <criterion/criterion.h>
#include "plan.h"

/* Two lines: the backend of most tests, reached by eth1; with one address, and with two. */
#define HOME4 "[backend.home]\naddress = \"198.18.9.2\"\n"
#define HOME  "[backend.home]\naddress = [\"198.18.9.2\", \"2001:db8:9::2\"]\n"

/* Five lines: a forward to it. Below HOME, it starts in line 3 and its ports stand in line 5. */
#define FORWARD_TO(backend, protocol, ports)                                                       \
	"[[forward]]\nprotocol = \"" protocol "\"\nports = " ports "\nbackend = \"" backend "\"\n" \
	"source = \"preserve\"\n"
/* The same in four lines, with the source mode that is the default. */
#define MASQUERADE_TO(backend, protocol, ports)                                                    \
	"[[forward]]\nprotocol = \"" protocol "\"\nports = " ports "\nbackend = \"" backend "\"\n"
#define TCP(ports) FORWARD_TO("home", "tcp", ports)
#define UDP(ports) FORWARD_TO("home", "udp", ports)

#define WORLD_MAX 64

/**
 * struct world - what plan_make() gets, and what it made of it
 * @in:    in: mode, force, has_tcx, counters and the like; the rest is filled in by world_plan()
 * @plan:  out: of the last world_plan(), or NULL
 * @found: out: its findings, one a line as the user sees them in a file "f"
 * @code:  out: the exit code that they end in
 */
struct world {
	struct plan_input in;
	struct host host;
	struct host_link links[WORLD_MAX];
	struct host_addr addrs[WORLD_MAX];
	struct host_neigh neighs[WORLD_MAX];
	struct host_socket sockets[WORLD_MAX];
	struct host_route routes[WORLD_MAX];
	size_t route_count;
	struct {
		const char *name;
		struct ip_addr addr;
	} names[WORLD_MAX];
	size_t name_count;
	struct port_set reserved_before, reserved_others;
	struct config *config;
	struct plan *plan;
	char *found;
	int code;
};
extern struct world world;

/*
 * world_init(), world_fini() - for TestSuite(.init, .fini)
 *
 * eth0 is public, with 198.51.100.1 and 2001:db8:1::1. eth1, with 198.18.9.1 and 2001:db8:9::1,
 * leads to 198.18.9.2 and 2001:db8:9::2, whose link-layer address is known. Both are hardware. wg0
 * is a tunnel to 198.18.7.2. eth0 also leads to 198.51.100.9, whose neighbour is not known. No
 * socket is open.
 */
void world_init(void);
void world_fini(void);

/* world_link() - one more device: hardware, up, MTU 1500, the next index from 2, a MAC of it */
struct host_link *world_link(const char *name);

/* world_device() - a device that is there */
struct host_link *world_device(const char *name);

/* world_addr() - one more address of a device, global; primary when the first of its family */
struct host_addr *world_addr(const char *device, const char *addr);

/*
 * world_route() - the route to an address, replacing an earlier one; without a gateway, from the
 * device's first address of the family
 */
struct host_route *world_route(const char *dst, const char *device);

/* world_neigh() - a link-layer neighbour that is usable */
struct host_neigh *world_neigh(const char *device, const char *addr, uint8_t last_mac_byte);

/* world_listen() - a listening socket of a process; of the kernel when that is NULL */
struct host_socket *world_listen(enum proto proto, const char *local, uint16_t port,
				 const char *process);

/* world_connected() - one that has a peer */
struct host_socket *world_connected(enum proto proto, const char *local, uint16_t port,
				    const char *process);

/* world_name() - one more address that a DNS name resolves to */
void world_name(const char *name, const char *addr);

/* world_plan() - parse a config, which must be good, and make a plan */
void world_plan(const char *text);

/* expect_found() - the findings of the last plan; expect_plan() - plan, and no finding at all */
void expect_found(const char *expected);
void expect_plan(const char *text);

/* expect_refused() - plan a config that is refused with exactly these findings */
void expect_refused(const char *text, const char *expected);

/* expect_rules() - lines such as "tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1" */
void expect_rules(const char *expected);

/* expect_hooks() - lines such as "eth0 xdp native: Ethernet on both sides" */
void expect_hooks(const char *expected);

/* expect_sysctl() - what a sysctl is set to, and what unload will bring back */
void expect_sysctl(const char *name, const char *value, const char *before);

/* port_set() - a set from text, "22,80-90" */
struct port_set port_set(const char *text);

#endif
