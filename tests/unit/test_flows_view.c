// SPDX-License-Identifier: GPL-2.0-only
// Flow records as people see them, and filters over them.
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include "flows.h"

#define POOL 3
#define RULE 5
#define NOW  1000000

static struct ruleset *rs;
static struct state *state;

static struct ip_addr addr(const char *text)
{
	struct ip_addr parsed;

	cr_assert_eq(ip_addr_parse(text, &parsed), 0, "%s", text);
	return parsed;
}

static void init(void)
{
	rs = calloc(1, sizeof(*rs));
	state = calloc(1, sizeof(*state));
	cr_assert(rs && state);
	rs->pools[POOL] = (struct pool){ .addr = addr("198.18.9.1"), .proto = PROTO_TCP };
	rs->rules[RULE] = (struct rule){ .public_addr = addr("198.51.100.1"),
					 .backend_addr = addr("198.18.9.2"),
					 .shift = 1000,
					 .counter = 1,
					 .nexthop = 2,
					 .timeout = { [TIMEOUT_UDP] = 100,
						      [TIMEOUT_TCP_ESTABLISHED] = 200,
						      [TIMEOUT_TCP_TRANSITORY] = 50 },
					 .shares = 1 };
	state->counter_count = 2;
	strcpy(state->counters[0].forward, "other");
	strcpy(state->counters[1].forward, "xmpp");
	state->nexthop_count = 3;
	strcpy(state->backends[2].name, "home");
}

static void fini(void)
{
	free(rs);
	free(state);
}

TestSuite(flows_view, .init = init, .fini = fini);

/* In use, of the client 203.0.113.9:40000; last seen 10 ticks ago. */
static struct flow make_flow(void)
{
	return (struct flow){ .client = addr("203.0.113.9"),
			      .client_port = htons(40000),
			      .public_port = htons(5222),
			      .rule = RULE,
			      .state = FLOW_LIVE,
			      .created_at = NOW - 1000,
			      .half = { { 700, 7, NOW - 10 }, { 5000, 5, NOW - 20 } } };
}

static bool view_at(uint32_t now, const struct flow *flow, struct flow_view *view)
{
	return flow_view_make(rs, state, POOL, 1024, flow, now, view);
}

Test(flows_view, everything_of_one)
{
	struct flow flow = make_flow();
	struct flow_view view;

	cr_assert(view_at(NOW, &flow, &view));
	cr_expect_eq(view.proto, PROTO_TCP);
	cr_expect(ip_addr_equal(&view.client, &flow.client));
	cr_expect_eq(view.client_port, 40000);
	cr_expect(ip_addr_equal(&view.public, &rs->rules[RULE].public_addr));
	cr_expect_eq(view.public_port, 5222);
	cr_expect(ip_addr_equal(&view.masquerade, &rs->pools[POOL].addr));
	cr_expect_eq(view.masquerade_port, 1024);
	cr_expect(ip_addr_equal(&view.backend, &rs->rules[RULE].backend_addr));
	cr_expect_eq(view.backend_port, 6222);
	cr_expect_str_eq(view.forward, "xmpp");
	cr_expect_str_eq(view.backend_name, "home");
	cr_expect_eq(view.age_s, 134); /* 1000 ticks of 0.134 s */
	cr_expect_eq(view.idle_s, 1);
	cr_expect_eq(view.packets[DIR_IN], 7);
	cr_expect_eq(view.bytes[DIR_IN], 700);
	cr_expect_eq(view.packets[DIR_OUT], 5);
	cr_expect_eq(view.bytes[DIR_OUT], 5000);
}

/* Modulo 2^16, as the shift of a rule is. */
Test(flows_view, a_shift_downwards)
{
	struct flow flow = make_flow();
	struct flow_view view;

	rs->rules[RULE].shift = -222;
	cr_assert(view_at(NOW, &flow, &view));
	cr_expect_eq(view.backend_port, 5000);
}

Test(flows_view, either_direction_keeps_it_fresh)
{
	struct flow flow = make_flow();
	struct flow_view view;

	flow.half[DIR_OUT].seen_at = NOW - 3;
	cr_assert(view_at(NOW, &flow, &view));
	cr_expect_eq(view.idle_s, 0);
	flow.half[DIR_OUT].seen_at = 0; /* no reply yet */
	cr_assert(view_at(NOW, &flow, &view));
	cr_expect_eq(view.idle_s, 1);
}

/* A packet that comes after the clock was read is not one from the far past. */
Test(flows_view, packets_of_the_future)
{
	struct flow flow = make_flow();
	struct flow_view view;

	flow.half[DIR_IN].seen_at = NOW + 1;
	flow.created_at = NOW + 1;
	cr_assert(view_at(NOW, &flow, &view));
	cr_expect_eq(view.idle_s, 0);
	cr_expect_eq(view.age_s, 0);
}

Test(flows_view, what_is_not_in_use_is_not_shown)
{
	struct flow flow = make_flow();
	struct flow_view view;

	flow.state = FLOW_FREE;
	cr_expect_not(view_at(NOW, &flow, &view));
	flow.state = FLOW_ENDED;
	cr_expect_not(view_at(NOW, &flow, &view));
	flow.state = FLOW_LIVE;
	cr_expect(view_at(NOW, &flow, &view));
	flow.rule = RULE + 1;
	cr_expect_not(view_at(NOW, &flow, &view), "its rule is gone");
	flow.rule = RULE;
	rs->rules[RULE].shares = 0;
	cr_expect_not(view_at(NOW, &flow, &view), "its rule tracks nothing any more");
	rs->rules[RULE].shares = 1;
	rs->rules[RULE].counter = 2;
	cr_expect_not(view_at(NOW, &flow, &view), "a rule that this state does not know");
}

