// SPDX-License-Identifier: GPL-2.0-only
// libFuzzer entry: any config on any host ends in errors, or in a rule set that does what it says.
#include <string.h>
#include "clients.h"
#include "fuzz_input.h"
#include "ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ruleset rs;

/* What bpf/lookup.h does. */
static unsigned lookup(const struct ip_addr *addr, enum direction dir, enum proto proto,
		       uint16_t port)
{
	const struct address *entry = &rs.addresses[address_slot(addr, rs.seed)];

	if (!ip_addr_equal(&entry->addr, addr))
		return 0;
	return rs.pages[rs.tables[entry->table[dir][proto]][port / PAGE_PORTS]][port % PAGE_PORTS];
}

/* What it stands for: the number of the one rule of that end of a packet, 0 for none. */
static unsigned search(const struct plan *plan, const struct ip_addr *addr, enum direction dir,
		       enum proto proto, uint16_t port)
{
	unsigned found = 0;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		long public = dir == DIR_IN ? port : (long)port - rule->shift;

		if (dir == DIR_OUT && rule->shares)
			continue;
		if (rule->proto == proto && public > 0 && public < PORT_COUNT &&
		    port_set_has(&rule->ports, public) &&
		    ip_addr_equal(dir == DIR_IN ? &rule->public_addr : &rule->backend_addr, addr)) {
			MUST(!found);
			found = i + 1;
		}
	}
	return found;
}

static void compare(const struct plan *plan, const struct ip_addr *addr, enum direction dir,
		    enum proto proto, long port)
{
	if (port >= 0 && port < PORT_COUNT)
		MUST(lookup(addr, dir, proto, port) == search(plan, addr, dir, proto, port));
}

/* Around the ends of every run of ports, and anywhere. */
static void check_lookup(const struct plan *plan, struct input *in)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		for (struct port_range r = { 0, 0 }; port_set_next(&rule->ports, &r);)
			for (int step = -1; step <= 1; step++) {
				compare(plan, &rule->public_addr, DIR_IN, rule->proto,
					r.first + step);
				compare(plan, &rule->public_addr, DIR_IN, rule->proto,
					r.last + step);
				compare(plan, &rule->backend_addr, DIR_OUT, rule->proto,
					r.first + rule->shift + step);
				compare(plan, &rule->backend_addr, DIR_OUT, rule->proto,
					r.last + rule->shift + step);
			}
	}
	for (int i = 0; i < 200; i++) {
		struct ip_addr addr = input_addr(in);

		compare(plan, &addr, i % DIR_COUNT, i / 2 % PROTO_COUNT,
			(i * 331 + input_below(in, PORT_COUNT)) % PORT_COUNT);
	}
}

static bool hears(const struct host_socket *socket, const struct ip_addr *addr)
{
	if (ip_addr_equal(&socket->local, addr))
		return true;
	if (!ip_addr_is_any(&socket->local))
		return false;
	return ip_addr_is_v4(&socket->local) ? ip_addr_is_v4(addr)
					     : !ip_addr_is_v4(addr) || !socket->v6only;
}

/* The host keeps its own traffic. */
static void check_rule_safety(const struct plan_input *in, const struct plan_rule *rule)
{
	const struct host *host = in->host;

	if (in->force)
		return;
	for (size_t i = 0; i < host->socket_count; i++)
		MUST(host->sockets[i].proto != rule->proto ||
		     !hears(&host->sockets[i], &rule->public_addr) ||
		     !port_set_has(&rule->ports, host->sockets[i].local_port));
	MUST(rule->proto != PROTO_TCP || !port_set_has(&rule->ports, host->ssh_port));
}

