// SPDX-License-Identifier: GPL-2.0-only
// What a look at the host changes about a state, in one line for people.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "state.h"

/* struct change - the line in the making, and how far apart the states are */
struct change {
	FILE *out;
	enum state_change what;
};

__attribute__((format(printf, 3, 4))) static void note(struct change *c, enum state_change what,
						       const char *fmt, ...)
{
	va_list args;

	fputs(c->what == STATE_SAME ? "" : "; ", c->out);
	va_start(args, fmt);
	vfprintf(c->out, fmt, args);
	va_end(args);
	if (c->what < what)
		c->what = what;
}

static const struct plan_device *find_device(const struct state *state, const char *name)
{
	for (size_t i = 0; i < state->device_count; i++)
		if (!strcmp(state->devices[i].name, name))
			return &state->devices[i];
	return NULL;
}

static void compare_devices(struct change *c, const struct state *old, const struct state *new)
{
	for (size_t i = 0; i < new->device_count; i++) {
		const struct plan_device *to = &new->devices[i];
		const struct plan_device *from = find_device(old, to->name);

		if (!from)
			note(c, STATE_RULES, "%s is used now", to->name);
		else if (from->ifindex != to->ifindex)
			note(c, STATE_RULES, "%s was made anew", to->name);
		else if (memcmp(from->mac, to->mac, sizeof(to->mac)) || from->is_l3 != to->is_l3)
			note(c, STATE_RULES, "%s has another link-layer address", to->name);
		else if (from->mtu != to->mtu)
			note(c, STATE_WAYS, "the MTU of %s is %u", to->name, to->mtu);
	}
	for (size_t i = 0; i < old->device_count; i++)
		if (!find_device(new, old->devices[i].name))
			note(c, STATE_RULES, "%s is not used any more", old->devices[i].name);
}

/* The next hop to a backend's address of one family; NULL when there is none. */
static const struct plan_nexthop *find_nexthop(const struct state *state, const char *backend,
					       enum ip_family family)
{
	for (size_t i = PLAN_FIRST_BACKEND; i < state->nexthop_count; i++)
		if (!strcmp(state->backends[i].name, backend) &&
		    ip_addr_family(&state->nexthops[i].addr) == family)
			return &state->nexthops[i];
	return NULL;
}

static void compare_ways(struct change *c, const char *backend, const struct state *old,
			 const struct plan_nexthop *from, const struct state *new,
			 const struct plan_nexthop *to)
{
	const char *old_device = old->devices[from->device].name;
	const char *new_device = new->devices[to->device].name;
	char text[IP_ADDR_STRLEN];

	if (!ip_addr_equal(&from->addr, &to->addr))
		note(c, STATE_RULES, "backend \"%s\" is %s", backend,
		     ip_addr_format(&to->addr, text));
	if (strcmp(old_device, new_device) != 0)
		note(c, STATE_RULES, "backend \"%s\" is reached by %s", backend, new_device);
	else if (!ip_addr_equal(&from->neighbour, &to->neighbour) &&
		 !ip_addr_equal(&to->neighbour, &to->addr))
		note(c, STATE_WAYS, "backend \"%s\" is reached by way of %s", backend,
		     ip_addr_format(&to->neighbour, text));
	else if (!ip_addr_equal(&from->neighbour, &to->neighbour) &&
		 ip_addr_equal(&from->addr, &to->addr))
		note(c, STATE_WAYS, "backend \"%s\" is reached without a gateway", backend);
	else if (from->mtu != to->mtu && from->device == to->device &&
		 old->devices[from->device].mtu == new->devices[to->device].mtu)
		note(c, STATE_WAYS, "the MTU on the way to backend \"%s\" is %u", backend, to->mtu);
}

static void compare_nexthops(struct change *c, const struct state *old, const struct state *new)
{
	char text[IP_ADDR_STRLEN];

	for (size_t i = PLAN_FIRST_BACKEND; i < new->nexthop_count; i++) {
		const struct plan_nexthop *to = &new->nexthops[i];
		const char *backend = new->backends[i].name;
		const struct plan_nexthop *from =
			find_nexthop(old, backend, ip_addr_family(&to->addr));

		if (from)
			compare_ways(c, backend, old, from, new, to);
		else
			note(c, STATE_RULES, "backend \"%s\" is %s, too", backend,
			     ip_addr_format(&to->addr, text));
	}
	for (size_t i = PLAN_FIRST_BACKEND; i < old->nexthop_count; i++) {
		const struct plan_nexthop *from = &old->nexthops[i];
		const char *backend = old->backends[i].name;

		if (!find_nexthop(new, backend, ip_addr_family(&from->addr)))
			note(c, STATE_RULES, "backend \"%s\" is not %s any more", backend,
			     ip_addr_format(&from->addr, text));
	}
}

static bool has_public(const struct state *state, const struct ip_addr *addr)
{
	for (size_t i = 0; i < state->rule_count; i++)
		if (ip_addr_equal(&state->rules[i].public_addr, addr))
			return true;
	return false;
}

/* Public addresses that are in @a and not in @b, each once. */
static void note_publics(struct change *c, const struct state *a, const struct state *b,
			 const char *what)
{
	char text[IP_ADDR_STRLEN];

	for (size_t i = 0; i < a->rule_count; i++) {
		const struct ip_addr *addr = &a->rules[i].public_addr;
		size_t first = 0;

		while (!ip_addr_equal(&a->rules[first].public_addr, addr))
			first++;
		if (first == i && !has_public(b, addr))
			note(c, STATE_RULES, "%s %s", ip_addr_format(addr, text), what);
	}
}

