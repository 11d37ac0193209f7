// SPDX-License-Identifier: GPL-2.0-only
// Links and addresses of a host that each test builds for itself.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "netns.h"

TestSuite(host, .init = netns_enter);

/* Links */

/* The kernel tells of a new carrier some time after the link has it. */
static bool gains_carrier(const char *name)
{
	bool carrier = false;

	for (int i = 0; i < 500 && !carrier; i++) {
		struct host host = snapshot();

		carrier = host_link_by_name(&host, name)->carrier;
		host_free(&host);
		usleep(10000);
	}
	return carrier;
}

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
	cr_expect(gains_carrier("pub"));
	host = snapshot();
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

/* A program that returns @verdict for everything; returns its descriptor and tells its id. */
static int load_verdict(enum bpf_prog_type type, int verdict, uint32_t *id)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_load(type, NULL, "GPL", insns, 2, NULL);

	cr_assert_geq(fd, 0, "bpf_prog_load: %m");
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	*id = info.id;
	return fd;
}

Test(host, link_with_xdp_tells_mode_and_program)
{
	uint32_t native_id, generic_id;
	int native = load_verdict(BPF_PROG_TYPE_XDP, XDP_PASS, &native_id);
	int generic = load_verdict(BPF_PROG_TYPE_XDP, XDP_PASS, &generic_id);
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

static void attach_filter(const char *device, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex_of(device), .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	uint32_t id;

	opts.prog_fd = load_verdict(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_OK, &id);
	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0);
}

Test(host, filters_of_either_direction_are_seen)
{
	netns_make_veth();
	cr_expect_not(host_tc_has_filters(ifindex_of("pub")), "without a qdisc");
	run("tc qdisc add dev pub clsact && tc qdisc add dev peer clsact");
	cr_expect_not(host_tc_has_filters(ifindex_of("pub")), "with an empty one");
	attach_filter("pub", BPF_TC_INGRESS);
	cr_expect(host_tc_has_filters(ifindex_of("pub")));
	cr_expect_not(host_tc_has_filters(ifindex_of("peer")));
	attach_filter("peer", BPF_TC_EGRESS);
	cr_expect(host_tc_has_filters(ifindex_of("peer")));
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
	run("ip link set peer down"); /* there duplicate detection cannot even begin */
	run("ip addr add 2001:db8:2::1/64 dev peer");
	host = snapshot();
	expect_addr(&host, "2001:db8:1::1", false, false);
	expect_addr(&host, "2001:db8:2::1", false, false);
	host_free(&host);
}

static size_t count_global(const struct host *host)
{
	size_t count = 0;

	for (size_t i = 0; i < host->addr_count; i++)
		count += host->addrs[i].global;
	return count;
}

/* The temporary address comes first in the dump, and into being at the same moment. */
Test(host, address_temporary_is_never_primary)
{
	struct host host;

	run("ip link add pub type veth peer name peer");
	run("echo 0 > /proc/sys/net/ipv6/conf/pub/accept_dad");
	run("echo 1 > /proc/sys/net/ipv6/conf/pub/use_tempaddr");
	run("ip link set pub up && ip link set peer up");
	run("ip addr add 2001:db8:1::1/64 dev pub mngtmpaddr");
	/* Both are tentative until the kernel has noticed that there is nothing to detect. */
	host = snapshot();
	for (int i = 0; i < 500 && count_global(&host) < 2; i++) {
		host_free(&host);
		usleep(10000);
		host = snapshot();
	}
	cr_expect_eq(count_global(&host), 2);
	expect_addr(&host, "2001:db8:1::1", true, true);
	host_free(&host);
}

Test(host, network_alone)
{
	struct ip_addr address = addr("198.51.100.9");
	struct host host;

	netns_make_veth();
	run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev pub nud permanent");
	cr_assert_eq(host_read_network(&host), 0);
	cr_expect(host_link_by_name(&host, "pub"));
	expect_addr(&host, "198.51.100.1", true, true);
	cr_expect(host_neigh_find(&host, ifindex_of("pub"), &address));
	host_free(&host);
}

/* Adds and removes an address until it is killed, by a failing test as well. */
static pid_t start_churn(void)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
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
