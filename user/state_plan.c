// SPDX-License-Identifier: GPL-2.0-only
// The state that applying a plan leads to.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "state.h"

/* A longer config is read from its file again; the rest of the state needs room, too. */
#define CONFIG_TEXT_MAX (64 * 1024)

static void fill_nexthops(struct state *s, const struct plan *plan, const struct config *config)
{
	memcpy(s->devices, plan->devices, sizeof(s->devices));
	s->device_count = plan->device_count;
	memcpy(s->nexthops, plan->nexthops, sizeof(s->nexthops));
	s->nexthop_count = plan->nexthop_count;
	for (size_t i = PLAN_FIRST_BACKEND; i < plan->nexthop_count; i++) {
		const struct config_backend *from = &config->backends[plan->nexthops[i].backend];
		struct state_backend *to = &s->backends[i];

		snprintf(to->name, sizeof(to->name), "%s", from->name);
		snprintf(to->hostname, sizeof(to->hostname), "%s", from->hostname ?: "");
	}
}

static void fill_host(struct state *s, const struct plan *plan)
{
	s->reserved = plan->reserved;
	for (size_t i = 0; i < plan->sysctl_count; i++) {
		const struct plan_sysctl *sysctl = &plan->sysctls[i];

		if (!strcmp(sysctl->name, "net.ipv4.ip_local_reserved_ports"))
			port_set_parse(sysctl->before, &s->reserved_before);
		else if (!strcmp(sysctl->name, "net.ipv4.conf.lo.forwarding"))
			s->forwarding_before[FAMILY_V4] = !strcmp(sysctl->before, "1");
		else
			s->forwarding_before[FAMILY_V6] = !strcmp(sysctl->before, "1");
	}
}

static void fill_hooks(struct state *s, const struct plan *plan)
{
	for (size_t i = 0; i < plan->hook_count; i++) {
		const struct plan_hook *from = &plan->hooks[i];
		struct state_hook *to = &s->hooks[s->hook_count++];

		snprintf(to->device, sizeof(to->device), "%s", plan->devices[from->device].name);
		snprintf(to->reason, sizeof(to->reason), "%s", from->reason);
		to->ifindex = plan->devices[from->device].ifindex;
		to->kind = from->kind;
	}
}

static void fill_pools(struct state *s, const struct plan *plan)
{
	memcpy(s->pools, plan->pools, sizeof(s->pools));
	s->pool_count = plan->pool_count;
	memcpy(s->shares, plan->shares, sizeof(s->shares));
	s->share_count = plan->share_count;
	memcpy(s->masquerade_ports, plan->masquerade_ports, sizeof(s->masquerade_ports));
}

static void fill_clients(struct state *s, const struct plan *plan)
{
	memcpy(s->acls, plan->acls, sizeof(s->acls));
	s->acl_count = plan->acl_count;
	memcpy(s->acl_ranges, plan->acl_ranges, sizeof(s->acl_ranges));
	s->acl_range_count = plan->acl_range_count;
}

static bool fill_rules(struct state *s, const struct plan *plan, const struct config *config)
{
	s->rules = calloc(plan->rule_count, sizeof(*s->rules));
	if (!s->rules)
		return false;
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *from = &plan->rules[i];
		struct state_rule *to = &s->rules[s->rule_count++];

		*to = (struct state_rule){ .proto = from->proto,
					   .public_addr = from->public_addr,
					   .backend_addr = from->backend_addr,
					   .ports = port_set_format(&from->ports),
					   .shift = from->shift,
					   .share = from->share,
					   .shares = from->shares,
					   .acl = from->acl };
		snprintf(to->forward, sizeof(to->forward), "%s",
			 config->forwards[from->forward].name);
		if (!to->ports)
			return false;
	}
	return true;
}

struct state *state_from_plan(const struct plan *plan, const struct config *config,
			      const char *config_path, bool force, pid_t agent_pid)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->abi = XDPFWD_ABI_VERSION;
	s->mode = plan->mode;
	s->force = force;
	s->loaded_at = time(NULL);
	s->agent_pid = agent_pid;
	s->netns = state_netns();
	s->generation = plan->generation;
	snprintf(s->iface, sizeof(s->iface), "%s", plan->iface);
	snprintf(s->config, sizeof(s->config), "%s", config_path);
	if (config->text && strlen(config->text) <= CONFIG_TEXT_MAX)
		s->config_text = strdup(config->text);
	memcpy(s->counters, plan->counters, sizeof(s->counters));
	s->counter_count = plan->counter_count;
	fill_nexthops(s, plan, config);
	fill_host(s, plan);
	fill_hooks(s, plan);
	fill_pools(s, plan);
	fill_clients(s, plan);
	if (fill_rules(s, plan, config))
		return s;
	state_free(s);
	return NULL;
}