static void check_rules(const struct plan_input *in, const struct plan *plan)
{
	MUST(plan->rule_count);
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		const struct config_forward *forward = &in->config->forwards[rule->forward];
		const struct plan_nexthop *hop = &plan->nexthops[rule->nexthop];
		struct port_set extra = rule->ports;

		MUST(rule->forward < in->config->forward_count);
		MUST(!port_set_is_empty(&rule->ports));
		port_set_subtract(&extra, &forward->ports[rule->proto]);
		MUST(port_set_is_empty(&extra));
		MUST(rule->shift == forward->shift);
		MUST(rule->nexthop >= PLAN_FIRST_BACKEND && rule->nexthop < plan->nexthop_count);
		MUST(hop->device < plan->device_count && hop->backend == forward->backend);
		MUST(ip_addr_equal(&hop->addr, &rule->backend_addr));
		MUST(ip_addr_is_v4(&rule->public_addr) == ip_addr_is_v4(&rule->backend_addr));
		MUST(rule->counter < plan->counter_count);
		MUST(plan->counters[rule->counter].proto == rule->proto);
		MUST(!strcmp(plan->counters[rule->counter].forward, forward->name));
		check_rule_safety(in, rule);
	}
}

/* Each rule has addresses of its family and protocol when its forward masquerades, else none. */
static void check_shares(const struct plan_input *in, const struct plan *plan)
{
	MUST(plan->pool_count <= PLAN_POOLS_MAX && plan->share_count <= SHARES_MAX);
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		MUST(!rule->shares ==
		     (in->config->forwards[rule->forward].source == SOURCE_PRESERVE));
		MUST(!rule->shares || rule->share + rule->shares <= plan->share_count);
		for (unsigned s = 0; s < rule->shares; s++) {
			const struct plan_pool *pool = &plan->pools[plan->shares[rule->share + s]];

			MUST(plan->shares[rule->share + s] < plan->pool_count);
			MUST(pool->proto == rule->proto);
			MUST(ip_addr_is_v4(&pool->addr) == ip_addr_is_v4(&rule->backend_addr));
		}
	}
}

/* No flow gets a port that somebody else has. */
static void check_pools(const struct plan_input *in, const struct plan *plan)
{
	const struct port_range *range = &in->config->limits.masquerade_ports;

	for (size_t p = 0; p < plan->pool_count; p++) {
		const struct plan_pool *pool = &plan->pools[p];
		struct port_set ports, outside;

		memcpy(ports.bits, plan->limits.ports[pool->proto], sizeof(ports.bits));
		MUST(!port_set_is_empty(&ports));
		outside = ports;
		port_set_remove(&outside, *range);
		MUST(port_set_is_empty(&outside));
		for (size_t i = 0; i < in->host->socket_count; i++)
			MUST(in->host->sockets[i].proto != pool->proto ||
			     !port_set_has(&ports, in->host->sockets[i].local_port));
		for (size_t i = 0; i < plan->rule_count; i++)
			MUST(plan->rules[i].proto != pool->proto ||
			     !ip_addr_equal(&plan->rules[i].public_addr, &pool->addr) ||
			     !port_set_common(&plan->rules[i].ports, 0, &ports, 0));
	}
}

static bool lists_hold(const struct ip_prefix *list, size_t count, const struct ip_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (ip_prefix_contains(&list[i], addr))
			return true;
	return false;
}

/* Each rule is for those that its forward allows and does not deny. */
static void check_clients(const struct plan_input *in, const struct plan *plan, struct input *rest)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		const struct config_forward *f = &in->config->forwards[rule->forward];
		const struct acl *acl = &plan->acls[rule->acl];
		struct ip_addr addr = input_addr(rest);

		MUST(rule->acl <= plan->acl_count);
		MUST(acl->first + acl->count <= plan->acl_range_count);
		if (ip_addr_family(&addr) != ip_addr_family(&rule->public_addr))
			continue;
		MUST((!rule->acl ||
		      clients_include(&plan->acl_ranges[acl->first], acl->count, &addr)) ==
		     ((!f->allow_count || lists_hold(f->allow, f->allow_count, &addr)) &&
		      !lists_hold(f->deny, f->deny_count, &addr)));
	}
}

