// SPDX-License-Identifier: GPL-2.0-only
// The rule sets of the fixture: its forwards, preserving or masquerading, and the flows of these.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fixture.h"
#include "ruleset.h"

static struct flow *flows[POOLS_MAX]; /* by pool, mapped */

const struct forward_spec fixture_forwards[FWD_COUNT] = {
	[FWD_PLAIN] = { 5000, 5009, 0, 0, PEER_HOME, DEV_HOME },
	[FWD_UP] = { 3000, 3009, 0, 1000, PEER_HOME, DEV_HOME },
	[FWD_DOWN] = { 8000, 8009, 0, -1000, PEER_HOME, DEV_HOME },
	[FWD_RANGE] = { 49152, 65535, 51820, 0, PEER_HOME, DEV_HOME },
	[FWD_ARM] = { 6000, 6009, 0, 0, PEER_ARM, DEV_PUB },
	[FWD_TUN] = { 7500, 7509, 0, 20, PEER_TUN, DEV_TUN },
	[FWD_ROUTED] = { 9000, 9000, 0, 0, PEER_ROUTED, DEV_HOME },
	[FWD_SILENT] = { 9001, 9001, 0, 0, PEER_SILENT, DEV_HOME },
	[FWD_DEAD] = { 9002, 9002, 0, 0, PEER_DEAD, DEV_HOME },
};

static void add_device(struct plan *plan, enum dev dev, uint32_t mtu)
{
	struct plan_device *device = &plan->devices[plan->device_count++];

	strcpy(device->name, dev_name(dev));
	device->ifindex = dev_ifindex(dev);
	device->is_l3 = dev_is_l3(dev);
	device->mtu = mtu;
	memcpy(device->mac, dev_mac(dev), 6);
}

/* What flows of a forward are masqueraded as: the first share is in use, the second at hand. */
static void add_shares(struct plan *plan, struct plan_rule *rule, struct ip_addr addrs[2])
{
	rule->share = plan->share_count;
	rule->shares = 1;
	for (int i = 0; i < 2; i++) {
		size_t pool = 0;

		while (pool < plan->pool_count &&
		       (plan->pools[pool].proto != rule->proto ||
			!ip_addr_equal(&plan->pools[pool].addr, &addrs[i])))
			pool++;
		if (pool == plan->pool_count)
			plan->pools[plan->pool_count++] =
				(struct plan_pool){ .addr = addrs[i], .proto = rule->proto };
		plan->shares[plan->share_count++] = pool;
	}
}

static void masquerade_rule(struct plan *plan, struct plan_rule *rule, enum dev device,
			    enum ip_family family)
{
	static const enum peer as[DEV_COUNT][2] = {
		[DEV_PUB] = { PEER_PUBLIC, PEER_PUBLIC },
		[DEV_HOME] = { PEER_HOST_IN, PEER_HOST_OTHER },
		[DEV_TUN] = { PEER_HOST_TUN, PEER_HOST_TUN },
	};
	struct ip_addr addrs[2] = { peer_addr(WORLD_PUB, as[device][0], family),
				    peer_addr(WORLD_PUB, as[device][1], family) };

	add_shares(plan, rule, addrs);
	rule->timeout_s[TIMEOUT_UDP] = 300;
	rule->timeout_s[TIMEOUT_TCP_ESTABLISHED] = 7440;
	rule->timeout_s[TIMEOUT_TCP_TRANSITORY] = 240;
}

/* Ports that masquerade may take: all but the low ones and those that are forwarded. */
static void set_limits(struct plan *plan)
{
	struct flow_limits *limits = &plan->limits;

	limits->port_first = 1024;
	limits->port_last = 65535;
	limits->source_mask[FAMILY_V4] = ~0U;
	limits->source_mask[FAMILY_V6] = ~0ULL;
	for (int proto = 0; proto < PROTO_COUNT; proto++) {
		struct port_set ports = {};

		port_set_add(&ports, (struct port_range){ 1024, 65535 });
		for (size_t i = 0; i < plan->rule_count; i++)
			port_set_subtract(&ports, &plan->rules[i].ports);
		for (unsigned port = 0; port < PORT_COUNT; port++)
			limits->ports[proto][port / 64] |= (uint64_t)port_set_has(&ports, port)
							   << port % 64;
	}
}

/* One forward of fixture_forwards for one family: a next hop and two rules. */
static void add_forward(struct plan *plan, enum world world, enum forward number,
			enum ip_family family, uint8_t device, uint32_t mtu, bool masquerade)
{
	const struct forward_spec *spec = &fixture_forwards[number];
	struct plan_nexthop *nexthop = &plan->nexthops[plan->nexthop_count];

	nexthop->addr = nexthop->neighbour = peer_addr(world, spec->backend, family);
	nexthop->device = device;
	nexthop->mtu = mtu;
	nexthop->has_mac = spec->backend != PEER_SILENT && spec->backend != PEER_DEAD;
	memcpy(nexthop->mac, fixture_cached_mac, 6);
	for (int proto = 0; proto < PROTO_COUNT; proto++) {
		struct plan_rule *rule = &plan->rules[plan->rule_count++];

		rule->proto = proto;
		rule->public_addr = peer_addr(world, PEER_PUBLIC, family);
		rule->backend_addr = nexthop->addr;
		rule->shift = spec->shift;
		rule->counter = number * PROTO_COUNT + proto;
		rule->nexthop = plan->nexthop_count;
		port_set_add(&rule->ports, (struct port_range){ spec->first, spec->last });
		if (spec->excluded)
			port_set_remove(&rule->ports,
					(struct port_range){ spec->excluded, spec->excluded });
		if (masquerade)
			masquerade_rule(plan, rule, spec->device, family);
	}
	plan->nexthop_count++;
}

