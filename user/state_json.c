// SPDX-License-Identifier: GPL-2.0-only
// The state of an interface as JSON.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "state_internal.h"

static json_t *port_set_to_json(const struct port_set *set)
{
	char *text = port_set_format(set);
	json_t *json = json_string(text ?: "");

	free(text);
	return json;
}

static json_t *addr_to_json(const struct ip_addr *addr)
{
	char text[IP_ADDR_STRLEN];

	return json_string(ip_addr_format(addr, text));
}

static json_t *mac_to_json(const uint8_t mac[6])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}

static json_t *devices_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->device_count; i++) {
		const struct plan_device *d = &state->devices[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:b, s:o, s:i}", "name", d->name,
						"ifindex", d->ifindex, "is_l3", d->is_l3, "mac",
						mac_to_json(d->mac), "mtu", (int)d->mtu));
	}
	return array;
}

static json_t *nexthops_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->nexthop_count; i++) {
		const struct plan_nexthop *n = &state->nexthops[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:b, s:i, s:o, s:o, s:i, s:i}",
						"backend", state->backends[i].name, "hostname",
						state->backends[i].hostname, "lookup_failed",
						state->backends[i].lookup_failed, "backend_index",
						(int)n->backend, "address", addr_to_json(&n->addr),
						"neighbour", addr_to_json(&n->neighbour), "device",
						n->device, "mtu", (int)n->mtu));
	}
	return array;
}

static json_t *hooks_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->hook_count; i++) {
		const struct state_hook *h = &state->hooks[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:i, s:b, s:s}", "device", h->device,
						"ifindex", h->ifindex, "kind", h->kind,
						"made_qdisc", h->made_qdisc, "reason", h->reason));
	}
	return array;
}

static json_t *rules_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->rule_count; i++) {
		const struct state_rule *r = &state->rules[i];

		json_array_append_new(array, json_pack("{s:s, s:i, s:o, s:o, s:s, s:i, s:i, s:i}",
						       "forward", r->forward, "proto", r->proto,
						       "public", addr_to_json(&r->public_addr),
						       "backend", addr_to_json(&r->backend_addr),
						       "ports", r->ports, "shift", r->shift,
						       "share", r->share, "shares", r->shares));
	}
	return array;
}

static json_t *pools_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->pool_count; i++)
		json_array_append_new(array,
				      json_pack("[o, i]", addr_to_json(&state->pools[i].addr),
						state->pools[i].proto));
	return array;
}

static json_t *shares_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->share_count; i++)
		json_array_append_new(array, json_integer(state->shares[i]));
	return array;
}

static json_t *counters_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->counter_count; i++)
		json_array_append_new(array, json_pack("[s, i]", state->counters[i].forward,
						       state->counters[i].proto));
	return array;
}

char *state_to_text(const struct state *s)
{
	json_t *json = json_pack(
		"{s:i, s:s, s:s, s:i, s:b, s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, "
		"s:b, "
		"s:b, s:b, s:o, s:o, s:o, s:o, s:s*}",
		"abi", (int)s->abi, "interface", s->iface, "config", s->config, "mode", s->mode,
		"force", s->force, "loaded_at", (json_int_t)s->loaded_at, "agent_pid",
		(int)s->agent_pid, "devices", devices_to_json(s), "nexthops", nexthops_to_json(s),
		"hooks", hooks_to_json(s), "rules", rules_to_json(s), "counters",
		counters_to_json(s), "netns", (json_int_t)s->netns, "generation",
		(json_int_t)s->generation, "reserved_before", port_set_to_json(&s->reserved_before),
		"reserved", port_set_to_json(&s->reserved), "forwarding_before_v4",
		s->forwarding_before[FAMILY_V4], "forwarding_before_v6",
		s->forwarding_before[FAMILY_V6], "reload_failed", s->reload_failed, "pools",
		pools_to_json(s), "shares", shares_to_json(s), "masquerade_tcp",
		port_set_to_json(&s->masquerade_ports[PROTO_TCP]), "masquerade_udp",
		port_set_to_json(&s->masquerade_ports[PROTO_UDP]), "config_text", s->config_text);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

static void copy_name(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static int devices_from_json(json_t *array, struct state *state)
{
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		struct plan_device *d = &state->devices[i];
		const char *name, *mac;
		int is_l3, mtu;

		if (i == DEVICES_MAX ||
		    json_unpack(item, "{s:s, s:i, s:b, s:s, s:i}", "name", &name, "ifindex",
				&d->ifindex, "is_l3", &is_l3, "mac", &mac, "mtu", &mtu))
			return -EPROTO;
		copy_name(d->name, sizeof(d->name), name);
		d->is_l3 = is_l3;
		d->mtu = mtu;
		if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &d->mac[0], &d->mac[1], &d->mac[2],
			   &d->mac[3], &d->mac[4], &d->mac[5]) != 6)
			return -EPROTO;
		state->device_count++;
	}
	return 0;
}

