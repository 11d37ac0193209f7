// SPDX-License-Identifier: GPL-2.0-only
// Links, addresses, neighbours and routes of a host that each test builds for itself.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <signal.h>
#include <sys/wait.h>
#include "netns.h"

TestSuite(host, .init = netns_enter);

/* Links */

Test(host, link_of_veth)
{
	const struct host_link *pub, *peer;
	struct host host;

	run("ip link add pub address 02:00:00:00:00:01 mtu 1400 numrxqueues 3 numtxqueues 4 type "
	    "veth peer name peer");
	run("ip link set pub up");
	host = snapshot();
	pub = host_link_by_name(&host, "pub");
	peer = host_link_by_name(&host, "peer");
	cr_assert(pub && peer);
	cr_expect_eq(pub, host_link_by_index(&host, ifindex_of("pub")));
	cr_expect_str_eq(pub->kind, "veth");
	cr_expect_str_eq(pub->driver, "veth");
	cr_expect(pub->is_l2);
	cr_expect_not(pub->loopback);
	cr_expect_arr_eq(pub->mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 1 }), 6);
	cr_expect_eq(pub->mtu, 1400);
	cr_expect_eq(pub->rx_queues, 3);
	cr_expect_eq(pub->tx_queues, 4);
	cr_expect_eq(pub->lower, peer->ifindex);
	cr_expect_eq(pub->master, 0);
	cr_expect_eq(pub->xdp, HOST_XDP_NONE);
	cr_expect_eq(pub->xdp_prog_id, 0);
	cr_expect(pub->up);
	cr_expect_not(pub->carrier, "the peer is down");
	cr_expect_not(peer->up);
	host_free(&host);

	run("ip link set peer up");
	host = snapshot();
	cr_expect(host_link_by_name(&host, "pub")->carrier);
	cr_expect_null(host_link_by_name(&host, "absent"));
	cr_expect_null(host_link_by_index(&host, 12345));
	host_free(&host);
	cr_expect_null(host.links);
	cr_expect_eq(host.link_count, 0);
}

Test(host, link_of_tun_has_no_ethernet)
{
	const struct host_link *tun, *lo;
	struct host host;

	run("ip tuntap add tun7 mode tun");
	host = snapshot();
	tun = host_link_by_name(&host, "tun7");
	lo = host_link_by_name(&host, "lo");
	cr_assert(tun && lo);
	cr_expect_str_eq(tun->kind, "tun");
	cr_expect_str_eq(tun->driver, "tun");
	cr_expect_not(tun->is_l2);
	cr_expect_arr_eq(tun->mac, ((uint8_t[6]){ 0 }), 6);
	cr_expect_not(tun->up);
	cr_expect(lo->loopback);
	cr_expect(lo->up);
	cr_expect_not(lo->is_l2);
	cr_expect_str_eq(lo->kind, "");
	host_free(&host);
}

Test(host, link_of_bridge_is_the_master_of_its_ports)
{
	struct host host;

	netns_make_veth();
	run("ip link add br0 type bridge && ip link set peer master br0");
	host = snapshot();
	cr_expect_str_eq(host_link_by_name(&host, "br0")->kind, "bridge");
	cr_expect_eq(host_link_by_name(&host, "peer")->master, ifindex_of("br0"));
	host_free(&host);
}

/* The peer's index belongs to another namespace; in this one it could be any device. */
Test(host, link_below_in_another_namespace_is_not_named)
{
	int other = open("/proc/self/ns/net", O_RDONLY);
	struct host host;

	netns_enter();
	run("ip link add far type veth peer name near netns /proc/self/fd/%d", other);
	host = snapshot();
	cr_expect_eq(host_link_by_name(&host, "far")->lower, 0);
	host_free(&host);
}

Test(host, links_beyond_one_message_are_all_there)
{
	struct host host;

	for (int i = 0; i < 100; i++)
		run("ip link add b%d type bridge", i);
	host = snapshot();
	cr_expect_eq(host.link_count, 101);
	for (size_t i = 0; i < host.link_count; i++)
		cr_expect_eq((int)if_nametoindex(host.links[i].name), host.links[i].ifindex);
	host_free(&host);
}

/* A program that passes everything; returns its descriptor and tells its id. */
static int load_pass(uint32_t *id)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, NULL, "GPL", pass, 2, NULL);

	cr_assert_geq(fd, 0, "bpf_prog_load: %m");
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	*id = info.id;
	return fd;
}

