// SPDX-License-Identifier: GPL-2.0-only
// Which of this host's addresses and ports masqueraded flows are seen to come from.
#include <string.h>
#include "plan_internal.h"

static bool host_has_addr(const struct host *host, const struct ip_addr *addr)
{
	for (size_t i = 0; i < host->addr_count; i++)
		if (ip_addr_equal(&host->addrs[i].addr, addr))
			return true;
	return false;
}

/* Index of the pool, added when it is new; -1 when there are too many. */
static int pool_index(struct planner *p, const struct ip_addr *addr, enum proto proto)
{
	struct plan *plan = p->plan;

	for (size_t i = 0; i < plan->pool_count; i++)
		if (plan->pools[i].proto == proto && ip_addr_equal(&plan->pools[i].addr, addr))
			return i;
	if (plan->pool_count == PLAN_POOLS_MAX) {
		diag_add(p->diags, DIAG_CONFIG_ERROR, NOWHERE,
			 "too many addresses to masquerade as: at most %d, each counted once for "
			 "TCP and once for UDP; shorten the lists of masquerade_address",
			 PLAN_POOLS_MAX);
		return -1;
	}
	plan->pools[plan->pool_count] = (struct plan_pool){ .addr = *addr, .proto = proto };
	return plan->pool_count++;
}

/* The run of shares that reads like @list, added when there is none. */
static void put_shares(struct planner *p, struct plan_rule *rule, const uint8_t *list, size_t count)
{
	struct plan *plan = p->plan;
	const uint8_t *run = memmem(plan->shares, plan->share_count, list, count);

	if (!run && plan->share_count + count > SHARES_MAX) {
		diag_add(p->diags, DIAG_CONFIG_ERROR, NOWHERE,
			 "too many different lists of masquerade_address: at most %d addresses in "
			 "all of them",
			 SHARES_MAX);
		return;
	}
	if (!run) {
		run = memcpy(&plan->shares[plan->share_count], list, count);
		plan->share_count += count;
	}
	rule->share = run - plan->shares;
	rule->shares = count;
}

/* The address that the kernel itself would use towards the backend. */
static const struct ip_addr *preferred_source(struct planner *p, const struct plan_rule *rule)
{
	const struct plan_nexthop *nexthop = &p->plan->nexthops[rule->nexthop];
	const struct config_backend *backend = &p->in->config->backends[nexthop->backend];
	enum ip_family family = ip_addr_family(&rule->backend_addr);
	const struct ip_addr *source =
		&p->in->host->routes[nexthop->backend * FAMILY_COUNT + family].source;
	char text[IP_ADDR_STRLEN];

	if (!ip_addr_is_any(source) && ip_addr_family(source) == family)
		return source;
	diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->address_place,
		 "backend \"%s\": this host has no IPv%c address to reach %s from; add one to %s, "
		 "or "
		 "name one with masquerade_address",
		 backend->name, family == FAMILY_V4 ? '4' : '6',
		 ip_addr_format(&rule->backend_addr, text), p->plan->devices[nexthop->device].name);
	return NULL;
}

static void plan_rule_shares(struct planner *p, struct plan_rule *rule)
{
	size_t index = p->plan->nexthops[rule->nexthop].backend, count = 0;
	const struct config_backend *backend = &p->in->config->backends[index];
	enum ip_family family = ip_addr_family(&rule->backend_addr);
	const struct ip_addr *source = NULL;
	uint8_t list[PLAN_POOLS_MAX];
	int pool = 0;

	for (size_t i = 0; i < backend->masquerade_count && pool >= 0; i++) {
		source = &backend->masquerade[i];
		if (ip_addr_family(source) != family)
			continue;
		pool = pool_index(p, source, rule->proto);
		if (pool >= 0)
			list[count++] = pool;
	}
	if (!count && pool >= 0) {
		source = preferred_source(p, rule);
		pool = source ? pool_index(p, source, rule->proto) : -1;
		if (pool >= 0)
			list[count++] = pool;
	}
	if (pool >= 0)
		put_shares(p, rule, list, count);
}

/* Packets back to an address of somebody else would never come here. */
static void check_addresses(struct planner *p, const struct config_backend *backend)
{
	char text[IP_ADDR_STRLEN];

	for (size_t i = 0; i < backend->masquerade_count; i++)
		if (!host_has_addr(p->in->host, &backend->masquerade[i]))
			diag_add(p->diags, DIAG_SYSTEM_ERROR, backend->masquerade_place,
				 "backend \"%s\": masquerade_address: %s is not an address of this "
				 "host; `ip -br addr` lists them",
				 backend->name, ip_addr_format(&backend->masquerade[i], text));
}

/* The backend whose flows are the first to come from a pool. */
static const struct config_backend *backend_of_pool(const struct planner *p, size_t pool)
{
	const struct plan *plan = p->plan;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (memchr(&plan->shares[rule->share], (int)pool, rule->shares))
			return &p->in->config->backends[plan->nexthops[rule->nexthop].backend];
	}
	return NULL;
}

/* Is there an earlier pool, of the other protocol, that shares the address with that interface? */
static bool is_told(const struct planner *p, size_t pool, const struct plan_sibling *sibling)
{
	const struct plan_input *in = p->in;

	for (size_t i = 0; i < pool; i++) {
		const struct plan_pool *earlier = &p->plan->pools[i];

		if (!ip_addr_equal(&earlier->addr, &sibling->pool.addr))
			continue;
		for (size_t k = 0; k < in->siblings_pool_count; k++)
			if (in->siblings_pools[k].pool.proto == earlier->proto &&
			    ip_addr_equal(&in->siblings_pools[k].pool.addr, &earlier->addr) &&
			    !strcmp(in->siblings_pools[k].iface, sibling->iface))
				return true;
	}
	return false;
}

