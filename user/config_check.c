// SPDX-License-Identifier: GPL-2.0-only
// What only shows when the whole config is read: forwards that clash, and names for the nameless.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config_internal.h"

/* Whether a forward can carry a family: its addresses and its backend both have it. */
static bool serves(const struct config *config, const struct config_forward *f,
		   enum ip_family family)
{
	bool takes = !f->address_count;

	for (size_t i = 0; i < f->address_count; i++)
		takes = takes || ip_addr_family(&f->addresses[i]) == family;
	if (!takes || f->backend == CONFIG_NO_BACKEND)
		return takes;
	return config->backends[f->backend].hostname || config->backends[f->backend].has[family];
}

/* Whether one packet could be meant for both, as far as its destination address tells. */
static bool share_address(const struct config *config, const struct config_forward *a,
			  const struct config_forward *b)
{
	for (enum ip_family family = 0; family < FAMILY_COUNT; family++)
		if ((!a->address_count || !b->address_count) && serves(config, a, family) &&
		    serves(config, b, family))
			return true;
	for (size_t i = 0; i < a->address_count; i++)
		for (size_t j = 0; j < b->address_count; j++)
			if (ip_addr_equal(&a->addresses[i], &b->addresses[j]))
				return true;
	return false;
}

/* Whether packets of a family from the backends of both come from the same address. */
static bool share_backend(const struct config *config, const struct config_forward *a,
			  const struct config_forward *b, enum ip_family family)
{
	const struct config_backend *x = &config->backends[a->backend];
	const struct config_backend *y = &config->backends[b->backend];

	if (!serves(config, a, family) || !serves(config, b, family))
		return false;
	if (x->hostname || y->hostname)
		return x->hostname && y->hostname && !strcasecmp(x->hostname, y->hostname);
	return ip_addr_equal(&x->address[family], &y->address[family]);
}

static bool check_overlap(struct config_reader *r, size_t earlier, size_t later)
{
	const struct config_forward *a = &r->config->forwards[earlier];
	const struct config_forward *b = &r->config->forwards[later];
	char label[CONFIG_LABEL_LEN];

	if (r->extra[earlier].lost_addresses || r->extra[later].lost_addresses ||
	    !share_address(r->config, a, b))
		return false;
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		unsigned port = port_set_common(&a->ports[proto], 0, &b->ports[proto], 0);

		if (!port)
			continue;
		config_error(r, b->ports_place,
			     "ports: %u/%s is already forwarded by %s (line %u); take it out of "
			     "one of them",
			     port, proto_name(proto), config_label_forward(a->name, earlier, label),
			     a->ports_place.line);
		return true;
	}
	return false;
}

static bool check_way_back(struct config_reader *r, size_t earlier, size_t later)
{
	const struct config_forward *a = &r->config->forwards[earlier];
	const struct config_forward *b = &r->config->forwards[later];
	char label[CONFIG_LABEL_LEN];

	if (r->extra[earlier].broken || r->extra[later].broken || a->source != SOURCE_PRESERVE ||
	    b->source != SOURCE_PRESERVE)
		return false;
	if (!share_backend(r->config, a, b, FAMILY_V4) &&
	    !share_backend(r->config, a, b, FAMILY_V6))
		return false;
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		unsigned port =
			port_set_common(&a->ports[proto], a->shift, &b->ports[proto], b->shift);

		if (!port)
			continue;
		config_error(r, b->ports_place,
			     "ports: backend port %u/%s is already reached by %s (line %u), and "
			     "with source = \"preserve\" its replies could belong to either; use "
			     "another to_port, or \"masquerade\"",
			     port, proto_name(proto), config_label_forward(a->name, earlier, label),
			     a->ports_place.line);
		return true;
	}
	return false;
}

static void check_families(struct config_reader *r, const struct config_forward *f)
{
	const struct config_backend *backend;
	bool v4;

	if (f->backend == CONFIG_NO_BACKEND || !f->address_count ||
	    serves(r->config, f, FAMILY_V4) || serves(r->config, f, FAMILY_V6))
		return;
	backend = &r->config->backends[f->backend];
	v4 = ip_addr_is_v4(&f->addresses[0]);
	/* A backend without any address has its own error already. */
	if (backend->has[FAMILY_V4] || backend->has[FAMILY_V6])
		config_error(
			r, f->address_place,
			"address: only IPv%c here, but backend \"%s\" (line %u) has only IPv%c; "
			"give it an address of the same family",
			v4 ? '4' : '6', backend->name, backend->address_place.line, v4 ? '6' : '4');
}