Test(host, link_with_xdp_tells_mode_and_program)
{
	uint32_t native_id, generic_id;
	int native = load_pass(&native_id), generic = load_pass(&generic_id);
	const struct host_link *link;
	struct host host;

	netns_make_veth();
	cr_assert_eq(bpf_xdp_attach(ifindex_of("pub"), native, XDP_FLAGS_DRV_MODE, NULL), 0);
	cr_assert_eq(bpf_xdp_attach(ifindex_of("peer"), generic, XDP_FLAGS_SKB_MODE, NULL), 0);
	host = snapshot();
	link = host_link_by_name(&host, "pub");
	cr_expect_eq(link->xdp, HOST_XDP_NATIVE);
	cr_expect_eq(link->xdp_prog_id, native_id);
	link = host_link_by_name(&host, "peer");
	cr_expect_eq(link->xdp, HOST_XDP_GENERIC);
	cr_expect_eq(link->xdp_prog_id, generic_id);
	host_free(&host);
}

/* Addresses */

static const struct host_addr *find_addr(const struct host *host, const char *text)
{
	for (size_t i = 0; i < host->addr_count; i++) {
		if (is_addr(&host->addrs[i].addr, text))
			return &host->addrs[i];
	}
	cr_assert(false, "no address %s in the snapshot", text);
	return NULL;
}

static void expect_addr(const struct host *host, const char *text, bool global, bool primary)
{
	const struct host_addr *found = find_addr(host, text);

	cr_expect_eq(found->global, global, "%s: global %d", text, found->global);
	cr_expect_eq(found->primary, primary, "%s: primary %d", text, found->primary);
}

Test(host, address_of_ipv4)
{
	struct host host;

	netns_make_veth();
	run("ip addr add 198.51.100.2/24 dev pub");
	run("ip addr add 203.0.113.1/28 dev pub");
	run("ip addr add 198.18.0.1/24 scope link dev peer");
	run("ip addr add 198.18.1.1 peer 198.18.1.2/32 dev peer");
	host = snapshot();
	expect_addr(&host, "198.51.100.1", true, true);
	expect_addr(&host, "198.51.100.2", true, false);
	expect_addr(&host, "203.0.113.1", true, false);
	expect_addr(&host, "127.0.0.1", false, false);
	expect_addr(&host, "198.18.0.1", false, false);
	expect_addr(&host, "198.18.1.1", true, true); /* the near end, first global one there */
	cr_expect_eq(find_addr(&host, "203.0.113.1")->prefix_len, 28);
	cr_expect_eq(find_addr(&host, "203.0.113.1")->ifindex, ifindex_of("pub"));
	cr_expect_eq(find_addr(&host, "198.18.1.1")->ifindex, ifindex_of("peer"));
	host_free(&host);
}

Test(host, address_of_ipv6_stays_primary_when_another_is_added)
{
	struct host host;

	netns_make_veth();
	run("ip addr add fe80::99/64 dev pub nodad");
	usleep(50000); /* the kernel counts the age of an address in hundredths of a second */
	run("ip addr add 2001:db8:1::2/64 dev pub nodad");
	host = snapshot();
	expect_addr(&host, "2001:db8:1::1", true, true);
	expect_addr(&host, "2001:db8:1::2", true, false);
	expect_addr(&host, "fe80::99", false, false);
	expect_addr(&host, "::1", false, false);
	expect_addr(&host, "198.51.100.1", true, true);
	cr_expect_eq(find_addr(&host, "2001:db8:1::1")->prefix_len, 64);
	host_free(&host);
}

Test(host, address_not_to_be_used_is_not_global)
{
	struct host host;

	netns_make_veth();
	run("ip addr change 2001:db8:1::1/64 dev pub preferred_lft 0 valid_lft forever");
	run("ip link set peer down"); /* without a carrier duplicate detection never ends */
	run("ip addr add 2001:db8:1::2/64 dev pub");
	host = snapshot();
	expect_addr(&host, "2001:db8:1::1", false, false);
	expect_addr(&host, "2001:db8:1::2", false, false);
	host_free(&host);
}

/* The temporary address comes first in the dump, and into being at the same moment. */
Test(host, address_temporary_is_never_primary)
{
	size_t global = 0;
	struct host host;

	run("ip link add pub type veth peer name peer");
	run("echo 0 > /proc/sys/net/ipv6/conf/pub/accept_dad");
	run("echo 1 > /proc/sys/net/ipv6/conf/pub/use_tempaddr");
	run("ip link set pub up && ip link set peer up");
	run("ip addr add 2001:db8:1::1/64 dev pub mngtmpaddr");
	host = snapshot();
	for (size_t i = 0; i < host.addr_count; i++)
		global += host.addrs[i].global;
	cr_expect_eq(global, 2, "the temporary one is as good for everything else");
	expect_addr(&host, "2001:db8:1::1", true, true);
	host_free(&host);
}