/* Two interfaces that masquerade as one address may give one port to two flows. */
static void check_siblings(struct planner *p, size_t pool)
{
	const struct plan_pool *ours = &p->plan->pools[pool];
	const struct config_backend *backend = backend_of_pool(p, pool);
	char text[IP_ADDR_STRLEN];

	for (size_t i = 0; i < p->in->siblings_pool_count; i++) {
		const struct plan_sibling *sibling = &p->in->siblings_pools[i];

		if (!backend || sibling->pool.proto != ours->proto ||
		    !ip_addr_equal(&sibling->pool.addr, &ours->addr) || is_told(p, pool, sibling))
			continue;
		diag_add(p->diags, DIAG_WARNING,
			 backend->masquerade_count ? backend->masquerade_place
						   : backend->address_place,
			 "backend \"%s\": %s masquerades as %s, too; neither of the two knows the "
			 "ports of the other's flows, so some may break; give each a "
			 "masquerade_address of its own",
			 backend->name, sibling->iface, ip_addr_format(&ours->addr, text));
	}
}

static bool has_pool(const struct plan *plan, const struct ip_addr *addr, enum proto proto)
{
	for (size_t i = 0; i < plan->pool_count; i++)
		if (plan->pools[i].proto == proto &&
		    (!addr || ip_addr_equal(&plan->pools[i].addr, addr)))
			return true;
	return false;
}

/* What clients talk to cannot at the same place be what a backend answers to. */
static void plan_ports(struct planner *p)
{
	const struct config_limits *limits = &p->in->config->limits;
	struct plan *plan = p->plan;

	for (enum proto proto = 0; proto < PROTO_COUNT; proto++)
		if (has_pool(plan, NULL, proto))
			port_set_add(&plan->masquerade_ports[proto], limits->masquerade_ports);
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (has_pool(plan, &rule->public_addr, rule->proto))
			port_set_subtract(&plan->masquerade_ports[rule->proto], &rule->ports);
	}
}

void plan_free_ports(struct plan *plan, const struct host *host, const struct port_set *reserved)
{
	struct port_set ephemeral = {};

	port_set_add(&ephemeral, (struct port_range){ host->port_min, host->port_max });
	port_set_subtract(&ephemeral, reserved);
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		struct port_set ports = plan->masquerade_ports[proto];

		port_set_subtract(&ports, &ephemeral);
		for (size_t i = 0; i < host->socket_count; i++) {
			unsigned port = host->sockets[i].local_port;

			if (host->sockets[i].proto == proto)
				port_set_remove(&ports, (struct port_range){ port, port });
		}
		_Static_assert(sizeof(ports.bits) == sizeof(plan->limits.ports[proto]),
			       "a bit for each port in both");
		memcpy(plan->limits.ports[proto], ports.bits, sizeof(ports.bits));
	}
}

/* No flow could ever begin. */
static void check_ports(struct planner *p)
{
	const struct config_limits *limits = &p->in->config->limits;

	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		struct port_set ports;

		memcpy(ports.bits, p->plan->limits.ports[proto], sizeof(ports.bits));
		if (has_pool(p->plan, NULL, proto) && port_set_is_empty(&ports))
			diag_add(p->diags, DIAG_CONFIG_ERROR, limits->masquerade_ports_place,
				 "limits: masquerade_ports: no %s port of %u-%u is left to "
				 "masquerade "
				 "with: all are this host's own (its sockets, its ephemeral ports "
				 "%u-%u) or forwarded; widen it",
				 proto_name(proto), limits->masquerade_ports.first,
				 limits->masquerade_ports.last, p->in->host->port_min,
				 p->in->host->port_max);
	}
}

static void plan_limits(struct planner *p)
{
	const struct config_limits *from = &p->in->config->limits;
	struct flow_limits *to = &p->plan->limits;
	struct ip_addr v6 = {}, v4 = { .w = { 0, 0, 0, 0xffffffff } };

	for (unsigned bit = 0; bit < from->source_prefix_v6; bit++)
		((uint8_t *)&v6)[bit / 8] |= 0x80 >> bit % 8;
	to->port_first = from->masquerade_ports.first;
	to->port_last = from->masquerade_ports.last;
	to->per_source = from->flows_per_source;
	to->udp_max = p->in->config->flows_max - p->in->config->flows_max / 4;
	to->new_per_s = from->new_flows_per_second;
	to->source_mask[FAMILY_V4] = near_key(&v4, FAMILY_V4);
	to->source_mask[FAMILY_V6] = near_key(&v6, FAMILY_V6);
}

void plan_masquerade(struct planner *p)
{
	const struct config *config = p->in->config;
	struct port_set reserved = plan_all_reserved(p);

	for (size_t i = 0; i < config->backend_count; i++)
		if (plan_uses_backend(config, i))
			check_addresses(p, &config->backends[i]);
	for (size_t i = 0; i < p->plan->rule_count; i++)
		if (config->forwards[p->plan->rules[i].forward].source == SOURCE_MASQUERADE)
			plan_rule_shares(p, &p->plan->rules[i]);
	if (diag_has_errors(p->diags))
		return;
	for (size_t i = 0; i < p->plan->pool_count; i++)
		check_siblings(p, i);
	plan_limits(p);
	plan_ports(p);
	plan_free_ports(p->plan, p->in->host, &reserved);
	check_ports(p);
}
