/* SPDX-License-Identifier: GPL-2.0-only */
/* What is to be done on this host: config and facts in, a complete decision out. Pure. */
#ifndef XDPFWD_PLAN_H
#define XDPFWD_PLAN_H

#include <xdpfwd/abi.h>
#include "config.h"
#include "diag.h"
#include "facts.h"

/* What the user asked for with --mode. */
enum plan_mode { MODE_AUTO, MODE_NATIVE, MODE_GENERIC, MODE_TC };

/* plan_mode_name() - "auto", "native", "generic" or "tc" */
const char *plan_mode_name(enum plan_mode mode);

/* plan_mode_parse() - the mode of that name; 0, or -EINVAL */
int plan_mode_parse(const char *text, enum plan_mode *mode);

/* How a program is attached. */
enum attach_kind { ATTACH_XDP_NATIVE, ATTACH_XDP_GENERIC, ATTACH_TCX, ATTACH_CLSACT };

/* attach_kind_hook() - "xdp" or "tc"; attach_kind_mode() - "native", "generic", "tcx", "clsact" */
const char *attach_kind_hook(enum attach_kind kind);
const char *attach_kind_mode(enum attach_kind kind);

/* plan_uses_backend() - does any forward go there? The others need neither address nor route */
bool plan_uses_backend(const struct config *config, size_t backend);

/**
 * struct plan_refusal - a device whose driver has refused native XDP
 * @ifindex: the device
 * @cause:   what the kernel said
 */
struct plan_refusal {
	int ifindex;
	char cause[128];
};

/* struct plan_pool - an address of this host that flows of a protocol are seen to come from */
struct plan_pool {
	struct ip_addr addr;
	enum proto proto;
};

/* struct plan_sibling - a pool of another interface that is loaded */
struct plan_sibling {
	char iface[IFNAMSIZ];
	struct plan_pool pool;
};

/* A counter keeps its index as long as the interface stays loaded: "forward" and protocol. */
struct plan_counter {
	char forward[64];
	enum proto proto;
};

/**
 * struct plan_input - all that a plan depends on
 * @config, @host: the wish and the facts; host.routes holds one for each backend and family
 * @backend_has, @backend_addr: by backend and family: addresses, DNS names resolved
 * @iface:      the public interface
 * @mode, @force: from the command line
 * @following:  not somebody's wish: what is in force follows the host, and a port of its own that
 *              would be an error at a load is a warning
 * @has_tcx:    the kernel has TCX links (6.6)
 * @refusals:   devices that refused native XDP, so that "auto" falls back
 * @own_xdp:    ids of our own attached XDP programs
 * @siblings_xdp: ids of those of other interfaces that are loaded
 * @siblings_pools: what the flows of those are seen to come from
 * @reserved_before: ip_local_reserved_ports as it was before the first load
 * @reserved_others: ports that other loaded interfaces need reserved
 * @forwarding_before: by family: conf.lo.forwarding before the first load
 * @counters:   counters in use since the interface was loaded
 * @generation: number of this load of the interface
 */
struct plan_input {
	const struct config *config;
	const struct host *host;
	bool (*backend_has)[FAMILY_COUNT];
	struct ip_addr (*backend_addr)[FAMILY_COUNT];
	const char *iface;
	enum plan_mode mode;
	bool force, following;
	bool has_tcx;
	const struct plan_refusal *refusals;
	size_t refusal_count;
	const uint32_t *own_xdp;
	size_t own_xdp_count;
	const uint32_t *siblings_xdp;
	size_t siblings_xdp_count;
	const struct plan_sibling *siblings_pools;
	size_t siblings_pool_count;

	const struct port_set *reserved_before, *reserved_others;
	bool forwarding_before[FAMILY_COUNT];
	const struct plan_counter *counters;
	size_t counter_count;
	uint32_t generation;
};

/* A device with a role; index 0 is the public one. */
struct plan_device {
	char name[IFNAMSIZ];
	int ifindex;
	bool is_l3;
	uint8_t mac[6];
	uint32_t mtu;
};

/**
 * struct plan_nexthop - the way to one backend address
 * @backend:  index into config.backends
 * @addr:     the backend's address
 * @neighbour: whom to ask for a link-layer address: a gateway or the backend
 * @device:   index into plan.devices
 * @mtu:      largest IP packet
 * @has_mac:  @mac is known now
 */
struct plan_nexthop {
	size_t backend;
	struct ip_addr addr, neighbour;
	uint8_t device;
	uint32_t mtu;
	bool has_mac;
	uint8_t mac[6];
};

