/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows of a loaded interface: what they are, which of them are meant, ending and sweeping. */
#ifndef XDPFWD_FLOWS_H
#define XDPFWD_FLOWS_H

#include <stdbool.h>
#include <stdint.h>
#include <xdpfwd/abi.h>
#include "ipaddr.h"
#include "state.h"

/**
 * struct flow_view - one flow, as people know it
 * @client, @public:      what the client sees of itself and of us
 * @masquerade, @backend: what the backend sees of the client and of itself
 * @forward, @backend_name: names in the config; as long-lived as the state they were taken from
 * @state:   "new", "replied", "confirmed" of UDP; "syn_sent", "syn_received", "established",
 *           "closing" (one side has sent its FIN), "closed" (both have), "reset" of TCP
 * @pool:    where it lies; its masquerade port is the place in there
 * @age_s, @idle_s: seconds since its first and its last packet
 * @packets, @bytes: by direction, bytes of whole IP packets
 *
 * Ports are in host order.
 */
struct flow_view {
	enum proto proto;
	struct ip_addr client, public, masquerade, backend;
	uint16_t client_port, public_port, masquerade_port, backend_port;
	const char *forward, *backend_name;
	const char *state;
	uint32_t pool, age_s, idle_s;
	uint64_t packets[DIR_COUNT], bytes[DIR_COUNT];
};

/**
 * flow_view_make() - a record as people know it. Pure
 * @rs, @state: what is in force
 * @pool, @port: where the record lies
 * @now:  ticks
 * @view: out
 *
 * Return: false for a record that is not in use: free, ended, idle for too long, or of a rule that
 * is gone.
 */
bool flow_view_make(const struct ruleset *rs, const struct state *state, uint32_t pool,
		    uint16_t port, const struct flow *flow, uint32_t now, struct flow_view *view);

/**
 * struct flow_filter - which flows are meant; all of them when it is zero
 * @has_proto, @proto: of this protocol
 * @has_client, @client: from this address or network
 * @backend: to the backend of this name or address
 * @forward: by the forward of this name
 */
struct flow_filter {
	bool has_proto, has_client;
	enum proto proto;
	struct ip_prefix client;
	const char *backend, *forward;
};

/* flow_filter_matches() - is it one of these? Pure */
bool flow_filter_matches(const struct flow_filter *filter, const struct flow_view *view);

/* struct flows - an interface whose flows are looked at; until flows_close() */
struct flows {
	struct state *state;
	const struct ruleset *rs;
	int pools_fd;
};

/**
 * flows_open() - begin to look at the flows of an interface
 *
 * Return: 0; -ENOENT when it is not loaded; -EPROTONOSUPPORT when a version with other map layouts
 * has loaded it; -EPROTO when its pins cannot be understood; -errno.
 */
int flows_open(const char *bpffs, const char *iface, struct flows *flows);

/* flows_close() - let go of it; what was zeroed and never opened is allowed */
void flows_close(struct flows *flows);

/* What to do with a flow; anything but 0 ends the walk. */
typedef int flows_fn(const struct flow_view *view, void *context);

/**
 * flows_each() - call @fn for each flow that matches, one pool in memory at a time
 *
 * Packets go on meanwhile: a flow that begins or ends may be seen or not.
 *
 * Return: 0, what @fn returned, or -errno.
 */
int flows_each(const struct flows *flows, const struct flow_filter *filter, flows_fn *fn,
	       void *context);

/**
 * flows_end() - take all flows that match out of service; flows_sweep() then frees them
 *
 * Return: how many, or -errno.
 */
int64_t flows_end(const struct flows *flows, const struct flow_filter *filter);

/* Is a flow to end? */
typedef bool flows_ends_fn(const struct flow *flow, const void *context);

/**
 * flows_pool_end() - take flows of one pool out of service
 * @pool_fd: the pool's map
 * @ends:    which
 *
 * Return: how many, or -errno.
 */
int64_t flows_pool_end(int pool_fd, flows_ends_fn *ends, const void *context);

/**
 * struct flows_swept - what a sweep came to
 * @ended:   flows freed, of which @expired had been idle for too long
 * @live:    flows that stay
 */
struct flows_swept {
	uint64_t ended, expired, live;
};

/**
 * flows_sweep() - free what has ended, in all pools of an interface
 * @swept: out; may be NULL
 *
 * Return: 0; -EPROTO when there is no program for it or it does not do its work; -errno.
 */
int flows_sweep(const char *bpffs, const char *iface, struct flows_swept *swept);

/* flows_sweep_pool() - the same for one pool, which the rule set may not know any more */
int flows_sweep_pool(const char *bpffs, const char *iface, uint32_t pool, enum proto proto);

/* A round of the sweeper takes this many steps. */
#define FLOWS_ROUND_STEPS 10

/**
 * struct flows_sweeper - how far a sweep that goes step by step has come; zeroed at first
 * @run:     of the pool under way; pool 0 when this round is done
 * @runs:    runs of the program in each step of this round
 * @steps:   steps taken in this round
 * @pending: pools still to be done in this round
 * @empty:   pools that had no flow when they were last swept
 * @created: by protocol: flows begun before this round
 */
struct flows_sweeper {
	struct sweep_run run;
	uint32_t runs, steps;
	uint64_t pending, empty;
	uint64_t created[PROTO_COUNT];
};

/**
 * flows_sweeper_step() - a tenth of a round, so that neither an idle nor a busy host notices
 *
 * A pool without flows is left alone until one of its protocol begins.
 *
 * Return: as flows_sweep().
 */
int flows_sweeper_step(const char *bpffs, const char *iface, struct flows_sweeper *sweeper);

#endif
