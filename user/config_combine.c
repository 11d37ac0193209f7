// SPDX-License-Identifier: GPL-2.0-only
// What the keys of one [[forward]] say together: which ports it has, and where they go.
#include <stdlib.h>
#include "clients.h"
#include "config_internal.h"

#define TURN_PORT_MIN 1024

/* A range that reaches into the dynamic ports and is as wide as this is one of relay or media. */
#define RELAY_PORT_MIN	49152
#define RELAY_WIDTH_MIN 1000

/* Keys that only make sense with, or without, a preset; and those that are missing. */
static void check_keys(struct config_reader *r, const struct toml_node *node)
{
	static const char *const with[] = { "web", "turn_ports" };
	static const char *const without[] = { "protocol", "ports", "to_port" };
	bool preset = toml_get(node, "preset");
	bool protocol = toml_get(node, "protocol"), ports = toml_get(node, "ports");

	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		if (!preset && toml_get(node, with[i]))
			config_error(r, config_place(node, with[i]),
				     "%s goes with a preset; there is none here", with[i]);
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		if (preset && toml_get(node, without[i]))
			config_error(
				r, config_place(node, without[i]),
				"%s does not go with a preset, which brings its own ports; take "
				"one of them out",
				without[i]);
	if (!preset && !protocol && !ports)
		config_error(r, node->place,
			     "protocol and ports are missing; add them, or a preset");
	else if (!preset && !protocol)
		config_error(r, node->place,
			     "protocol is missing; add protocol = \"tcp\", \"udp\" or both");
	else if (!preset && !ports)
		config_error(r, node->place, "ports is missing; add ports = ...");
	if (!toml_get(node, "backend"))
		config_error(r, node->place, "backend is missing; add backend = \"NAME\"");
}

static void check_turn_ports(struct config_reader *r, const struct toml_node *node,
			     const struct config_draft *d)
{
	const struct preset_ports *ports = d->preset->ports;
	struct port_range lowest = { 0, 0 };

	while (ports->what && ports->part != PRESET_RELAY)
		ports++;
	if (!ports->what)
		config_error(r, node->place, "preset \"%s\" has no relay range to narrow",
			     d->preset->name);
	if (port_set_next(&d->turn.all, &lowest) && lowest.first < TURN_PORT_MIN)
		config_error(r, node->place, "port %u is below %d; relay ports lie in %d-65535",
			     lowest.first, TURN_PORT_MIN, TURN_PORT_MIN);
}

static void add_ports(struct config_forward *f, enum proto proto, const struct config_ports *ports)
{
	port_set_union(&f->ports[proto], &ports->all);
	port_set_union(&f->named[proto], &ports->named);
}

static void apply_preset(struct config_draft *d, bool narrowed)
{
	for (const struct preset_ports *p = d->preset->ports; p->what; p++) {
		struct config_ports ports = { 0 };

		if (p->part == PRESET_WEB && !d->web)
			continue;
		port_set_add(&ports.all, p->range);
		if (p->range.first == p->range.last)
			ports.named = ports.all;
		add_ports(d->f, p->proto, p->part == PRESET_RELAY && narrowed ? &d->turn : &ports);
	}
}

static void apply_ports(struct config_reader *r, const struct toml_node *node,
			struct config_draft *d)
{
	const struct toml_node *turn = toml_get(node, "turn_ports");
	size_t mark;

	if (d->preset) {
		if (turn) {
			mark = config_enter(r, "turn_ports");
			check_turn_ports(r, turn, d);
			config_leave(r, mark);
		}
		apply_preset(d, turn);
		return;
	}
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++)
		if (d->protocols[proto])
			add_ports(d->f, proto, &d->ports);
}

static void exclude_item(struct config_reader *r, const struct toml_node *node, void *out)
{
	struct port_set item = { 0 }, missing;
	struct config_draft *d = out;
	struct port_range range;

	if (!config_get_ports(r, node, &range))
		return;
	port_set_add(&item, range);
	missing = item;
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++)
		port_set_subtract(&missing, &d->f->ports[proto]);
	range = (struct port_range){ 0, 0 };
	if (port_set_next(&missing, &range) && r->errors == d->errors)
		config_warn(r, node->place,
			    "port %u is not among this forward's ports; leave it out", range.first);
	port_set_subtract(&item, &missing);
	port_set_union(&d->f->excluded, &item);
}

static void apply_exclude(struct config_reader *r, const struct toml_node *list,
			  struct config_draft *d)
{
	bool had = false, has = false;
	size_t mark;

	if (!list)
		return;
	mark = config_enter(r, "exclude");
	config_read_list(r, list, exclude_item, d);
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		had = had || !port_set_is_empty(&d->f->ports[proto]);
		port_set_subtract(&d->f->ports[proto], &d->f->excluded);
		port_set_subtract(&d->f->named[proto], &d->f->excluded);
		has = has || !port_set_is_empty(&d->f->ports[proto]);
	}
	if (had && !has)
		config_error(r, list->place, "it leaves no port to forward");
	config_leave(r, mark);
}