/* The first next hops are the gateways of the families, the others lead to backends. */
#define PLAN_FIRST_BACKEND FAMILY_COUNT

/* struct plan_gateway - the default route by the public device; near is as in struct gateway */
struct plan_gateway {
	bool usable;
	struct near near[NEARS_MAX];
	size_t near_count;
};

/* Pool 0 of a rule set stays unused. */
#define PLAN_POOLS_MAX (POOLS_MAX - 1)

/**
 * struct plan_rule - one forward, protocol and address family
 * @forward: index into config.forwards
 * @ports:   the public ports, exclusions taken out
 * @shift:   backend port minus public port
 * @counter: index into the counters
 * @nexthop: index into plan.nexthops
 * @share:   masquerade: the first of its entries in plan.shares
 * @shares:  how many; 0 for a rule that preserves the client's address
 * @timeout_s: masquerade: idle times of its flows
 * @mid_stream: masquerade: a TCP connection may be taken up in the middle
 * @clamp_mss:  TCP connections are told what the devices can carry
 * @reject:     masquerade: who is refused a new flow is told
 * @acl:     which clients it is for: index of plan.acls, 0 for all
 */
struct plan_rule {
	size_t forward;
	enum proto proto;
	struct ip_addr public_addr, backend_addr;
	struct port_set ports;
	int shift;
	uint16_t counter;
	uint16_t nexthop;
	uint16_t share;
	uint8_t shares;
	uint32_t timeout_s[TIMEOUT_COUNT];
	bool mid_stream, clamp_mss, reject;
	uint16_t acl;
};

/* One program on one device, and why there. */
struct plan_hook {
	uint8_t device;
	enum attach_kind kind;
	char reason[160];
};

/* A sysctl to set; @before is what unload brings back. */
struct plan_sysctl {
	const char *name;
	char *before, *value;
};

/**
 * struct plan - the decision
 *
 * Arrays are malloc()ed; free with plan_free(). @reserved holds the ports this interface needs
 * reserved, without what was reserved before. @shares are indices of @pools, a run for each
 * masquerading rule. @masquerade_ports are, by protocol, the ports that the config leaves to flows;
 * those of them that the host leaves are in @limits. @acls are lists of clients, of which the first
 * stays unused and @acl_count follow; they are runs of @acl_ranges.
 */
struct plan {
	char iface[IFNAMSIZ];
	enum plan_mode mode;
	struct plan_device devices[DEVICES_MAX];
	size_t device_count;
	struct plan_nexthop nexthops[NEXTHOPS_MAX];
	size_t nexthop_count;
	struct plan_gateway gateways[FAMILY_COUNT];
	struct plan_rule *rules;
	size_t rule_count;
	struct plan_hook hooks[2 * DEVICES_MAX];
	size_t hook_count;
	struct plan_sysctl sysctls[4];
	size_t sysctl_count;
	struct plan_counter counters[COUNTERS_MAX];
	size_t counter_count;
	struct port_set reserved;
	struct plan_pool pools[PLAN_POOLS_MAX];
	size_t pool_count;
	uint8_t shares[SHARES_MAX];
	size_t share_count;
	struct port_set masquerade_ports[PROTO_COUNT];
	struct flow_limits limits;
	struct acl acls[ACLS_MAX];
	uint16_t acl_count;
	struct acl_range acl_ranges[ACL_RANGES_MAX];
	size_t acl_range_count;
	uint32_t generation;
};

/**
 * plan_make() - decide
 * @in:    the input
 * @diags: out: errors, warnings and notes, appended
 *
 * Return: the plan, or NULL when @diags holds an error (or memory ran out).
 */
struct plan *plan_make(const struct plan_input *in, struct diag_list *diags);

/**
 * plan_gateways() - the default routes by the public device, so that XDP need not ask for each
 * packet
 * @plan: in: devices; out: gateways and their next hops
 * @host: the routing table; the agent calls again when it may have changed
 */
void plan_gateways(struct plan *plan, const struct host *host);

/**
 * plan_free_ports() - which ports flows may take at this moment
 * @plan:     in: masquerade_ports; out: limits.ports
 * @host:     its sockets and its range of ephemeral ports; the agent calls again when they may have
 *            changed
 * @reserved: ports that the kernel gives to no socket by itself
 */
void plan_free_ports(struct plan *plan, const struct host *host, const struct port_set *reserved);

/*
 * plan_equal() - true when applying @b after @a would change nothing but next hops and the ports
 * that are free for flows
 */
bool plan_equal(const struct plan *a, const struct plan *b);

/* plan_free() - free a plan; NULL is allowed */
void plan_free(struct plan *plan);

#endif