static void check_forwards(struct config_reader *r)
{
	const struct config *config = r->config;
	char label[CONFIG_LABEL_LEN];

	for (size_t i = 0; i < config->forward_count; i++) {
		const char *name = config->forwards[i].name;
		size_t mark = config_enter(r, "%s", config_label_forward(name, i, label));

		check_families(r, &config->forwards[i]);
		/* The first clash says it all: hundreds of copies would clash with each other. */
		for (size_t j = 0; j < i; j++)
			if (check_overlap(r, j, i) || check_way_back(r, j, i))
				break;
		config_leave(r, mark);
	}
}

/* An address to masquerade as for which there is nothing to masquerade. */
static void check_masquerade(struct config_reader *r, size_t index)
{
	const struct config_backend *backend = &r->config->backends[index];
	bool masqueraded = false;

	if (!backend->masquerade_count)
		return;
	for (size_t i = 0; i < r->config->forward_count; i++)
		masqueraded = masqueraded || (r->config->forwards[i].backend == index &&
					      r->config->forwards[i].source == SOURCE_MASQUERADE);
	if (!masqueraded)
		config_warn(r, backend->masquerade_place,
			    "backend \"%s\": masquerade_address has no effect: no forward to it "
			    "masquerades",
			    backend->name);
	for (size_t i = 0; i < backend->masquerade_count && !backend->hostname && masqueraded; i++)
		if (!backend->has[ip_addr_family(&backend->masquerade[i])])
			config_warn(
				r, backend->masquerade_place,
				"backend \"%s\": masquerade_address: it has no IPv%c address, so "
				"one of that family has no effect",
				backend->name, ip_addr_is_v4(&backend->masquerade[i]) ? '4' : '6');
}

static void check_backends(struct config_reader *r)
{
	const struct config *config = r->config;

	for (size_t i = 0; i < config->backend_count; i++) {
		size_t f = 0;

		while (f < config->forward_count && config->forwards[f].backend != i)
			f++;
		if (f == config->forward_count)
			config_warn(r, config->backends[i].place,
				    "backend \"%s\" is used by no forward",
				    config->backends[i].name);
		else
			check_masquerade(r, i);
	}
}

static bool name_is_taken(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->forward_count; i++)
		if (config->forwards[i].name && !strcmp(config->forwards[i].name, name))
			return true;
	return false;
}

/* "tcp-5222", "tcp+udp-3478-3479", "tcp-5222-and-2-more"; a preset lends its own name. */
static void derive_name(const struct config_forward *f, char *buf, size_t size)
{
	bool tcp = !port_set_is_empty(&f->ports[PROTO_TCP]);
	bool udp = !port_set_is_empty(&f->ports[PROTO_UDP]);
	struct port_set ports = f->ports[tcp ? PROTO_TCP : PROTO_UDP];
	struct port_range first = { 0, 0 }, run;
	char range[16] = "", more[32] = "";
	unsigned others = 0;

	if (f->preset) {
		snprintf(buf, size, "%s", f->preset);
		return;
	}
	/* As written: taking a port out of a range should not rename its counters. */
	port_set_union(&ports, &f->excluded);
	port_set_next(&ports, &first);
	for (run = first; port_set_next(&ports, &run);)
		others++;
	if (first.last > first.first)
		snprintf(range, sizeof(range), "-%u", first.last);
	if (others)
		snprintf(more, sizeof(more), "-and-%u-more", others);
	snprintf(buf, size, "%s-%u%s%s",
		 tcp && udp ? "tcp+udp"
		 : tcp	    ? "tcp"
			    : "udp",
		 first.first, range, more);
}

static void name_forwards(struct config_reader *r)
{
	char name[CONFIG_NAME_MAX + 1];

	for (size_t i = 0; i < r->config->forward_count; i++) {
		struct config_forward *f = &r->config->forwards[i];
		size_t len;

		if (f->name)
			continue;
		derive_name(f, name, sizeof(name));
		len = strlen(name);
		for (unsigned n = 2; name_is_taken(r->config, name); n++)
			snprintf(name + len, sizeof(name) - len, "-%u", n);
		f->name = strdup(name);
		if (!f->name)
			config_error(r, f->place, "out of memory");
	}
}

void config_check(struct config_reader *r)
{
	check_forwards(r);
	if (r->errors)
		return;
	check_backends(r);
	name_forwards(r);
}