static bool has_pool(const struct state *state, const struct plan_pool *pool)
{
	for (size_t i = 0; i < state->pool_count; i++)
		if (state->pools[i].proto == pool->proto &&
		    ip_addr_equal(&state->pools[i].addr, &pool->addr))
			return true;
	return false;
}

static void compare_pools(struct change *c, const struct state *old, const struct state *new)
{
	char text[IP_ADDR_STRLEN];

	for (size_t i = 0; i < new->pool_count; i++)
		if (!has_pool(old, &new->pools[i]))
			note(c, STATE_RULES, "%s flows are seen to come from %s",
			     proto_name(new->pools[i].proto),
			     ip_addr_format(&new->pools[i].addr, text));
	for (size_t i = 0; i < old->pool_count; i++)
		if (!has_pool(new, &old->pools[i]))
			note(c, STATE_RULES, "%s flows do not come from %s any more",
			     proto_name(old->pools[i].proto),
			     ip_addr_format(&old->pools[i].addr, text));
}

static bool same_forward(const struct state_rule *a, const struct state_rule *b)
{
	return a->proto == b->proto && !strcmp(a->forward, b->forward);
}

/* Ports of rule @a that no rule of its forward in @state has. */
static struct port_set ports_beyond(const struct state_rule *a, const struct state *state)
{
	struct port_set ports = {}, theirs;

	port_set_parse(a->ports, &ports);
	for (size_t i = 0; i < state->rule_count; i++)
		if (same_forward(a, &state->rules[i]) &&
		    ip_addr_equal(&a->public_addr, &state->rules[i].public_addr) &&
		    !port_set_parse(state->rules[i].ports, &theirs))
			port_set_subtract(&ports, &theirs);
	return ports;
}

/* Of a forward and protocol, ports that @a has and @b has not; those of whole addresses aside. */
static void note_ports(struct change *c, const struct state *a, const struct state *b,
		       const char *what)
{
	for (size_t i = 0; i < a->rule_count; i++) {
		const struct state_rule *rule = &a->rules[i];
		struct port_set ports = {}, more;
		size_t first = 0;
		char *text;

		while (!same_forward(&a->rules[first], rule))
			first++;
		for (size_t j = i; first == i && j < a->rule_count; j++) {
			if (!same_forward(rule, &a->rules[j]) ||
			    !has_public(b, &a->rules[j].public_addr))
				continue;
			more = ports_beyond(&a->rules[j], b);
			port_set_union(&ports, &more);
		}
		if (port_set_is_empty(&ports))
			continue;
		text = port_set_format(&ports);
		note(c, STATE_RULES, "forward \"%s\": %s port%s %s %s", rule->forward,
		     proto_name(rule->proto), port_set_count(&ports) == 1 ? "" : "s", text ?: "",
		     what);
		free(text);
	}
}

/* What packets go by must not differ unnoticed, whatever there are words for above. */
static bool same_rules(const struct state *a, const struct state *b)
{
	if (a->rule_count != b->rule_count || a->share_count != b->share_count ||
	    a->device_count != b->device_count || a->nexthop_count != b->nexthop_count ||
	    memcmp(a->shares, b->shares, a->share_count) != 0 ||
	    !port_set_equal(&a->reserved, &b->reserved))
		return false;
	for (size_t i = 0; i < a->rule_count; i++) {
		const struct state_rule *x = &a->rules[i], *y = &b->rules[i];

		if (!same_forward(x, y) || !ip_addr_equal(&x->public_addr, &y->public_addr) ||
		    !ip_addr_equal(&x->backend_addr, &y->backend_addr) ||
		    strcmp(x->ports, y->ports) != 0 || x->shift != y->shift ||
		    x->share != y->share || x->shares != y->shares)
			return false;
	}
	for (size_t i = 0; i < a->device_count; i++)
		if (strcmp(a->devices[i].name, b->devices[i].name) != 0)
			return false;
	for (size_t i = PLAN_FIRST_BACKEND; i < a->nexthop_count; i++)
		if (!ip_addr_equal(&a->nexthops[i].addr, &b->nexthops[i].addr))
			return false;
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++)
		if (!port_set_equal(&a->masquerade_ports[proto], &b->masquerade_ports[proto]))
			return false;
	return true;
}

enum state_change state_compare(const struct state *old, const struct state *new, char **text)
{
	struct change c = {};
	size_t len;

	*text = NULL;
	c.out = open_memstream(text, &len);
	if (!c.out)
		return STATE_SAME;
	compare_devices(&c, old, new);
	note_publics(&c, new, old, "is forwarded");
	note_publics(&c, old, new, "is not forwarded any more");
	compare_nexthops(&c, old, new);
	compare_pools(&c, old, new);
	note_ports(&c, old, new, "left to this host");
	note_ports(&c, new, old, "forwarded again");
	if (c.what != STATE_RULES && !same_rules(old, new))
		note(&c, STATE_RULES, "the ports of this host changed");
	fclose(c.out);
	if (c.what == STATE_SAME) {
		free(*text);
		*text = NULL;
	}
	return c.what;
}
