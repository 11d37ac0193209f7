// SPDX-License-Identifier: GPL-2.0-only
// A loaded (or planned) interface.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "clients.h"
#include "output.h"
#include "show.h"

static const char *next_hop(const struct state *state, const struct host *host, size_t index,
			    char *buf, size_t size)
{
	const struct plan_nexthop *nexthop = &state->nexthops[index];
	const struct plan_device *device = &state->devices[nexthop->device];
	const struct host_neigh *neigh =
		host_neigh_find(host, device->ifindex, &nexthop->neighbour);
	char addr[IP_ADDR_STRLEN];

	ip_addr_format(&nexthop->neighbour, addr);
	if (device->is_l3)
		snprintf(buf, size, "into %s (no link layer)", device->name);
	else if (neigh && neigh->usable)
		snprintf(buf, size, "%s lladdr %02x:%02x:%02x:%02x:%02x:%02x", addr, neigh->mac[0],
			 neigh->mac[1], neigh->mac[2], neigh->mac[3], neigh->mac[4], neigh->mac[5]);
	else
		snprintf(buf, size, "%s (not resolved yet)", addr);
	return buf;
}

/* The sysctls a load sets; what they were; what the load wants, as far as the state knows. */
struct sysctl_row {
	const char *name;
	char *before;
};

static void sysctl_rows(const struct state *state, struct sysctl_row rows[3])
{
	rows[0] = (struct sysctl_row){ "net.ipv4.ip_local_reserved_ports",
				       port_set_format(&state->reserved_before) };
	rows[1] = (struct sysctl_row){ "net.ipv4.conf.lo.forwarding",
				       strdup(state->forwarding_before[FAMILY_V4] ? "1" : "0") };
	rows[2] = (struct sysctl_row){ "net.ipv6.conf.lo.forwarding",
				       strdup(state->forwarding_before[FAMILY_V6] ? "1" : "0") };
}

static char *sysctl_value(const struct state *state, int row)
{
	struct port_set all = state->reserved_before;

	if (row)
		return strdup("1");
	port_set_union(&all, &state->reserved);
	return port_set_format(&all);
}

static const char *loaded_at(const struct state *state, char buf[32])
{
	time_t when = state->loaded_at;
	struct tm tm;

	strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
	return buf;
}

static const char *age(const struct state *state, char buf[32])
{
	long long s = time(NULL) - state->loaded_at;

	if (s < 120)
		snprintf(buf, 32, "%lld s ago", s);
	else if (s < 7200)
		snprintf(buf, 32, "%lld min ago", s / 60);
	else if (s < 172800)
		snprintf(buf, 32, "%lld h ago", s / 3600);
	else
		snprintf(buf, 32, "%lld days ago", s / 86400);
	return buf;
}

/* "preserve", "masquerade as 198.18.9.1", "masquerade as 198.18.9.1 and 2 more" */
static const char *source(const struct state *state, const struct state_rule *rule, char *buf,
			  size_t size)
{
	char addr[IP_ADDR_STRLEN];
	int len;

	if (!rule->shares)
		return "preserve";
	ip_addr_format(&state->pools[state->shares[rule->share]].addr, addr);
	len = snprintf(buf, size, "masquerade as %s", addr);
	if (rule->shares > 1)
		snprintf(buf + len, size - len, " and %u more", rule->shares - 1U);
	return buf;
}

static void print_rules(const struct state *state)
{
	struct table table = { .align = "llllll" };

	table_add(&table, "FORWARD|PROTO|PUBLIC|PORTS|BACKEND|SOURCE");
	for (size_t i = 0; i < state->rule_count; i++) {
		const struct state_rule *rule = &state->rules[i];
		char public[IP_ADDR_STRLEN], backend[IP_ADDR_STRLEN], shift[32] = "", mode[96];

		if (rule->shift)
			snprintf(shift, sizeof(shift), " (ports %+d)", rule->shift);
		table_add(&table, "%s|%s|%s|%s|%s%s|%s", rule->forward, proto_name(rule->proto),
			  ip_addr_format(&rule->public_addr, public), rule->ports,
			  ip_addr_format(&rule->backend_addr, backend), shift,
			  source(state, rule, mode, sizeof(mode)));
	}
	table_print(&table);
}

/* Does a rule before it say the same of the same forward? */
static bool is_said(const struct state *state, size_t rule)
{
	for (size_t i = 0; i < rule; i++)
		if (state->rules[i].acl == state->rules[rule].acl &&
		    !strcmp(state->rules[i].forward, state->rules[rule].forward))
			return true;
	return false;
}

