// SPDX-License-Identifier: GPL-2.0-only
// Forwards times protocols times public addresses.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan_internal.h"

static const struct host_addr *primary_addr(const struct host *host, int ifindex,
					    enum ip_family family)
{
	for (size_t i = 0; i < host->addr_count; i++) {
		const struct host_addr *addr = &host->addrs[i];

		if (addr->ifindex == ifindex && addr->primary && addr->global &&
		    ip_addr_family(&addr->addr) == family)
			return addr;
	}
	return NULL;
}

/* A second rule for one public port, or a second way back from one backend port, cannot hold. */
static void check_conflict(struct planner *p, const struct plan_rule *old,
			   const struct plan_rule *new)
{
	const struct config_forward *f = &p->in->config->forwards[new->forward];
	const struct config_forward *of = &p->in->config->forwards[old->forward];
	unsigned port = 0;

	if (ip_addr_equal(&old->public_addr, &new->public_addr))
		port = port_set_common(&new->ports, 0, &old->ports, 0);
	if (port)
		diag_add(p->diags, DIAG_CONFIG_ERROR, f->ports_place,
			 "forward \"%s\": %s port %u is already forwarded by \"%s\" (line %u)",
			 f->name, proto_name(new->proto), port, of->name, of->ports_place.line);
	port = 0;
	if (ip_addr_equal(&old->backend_addr, &new->backend_addr))
		port = port_set_common(&new->ports, new->shift, &old->ports, old->shift);
	if (port)
		diag_add(p->diags, DIAG_CONFIG_ERROR, f->ports_place,
			 "forward \"%s\" (line %u) and \"%s\" (line %u) both reach %s port %u of "
			 "one backend: with source = \"preserve\" the way back is ambiguous; give "
			 "one of them another to_port or backend",
			 f->name, f->place.line, of->name, of->place.line, proto_name(new->proto),
			 port);
}

static void add_rule(struct planner *p, size_t forward, enum proto proto,
		     const struct ip_addr *addr, int nexthop)
{
	const struct config_forward *f = &p->in->config->forwards[forward];
	struct plan_rule *rules, *rule;

	rules = reallocarray(p->plan->rules, p->plan->rule_count + 1, sizeof(*rules));
	if (!rules) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE, "out of memory");
		return;
	}
	p->plan->rules = rules;
	rule = &rules[p->plan->rule_count++];
	*rule = (struct plan_rule){
		.forward = forward,
		.proto = proto,
		.public_addr = *addr,
		.backend_addr = p->plan->nexthops[nexthop].addr,
		.ports = f->ports[proto],
		.shift = f->shift,
		.nexthop = nexthop,
	};
	for (size_t i = 0; i + 1 < p->plan->rule_count; i++)
		if (rules[i].proto == rule->proto)
			check_conflict(p, &rules[i], rule);
}

/* All protocols of one forward on one public address; false when the backend lacks the family. */
static bool add_address(struct planner *p, size_t forward, const struct ip_addr *addr)
{
	const struct config_forward *f = &p->in->config->forwards[forward];
	int nexthop = plan_nexthop_find(p->plan, f->backend, ip_addr_family(addr));

	if (nexthop < 0)
		return false;
	for (int proto = 0; proto < PROTO_COUNT; proto++)
		if (!port_set_is_empty(&f->ports[proto]))
			add_rule(p, forward, proto, addr, nexthop);
	return true;
}

static bool host_has_addr(const struct planner *p, const struct ip_addr *addr)
{
	const struct host *host = p->in->host;

	for (size_t i = 0; i < host->addr_count; i++)
		if (host->addrs[i].ifindex == p->plan->devices[0].ifindex &&
		    ip_addr_equal(&host->addrs[i].addr, addr))
			return true;
	return false;
}

/* Is there a next hop for any of the forward's public addresses? */
static bool any_served(const struct planner *p, const struct config_forward *f)
{
	for (size_t i = 0; i < f->address_count; i++)
		if (plan_nexthop_find(p->plan, f->backend, ip_addr_family(&f->addresses[i])) >= 0)
			return true;
	return false;
}

