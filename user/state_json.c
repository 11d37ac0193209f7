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

		json_array_append_new(array, json_pack("{s:s, s:i, s:o, s:o, s:i, s:i}", "backend",
						       state->backends[i].name, "backend_index",
						       (int)n->backend, "address",
						       state_json_addr(&n->addr), "neighbour",
						       state_json_addr(&n->neighbour), "device",
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

		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:o, s:o, s:s, s:i, s:i, s:i, s:i}",
						"forward", r->forward, "proto", r->proto, "public",
						state_json_addr(&r->public_addr), "backend",
						state_json_addr(&r->backend_addr), "ports",
						r->ports, "shift", r->shift, "share", r->share,
						"shares", r->shares, "acl", r->acl));
	}
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
		"s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:s}",
		"abi", (int)s->abi, "interface", s->iface, "config", s->config, "mode", s->mode,
		"force", s->force, "loaded_at", (json_int_t)s->loaded_at, "agent_pid",
		(int)s->agent_pid, "devices", devices_to_json(s), "nexthops", nexthops_to_json(s),
		"hooks", hooks_to_json(s), "rules", rules_to_json(s), "counters",
		counters_to_json(s), "netns", (json_int_t)s->netns, "generation",
		(json_int_t)s->generation, "reserved_before", port_set_to_json(&s->reserved_before),
		"reserved", port_set_to_json(&s->reserved), "forwarding_before_v4",
		s->forwarding_before[FAMILY_V4], "forwarding_before_v6",
		s->forwarding_before[FAMILY_V6], "reload_failed", s->reload_failed, "pools",
		state_pools_to_json(s), "shares", state_shares_to_json(s), "masquerade_tcp",
		port_set_to_json(&s->masquerade_ports[PROTO_TCP]), "masquerade_udp",
		port_set_to_json(&s->masquerade_ports[PROTO_UDP]), "acls", state_acls_to_json(s),
		"object", s->object);
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
		const char *name, *addr, *neighbour;
		int backend, device, mtu;

		if (i == NEXTHOPS_MAX ||
		    json_unpack(item, "{s:s, s:i, s:s, s:s, s:i, s:i}", "backend", &name,
				"backend_index", &backend, "address", &addr, "neighbour",
				&neighbour, "device", &device, "mtu", &mtu) ||
		    ip_addr_parse(addr, &n->addr) || ip_addr_parse(neighbour, &n->neighbour) ||
		    device < 0 || (size_t)device >= state->device_count)
			return -EPROTO;
		copy_name(state->backends[i].name, sizeof(state->backends[i].name), name);
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
		int proto, share = 0, shares = 0, acl = 0;

		if (json_unpack(item, "{s:s, s:i, s:s, s:s, s:s, s:i, s?i, s?i, s?i}", "forward",
				&name, "proto", &proto, "public", &public, "backend", &backend,
				"ports", &ports, "shift", &r->shift, "share", &share, "shares",
				&shares, "acl", &acl) ||
		    share < 0 || shares < 0 || (size_t)share + shares > state->share_count ||
		    shares > UINT8_MAX || acl < 0 || acl > state->acl_count ||
		    ip_addr_parse(public, &r->public_addr) ||
		    ip_addr_parse(backend, &r->backend_addr) || proto < 0 || proto >= PROTO_COUNT)
			return -EPROTO;
		copy_name(r->forward, sizeof(r->forward), name);
		r->proto = proto;
		r->share = share;
		r->shares = shares;
		r->acl = acl;
		r->ports = strdup(ports);
		state->rule_count++;
		if (!r->ports)
			return -ENOMEM;
	}
	return 0;
}

static int state_from_json(json_t *json, struct state *s)
{
	json_t *devices, *nexthops, *hooks, *rules, *counters, *pools = NULL, *shares = NULL,
							       *acls = NULL;
	const char *iface, *config, *before, *reserved, *tcp = "", *udp = "", *object = "";
	int abi, mode, force, pid, v4, v6, reload_failed = 0;
	json_int_t loaded_at, netns, generation;

	if (json_unpack(
		    json,
		    "{s:i, s:s, s:s, s:i, s:b, s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s,  "
		    "s:s, s:b, s:b, s?b, s?o, s?o, s?s, s?s, s?o, s?s}",
		    "abi", &abi, "interface", &iface, "config", &config, "mode", &mode, "force",
		    &force, "loaded_at", &loaded_at, "agent_pid", &pid, "devices", &devices,
		    "nexthops", &nexthops, "hooks", &hooks, "rules", &rules, "counters", &counters,
		    "netns", &netns, "generation", &generation, "reserved_before", &before,
		    "reserved", &reserved, "forwarding_before_v4", &v4, "forwarding_before_v6", &v6,
		    "reload_failed", &reload_failed, "pools", &pools, "shares", &shares,
		    "masquerade_tcp", &tcp, "masquerade_udp", &udp, "acls", &acls, "object",
		    &object) ||
	    port_set_parse(before, &s->reserved_before) || port_set_parse(reserved, &s->reserved) ||
	    port_set_parse(tcp, &s->masquerade_ports[PROTO_TCP]) ||
	    port_set_parse(udp, &s->masquerade_ports[PROTO_UDP]) || mode < 0 || mode > MODE_TC ||
	    !json_is_array(devices) || !json_is_array(nexthops) || !json_is_array(hooks) ||
	    !json_is_array(rules) || !json_is_array(counters) || (pools && !json_is_array(pools)) ||
	    (shares && !json_is_array(shares)) || (acls && !json_is_array(acls)))
		return -EPROTO;
	s->abi = abi;
	copy_name(s->object, sizeof(s->object), object);
	copy_name(s->iface, sizeof(s->iface), iface);
	copy_name(s->config, sizeof(s->config), config);
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
						hooks_from_json(hooks, s) ?: state_pools_from_json(pools, shares, s) ?: state_acls_from_json(acls, s) ?:
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