static int nexthops_from_json(json_t *array, struct state *state)
{
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		struct plan_nexthop *n = &state->nexthops[i];
		const char *name, *addr, *neighbour, *hostname = "";
		int backend, device, mtu, lookup_failed = 0;

		if (i == NEXTHOPS_MAX ||
		    json_unpack(item, "{s:s, s:i, s:s, s:s, s:i, s:i, s?s, s?b}", "backend", &name,
				"backend_index", &backend, "address", &addr, "neighbour",
				&neighbour, "device", &device, "mtu", &mtu, "hostname", &hostname,
				"lookup_failed", &lookup_failed) ||
		    ip_addr_parse(addr, &n->addr) || ip_addr_parse(neighbour, &n->neighbour) ||
		    device < 0 || (size_t)device >= state->device_count)
			return -EPROTO;
		copy_name(state->backends[i].name, sizeof(state->backends[i].name), name);
		copy_name(state->backends[i].hostname, sizeof(state->backends[i].hostname),
			  hostname);
		state->backends[i].lookup_failed = lookup_failed;
		n->backend = backend;
		n->device = device;
		n->mtu = mtu;
		state->nexthop_count++;
	}
	return 0;
}

static int hooks_from_json(json_t *array, struct state *state)
{
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		struct state_hook *h = &state->hooks[i];
		const char *device, *reason;
		int kind, made_qdisc;

		if (i == 4 * DEVICES_MAX ||
		    json_unpack(item, "{s:s, s:i, s:i, s:b, s:s}", "device", &device, "ifindex",
				&h->ifindex, "kind", &kind, "made_qdisc", &made_qdisc, "reason",
				&reason) ||
		    kind < 0 || kind > ATTACH_CLSACT)
			return -EPROTO;
		copy_name(h->device, sizeof(h->device), device);
		copy_name(h->reason, sizeof(h->reason), reason);
		h->kind = kind;
		h->made_qdisc = made_qdisc;
		state->hook_count++;
	}
	return 0;
}

static int counters_from_json(json_t *array, struct state *state)
{
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		const char *name;
		int proto;

		if (i == COUNTERS_MAX || json_unpack(item, "[s, i]", &name, &proto) || proto < 0 ||
		    proto >= PROTO_COUNT)
			return -EPROTO;
		copy_name(state->counters[i].forward, sizeof(state->counters[i].forward), name);
		state->counters[i].proto = proto;
		state->counter_count++;
	}
	return 0;
}

static int rules_from_json(json_t *array, struct state *state)
{
	json_t *item;
	size_t i;

	state->rules = calloc(json_array_size(array) + 1, sizeof(*state->rules));
	if (!state->rules)
		return -ENOMEM;
	json_array_foreach (array, i, item) {
		struct state_rule *r = &state->rules[i];
		const char *name, *public, *backend, *ports;
		int proto, share = 0, shares = 0;

		if (json_unpack(item, "{s:s, s:i, s:s, s:s, s:s, s:i, s?i, s?i}", "forward", &name,
				"proto", &proto, "public", &public, "backend", &backend, "ports",
				&ports, "shift", &r->shift, "share", &share, "shares", &shares) ||
		    share < 0 || shares < 0 || (size_t)share + shares > state->share_count ||
		    shares > UINT8_MAX || ip_addr_parse(public, &r->public_addr) ||
		    ip_addr_parse(backend, &r->backend_addr) || proto < 0 || proto >= PROTO_COUNT)
			return -EPROTO;
		copy_name(r->forward, sizeof(r->forward), name);
		r->proto = proto;
		r->share = share;
		r->shares = shares;
		r->ports = strdup(ports);
		state->rule_count++;
		if (!r->ports)
			return -ENOMEM;
	}
	return 0;
}