/* Adds and removes addresses until it is killed. */
static pid_t start_churn(void)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (!pid) {
		execl("/bin/sh", "sh", "-c",
		      "while ip addr add 203.0.113.1/32 dev pub; do"
		      " ip addr del 203.0.113.1/32 dev pub; done",
		      NULL);
		_exit(127);
	}
	return pid;
}

Test(host, addresses_are_whole_while_they_change)
{
	struct host host;
	pid_t churn;

	netns_make_veth();
	for (int i = 0; i < 4; i++)
		run("seq -f 'addr add 198.18.%d.%%g/24 dev pub' 1 250 | ip -batch -", i);
	churn = start_churn();
	for (int i = 0; i < 100; i++) {
		size_t lasting = 0;

		host = snapshot();
		for (size_t j = 0; j < host.addr_count; j++) {
			const struct ip_addr *a = &host.addrs[j].addr;

			lasting += ip_addr_is_v4(a) && ntohl(a->w[3]) >> 16 == (198 << 8 | 18);
		}
		host_free(&host);
		cr_assert_eq(lasting, 1000);
	}
	kill(churn, SIGKILL);
	waitpid(churn, NULL, 0);
}

/* Neighbours */

Test(host, neighbour_states)
{
	const struct host_neigh *neigh;
	struct ip_addr permanent = addr("198.51.100.9"), failed = addr("198.51.100.10"),
		       stale = addr("2001:db8:1::9");
	struct host host;

	netns_make_veth();
	run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev pub nud permanent");
	run("ip neigh add 198.51.100.10 dev pub nud failed");
	run("ip neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:0a dev pub nud stale");
	host = snapshot();
	neigh = host_neigh_find(&host, ifindex_of("pub"), &permanent);
	cr_assert(neigh);
	cr_expect(neigh->usable);
	cr_expect_eq(neigh->state, NUD_PERMANENT);
	cr_expect_arr_eq(neigh->mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 9 }), 6);
	neigh = host_neigh_find(&host, ifindex_of("pub"), &failed);
	cr_assert(neigh);
	cr_expect_not(neigh->usable);
	cr_expect_eq(neigh->state, NUD_FAILED);
	neigh = host_neigh_find(&host, ifindex_of("pub"), &stale);
	cr_assert(neigh);
	cr_expect(neigh->usable);
	cr_expect_arr_eq(neigh->mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 10 }), 6);
	cr_expect_null(host_neigh_find(&host, ifindex_of("peer"), &permanent));
	host_free(&host);
}

/* The state of a neighbour on pub, NUD_NONE when it is unknown. */
static uint16_t neigh_state(const struct ip_addr *address)
{
	struct host host = snapshot();
	const struct host_neigh *neigh = host_neigh_find(&host, ifindex_of("pub"), address);
	uint16_t state = neigh ? neigh->state : NUD_NONE;

	host_free(&host);
	return state;
}

Test(host, neighbour_is_asked_for)
{
	struct ip_addr v4 = addr("198.51.100.20"), v6 = addr("2001:db8:1::20");

	netns_make_veth();
	cr_expect_eq(neigh_state(&v4), NUD_NONE);
	cr_expect_eq(host_neigh_resolve(ifindex_of("pub"), &v4), 0);
	cr_expect_eq(neigh_state(&v4), NUD_INCOMPLETE);
	cr_expect_eq(host_neigh_resolve(ifindex_of("pub"), &v6), 0);
	cr_expect_eq(neigh_state(&v6), NUD_INCOMPLETE);
	cr_expect_eq(host_neigh_resolve(12345, &v4), -ENODEV);
}

Test(host, neighbour_set_by_hand_stays)
{
	struct ip_addr address = addr("198.51.100.9");

	netns_make_veth();
	run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev pub nud permanent");
	cr_expect_eq(host_neigh_resolve(ifindex_of("pub"), &address), 0);
	cr_expect_eq(neigh_state(&address), NUD_PERMANENT);
}

/* Routes */

static struct host_route route_to(const char *dst, const char *device)
{
	struct host_route_query query = { .dst = addr(dst),
					  .oif = device ? ifindex_of(device) : 0 };
	struct host_route route;
	struct host host;

	cr_assert_eq(host_read(&query, 1, &host), 0);
	cr_assert_eq(host.route_count, 1);
	route = host.routes[0];
	cr_expect(is_addr(&route.dst, dst));
	host_free(&host);
	return route;
}

Test(host, route_on_link)
{
	struct host_route route;

	netns_make_veth();
	route = route_to("198.51.100.7", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("pub"));
	cr_expect_not(route.has_gateway);
	cr_expect(is_addr(&route.source, "198.51.100.1"));
	cr_expect_eq(route.mtu, 0);
	route = route_to("2001:db8:1::7", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("pub"));
	cr_expect_not(route.has_gateway);
	cr_expect(is_addr(&route.source, "2001:db8:1::1"));
}