static void check_hooks(const struct plan_input *in, const struct plan *plan)
{
	unsigned tc[DEVICES_MAX] = {}, xdp[DEVICES_MAX] = {};

	for (size_t i = 0; i < plan->hook_count; i++) {
		const struct plan_hook *hook = &plan->hooks[i];
		const struct host_link *link =
			host_link_by_index(in->host, plan->devices[hook->device].ifindex);

		MUST(hook->device < plan->device_count && *hook->reason);
		if (!strcmp(attach_kind_hook(hook->kind), "tc")) {
			tc[hook->device]++;
			continue;
		}
		xdp[hook->device]++;
		MUST(link->is_l2 && in->mode != MODE_TC);
		MUST(link->xdp == HOST_XDP_NONE || (link->xdp_prog_id && in->own_xdp_count));
	}
	for (size_t i = 0; i < plan->device_count; i++)
		MUST(tc[i] == 1 && xdp[i] <= 1);
}

/* The kernel keeps ports to give out, and what was reserved stays so. */
static void check_reserved(const struct plan_input *in, const struct plan *plan)
{
	struct port_set set, left = {}, lost = *in->reserved_before;

	MUST(!strcmp(plan->sysctls[0].name, "net.ipv4.ip_local_reserved_ports"));
	MUST(!port_set_parse(plan->sysctls[0].value, &set));
	port_set_union(&lost, in->reserved_others);
	port_set_subtract(&lost, &set);
	MUST(port_set_is_empty(&lost));
	port_set_add(&left, (struct port_range){ in->host->port_min, in->host->port_max });
	port_set_subtract(&left, &set);
	MUST(!port_set_is_empty(&left));
}

/* Every destination with a route of its own is asked for. */
static void check_gateways(const struct plan_input *in, const struct plan *plan)
{
	for (size_t i = 0; i < in->host->destination_count; i++) {
		const struct ip_prefix *prefix = &in->host->destinations[i];
		enum ip_family family = ip_addr_family(&prefix->addr);
		const struct plan_gateway *gateway = &plan->gateways[family];
		uint64_t key = near_key(&prefix->addr, family);
		bool covered = !gateway->usable;

		for (size_t n = 0; n < gateway->near_count && !covered; n++)
			covered = (key & gateway->near[n].mask) == gateway->near[n].addr;
		MUST(covered);
	}
}

static void check_plan(const struct plan_input *in, const struct plan *plan)
{
	check_rules(in, plan);
	check_shares(in, plan);
	check_pools(in, plan);
	check_hooks(in, plan);
	check_reserved(in, plan);
	check_gateways(in, plan);
	MUST(plan->counter_count >= in->counter_count);
	MUST(!in->counter_count ||
	     !memcmp(plan->counters, in->counters, in->counter_count * sizeof(*plan->counters)));
}

/* A reload of the same plan changes nothing. */
static void check_again(const struct plan *plan)
{
	static struct ruleset again;
	struct diag_list diags = {};

	memset(&again, 0, sizeof(again));
	MUST(!ruleset_build(plan, 0, &rs, &again, &diags));
	MUST(!memcmp(&again, &rs, sizeof(rs)));
}

static void check_world(const struct plan_input *in, struct input *rest)
{
	struct diag_list diags = {}, again = {};
	struct plan *plan = plan_make(in, &diags), *same = plan_make(in, &again);

	MUST(!plan == diag_has_errors(&diags));
	MUST(!same == !plan && diags.count == again.count);
	if (plan) {
		check_plan(in, plan);
		check_clients(in, plan, rest);
		MUST(plan_equal(plan, same));
		memset(&rs, 0, sizeof(rs));
		if (!ruleset_build(plan, 0, NULL, &rs, &diags)) {
			check_again(plan);
			check_lookup(plan, rest);
		} else {
			MUST(diag_has_errors(&diags));
		}
	}
	plan_free(plan);
	plan_free(same);
	diag_free(&diags);
	diag_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input_world world;
	struct input in = { data, size };
	struct diag_list diags = {};
	size_t len;
	char *text = input_config(&in, &len);
	struct config *config = config_parse(text, len, &diags);

	if (config) {
		input_world(&in, config, &world);
		check_world(&world.plan, &in);
		input_world_free(&world);
	}
	config_free(config);
	diag_free(&diags);
	free(text);
	return 0;
}