static void expect_state(const char *expected, uint8_t in, uint8_t out)
{
	struct flow flow = make_flow();
	struct flow_view view;

	flow.flags[DIR_IN] = in;
	flow.flags[DIR_OUT] = out;
	cr_assert(view_at(NOW, &flow, &view));
	cr_expect_str_eq(view.state, expected, "%s, not %s", view.state, expected);
}

Test(flows_view, states_of_tcp)
{
	const uint8_t begun = FLOW_SEEN | FLOW_SYN, open = FLOW_SEEN | FLOW_SYN | FLOW_CONFIRMED;

	expect_state("syn_sent", begun, 0);
	expect_state("syn_received", begun, begun);
	expect_state("established", open, begun);
	expect_state("closing", open | FLOW_FIN, begun);
	expect_state("closing", open, begun | FLOW_FIN);
	expect_state("closed", open | FLOW_FIN, begun | FLOW_FIN);
	expect_state("reset", open, begun | FLOW_RST);
	expect_state("reset", open | FLOW_FIN | FLOW_RST, begun | FLOW_FIN);
	expect_state("reset", begun, FLOW_SEEN | FLOW_RST);
}

Test(flows_view, states_of_udp)
{
	rs->pools[POOL].proto = PROTO_UDP;
	expect_state("new", FLOW_SEEN, 0);
	expect_state("replied", FLOW_SEEN, FLOW_SEEN);
	expect_state("confirmed", FLOW_SEEN | FLOW_CONFIRMED, FLOW_SEEN);
}

/* Last seen NOW - 10; the timeouts are 100 (UDP), 200 and 50 ticks (TCP). */
static void expect_timeout(enum proto proto, uint8_t in, uint8_t out, uint32_t ticks)
{
	struct flow flow = make_flow();
	struct flow_view view;

	rs->pools[POOL].proto = proto;
	flow.flags[DIR_IN] = in;
	flow.flags[DIR_OUT] = out;
	cr_expect(view_at(NOW - 10 + ticks, &flow, &view));
	cr_expect_not(view_at(NOW - 10 + ticks + 1, &flow, &view));
}

Test(flows_view, what_expired_is_not_shown)
{
	expect_timeout(PROTO_UDP, 0, 0, 100);
	expect_timeout(PROTO_UDP, FLOW_CONFIRMED, FLOW_SEEN, 100);
	expect_timeout(PROTO_TCP, 0, 0, 50);
	expect_timeout(PROTO_TCP, FLOW_CONFIRMED, FLOW_SEEN, 200);
	expect_timeout(PROTO_TCP, FLOW_CONFIRMED, FLOW_SEEN | FLOW_FIN, 200);
	expect_timeout(PROTO_TCP, FLOW_CONFIRMED, 0, 50);
	expect_timeout(PROTO_TCP, FLOW_CONFIRMED | FLOW_FIN, FLOW_FIN, 50);
	expect_timeout(PROTO_TCP, FLOW_CONFIRMED | FLOW_RST, 0, 50);
	expect_timeout(PROTO_TCP, FLOW_CONFIRMED, FLOW_RST, 50);
}

static bool matches(struct flow_filter filter)
{
	struct flow flow = make_flow();
	struct flow_view view;

	cr_assert(view_at(NOW, &flow, &view));
	return flow_filter_matches(&filter, &view);
}

static bool matches_client(const char *text)
{
	struct flow_filter filter = { .has_client = true };

	cr_assert_eq(ip_prefix_parse(text, &filter.client), 0, "%s", text);
	return matches(filter);
}

Test(flows_view, filters)
{
	cr_expect(matches((struct flow_filter){}));
	cr_expect(matches((struct flow_filter){ .has_proto = true, .proto = PROTO_TCP }));
	cr_expect_not(matches((struct flow_filter){ .has_proto = true, .proto = PROTO_UDP }));
	cr_expect(matches_client("203.0.113.9"));
	cr_expect(matches_client("203.0.113.0/24"));
	cr_expect(matches_client("0.0.0.0/0"));
	cr_expect_not(matches_client("203.0.113.8"));
	cr_expect_not(matches_client("::/0"));
	cr_expect(matches((struct flow_filter){ .backend = "home" }));
	cr_expect(matches((struct flow_filter){ .backend = "198.18.9.2" }));
	cr_expect_not(matches((struct flow_filter){ .backend = "away" }));
	cr_expect_not(matches((struct flow_filter){ .backend = "198.18.9.3" }));
	cr_expect(matches((struct flow_filter){ .forward = "xmpp" }));
	cr_expect_not(matches((struct flow_filter){ .forward = "other" }));
}

Test(flows_view, filters_have_to_match_all)
{
	cr_expect(matches((struct flow_filter){ .forward = "xmpp", .backend = "home" }));
	cr_expect_not(matches((struct flow_filter){ .forward = "xmpp", .backend = "away" }));
	cr_expect_not(matches((struct flow_filter){ .forward = "other", .backend = "home" }));
}
