/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host under test, one for each test process: a network namespace with real devices, routes and
 * neighbours, the loaded programs, and a rule set made by ruleset_build().
 *
 *	client 198.51.100.10 ---+                       +--- backend 198.18.9.2, .3 (no neighbour)
 *	router 198.51.100.1  ---+--- "pub"     "home" --+--- gateway 198.18.9.254 -> 198.18.10.2
 *	backend 198.51.100.20 --+       host            |
 *	                     "wan" (L3)    "tun" (L3) --+--- backend 198.18.8.2
 */
#ifndef XDPFWD_TESTS_FIXTURE_H
#define XDPFWD_TESTS_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <xdpfwd/abi.h>
#include "ipaddr.h"
#include "../lib/packet.h"
#include "xdpfwd.skel.h"

/* Devices of the host. PUB and HOME are Ethernet; THIRD belongs to no rule. */
enum dev { DEV_PUB, DEV_HOME, DEV_TUN, DEV_WAN, DEV_THIRD, DEV_COUNT };

/* What a configuration calls public: the Ethernet device, or one without Ethernet. */
enum world { WORLD_PUB, WORLD_WAN };

/* Hosts around it. */
enum peer {
	PEER_PUBLIC,	 /* the public address of the world in use */
	PEER_CLIENT,	 /* on the segment of PUB */
	PEER_REMOTE,	 /* behind the router of PUB */
	PEER_HOME,	 /* backends: on HOME */
	PEER_ARM,	 /* on PUB */
	PEER_TUN,	 /* in the tunnel */
	PEER_ROUTED,	 /* behind a gateway of HOME */
	PEER_SILENT,	 /* on HOME, no neighbour entry */
	PEER_DEAD,	 /* unreachable route */
	PEER_VOID,	 /* blackhole route */
	PEER_HOST_IN,	 /* the host's own address on HOME: what flows to HOME are masqueraded as */
	PEER_HOST_OTHER, /* another one, that they can be as well */
	PEER_HOST_TUN,	 /* the same for TUN */
	PEER_WAN_CLIENT, /* behind WAN */
	PEER_COUNT
};

/* Forwards, each for TCP and UDP and both families. The numbers index fixture_forwards. */
enum forward {
	FWD_PLAIN,
	FWD_UP,
	FWD_DOWN,
	FWD_RANGE,
	FWD_ARM,
	FWD_TUN,
	FWD_ROUTED,
	FWD_SILENT,
	FWD_DEAD,
	FWD_COUNT
};

/**
 * struct forward_spec - a forward as data
 * @first, @last: public ports
 * @excluded: a port of these that stays with the host, or 0
 * @shift:    backend port minus public port
 * @backend, @device: where it goes
 */
struct forward_spec {
	uint16_t first, last, excluded;
	int shift;
	enum peer backend;
	enum dev device;
};

extern const struct forward_spec fixture_forwards[FWD_COUNT];

enum program { PROGRAM_XDP, PROGRAM_TC, PROGRAM_TC_L3, PROGRAM_COUNT };

extern const char *const program_names[PROGRAM_COUNT];

#define COUNTERS_USED (FWD_COUNT * PROTO_COUNT)

/* All counters of the programs, summed over CPUs. */
struct counts {
	uint64_t reasons[HOOK_COUNT][64];
	struct forward_counters forwards[COUNTERS_USED];
};

/* fixture_init() - for TestSuite(.init): namespace, devices, programs; skips without root */
void fixture_init(void);

/* fixture_init_small() - the same, with room for FIXTURE_SMALL confirmed flows */
#define FIXTURE_SMALL 4
void fixture_init_small(void);

/**
 * fixture_apply() - put a new rule set in force
 * @world: which device is public
 * @valid_until_ns: how long the cached next hops hold
 * @mtu:   of the cached next hops
 */
void fixture_apply(enum world world, uint64_t valid_until_ns, uint32_t mtu);

/*
 * fixture_masquerade() - the same, but every forward masquerades as the host's address on the
 * device to its backend. There are no flows yet, and no limits; all ports from 1024 on that are not
 * forwarded may be used. Tests change the rule set as they like.
 */
void fixture_masquerade(enum world world, uint64_t valid_until_ns, uint32_t mtu);

/* fixture_pool() - index of the pool of an address, 0 for none; fixture_flows() - its records */
unsigned fixture_pool(const struct ip_addr *addr, enum proto proto);
struct flow *fixture_flows(unsigned pool);

/* fixture_flow_counts() - the counters of flows, summed over CPUs */
void fixture_flow_counts(struct flow_counters *counts);

/* fixture_apply_plan() - the same from any plan */
struct plan;
void fixture_apply_plan(const struct plan *plan, uint64_t valid_until_ns);

/* fixture_clear() - no rule set at all */
void fixture_clear(void);

/* fixture_ruleset() - the rule set in force, as the programs see it */
struct ruleset *fixture_ruleset(void);

/* fixture_skel() - the loaded programs */
struct xdpfwd_bpf *fixture_skel(void);

/* fixture_counts() - read all counters */
void fixture_counts(struct counts *counts);

/* fixture_now_ns() - CLOCK_MONOTONIC */
uint64_t fixture_now_ns(void);

/* run() - run a command in the namespace of the test; it has to succeed */
__attribute__((format(printf, 1, 2))) void run(const char *fmt, ...);

/* dev_name(), dev_ifindex(), dev_mac(), dev_is_l3() - about a device */
const char *dev_name(enum dev dev);
int dev_ifindex(enum dev dev);
const uint8_t *dev_mac(enum dev dev);
bool dev_is_l3(enum dev dev);

/* peer_addr() - the address of a host; peer_mac() - of the neighbour on the way to it */
struct ip_addr peer_addr(enum world world, enum peer peer, enum ip_family family);
const uint8_t *peer_mac(enum peer peer);

/* The MAC address that cached next hops have, unlike every neighbour's. */
extern const uint8_t fixture_cached_mac[6];

#endif
