// SPDX-License-Identifier: GPL-2.0-only
// What top says of an interface, in 80 columns and in fewer, and how a screen is cut.
#include "capture.h"
#include "plan_world.h"
#include "show.h"
#include "watch.h"

TestSuite(top, .init = world_init, .fini = world_fini);

static struct top top;

/* Two seconds in which little was forwarded one way, and much the other. */
static void make_top(void)
{
	world.in.mode = MODE_TC;
	expect_plan(HOME MASQUERADE_TO("home", "tcp", "[443]") MASQUERADE_TO(
		"home", "udp",
		"[3478]") "name = \"a-name-of-a-forward-that-is-much-too-long-for-any-table\"\n");
	top.flows.state = state_from_plan(world.plan, world.config, "/etc/ports.toml", false, 0);
	cr_assert(top.flows.state);
	top.seconds = 2;
	top.before.forwards[0] = (struct forward_counters){ { 10, 20 }, { 1000, 2000 } };
	top.now.forwards[0] = (struct forward_counters){ { 12, 4020 }, { 1300, 2502000 } };
	top.now.flows_max = 131072;
	top.now.flows.created[PROTO_TCP] = 7;
	top.now.flows.ended[PROTO_TCP] = 4;
}

/* A flow of the client with the longest address there is. */
static void add_flow(uint64_t in, uint64_t out)
{
	struct top_flow *flow = &top.busiest[top.busiest_count++];

	flow->view = (struct flow_view){ .proto = PROTO_UDP,
					 .client_port = 50000,
					 .forward = top.flows.state->counters[1].forward };
	cr_assert_eq(ip_addr_parse("2001:db8:1111:2222:3333:4444:5555:6666", &flow->view.client),
		     0);
	flow->bytes[DIR_IN] = in;
	flow->bytes[DIR_OUT] = out;
}

static void expect_top(int width, const char *expected)
{
	char *actual = capture(stdout, show_top(&top, width));

	cr_expect_str_eq(actual, expected, "%snot:\n%s", actual, expected);
	free(actual);
}

Test(top, nothing_but_forwards)
{
	make_top();
	expect_top(
		80,
		"eth0: 3 flows of 131072, in the last 2.0 s\n"
		"  FORWARD                     PROTO  PKT/S IN  BYTE/S IN  PKT/S OUT  BYTE/S OUT\n"
		"  tcp-443                     tcp           1        150       2.0k        1.2M\n"
		"  a-name-of-a-forward-that-~  udp           0          0          0           0\n"
		"\n"
		"  no flow has carried anything\n"
		"\n"
		"  nothing dropped\n");
}

Test(top, everything)
{
	make_top();
	add_flow(3000000000, 20);
	add_flow(1, 0);
	top.before.reasons[HOOK_TC][REASON_NO_PORT] = 5;
	top.now.reasons[HOOK_TC][REASON_NO_PORT] = 9;
	top.now.reasons[HOOK_XDP][REASON_SOURCE_RATE] = 3000;
	expect_top(
		80,
		"eth0: 3 flows of 131072, in the last 2.0 s\n"
		"  FORWARD                     PROTO  PKT/S IN  BYTE/S IN  PKT/S OUT  BYTE/S OUT\n"
		"  tcp-443                     tcp           1        150       2.0k        1.2M\n"
		"  a-name-of-a-forward-that-~  udp           0          0          0           0\n"
		"\n"
		"       CLIENT                                          FORWARD   IN B/S  OUT B/S\n"
		"  udp  [2001:db8:1111:2222:3333:4444:5555:6666]:50000  a-name-~    1.5G       10\n"
		"  udp  [2001:db8:1111:2222:3333:4444:5555:6666]:50000  a-name-~       0        0\n"
		"\n"
		"  DROPPED/S  REASON       MEANING\n"
		"          2  no_port      masquerade: no port is free for a new flow\n"
		"       1.5k  source_rate  masquerade: this source begins flows faster than~\n");
}

Test(top, before_the_second_look)
{
	make_top();
	top.seconds = 0;
	cr_expect_eq(top_rate(&top, 5, 3), 0);
}

Test(top, rates)
{
	top.seconds = 2;
	cr_expect_eq(top_rate(&top, 5, 3), 1);
	cr_expect_eq(top_rate(&top, 6, 100), 3, "a counter that began anew");
}

static void expect_cut(const char *line, int columns, const char *expected)
{
	char text[128];

	snprintf(text, sizeof(text), "%s", line);
	watch_cut(text, columns);
	cr_expect_str_eq(text, expected);
}

Test(watch, cut)
{
	expect_cut("", 3, "");
	expect_cut("abc", 3, "abc");
	expect_cut("abcd", 3, "abc");
	expect_cut("\033[1mabcd\033[0m", 3, "\033[1mabc\033[0m");
	expect_cut("ab\033[1mcd", 2, "ab\033[1m");
	expect_cut("abc\033[1", 5, "abc");
	expect_cut("abc", 0, "");
}

/* As for a pipe, which is what a test has: once. */
static int count_calls(void *context)
{
	return ++*(int *)context;
}

Test(watch, once_without_a_terminal)
{
	int calls = 0, code = 0;

	free(capture(stdout, code = watch_run(1, count_calls, &calls)));
	cr_expect_eq(calls, 1);
	cr_expect_eq(code, 1, "its own code");
}