/*
 * The distance comes from the ports as written, so that excluding the first one moves none of the
 * others.
 */
static void apply_to_port(struct config_reader *r, const struct config_draft *d)
{
	struct port_range lowest = { 0, 0 }, run = { 0, 0 };
	struct config_forward *f = d->f;
	struct port_set moved, ranges = f->ports[PROTO_UDP];
	size_t mark;

	if (!d->to_port.first || d->preset || !port_set_next(&d->ports.all, &lowest))
		return;
	f->shift = d->to_port.first - lowest.first;
	mark = config_enter(r, "to_port");
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		if (port_set_shifted(&f->ports[proto], f->shift, &moved))
			continue;
		while (port_set_next(&f->ports[proto], &run))
			;
		config_error(r, f->to_port_place,
			     "%u moves port %u to %d, past 65535; at most %d fits",
			     d->to_port.first, run.last, run.last + f->shift,
			     65535 - run.last + lowest.first);
		break;
	}
	port_set_subtract(&ranges, &f->named[PROTO_UDP]);
	if (r->errors == d->errors && f->shift && !port_set_is_empty(&ranges))
		config_warn(
			r, f->to_port_place,
			"moves a UDP range; TURN and ICE tell peers the backend's own ports, so "
			"calls break when they differ from the public ones");
	config_leave(r, mark);
}

/* The way back of preserve is one address a family; with two, replies could leave from either. */
static void check_addresses(struct config_reader *r, const struct toml_node *list,
			    const struct config_forward *f)
{
	const struct toml_node *first[FAMILY_COUNT] = { NULL };

	if (!list || list->type != TOML_ARRAY || f->source != SOURCE_PRESERVE ||
	    list->child_count != f->address_count)
		return;
	for (size_t i = 0; i < f->address_count; i++) {
		enum ip_family family = ip_addr_family(&f->addresses[i]);
		const struct toml_node *node = &list->children[i];

		if (first[family])
			config_error(
				r, node->place,
				"address: %s and %s (line %u) with source = \"preserve\": "
				"replies could leave from either; keep one of each family or use "
				"\"masquerade\"",
				node->string, first[family]->string, first[family]->place.line);
		else
			first[family] = node;
	}
}

/* Are there relay or media ports among these? Of a preset, its range; else a wide one up there. */
static bool has_relay(const struct config_draft *d, bool narrowed)
{
	const struct config_forward *f = d->f;
	struct port_set ranges = f->ports[PROTO_UDP];

	port_set_subtract(&ranges, &f->named[PROTO_UDP]);
	if (d->preset || port_set_is_empty(&ranges))
		return narrowed || !port_set_is_empty(&ranges);
	/* As written: a port taken out of a range leaves it as wide as it was. */
	port_set_union(&ranges, &f->excluded);
	for (struct port_range run = { 0, 0 }; port_set_next(&ranges, &run);)
		if (run.last >= RELAY_PORT_MIN && run.last - run.first >= RELAY_WIDTH_MIN - 1)
			return true;
	return false;
}

/* What has no effect with one source mode, and what does not work with the other. */
static void check_source(struct config_reader *r, const struct toml_node *node,
			 const struct config_draft *d)
{
	const struct config_forward *f = d->f;

	if (f->source == SOURCE_PRESERVE && toml_get(node, "timeout"))
		config_warn(r, f->timeout_place,
			    "timeout: nothing is tracked with source = \"preserve\"; it has no "
			    "effect");
	if (f->source == SOURCE_PRESERVE && toml_get(node, "mid_stream"))
		config_warn(r, f->mid_stream_place,
			    "mid_stream: nothing is tracked with source = \"preserve\"; it has no "
			    "effect");
	if (f->source == SOURCE_MASQUERADE && r->errors == d->errors &&
	    has_relay(d, toml_get(node, "turn_ports")))
		config_warn(r, f->source_place,
			    "source: calls through these relay ports fail with masquerade, which "
			    "hides the peers' addresses and lets no peer in unasked; write source "
			    "= \"preserve\"");
}

/* A forward that is for nobody is a slip. */
static void check_clients(struct config_reader *r, const struct config_draft *d)
{
	const struct config_forward *f = d->f;
	const struct client_lists lists = { f->allow, f->deny, f->allow_count, f->deny_count };
	int clients = 0;

	if (!f->deny_count || r->errors != d->errors)
		return;
	for (enum ip_family family = 0; family < FAMILY_COUNT && !clients; family++) {
		struct acl_range *ranges;

		clients = clients_make(&lists, family, &ranges);
		free(ranges);
	}
	if (!clients)
		config_error(r, f->deny_place, "deny: it leaves no client");
}

void config_combine(struct config_reader *r, const struct toml_node *node, struct config_draft *d)
{
	d->f->mid_stream = d->mid_stream;
	d->f->mss_clamp = d->mss_clamp;
	check_keys(r, node);
	apply_ports(r, node, d);
	apply_exclude(r, toml_get(node, "exclude"), d);
	apply_to_port(r, d);
	check_addresses(r, toml_get(node, "address"), d->f);
	check_source(r, node, d);
	check_clients(r, d);
}