/* The last rule set of fixture_masquerade(), before a test changed it; NULL when it is not in
 * force. */
static struct ruleset *unchanged;

static void apply(enum world world, uint64_t valid_until_ns, uint32_t mtu, bool masquerade)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	uint8_t index[DEV_COUNT] = { [DEV_PUB] = 0, [DEV_HOME] = 1, [DEV_TUN] = 2 };

	cr_assert(plan);
	plan->rules = calloc(FWD_COUNT * FAMILY_COUNT * PROTO_COUNT, sizeof(*plan->rules));
	cr_assert(plan->rules);
	add_device(plan, world == WORLD_PUB ? DEV_PUB : DEV_WAN, mtu);
	add_device(plan, DEV_HOME, mtu);
	add_device(plan, DEV_TUN, mtu);
	for (int forward = 0; forward < FWD_COUNT; forward++) {
		enum dev device = fixture_forwards[forward].device;

		if (world == WORLD_WAN && device == DEV_PUB)
			continue;
		for (int family = 0; family < FAMILY_COUNT; family++)
			add_forward(plan, world, forward, family, index[device], mtu, masquerade);
	}
	if (masquerade)
		set_limits(plan);
	free(unchanged);
	unchanged = NULL;
	fixture_apply_plan(plan, valid_until_ns);
	free(plan->rules);
	free(plan);
}

void fixture_apply(enum world world, uint64_t valid_until_ns, uint32_t mtu)
{
	apply(world, valid_until_ns, mtu, false);
}

/* Give each pool its records, all free. In one call, for each waits for the programs to go on. */
static void renew_pools(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, create, .map_flags = BPF_F_MMAPABLE);
	LIBBPF_OPTS(bpf_map_batch_opts, batch);
	const size_t size = POOL_PORTS * sizeof(struct flow);
	uint32_t pools[POOLS_MAX], count = 0;
	struct flow_counters used;
	int fds[POOLS_MAX];

	fixture_flow_counts(&used);

	for (uint32_t pool = 1; pool < POOLS_MAX; pool++) {
		if (ip_addr_is_any(&fixture_ruleset()->pools[pool].addr))
			continue;
		if (flows[pool]) {
			if (used.created[fixture_ruleset()->pools[pool].proto])
				memset(flows[pool], 0, size);
			continue;
		}
		fds[count] = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, sizeof(struct flow),
					    POOL_PORTS, &create);
		cr_assert(fds[count] >= 0, "creating a pool: %m");
		flows[pool] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[count], 0);
		cr_assert(flows[pool] != MAP_FAILED, "%m");
		pools[count++] = pool;
	}
	if (count)
		cr_assert_eq(bpf_map_update_batch(bpf_map__fd(fixture_skel()->maps.pools), pools,
						  fds, &count, &batch),
			     0, "%m");
	while (count)
		close(fds[--count]);
}

static void map_clear(struct bpf_map *map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(map), key), 0, "%m");
}

void fixture_masquerade(enum world world, uint64_t valid_until_ns, uint32_t mtu)
{
	static struct {
		enum world world;
		uint64_t valid_until_ns;
		uint32_t mtu;
	} last;
	struct flow_counters counters[libbpf_num_possible_cpus()];
	uint64_t none = 0;
	uint32_t zero = 0;

	if (unchanged && last.world == world && last.valid_until_ns == valid_until_ns &&
	    last.mtu == mtu) {
		memcpy(fixture_ruleset(), unchanged, sizeof(*unchanged));
	} else {
		apply(world, valid_until_ns, mtu, true);
		unchanged = malloc(sizeof(*unchanged));
		cr_assert(unchanged);
		memcpy(unchanged, fixture_ruleset(), sizeof(*unchanged));
		last.world = world;
		last.valid_until_ns = valid_until_ns;
		last.mtu = mtu;
	}
	renew_pools();
	map_clear(fixture_skel()->maps.flows_confirmed);
	map_clear(fixture_skel()->maps.flows_new);
	map_clear(fixture_skel()->maps.sources);
	for (uint32_t proto = 0; proto < PROTO_COUNT; proto++)
		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(fixture_skel()->maps.confirmed),
						 &proto, &none, 0),
			     0);
	memset(counters, 0, sizeof(counters));
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(fixture_skel()->maps.flow_counters), &zero,
					 counters, 0),
		     0);
}

unsigned fixture_pool(const struct ip_addr *addr, enum proto proto)
{
	for (unsigned pool = 1; pool < POOLS_MAX; pool++)
		if (fixture_ruleset()->pools[pool].proto == proto &&
		    ip_addr_equal(&fixture_ruleset()->pools[pool].addr, addr))
			return pool;
	return 0;
}

struct flow *fixture_flows(unsigned pool)
{
	cr_assert(pool && flows[pool], "no pool %u", pool);
	return flows[pool];
}

void fixture_flow_counts(struct flow_counters *counts)
{
	int cpus = libbpf_num_possible_cpus();
	struct flow_counters each[cpus];
	uint32_t zero = 0;

	memset(counts, 0, sizeof(*counts));
	cr_assert_eq(
		bpf_map_lookup_elem(bpf_map__fd(fixture_skel()->maps.flow_counters), &zero, each),
		0);
	for (int i = 0; i < cpus * PROTO_COUNT; i++) {
		int cpu = i / PROTO_COUNT, proto = i % PROTO_COUNT;

		counts->created[proto] += each[cpu].created[proto];
		counts->ended[proto] += each[cpu].ended[proto];
		counts->expired[proto] += each[cpu].expired[proto];
		counts->confirmed[proto] += each[cpu].confirmed[proto];
	}
}
