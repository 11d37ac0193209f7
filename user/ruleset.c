// SPDX-License-Identifier: GPL-2.0-only
// A plan in the form the BPF programs read: devices, next hops, addresses, rules, port tables.
#include <errno.h>
#include <string.h>
#include <xdpfwd/csum.h>
#include "ruleset_internal.h"

/* Seeds tried before giving up; with 128 addresses about one in three thousand fits. */
#define SEEDS_MAX 1000000

/**
 * struct builder - a rule set in the making
 * @addresses, @tables, @pages: how far these are filled
 * @numbers, @pools: index in the rule set of each of the plan's rules and pools
 */
struct builder {
	struct ruleset *rs;
	struct diag_list *diags;
	struct address address[ADDRESSES_MAX];
	unsigned addresses, tables, pages;
	uint16_t numbers[RULES_MAX];
	uint16_t pools[PLAN_POOLS_MAX];
};

static int no_room(struct builder *b, const char *what, unsigned max)
{
	diag_add(b->diags, DIAG_CONFIG_ERROR, (struct diag_place){ 0, 0 },
		 "too many %s: at most %u fit into one interface", what, max);
	return -ENOSPC;
}

/* The entry of an address, made when it is new; NULL when there is no room. */
static struct address *address_entry(struct builder *b, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < b->addresses; i++)
		if (ip_addr_equal(&b->address[i].addr, addr))
			return &b->address[i];
	if (b->addresses == ADDRESSES_MAX)
		return NULL;
	b->address[b->addresses].addr = *addr;
	return &b->address[b->addresses++];
}

static int table_entry(struct builder *b, const struct ip_addr *addr, enum direction dir,
		       enum proto proto, uint16_t *table)
{
	struct address *entry = address_entry(b, addr);

	if (!entry)
		return no_room(b, "addresses", ADDRESSES_MAX);
	if (!entry->table[dir][proto]) {
		if (b->tables == TABLES_MAX)
			return no_room(b, "addresses and protocols", TABLES_MAX - 1);
		entry->table[dir][proto] = b->tables++;
	}
	*table = entry->table[dir][proto];
	return 0;
}

/* A page that holds only @rule, shared by all tables; 0 when there is none yet. */
static unsigned uniform_page(const struct builder *b, unsigned rule)
{
	for (unsigned page = 1; page < b->pages; page++) {
		const uint16_t *rules = b->rs->pages[page];

		if (rules[0] == rule &&
		    !memcmp(rules, rules + 1, (PAGE_PORTS - 1) * sizeof(*rules)))
			return page;
	}
	return 0;
}

/* Is @page in use by another table? Then it must be copied before a part of it changes. */
static int own_page(struct builder *b, uint16_t *page)
{
	unsigned users = 0;

	for (unsigned table = 1; table < b->tables; table++)
		for (unsigned i = 0; i < PORT_PAGES; i++)
			users += b->rs->tables[table][i] == *page;
	if (*page && users == 1)
		return 0;
	if (b->pages == PAGES_MAX)
		return no_room(b, "scattered ports", PAGES_MAX);
	memcpy(b->rs->pages[b->pages], b->rs->pages[*page], sizeof(b->rs->pages[0]));
	*page = b->pages++;
	return 0;
}

/* Point the ports of one run at a rule. */
static int fill_range(struct builder *b, unsigned table, struct port_range range, unsigned rule)
{
	for (unsigned high = range.first / PAGE_PORTS; high <= range.last / PAGE_PORTS; high++) {
		unsigned first = high * PAGE_PORTS, last = first + PAGE_PORTS - 1;
		uint16_t *page = &b->rs->tables[table][high];
		bool whole = range.first <= first && range.last >= last;

		if (whole && uniform_page(b, rule)) {
			*page = uniform_page(b, rule);
			continue;
		}
		if (own_page(b, page))
			return -ENOSPC;
		first = first < range.first ? range.first : first;
		last = last > range.last ? range.last : last;
		for (unsigned port = first; port <= last; port++)
			b->rs->pages[*page][port % PAGE_PORTS] = rule;
	}
	return 0;
}

