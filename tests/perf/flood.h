/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows of a flood by number, and the table of replies: what flood.c and its programs share. */
#ifndef XDPFWD_TESTS_FLOOD_H
#define XDPFWD_TESTS_FLOOD_H

/*
 * Flow N talks to one of FLOW_PORTS ports, from an address that ends in the low half of N. Client
 * ports are spread over those that Linux gives its own connections. Within one public port no two
 * flows share a client port: a masquerade that tells flows apart by where they go can keep them
 * all.
 */
#define FLOWS_MAX	 (1 << 20)
#define FLOW_PORTS	 64
#define PUBLIC_PORT	 50000
#define CLIENT_PORT	 32768
#define CLIENT_PORTS	 28232
#define CLIENT_PORT_STEP 5 /* within one public port; has no factor in common with CLIENT_PORTS */

static inline __u16 flow_client_port(__u32 flow)
{
	__u32 spread = flow % FLOW_PORTS * (CLIENT_PORTS / FLOW_PORTS);

	return CLIENT_PORT + (flow / FLOW_PORTS * CLIENT_PORT_STEP + spread) % CLIENT_PORTS;
}

static inline __u16 flow_public_port(__u32 flow)
{
	return PUBLIC_PORT + flow % FLOW_PORTS;
}

/**
 * struct reply - a packet from home, of one flow
 * @addr:   the last two bytes of its destination
 * @port:   its destination port
 * @public: its source port
 */
struct reply {
	__be16 addr, port, public, zero;
};

/* reply_index() - where the reply of a flow is in the table */
static inline __u32 reply_index(int is_v6, __u32 flow)
{
	return (is_v6 ? FLOWS_MAX : 0) + (flow & (FLOWS_MAX - 1));
}

#endif
