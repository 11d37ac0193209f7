/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be known about a host, as plain data: the plan reads it, host.h fills it in. */
#ifndef XDPFWD_FACTS_H
#define XDPFWD_FACTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xdpfwd/abi.h>
#include "ipaddr.h"
#include "portset.h"

/* Which XDP program sits on a link, from IFLA_XDP. */
enum host_xdp { HOST_XDP_NONE, HOST_XDP_NATIVE, HOST_XDP_GENERIC, HOST_XDP_OFFLOAD };

/**
 * struct host_link - one network device
 * @ifindex:   its index
 * @name:      its name
 * @kind:      rtnetlink kind: "veth", "wireguard", "tun", "vlan", "bridge"; "" for hardware
 * @driver:    driver by ETHTOOL_GDRVINFO: "virtio_net", "veth"; "" when unknown
 * @is_l2:     frames carry an Ethernet header (ARPHRD_ETHER)
 * @loopback:  it is the loopback device
 * @up:        IFF_UP
 * @carrier:   IFF_RUNNING / operational state allows traffic
 * @mac:       hardware address, zero for L3 devices
 * @mtu:       bytes
 * @rx_queues, @tx_queues: IFLA_NUM_RX_QUEUES, IFLA_NUM_TX_QUEUES
 * @xdp:       mode of an attached XDP program
 * @xdp_prog_id: its id
 * @xdp_name:    its name; filled in by attach_name_foreign(), empty before
 * @master:    ifindex of the bridge or bond it belongs to, or 0
 * @lower:     IFLA_LINK: for a vlan, the device below it; for veth the peer; or 0
 */
struct host_link {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[32];
	char driver[32];
	bool is_l2, loopback, up, carrier;
	uint8_t mac[6];
	uint32_t mtu, rx_queues, tx_queues;
	enum host_xdp xdp;
	uint32_t xdp_prog_id;
	char xdp_name[16];
	int master, lower;
};

/**
 * struct host_addr - one address of a link
 * @ifindex:    the link
 * @addr:       the address (IFA_LOCAL)
 * @prefix_len: 0-32 or 0-128
 * @global:     RT_SCOPE_UNIVERSE, and not deprecated, tentative, or failed duplicate detection
 * @primary:    the oldest @global one of its family on the link that is neither secondary nor
 *              temporary (RFC 8981); adding another does not move it
 */
struct host_addr {
	int ifindex;
	struct ip_addr addr;
	uint8_t prefix_len;
	bool global, primary;
};

/**
 * struct host_neigh - one neighbour table entry
 * @usable: the kernel would send to @mac now (NUD_CONNECTED, STALE, DELAY or PROBE)
 */
struct host_neigh {
	int ifindex;
	struct ip_addr addr;
	uint8_t mac[6];
	uint16_t state; /* NUD_* */
	bool usable;
};

/**
 * struct host_route - the kernel's answer to "how would you send to @dst"
 * @dst:         the destination asked about
 * @error:       0, or -errno of the lookup (-ENETUNREACH, -EHOSTUNREACH), or -EINVAL when the
 *               destination is this host itself, broadcast or blackholed
 * @ifindex:     egress device
 * @has_gateway: a gateway stands between
 * @gateway:     next hop, else @dst itself is the neighbour to ask for
 * @source:      the source address the kernel prefers
 * @mtu:         of the route when it has one, else 0
 */
struct host_route {
	struct ip_addr dst;
	int error;
	int ifindex;
	bool has_gateway;
	struct ip_addr gateway, source;
	uint32_t mtu;
};

/**
 * struct host_default - the default route of a family in the main table
 * @usable:  one gateway on one device, and no policy rules, multipath or encapsulation
 * @ifindex: egress device
 * @gateway: next hop
 * @mtu:     of the route when it has one, else 0
 */
struct host_default {
	bool usable;
	int ifindex;
	struct ip_addr gateway;
	uint32_t mtu;
};

/* What a socket is doing, as far as forwarding is concerned. */
enum host_socket_state {
	HOST_SOCKET_LISTEN,    /* TCP LISTEN, or a UDP socket bound without a peer */
	HOST_SOCKET_CONNECTED, /* TCP past LISTEN but TIME_WAIT, or a UDP socket with a peer */
};

/**
 * struct host_socket - one TCP or UDP socket, kernel sockets (WireGuard) included
 * @proto:    TCP or UDP
 * @state:    listening or connected
 * @local, @local_port:   the local end; the wildcard is 0.0.0.0 or ::
 * @v6only:   a [::] wildcard that does not take IPv4
 * @remote, @remote_port: the far end when connected
 * @inode:    socket inode; 0 for kernel sockets, as far as /proc shows all who could hold them
 * @process:  name of a process holding it, "" when none was found or it is the kernel's
 */
struct host_socket {
	enum proto proto;
	enum host_socket_state state;
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	bool v6only;
	uint32_t inode;
	char process[16];
};

/**
 * struct host - a snapshot of everything the plan looks at
 * @destinations: every prefix, of any table, that has a route of its own besides the default
 * @defaults:   by family: the default route
 * @port_min, @port_max: net.ipv4.ip_local_port_range
 * @reserved:   net.ipv4.ip_local_reserved_ports
 * @forwarding_lo: by family: net.{ipv4,ipv6}.conf.lo.forwarding
 * @ssh_port:   server port of the SSH session this process runs in ($SSH_CONNECTION, its own or an
 *              ancestor's, for sudo drops it), or 0
 */
struct host {
	struct host_link *links;
	size_t link_count;
	struct host_addr *addrs;
	size_t addr_count;
	struct host_neigh *neighs;
	size_t neigh_count;
	struct host_route *routes;
	size_t route_count;
	struct ip_prefix *destinations;
	size_t destination_count;
	struct host_default defaults[FAMILY_COUNT];
	struct host_socket *sockets;
	size_t socket_count;
	uint16_t port_min, port_max;
	struct port_set reserved;
	bool forwarding_lo[FAMILY_COUNT];
	uint16_t ssh_port;
};

/* host_link_by_name(), host_link_by_index() - a link of the snapshot, or NULL */
const struct host_link *host_link_by_name(const struct host *host, const char *name);
const struct host_link *host_link_by_index(const struct host *host, int ifindex);

/* host_neigh_find() - the neighbour entry of an address on a link, or NULL */
const struct host_neigh *host_neigh_find(const struct host *host, int ifindex,
					 const struct ip_addr *addr);

#endif