static int fill_ports(struct builder *b, const struct ip_addr *addr, enum direction dir,
		      enum proto proto, const struct port_set *ports, unsigned rule)
{
	uint16_t table = 0;
	int err = table_entry(b, addr, dir, proto, &table);

	for (struct port_range r = { 0, 0 }; !err && port_set_next(ports, &r);)
		err = fill_range(b, table, r, rule);
	return err;
}

/* Idle times run in ticks, and are never shorter than asked for. */
static uint32_t ticks(uint32_t s)
{
	const uint64_t tick_ns = 1ULL << FLOW_TICK_SHIFT;

	return (s * 1000000000ULL + tick_ns - 1) / tick_ns ?: 1;
}

static int add_rule(struct builder *b, const struct plan *plan, unsigned index)
{
	const struct plan_rule *from = &plan->rules[index];
	unsigned number = b->numbers[index];
	struct rule *rule = &b->rs->rules[number];
	struct port_set backend_ports;
	int err;

	*rule = (struct rule){
		.public_addr = from->public_addr,
		.backend_addr = from->backend_addr,
		.csum_delta = csum_delta_addr(&from->public_addr, &from->backend_addr),
		.shift = (uint16_t)from->shift,
		.counter = from->counter,
		.nexthop = from->nexthop,
		.public_dev = 0,
		.backend_dev = plan->nexthops[from->nexthop].device,
		.share = from->share,
		.shares = from->shares,
		.mid_stream = from->mid_stream,
		.clamp_mss = from->clamp_mss,
		.reject = from->reject,
		.acl = from->acl,
	};
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		rule->timeout[i] = ticks(from->timeout_s[i]);
	err = fill_ports(b, &from->public_addr, DIR_IN, from->proto, &from->ports, number);
	/* The way back of masquerade is by its pools. */
	if (err || from->shares)
		return err;
	port_set_shifted(&from->ports, from->shift, &backend_ports);
	return fill_ports(b, &from->backend_addr, DIR_OUT, from->proto, &backend_ports, number);
}

static int add_pools(struct builder *b, const struct plan *plan)
{
	for (size_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *from = &plan->pools[i];
		struct address *entry = address_entry(b, &from->addr);
		struct pool *pool = &b->rs->pools[b->pools[i]];

		if (!entry)
			return no_room(b, "addresses", ADDRESSES_MAX);
		entry->pool[from->proto] = b->pools[i];
		pool->addr = from->addr;
		pool->proto = from->proto;
	}
	for (size_t i = 0; i < plan->share_count; i++)
		b->rs->shares[i] = b->pools[plan->shares[i]];
	return 0;
}

/* Give each address a slot of its own, by trying seeds. */
static int place_addresses(struct builder *b)
{
	struct ruleset *rs = b->rs;

	for (uint64_t seed = 1; seed < 2 * SEEDS_MAX; seed += 2) {
		unsigned i;

		memset(rs->addresses, 0, sizeof(rs->addresses));
		for (i = 0; i < b->addresses; i++) {
			unsigned slot = address_slot(&b->address[i].addr, seed);

			if (!ip_addr_is_any(&rs->addresses[slot].addr))
				break;
			rs->addresses[slot] = b->address[i];
		}
		if (i == b->addresses) {
			rs->seed = seed;
			return 0;
		}
	}
	return no_room(b, "addresses", ADDRESSES_MAX);
}

static void fill_devices(const struct plan *plan, struct ruleset *rs)
{
	rs->clients_ifindex = plan->devices[0].ifindex;
	for (size_t i = 0; i < plan->rule_count; i++)
		if (!plan->nexthops[plan->rules[i].nexthop].device)
			rs->clients_ifindex = 0;
	for (size_t i = 0; i < plan->device_count; i++) {
		rs->devices[i].ifindex = plan->devices[i].ifindex;
		rs->devices[i].is_l3 = plan->devices[i].is_l3;
		memcpy(rs->devices[i].mac, plan->devices[i].mac, 6);
	}
}

/* A device that is down has no MTU for now, and is likely to come up with the one it had. */
static void refresh_mtus(const struct plan *plan, struct ruleset *rs)
{
	for (size_t i = 0; i < plan->device_count; i++)
		if (plan->devices[i].mtu && plan->devices[i].mtu != rs->devices[i].mtu)
			__atomic_store_n(&rs->devices[i].mtu, plan->devices[i].mtu,
					 __ATOMIC_RELAXED);
}