Test(host, route_by_gateway)
{
	struct host_route route;

	netns_make_veth();
	run("ip addr add 198.51.100.2/24 dev pub");
	run("ip route add 203.0.113.0/24 via 198.51.100.254 mtu 1300 src 198.51.100.2");
	run("ip route add 198.18.0.0/16 via inet6 2001:db8:1::fe dev pub");
	run("ip -6 route add 2001:db8:2::/64 via 2001:db8:1::fe mtu 1290");
	route = route_to("203.0.113.5", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("pub"));
	cr_expect(route.has_gateway);
	cr_expect(is_addr(&route.gateway, "198.51.100.254"));
	cr_expect(is_addr(&route.source, "198.51.100.2"));
	cr_expect_eq(route.mtu, 1300);
	route = route_to("198.18.0.5", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect(route.has_gateway);
	cr_expect(is_addr(&route.gateway, "2001:db8:1::fe"));
	cr_expect_eq(route.mtu, 0);
	route = route_to("2001:db8:2::5", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect(route.has_gateway);
	cr_expect(is_addr(&route.gateway, "2001:db8:1::fe"));
	cr_expect_eq(route.mtu, 1290);
}

Test(host, route_to_nowhere)
{
	struct host_route route;

	netns_make_veth();
	run("ip route add unreachable 203.0.113.0/26");
	run("ip route add prohibit 203.0.113.64/26");
	run("ip route add blackhole 203.0.113.128/26");
	run("ip -6 route add unreachable 2001:db8:2::/64");
	run("ip -6 route add prohibit 2001:db8:3::/64");
	run("ip -6 route add blackhole 2001:db8:4::/64");
	cr_expect_eq(route_to("198.18.0.1", NULL).error, -ENETUNREACH);
	cr_expect_eq(route_to("203.0.113.1", NULL).error, -EHOSTUNREACH);
	cr_expect_eq(route_to("203.0.113.65", NULL).error, -EACCES);
	cr_expect_eq(route_to("203.0.113.129", NULL).error, -EINVAL);
	cr_expect_eq(route_to("2001:db8:9::1", NULL).error, -ENETUNREACH);
	cr_expect_eq(route_to("2001:db8:2::1", NULL).error, -EHOSTUNREACH);
	cr_expect_eq(route_to("2001:db8:3::1", NULL).error, -EACCES);
	cr_expect_eq(route_to("2001:db8:4::1", NULL).error, -EINVAL);
	route = route_to("198.51.100.1", NULL);
	cr_expect_eq(route.error, -EINVAL, "this host");
	cr_expect_eq(route.ifindex, 0);
	cr_expect_eq(route_to("127.0.0.1", NULL).error, -EINVAL, "this host");
	cr_expect_eq(route_to("2001:db8:1::1", NULL).error, -EINVAL, "this host");
	cr_expect_eq(route_to("::1", NULL).error, -EINVAL, "this host");
	cr_expect_eq(route_to("198.51.100.255", NULL).error, -EINVAL, "broadcast");
	cr_expect_eq(route_to("224.0.0.5", "pub").error, -EINVAL, "multicast");
}

Test(host, route_by_a_given_device)
{
	struct host_route_query queries[2];
	struct host_route route;
	struct host host;

	netns_make_veth();
	run("ip addr add 198.18.0.1/30 dev peer");
	run("ip route add 203.0.113.0/24 via 198.51.100.254");
	run("ip route add 203.0.113.0/24 via 198.18.0.2 metric 10");
	cr_expect_eq(route_to("203.0.113.5", NULL).ifindex, ifindex_of("pub"));
	route = route_to("203.0.113.5", "peer");
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("peer"));
	cr_expect(is_addr(&route.gateway, "198.18.0.2"));
	cr_expect(is_addr(&route.source, "198.18.0.1"));
	cr_expect_eq(route_to("198.51.100.1", "peer").error, -EINVAL, "still this host");
	cr_expect_eq(route_to("2001:db8:1::7", "peer").error, -ENETUNREACH);

	queries[0] = (struct host_route_query){ addr("198.51.100.7"), 54321 };
	queries[1] = (struct host_route_query){ addr("198.51.100.7"), 0 };
	cr_assert_eq(host_read(queries, 2, &host), 0, "one bad query does not spoil the rest");
	cr_expect_eq(host.routes[0].error, -ENODEV);
	cr_expect_eq(host.routes[1].error, 0);
	cr_expect_eq(host.routes[1].ifindex, ifindex_of("pub"));
	host_free(&host);
}
