// SPDX-License-Identifier: GPL-2.0-only
// A flow record as people know it, and which ones they mean. Pure.
#include <arpa/inet.h>
#include <string.h>
#include <xdpfwd/flow.h>
#include "flows.h"

static uint32_t seconds(uint32_t ticks)
{
	return ((uint64_t)ticks << FLOW_TICK_SHIFT) / 1000000000;
}

static int sides_with(const struct flow *flow, uint8_t flag)
{
	return !!(flow->flags[DIR_IN] & flag) + !!(flow->flags[DIR_OUT] & flag);
}

static const char *state_name(enum proto proto, const struct flow *flow)
{
	bool has_reply = flow->flags[DIR_OUT] & FLOW_SEEN;

	if (proto == PROTO_UDP)
		return flow_is_confirmed(flow) ? "confirmed" : has_reply ? "replied" : "new";
	if (sides_with(flow, FLOW_RST))
		return "reset";
	switch (sides_with(flow, FLOW_FIN)) {
	case 2:
		return "closed";
	case 1:
		return "closing";
	}
	return flow_is_confirmed(flow) ? "established" : has_reply ? "syn_received" : "syn_sent";
}

bool flow_view_make(const struct ruleset *rs, const struct state *state, uint32_t pool,
		    uint16_t port, const struct flow *flow, uint32_t now, struct flow_view *view)
{
	const struct rule *rule = &rs->rules[flow->rule % RULES_MAX];
	enum proto proto = rs->pools[pool].proto;
	uint16_t public_port = ntohs(flow->public_port);

	if (flow->state != FLOW_LIVE || !rule->shares || rule->counter >= state->counter_count ||
	    flow_is_over(flow, rule, proto, now))
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
		.idle_s = seconds(flow_idle(flow, now)),
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