/* Entries first, then their number: a program meanwhile asks the kernel. */
static void refresh_gateways(const struct plan *plan, struct ruleset *rs)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct plan_gateway *from = &plan->gateways[family];
		struct gateway *to = &rs->gateways[family];
		bool same = to->nears == from->near_count &&
			    !memcmp(to->near, from->near, sizeof(to->near));

		if (from->usable && same)
			continue;
		__atomic_store_n(&to->nears, NEARS_MAX + 1, __ATOMIC_SEQ_CST);
		if (!from->usable)
			continue;
		memcpy(to->near, from->near, sizeof(to->near));
		__atomic_store_n(&to->nears, from->near_count, __ATOMIC_SEQ_CST);
	}
}

/* Word by word, and only what differs: the programs' CPUs have the others cached. */
static void refresh_ports(const struct plan *plan, struct ruleset *rs)
{
	const uint64_t *from = (const uint64_t *)plan->limits.ports;
	__u64 *to = (__u64 *)rs->limits.ports;

	for (size_t i = 0; i < sizeof(rs->limits.ports) / sizeof(*to); i++)
		if (to[i] != from[i])
			__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

void ruleset_refresh(const struct plan *plan, uint64_t valid_until_ns, struct ruleset *rs)
{
	for (size_t i = 0; i < plan->nexthop_count; i++) {
		const struct plan_nexthop *from = &plan->nexthops[i];
		const struct plan_device *device = &plan->devices[from->device];
		struct nexthop *to = &rs->nexthops[i],
			       new = { .ifindex = device->ifindex, .mtu = from->mtu };

		memcpy(new.mac, from->mac, 6);
		memcpy(new.mac + 6, device->mac, 6);
		if (memcmp(to->mac, new.mac, sizeof(new.mac)) || to->ifindex != new.ifindex ||
		    to->mtu != new.mtu) {
			__atomic_store_n(&to->valid_until_ns, 0, __ATOMIC_SEQ_CST);
			to->ifindex = new.ifindex;
			to->mtu = new.mtu;
			memcpy(to->mac, new.mac, sizeof(new.mac));
		}
		__atomic_store_n(&to->valid_until_ns,
				 from->has_mac && !device->is_l3 ? valid_until_ns : 0,
				 __ATOMIC_SEQ_CST);
	}
	refresh_mtus(plan, rs);
	refresh_gateways(plan, rs);
	if (plan->limits.port_last)
		refresh_ports(plan, rs);
}

void ruleset_extend(uint64_t valid_until_ns, struct ruleset *rs)
{
	for (size_t i = 0; i < NEXTHOPS_MAX; i++)
		if (rs->nexthops[i].valid_until_ns)
			__atomic_store_n(&rs->nexthops[i].valid_until_ns, valid_until_ns,
					 __ATOMIC_SEQ_CST);
}

int ruleset_build(const struct plan *plan, uint64_t valid_until_ns, const struct ruleset *old,
		  struct ruleset *rs, struct diag_list *diags)
{
	struct builder b = { .rs = rs, .diags = diags, .tables = 1, .pages = 1 };
	int err = 0;

	if (plan->rule_count >= RULES_MAX)
		return no_room(&b, "forwards and addresses", RULES_MAX - 1);
	rs->version = XDPFWD_ABI_VERSION;
	rs->generation = plan->generation;
	fill_devices(plan, rs);
	rs->limits = plan->limits;
	memcpy(rs->acls, plan->acls, sizeof(rs->acls));
	memcpy(rs->acl_ranges, plan->acl_ranges, sizeof(rs->acl_ranges));
	ruleset_refresh(plan, valid_until_ns, rs);
	if (old && old->version != XDPFWD_ABI_VERSION)
		old = NULL;
	ruleset_number_rules(plan, old, b.numbers);
	ruleset_number_pools(plan, old, b.pools);
	err = add_pools(&b, plan);
	for (size_t i = 0; i < plan->rule_count && !err; i++)
		err = add_rule(&b, plan, i);
	return err ?: place_addresses(&b);
}
