// SPDX-License-Identifier: GPL-2.0-only
// What is to be done on this host: the steps in order, and what a plan is as a value.
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan_internal.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char *const mode_names[] = { "auto", "native", "generic", "tc" };

const char *plan_mode_name(enum plan_mode mode)
{
	return mode_names[mode];
}

int plan_mode_parse(const char *text, enum plan_mode *mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (!strcmp(text, mode_names[i])) {
			*mode = i;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct {
	const char *hook, *mode;
} kind_names[] = {
	[ATTACH_XDP_NATIVE] = { "xdp", "native" },
	[ATTACH_XDP_GENERIC] = { "xdp", "generic" },
	[ATTACH_TCX] = { "tc", "tcx" },
	[ATTACH_CLSACT] = { "tc", "clsact" },
};

const char *attach_kind_hook(enum attach_kind kind)
{
	return kind_names[kind].hook;
}

const char *attach_kind_mode(enum attach_kind kind)
{
	return kind_names[kind].mode;
}

/* The public interface, as device 0. */
static bool plan_public_device(struct planner *p)
{
	const struct host_link *link = host_link_by_name(p->in->host, p->in->iface);
	struct plan_device *device = &p->plan->devices[0];

	if (!link) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "no interface %s; `ip -br link` lists them", p->in->iface);
		return false;
	}
	if (link->loopback) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "%s is the loopback device; name the public interface", link->name);
		return false;
	}
	if (!link->up) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "interface %s is down; bring it up: ip link set dev %s up", link->name,
			 link->name);
		return false;
	}
	strcpy(device->name, link->name);
	device->ifindex = link->ifindex;
	device->is_l3 = !link->is_l2;
	memcpy(device->mac, link->mac, sizeof(device->mac));
	device->mtu = link->mtu;
	p->plan->device_count = 1;
	p->plan->nexthop_count = PLAN_FIRST_BACKEND;
	return true;
}

/* Keep each counter's index; forwards that are new get new ones. */
static void plan_counters(struct planner *p)
{
	struct plan *plan = p->plan;

	plan->counter_count = p->in->counter_count;
	if (p->in->counter_count)
		memcpy(plan->counters, p->in->counters,
		       p->in->counter_count * sizeof(*plan->counters));
	for (size_t i = 0; i < plan->rule_count; i++) {
		struct plan_rule *rule = &plan->rules[i];
		const char *name = p->in->config->forwards[rule->forward].name;
		size_t c;

		for (c = 0; c < plan->counter_count; c++)
			if (plan->counters[c].proto == rule->proto &&
			    !strcmp(plan->counters[c].forward, name))
				break;
		if (c == COUNTERS_MAX) {
			diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
				 "all %d counters are in use by forwards of earlier reloads; "
				 "`xdpfwd unload %s` and load again",
				 COUNTERS_MAX, plan->iface);
			return;
		}
		if (c == plan->counter_count) {
			plan->counters[c].proto = rule->proto;
			snprintf(plan->counters[c].forward, sizeof(plan->counters[c].forward), "%s",
				 name);
			plan->counter_count++;
		}
		rule->counter = c;
	}
}

struct plan *plan_make(const struct plan_input *in, struct diag_list *diags)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct planner p = { .in = in, .plan = plan, .diags = diags };

	if (!plan)
		return NULL;
	snprintf(plan->iface, sizeof(plan->iface), "%s", in->iface);
	plan->mode = in->mode;
	plan->generation = in->generation;
	if (plan_public_device(&p)) {
		plan_backends(&p);
		if (!diag_has_errors(diags))
			plan_rules(&p);
		if (!diag_has_errors(diags))
			plan_safety(&p);
		if (!diag_has_errors(diags))
			plan_masquerade(&p);
		if (!diag_has_errors(diags))
			plan_clients(&p);
		if (!diag_has_errors(diags)) {
			plan_gateways(plan, in->host);
			plan_hooks(&p);
		}
		if (!diag_has_errors(diags))
			plan_counters(&p);
	}
	if (diag_has_errors(diags)) {
		plan_free(plan);
		return NULL;
	}
	return plan;
}

static bool rules_equal(const struct plan_rule *a, const struct plan_rule *b)
{
	return a->proto == b->proto && a->shift == b->shift && a->counter == b->counter &&
	       a->nexthop == b->nexthop && ip_addr_equal(&a->public_addr, &b->public_addr) &&
	       ip_addr_equal(&a->backend_addr, &b->backend_addr) && a->share == b->share &&
	       a->shares == b->shares && a->acl == b->acl && a->mid_stream == b->mid_stream &&
	       a->clamp_mss == b->clamp_mss && a->reject == b->reject &&
	       !memcmp(a->timeout_s, b->timeout_s, sizeof(a->timeout_s)) &&
	       port_set_equal(&a->ports, &b->ports);
}

static bool masquerades_equal(const struct plan *a, const struct plan *b)
{
	if (a->pool_count != b->pool_count || a->share_count != b->share_count ||
	    memcmp(a->shares, b->shares, a->share_count) != 0 ||
	    memcmp(&a->limits, &b->limits, offsetof(struct flow_limits, ports)) != 0)
		return false;
	for (size_t i = 0; i < a->pool_count; i++)
		if (a->pools[i].proto != b->pools[i].proto ||
		    !ip_addr_equal(&a->pools[i].addr, &b->pools[i].addr))
			return false;
	return port_set_equal(&a->masquerade_ports[PROTO_TCP], &b->masquerade_ports[PROTO_TCP]) &&
	       port_set_equal(&a->masquerade_ports[PROTO_UDP], &b->masquerade_ports[PROTO_UDP]);
}

static bool clients_equal(const struct plan *a, const struct plan *b)
{
	return a->acl_count == b->acl_count && a->acl_range_count == b->acl_range_count &&
	       !memcmp(a->acls, b->acls, sizeof(a->acls)) &&
	       !memcmp(a->acl_ranges, b->acl_ranges, a->acl_range_count * sizeof(*a->acl_ranges));
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
	if (a->rule_count != b->rule_count || a->device_count != b->device_count ||
	    a->hook_count != b->hook_count || a->nexthop_count != b->nexthop_count ||
	    a->sysctl_count != b->sysctl_count || a->mode != b->mode ||
	    !port_set_equal(&a->reserved, &b->reserved) || !masquerades_equal(a, b) ||
	    !clients_equal(a, b))
		return false;
	for (size_t i = 0; i < a->sysctl_count; i++)
		if (strcmp(a->sysctls[i].value, b->sysctls[i].value) != 0)
			return false;
	for (size_t i = 0; i < a->device_count; i++)
		if (a->devices[i].ifindex != b->devices[i].ifindex ||
		    memcmp(a->devices[i].mac, b->devices[i].mac, 6))
			return false;
	for (size_t i = 0; i < a->hook_count; i++)
		if (a->hooks[i].device != b->hooks[i].device ||
		    a->hooks[i].kind != b->hooks[i].kind)
			return false;
	for (size_t i = 0; i < a->nexthop_count; i++)
		if (a->nexthops[i].device != b->nexthops[i].device)
			return false;
	for (size_t i = 0; i < a->rule_count; i++)
		if (!rules_equal(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->sysctl_count; i++) {
		free(plan->sysctls[i].before);
		free(plan->sysctls[i].value);
	}
	free(plan->rules);
	free(plan);
}
