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
	if (f->source == SOURCE_PRESERVE && of->source == SOURCE_PRESERVE &&
	    ip_addr_equal(&old->backend_addr, &new->backend_addr))
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
		.timeout_s = { [TIMEOUT_UDP] = f->timeouts.udp_s,
			       [TIMEOUT_TCP_ESTABLISHED] = f->timeouts.tcp_established_s,
			       [TIMEOUT_TCP_TRANSITORY] = f->timeouts.tcp_transitory_s },
		.mid_stream = f->mid_stream,
		.clamp_mss = f->mss_clamp,
		.reject = f->source == SOURCE_MASQUERADE && p->in->config->limits.reject,
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

/* Preserved, or named: then the user knows of it. */
static bool is_known(const struct planner *p, const struct ip_addr *addr)
{
	for (size_t i = 0; i < p->plan->rule_count; i++) {
		const struct plan_rule *rule = &p->plan->rules[i];
		const struct config_forward *f = &p->in->config->forwards[rule->forward];

		if (ip_addr_equal(&rule->public_addr, addr) &&
		    (f->source == SOURCE_PRESERVE || f->address_count))
			return true;
	}
	return false;
}

/* One note naming the addresses of the interface that preserve leaves out, all but the primary. */
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
		    is_known(p, &addr->addr))
			continue;
		if (used < sizeof(list))
			used += snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 ip_addr_format(&addr->addr, text));
	}
	if (used)
		diag_add(p->diags, DIAG_NOTE, NOWHERE,
			 "%s has further addresses that are not forwarded with source = "
			 "\"preserve\": %s; name one with address = to use it",
			 p->plan->iface, list);
}

/* A family of the interface that nobody gets through by, although its clients may try it first. */
static void note_family(struct planner *p, const struct config_forward *f, enum ip_family family)
{
	char digit = family == FAMILY_V4 ? '4' : '6';

	diag_add(p->diags, DIAG_NOTE, NOWHERE,
		 "backend \"%s\" has no IPv%c address, so the IPv%c addresses of %s are not "
		 "forwarded to it",
		 p->in->config->backends[f->backend].name, digit, digit, p->plan->iface);
}

/* All global addresses. */
static bool add_all(struct planner *p, size_t forward)
{
	const struct config_forward *f = &p->in->config->forwards[forward];
	const struct host *host = p->in->host;
	bool lacks[FAMILY_COUNT] = {}, any = false;

	for (size_t i = 0; i < host->addr_count; i++) {
		const struct host_addr *addr = &host->addrs[i];

		if (addr->ifindex != p->plan->devices[0].ifindex || !addr->global)
			continue;
		if (add_address(p, forward, &addr->addr))
			any = true;
		else
			lacks[ip_addr_family(&addr->addr)] = true;
	}
	for (int family = 0; family < FAMILY_COUNT && any; family++)
		if (lacks[family])
			note_family(p, f, family);
	return any;
}

/* The primary address of each family. */
static bool add_primary(struct planner *p, size_t forward)
{
	bool any = false;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct host_addr *addr =
			primary_addr(p->in->host, p->plan->devices[0].ifindex, family);

		if (addr && add_address(p, forward, &addr->addr))
			any = true;
	}
	return any;
}

static void add_default(struct planner *p, size_t forward)
{
	const struct config_forward *f = &p->in->config->forwards[forward];

	if (!(f->source == SOURCE_PRESERVE ? add_primary(p, forward) : add_all(p, forward)))
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
	bool primary_only = false;

	for (size_t i = 0; i < config->forward_count; i++) {
		if (config->forwards[i].address_count) {
			add_explicit(p, i);
		} else {
			add_default(p, i);
			primary_only |= config->forwards[i].source == SOURCE_PRESERVE;
		}
	}
	if (primary_only)
		note_other_addresses(p);
}
