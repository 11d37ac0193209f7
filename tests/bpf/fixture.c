// SPDX-License-Identifier: GPL-2.0-only
// The host under test: namespace, devices, rule sets, programs, counters.
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "fixture.h"
#include "ruleset.h"

const char *const program_names[PROGRAM_COUNT] = { "xdp", "tc", "tc_l3" };

const uint8_t fixture_cached_mac[6] = { 2, 0xca, 0xc4, 0xed, 0, 1 };

static const struct {
	const char *name;
	uint8_t mac[6];
} devices[DEV_COUNT] = {
	[DEV_PUB] = { "pub", { 2, 0, 0, 0, 0, 1 } },
	[DEV_HOME] = { "home", { 2, 0, 0, 0, 0, 2 } },
	[DEV_TUN] = { "tun", {} },
	[DEV_WAN] = { "wan", {} },
	[DEV_THIRD] = { "third", { 2, 0, 0, 0, 0, 3 } },
};

static const struct {
	const char *addr[FAMILY_COUNT];
	uint8_t mac[6];
} peers[PEER_COUNT] = {
	[PEER_PUBLIC] = { { "198.51.100.2", "2001:db8:51::2" }, { 2, 0, 0, 0, 0, 1 } },
	[PEER_CLIENT] = { { "198.51.100.10", "2001:db8:51::10" }, { 2, 0x51, 0, 0, 0, 0x10 } },
	[PEER_REMOTE] = { { "203.0.113.10", "2001:db8:113::10" }, { 2, 0x51, 0, 0, 0, 1 } },
	[PEER_HOME] = { { "198.18.9.2", "2001:db8:9::2" }, { 2, 9, 0, 0, 0, 2 } },
	[PEER_ARM] = { { "198.51.100.20", "2001:db8:51::20" }, { 2, 0x51, 0, 0, 0, 0x20 } },
	[PEER_TUN] = { { "198.18.8.2", "2001:db8:8::2" }, {} },
	[PEER_ROUTED] = { { "198.18.10.2", "2001:db8:a::2" }, { 2, 9, 0, 0, 0, 0xfe } },
	[PEER_SILENT] = { { "198.18.9.3", "2001:db8:9::3" }, { 2, 9, 0, 0, 0, 3 } },
	[PEER_DEAD] = { { "198.18.11.2", "2001:db8:b::2" }, {} },
	[PEER_VOID] = { { "198.18.12.2", "2001:db8:c::2" }, {} },
	[PEER_HOST_IN] = { { "198.18.9.1", "2001:db8:9::1" }, {} },
	[PEER_HOST_OTHER] = { { "198.18.9.11", "2001:db8:9::11" }, {} },
	[PEER_HOST_TUN] = { { "198.18.8.1", "2001:db8:8::1" }, {} },
	[PEER_WAN_CLIENT] = { { "198.19.0.10", "2001:db8:19::10" }, {} },
};

/* The public addresses of WORLD_WAN. */
static const char *const wan_addr[FAMILY_COUNT] = { "203.0.113.2", "2001:db8:113::2" };

static const char setup[] =
	"set -e\n"
	"ip link set lo up\n"
	"ip link add pub address 02:00:00:00:00:01 mtu 1600 type veth peer name pub-peer\n"
	"ip link add home address 02:00:00:00:00:02 mtu 1600 type veth peer name home-peer\n"
	"ip link add third address 02:00:00:00:00:03 type veth peer name third-peer\n"
	"ip tuntap add dev tun mode tun\n"
	"ip tuntap add dev wan mode tun\n"
	"cd /proc/sys/net\n"
	"for dev in pub home third; do echo 1 > ipv6/conf/$dev-peer/disable_ipv6; done\n"
	"echo 1 > ipv4/conf/lo/forwarding\n"
	"echo 1 > ipv6/conf/lo/forwarding\n"
	"ip -batch - <<.\n"
	"link set pub-peer mtu 1600 up\n"
	"link set home-peer mtu 1600 up\n"
	"link set third-peer up\n"
	"link set pub up\n"
	"link set home up\n"
	"link set third up\n"
	"link set tun mtu 1600 up\n"
	"link set wan mtu 1600 up\n"
	"addr add 198.51.100.2/24 dev pub\n"
	"addr add 198.18.9.1/24 dev home\n"
	"addr add 198.18.9.11/24 dev home\n"
	"addr add 198.18.8.1/24 dev tun\n"
	"addr add 203.0.113.2/32 dev wan\n"
	"addr add 2001:db8:51::2/64 dev pub nodad\n"
	"addr add 2001:db8:9::1/64 dev home nodad\n"
	"addr add 2001:db8:9::11/64 dev home nodad\n"
	"addr add 2001:db8:8::1/64 dev tun nodad\n"
	"addr add 2001:db8:113::2/128 dev wan nodad\n"
	"neigh add 198.51.100.1 lladdr 02:51:00:00:00:01 dev pub nud permanent\n"
	"neigh add 198.51.100.10 lladdr 02:51:00:00:00:10 dev pub nud permanent\n"
	"neigh add 198.51.100.20 lladdr 02:51:00:00:00:20 dev pub nud permanent\n"
	"neigh add 198.18.9.2 lladdr 02:09:00:00:00:02 dev home nud permanent\n"
	"neigh add 198.18.9.254 lladdr 02:09:00:00:00:fe dev home nud permanent\n"
	"neigh add 2001:db8:51::1 lladdr 02:51:00:00:00:01 dev pub nud permanent\n"
	"neigh add 2001:db8:51::10 lladdr 02:51:00:00:00:10 dev pub nud permanent\n"
	"neigh add 2001:db8:51::20 lladdr 02:51:00:00:00:20 dev pub nud permanent\n"
	"neigh add 2001:db8:9::2 lladdr 02:09:00:00:00:02 dev home nud permanent\n"
	"neigh add 2001:db8:9::fe lladdr 02:09:00:00:00:fe dev home nud permanent\n"
	"route add 203.0.113.0/24 via 198.51.100.1\n"
	"route add 198.18.10.0/24 via 198.18.9.254\n"
	"route add unreachable 198.18.11.0/24\n"
	"route add blackhole 198.18.12.0/24\n"
	"route add 198.19.0.0/24 dev wan\n"
	"route add 2001:db8:113::/64 via 2001:db8:51::1\n"
	"route add 2001:db8:19::/64 dev wan\n"
	"route add 2001:db8:a::/64 via 2001:db8:9::fe\n"
	"route add unreachable 2001:db8:b::/64\n"
	"route add blackhole 2001:db8:c::/64\n"
	".\n";