/* A version that knew no masquerade had none of these. */
static int pools_from_json(json_t *pools, json_t *shares, struct state *state)
{
	json_t *item;
	size_t i;

	json_array_foreach (pools, i, item) {
		const char *addr;
		int proto;

		if (i == PLAN_POOLS_MAX || json_unpack(item, "[s, i]", &addr, &proto) ||
		    ip_addr_parse(addr, &state->pools[i].addr) || proto < 0 || proto >= PROTO_COUNT)
			return -EPROTO;
		state->pools[i].proto = proto;
		state->pool_count++;
	}
	json_array_foreach (shares, i, item) {
		json_int_t pool = json_is_integer(item) ? json_integer_value(item) : -1;

		if (i == SHARES_MAX || pool < 0 || (size_t)pool >= state->pool_count)
			return -EPROTO;
		state->shares[i] = pool;
		state->share_count++;
	}
	return 0;
}

static int state_from_json(json_t *json, struct state *s)
{
	json_t *devices, *nexthops, *hooks, *rules, *counters, *pools = NULL, *shares = NULL;
	const char *iface, *config, *before, *reserved, *tcp = "", *udp = "", *text = NULL;
	int abi, mode, force, pid, v4, v6, reload_failed = 0;
	json_int_t loaded_at, netns, generation;

	if (json_unpack(
		    json,
		    "{s:i, s:s, s:s, s:i, s:b, s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s,  "
		    "s:s, s:b, s:b, s?b, s?o, s?o, s?s, s?s, s?s}",
		    "abi", &abi, "interface", &iface, "config", &config, "mode", &mode, "force",
		    &force, "loaded_at", &loaded_at, "agent_pid", &pid, "devices", &devices,
		    "nexthops", &nexthops, "hooks", &hooks, "rules", &rules, "counters", &counters,
		    "netns", &netns, "generation", &generation, "reserved_before", &before,
		    "reserved", &reserved, "forwarding_before_v4", &v4, "forwarding_before_v6", &v6,
		    "reload_failed", &reload_failed, "pools", &pools, "shares", &shares,
		    "masquerade_tcp", &tcp, "masquerade_udp", &udp, "config_text", &text) ||
	    port_set_parse(before, &s->reserved_before) || port_set_parse(reserved, &s->reserved) ||
	    port_set_parse(tcp, &s->masquerade_ports[PROTO_TCP]) ||
	    port_set_parse(udp, &s->masquerade_ports[PROTO_UDP]) || mode < 0 || mode > MODE_TC ||
	    !json_is_array(devices) || !json_is_array(nexthops) || !json_is_array(hooks) ||
	    !json_is_array(rules) || !json_is_array(counters) || (pools && !json_is_array(pools)) ||
	    (shares && !json_is_array(shares)))
		return -EPROTO;
	s->abi = abi;
	copy_name(s->iface, sizeof(s->iface), iface);
	copy_name(s->config, sizeof(s->config), config);
	s->config_text = text ? strdup(text) : NULL;
	s->mode = mode;
	s->force = force;
	s->reload_failed = reload_failed;
	s->loaded_at = loaded_at;
	s->netns = netns;
	s->generation = generation;
	s->agent_pid = pid;
	s->forwarding_before[FAMILY_V4] = v4;
	s->forwarding_before[FAMILY_V6] = v6;
	return devices_from_json(devices, s) ?: nexthops_from_json(nexthops, s) ?:
						hooks_from_json(hooks, s) ?: pools_from_json(pools, shares, s) ?:
						rules_from_json(rules, s) ?: counters_from_json(counters, s);
}

struct state *state_from_text(const char *text)
{
	struct state *state = calloc(1, sizeof(*state));
	json_t *json = json_loads(text, 0, NULL);
	int err = -EPROTO;

	if (json && state)
		err = state_from_json(json, state);
	json_decref(json);
	if (!err)
		return state;
	state_free(state);
	errno = -err;
	return NULL;
}