/* Only of forwards that are not for everybody. */
static void print_clients(const struct state *state)
{
	struct table table = { .align = "ll" };

	for (size_t i = 0; i < state->rule_count; i++) {
		const struct state_rule *rule = &state->rules[i];
		const struct acl *acl = &state->acls[rule->acl];
		char text[CLIENTS_STRLEN];

		if (!rule->acl || is_said(state, i))
			continue;
		if (!table.count)
			table_add(&table, "FORWARD|ONLY FOR CLIENTS");
		table_add(&table, "%s|%s", rule->forward,
			  clients_format(&state->acl_ranges[acl->first], acl->count, text));
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
}

static void print_hooks(const struct state *state)
{
	struct table table = { .align = "llll" };

	table_add(&table, "DEVICE|HOOK|MODE|WHY");
	for (size_t i = 0; i < state->hook_count; i++) {
		const struct state_hook *hook = &state->hooks[i];

		table_add(&table, "%s|%s|%s|%s", hook->device, attach_kind_hook(hook->kind),
			  attach_kind_mode(hook->kind), hook->reason);
	}
	table_print(&table);
}

static void print_backends(const struct state *state, const struct host *host)
{
	struct table table = { .align = "llll" };

	table_add(&table, "BACKEND|ADDRESS|DEVICE|NEXT HOP");
	for (size_t i = PLAN_FIRST_BACKEND; i < state->nexthop_count; i++) {
		char addr[IP_ADDR_STRLEN], hop[128];

		table_add(&table, "%s|%s|%s|%s", state->backends[i].name,
			  ip_addr_format(&state->nexthops[i].addr, addr),
			  state->devices[state->nexthops[i].device].name,
			  next_hop(state, host, i, hop, sizeof(hop)));
	}
	table_print(&table);
}

static void print_sysctls(const struct state *state)
{
	struct table table = { .align = "lll" };
	struct sysctl_row rows[3];

	sysctl_rows(state, rows);
	for (int i = 0; i < 3; i++) {
		char *value = sysctl_value(state, i);
		bool changed = value && rows[i].before && strcmp(value, rows[i].before);

		if (changed && !table.count)
			table_add(&table, "SYSCTL|SET TO|BEFORE");
		if (changed)
			table_add(&table, "%s|%s|%s", rows[i].name, value,
				  *rows[i].before ? rows[i].before : "(empty)");
		free(value);
		free(rows[i].before);
	}
	if (table.count)
		putchar('\n');
	table_print(&table);
}

void show_status(const struct state *state, const struct host *host, pid_t agent_pid)
{
	char since[32];

	if (agent_pid < 0)
		output_heading("%s: plan from %s, mode %s", state->iface, state->config,
			       plan_mode_name(state->mode));
	else
		output_heading("%s: forwarding, mode %s", state->iface,
			       plan_mode_name(state->mode));
	if (agent_pid >= 0)
		printf("  config %s, loaded %s, ", state->config, age(state, since));
	if (agent_pid > 0)
		printf("agent pid %d\n", agent_pid);
	else if (!agent_pid)
		printf("no agent\n");
	putchar('\n');
	print_rules(state);
	print_clients(state);
	putchar('\n');
	print_hooks(state);
	putchar('\n');
	print_backends(state, host);
	print_sysctls(state);
}

static json_t *masquerade_json(const struct state *state, const struct state_rule *rule)
{
	json_t *array = json_array();
	char addr[IP_ADDR_STRLEN];

	for (unsigned i = 0; i < rule->shares; i++)
		json_array_append_new(
			array, json_string(ip_addr_format(
				       &state->pools[state->shares[rule->share + i]].addr, addr)));
	return array;
}

/* null for everybody */
static json_t *clients_json(const struct state *state, const struct state_rule *rule)
{
	const struct acl *acl = &state->acls[rule->acl];
	json_t *array = rule->acl ? json_array() : json_null();
	char text[CLIENTS_RANGE_STRLEN];

	for (unsigned i = 0; rule->acl && i < acl->count; i++)
		json_array_append_new(array, json_string(clients_format_range(
						     &state->acl_ranges[acl->first + i], text)));
	return array;
}

static json_t *rules_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->rule_count; i++) {
		const struct state_rule *rule = &state->rules[i];
		char public[IP_ADDR_STRLEN], backend[IP_ADDR_STRLEN];

		json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:o}", "name",
				  rule->forward, "protocol", proto_name(rule->proto), "public",
				  ip_addr_format(&rule->public_addr, public), "ports", rule->ports,
				  "backend", ip_addr_format(&rule->backend_addr, backend), "shift",
				  rule->shift, "source", rule->shares ? "masquerade" : "preserve",
				  "masquerade", masquerade_json(state, rule), "clients",
				  clients_json(state, rule)));
	}
	return array;
}

static json_t *sysctls_json(const struct state *state)
{
	json_t *array = json_array();
	struct sysctl_row rows[3];

	sysctl_rows(state, rows);
	for (int i = 0; i < 3; i++) {
		char *value = sysctl_value(state, i);

		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s}", "name", rows[i].name, "before",
						rows[i].before ?: "", "value", value ?: ""));
		free(value);
		free(rows[i].before);
	}
	return array;
}

json_t *show_status_json(const struct state *state, const struct host *host, pid_t agent_pid)
{
	json_t *hooks = json_array(), *backends = json_array();
	char when[32];

	for (size_t i = 0; i < state->hook_count; i++) {
		const struct state_hook *hook = &state->hooks[i];

		json_array_append_new(
			hooks, json_pack("{s:s, s:s, s:s, s:s}", "device", hook->device, "hook",
					 attach_kind_hook(hook->kind), "mode",
					 attach_kind_mode(hook->kind), "reason", hook->reason));
	}
	for (size_t i = PLAN_FIRST_BACKEND; i < state->nexthop_count; i++) {
		char addr[IP_ADDR_STRLEN], hop[128];

		json_array_append_new(
			backends,
			json_pack("{s:s, s:s, s:s, s:s}", "name", state->backends[i].name,
				  "address", ip_addr_format(&state->nexthops[i].addr, addr),
				  "device", state->devices[state->nexthops[i].device].name,
				  "next_hop", next_hop(state, host, i, hop, sizeof(hop))));
	}
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "interface", state->iface,
			 "mode", plan_mode_name(state->mode), "forwards", rules_json(state),
			 "hooks", hooks, "backends", backends, "sysctls", sysctls_json(state),
			 "config", state->config, "loaded_at", loaded_at(state, when), "agent_pid",
			 agent_pid > 0 ? json_integer(agent_pid) : json_null());
}