static struct xdpfwd_bpf *skel;
static struct ruleset *ruleset;

void run(const char *fmt, ...)
{
	char command[8192];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	cr_assert_eq(system(command), 0, "%s", command);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	/* The inner map has no BTF, which libbpf finds out by trying; a verifier log is too long.
	 */
	if (level != LIBBPF_WARN || strstr(fmt, "Retrying without BTF") ||
	    strstr(fmt, "BEGIN PROG LOAD LOG"))
		return 0;
	return vfprintf(stderr, fmt, args);
}

/* Criterion does not show why a test is skipped unless asked. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	if (geteuid() != 0)
		fputs("Without root only the rule set is tested: packets need BPF programs in a "
		      "network namespace.\n",
		      stderr);
}

static void init(unsigned flows_max)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %m");
	run("%s", setup);
	libbpf_set_print(quiet);
	skel = xdpfwd_bpf__open();
	cr_assert(skel, "opening the programs: %m");
	if (flows_max)
		cr_assert_eq(bpf_map__set_max_entries(skel->maps.flows_confirmed, flows_max), 0);
	cr_assert_eq(xdpfwd_bpf__load(skel), 0, "loading the programs: %m");
}

void fixture_init(void)
{
	init(0);
}

void fixture_init_small(void)
{
	init(FIXTURE_SMALL);
}

void fixture_apply_plan(const struct plan *plan, uint64_t valid_until_ns)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, sizeof(*ruleset), 1, &opts);
	struct diag_list diags = {};
	uint32_t zero = 0;

	cr_assert(fd >= 0, "creating a rule set: %m");
	if (ruleset)
		munmap(ruleset, sizeof(*ruleset));
	ruleset = mmap(NULL, sizeof(*ruleset), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(ruleset != MAP_FAILED, "%m");
	cr_assert_eq(ruleset_build(plan, valid_until_ns, NULL, ruleset, &diags), 0);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(skel->maps.rulesets), &zero, &fd, 0), 0, "%m");
	close(fd);
}

void fixture_clear(void)
{
	uint32_t zero = 0;

	cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(skel->maps.rulesets), &zero), 0, "%m");
}

struct ruleset *fixture_ruleset(void)
{
	return ruleset;
}

struct xdpfwd_bpf *fixture_skel(void)
{
	return skel;
}

void fixture_counts(struct counts *counts)
{
	int cpus = libbpf_num_possible_cpus();
	struct reason_counters reasons[cpus];
	struct forward_counters forwards[cpus];

	memset(counts, 0, sizeof(*counts));
	for (uint32_t hook = 0; hook < HOOK_COUNT; hook++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(skel->maps.reason_counters), &hook,
						 reasons),
			     0);
		for (int i = 0; i < cpus * 64; i++)
			counts->reasons[hook][i % 64] += reasons[i / 64].packets[i % 64];
	}
	for (uint32_t key = 0; key < COUNTERS_USED; key++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(skel->maps.forward_counters), &key,
						 forwards),
			     0);
		for (int i = 0; i < cpus * DIR_COUNT; i++) {
			int cpu = i / DIR_COUNT, dir = i % DIR_COUNT;

			counts->forwards[key].packets[dir] += forwards[cpu].packets[dir];
			counts->forwards[key].bytes[dir] += forwards[cpu].bytes[dir];
		}
	}
}

uint64_t fixture_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

const char *dev_name(enum dev dev)
{
	return devices[dev].name;
}

int dev_ifindex(enum dev dev)
{
	static int cache[DEV_COUNT];

	if (!cache[dev])
		cache[dev] = if_nametoindex(devices[dev].name);
	cr_assert_neq(cache[dev], 0, "no device %s", devices[dev].name);
	return cache[dev];
}

const uint8_t *dev_mac(enum dev dev)
{
	return devices[dev].mac;
}

bool dev_is_l3(enum dev dev)
{
	return dev == DEV_TUN || dev == DEV_WAN;
}

struct ip_addr peer_addr(enum world world, enum peer peer, enum ip_family family)
{
	const char *text = peers[peer].addr[family];
	struct ip_addr addr;

	if (peer == PEER_PUBLIC && world == WORLD_WAN)
		text = wan_addr[family];
	cr_assert_eq(ip_addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

const uint8_t *peer_mac(enum peer peer)
{
	return peers[peer].mac;
}
