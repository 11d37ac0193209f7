// SPDX-License-Identifier: GPL-2.0-only
// A flow record as people know it, and which ones they mean. Pure.
#include <arpa/inet.h>
#include <string.h>
#include "flows.h"

static uint32_t last_seen(const struct flow *flow)
{
	uint32_t in = flow->half[DIR_IN].seen_at, out = flow->half[DIR_OUT].seen_at;

	return in > out ? in : out;
}

static uint32_t idle_ticks(const struct flow *flow, uint32_t now)
{
	uint32_t seen = last_seen(flow);

	return now > seen ? now - seen : 0; /* a packet may have come since @now was taken */
}

static uint32_t seconds(uint32_t ticks)
{
	return ((uint64_t)ticks << FLOW_TICK_SHIFT) / 1000000000;
}

static bool is_confirmed(const struct flow *flow)
{
	return flow->flags[DIR_IN] & FLOW_CONFIRMED;
}

static int sides_with(const struct flow *flow, uint8_t flag)
{
	return !!(flow->flags[DIR_IN] & flag) + !!(flow->flags[DIR_OUT] & flag);
}

static const char *state_name(enum proto proto, const struct flow *flow)
{
	bool has_reply = flow->flags[DIR_OUT] & FLOW_SEEN;

	if (proto == PROTO_UDP)
		return is_confirmed(flow) ? "confirmed" : has_reply ? "replied" : "new";
	if (sides_with(flow, FLOW_RST))
		return "reset";
	switch (sides_with(flow, FLOW_FIN)) {
	case 2:
		return "closed";
	case 1:
		return "closing";
	}
	return is_confirmed(flow) ? "established" : has_reply ? "syn_received" : "syn_sent";
}

static enum flow_timeout timeout_of(enum proto proto, const struct flow *flow)
{
	if (proto == PROTO_UDP)
		return TIMEOUT_UDP;
	return is_confirmed(flow) && flow->flags[DIR_OUT] & FLOW_SEEN &&
			       !sides_with(flow, FLOW_RST) && sides_with(flow, FLOW_FIN) < 2
		       ? TIMEOUT_TCP_ESTABLISHED
		       : TIMEOUT_TCP_TRANSITORY;
}

bool flow_is_expired(const struct rule *rule, enum proto proto, const struct flow *flow,
		     uint32_t now)
{
	return idle_ticks(flow, now) > rule->timeout[timeout_of(proto, flow)];
}

bool flow_view_make(const struct ruleset *rs, const struct state *state, uint32_t pool,
		    uint16_t port, const struct flow *flow, uint32_t now, struct flow_view *view)
{
	const struct rule *rule = &rs->rules[flow->rule % RULES_MAX];
	enum proto proto = rs->pools[pool].proto;
	uint16_t public_port = ntohs(flow->public_port);

	if (flow->state != FLOW_LIVE || !rule->shares || rule->counter >= state->counter_count ||
	    flow_is_expired(rule, proto, flow, now))
		return false;
	*view = (struct flow_view){
		.proto = proto,
		.client = flow->client,
		.client_port = ntohs(flow->client_port),
		.public = rule->public_addr,
		.public_port = public_port,
		.masquerade = rs->pools[pool].addr,
		.masquerade_port = port,
		.backend = rule->backend_addr,
		.backend_port = public_port + rule->shift,
		.forward = state->counters[rule->counter].forward,
		.backend_name = rule->nexthop < state->nexthop_count
					? state->backends[rule->nexthop].name
					: "",
		.state = state_name(proto, flow),
		.pool = pool,
		.age_s = seconds(now > flow->created_at ? now - flow->created_at : 0),
		.idle_s = seconds(idle_ticks(flow, now)),
	};
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		view->packets[dir] = flow_packets(&flow->half[dir]);
		view->bytes[dir] = flow_bytes(&flow->half[dir]);
	}
	return true;
}

static bool is_backend(const char *wanted, const struct flow_view *view)
{
	struct ip_addr addr;

	return !strcmp(wanted, view->backend_name) ||
	       (!ip_addr_parse(wanted, &addr) && ip_addr_equal(&addr, &view->backend));
}

bool flow_filter_matches(const struct flow_filter *filter, const struct flow_view *view)
{
	return (!filter->has_proto || view->proto == filter->proto) &&
	       (!filter->has_client || ip_prefix_contains(&filter->client, &view->client)) &&
	       (!filter->backend || is_backend(filter->backend, view)) &&
	       (!filter->forward || !strcmp(filter->forward, view->forward));
}