/* Not the config's fault when the backend is a name: what it resolves to may change. */
static void report_family(struct planner *p, const struct config_forward *f, const char *addr)
{
	const struct config_backend *backend = &p->in->config->backends[f->backend];
	enum diag_severity severity = any_served(p, f)	  ? DIAG_WARNING
				      : backend->hostname ? DIAG_SYSTEM_ERROR
							  : DIAG_CONFIG_ERROR;

	diag_add(p->diags, severity, f->address_place,
		 "forward \"%s\": backend \"%s\" has no address of the family of %s", f->name,
		 backend->name, addr);
}

static void add_explicit(struct planner *p, size_t forward)
{
	const struct config_forward *f = &p->in->config->forwards[forward];
	char text[IP_ADDR_STRLEN];

	for (size_t i = 0; i < f->address_count; i++) {
		ip_addr_format(&f->addresses[i], text);
		if (!host_has_addr(p, &f->addresses[i]))
			diag_add(p->diags, DIAG_WARNING, f->address_place,
				 "forward \"%s\": %s is not an address of %s; it takes effect when "
				 "packets for it arrive there",
				 f->name, text, p->plan->iface);
		if (!add_address(p, forward, &f->addresses[i]))
			report_family(p, f, text);
	}
}

static bool is_forwarded(const struct plan *plan, const struct ip_addr *addr)
{
	for (size_t i = 0; i < plan->rule_count; i++)
		if (ip_addr_equal(&plan->rules[i].public_addr, addr))
			return true;
	return false;
}

/* One note naming the addresses of the interface that stay out, beside the primary ones. */
static void note_other_addresses(struct planner *p)
{
	const struct host *host = p->in->host;
	char list[512] = "", text[IP_ADDR_STRLEN];
	size_t used = 0;

	for (size_t i = 0; i < host->addr_count; i++) {
		const struct host_addr *addr = &host->addrs[i];

		if (addr->ifindex != p->plan->devices[0].ifindex || !addr->global)
			continue;
		if (primary_addr(host, addr->ifindex, ip_addr_family(&addr->addr)) == addr ||
		    is_forwarded(p->plan, &addr->addr))
			continue;
		if (used < sizeof(list))
			used += snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 ip_addr_format(&addr->addr, text));
	}
	if (used)
		diag_add(p->diags, DIAG_NOTE, NOWHERE,
			 "%s has further addresses that are not forwarded: %s; name one with "
			 "address = to use it",
			 p->plan->iface, list);
}

/* The primary address of each family. */
static void add_default(struct planner *p, size_t forward)
{
	const struct config_forward *f = &p->in->config->forwards[forward];
	bool any = false;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct host_addr *addr =
			primary_addr(p->in->host, p->plan->devices[0].ifindex, family);

		if (addr && add_address(p, forward, &addr->addr))
			any = true;
	}
	if (!any)
		diag_add(p->diags, DIAG_SYSTEM_ERROR, f->place,
			 "forward \"%s\": %s has no global %s address to go with backend \"%s\"; "
			 "see: ip addr show dev %s",
			 f->name, p->plan->iface,
			 plan_nexthop_find(p->plan, f->backend, FAMILY_V4) < 0	 ? "IPv6"
			 : plan_nexthop_find(p->plan, f->backend, FAMILY_V6) < 0 ? "IPv4"
										 : "IPv4 or IPv6",
			 p->in->config->backends[f->backend].name, p->plan->iface);
}

void plan_rules(struct planner *p)
{
	const struct config *config = p->in->config;
	bool defaulted = false;

	for (size_t i = 0; i < config->forward_count; i++) {
		if (config->forwards[i].address_count) {
			add_explicit(p, i);
		} else {
			add_default(p, i);
			defaulted = true;
		}
	}
	if (defaulted)
		note_other_addresses(p);
}
