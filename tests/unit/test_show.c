// SPDX-License-Identifier: GPL-2.0-only
// What status and stats say of a loaded interface, to people and as JSON.
#include <stdlib.h>
#include <time.h>
#include "capture.h"
#include "plan_world.h"
#include "show.h"

TestSuite(show, .init = world_init, .fini = world_fini);

static struct state *make_state(const char *config)
{
	struct state *state;

	expect_plan(config);
	state = state_from_plan(world.plan, world.config, "/etc/ports.toml", false, 0);
	cr_assert(state);
	return state;
}

/* Two backends, one of them behind a tunnel; by TC alone, so that there are few hooks. */
static struct state *make_two(void)
{
	world.in.mode = MODE_TC;
	world.reserved_before = port_set("9000");
	world.in.forwarding_before[FAMILY_V6] = true;
	return make_state(HOME4 "[backend.away]\naddress = \"198.18.7.2\"\n" TCP(
		"[80, \"82-83\"]") "to_port = 1080\n" FORWARD_TO("away", "udp", "3478"));
}

static void expect_out(char *actual, const char *expected)
{
	cr_expect_str_eq(actual, expected, "%snot:\n%s", actual, expected);
	free(actual);
}

static const char status_tables[] =
	"\n"
	"  FORWARD            PROTO  PUBLIC        PORTS     BACKEND                   SOURCE\n"
	"  tcp-80-and-1-more  tcp    198.51.100.1  80,82-83  198.18.9.2 (ports +1000)  preserve\n"
	"  udp-3478           udp    198.51.100.1  3478      198.18.7.2                preserve\n"
	"\n"
	"  DEVICE  HOOK  MODE  WHY\n"
	"  eth0    tc    tcx   --mode tc\n"
	"  eth1    tc    tcx   --mode tc\n"
	"  wg0     tc    tcx   --mode tc\n"
	"\n"
	"  BACKEND  ADDRESS     DEVICE  NEXT HOP\n"
	"  home     198.18.9.2  eth1    198.18.9.2 lladdr 02:00:00:00:09:42\n"
	"  away     198.18.7.2  wg0     into wg0 (no link layer)\n"
	"\n"
	"  SYSCTL                            SET TO      BEFORE\n"
	"  net.ipv4.ip_local_reserved_ports  82-83,9000  9000\n"
	"  net.ipv4.conf.lo.forwarding       1           0\n";

static void expect_status(const struct state *state, pid_t agent_pid, const char *first_lines,
			  const char *tables)
{
	char expected[4096];

	snprintf(expected, sizeof(expected), "%s%s", first_lines, tables);
	expect_out(capture(stdout, show_status(state, &world.host, agent_pid)), expected);
}

Test(show, status)
{
	struct state *state = make_two();

	state->loaded_at = time(NULL) - 30 * 60;
	expect_status(state, 77,
		      "eth0: forwarding, mode tc\n"
		      "  config /etc/ports.toml, loaded 30 min ago, agent pid 77\n",
		      status_tables);
	expect_status(state, 0,
		      "eth0: forwarding, mode tc\n"
		      "  config /etc/ports.toml, loaded 30 min ago, no agent\n",
		      status_tables);
	expect_status(state, -1, "eth0: plan from /etc/ports.toml, mode tc\n", status_tables);
	state_free(state);
}

Test(show, a_next_hop_that_is_not_resolved)
{
	struct state *state = make_state(HOME4 TCP("80"));
	char *out;

	world.neighs[0].usable = false;
	out = capture(stdout, show_status(state, &world.host, 0));
	cr_expect(strstr(out, "  home     198.18.9.2  eth1    198.18.9.2 (not resolved yet)\n"),
		  "%s", out);
	free(out);
	state_free(state);
}

Test(show, sysctls_that_were_as_they_should_be_are_left_out)
{
	struct state *state;
	char *out;

	world.in.forwarding_before[FAMILY_V4] = true;
	world.in.forwarding_before[FAMILY_V6] = true;
	state = make_state(HOME4 TCP("80"));
	out = capture(stdout, show_status(state, &world.host, 0));
	cr_expect_null(strstr(out, "SYSCTL"), "%s", out);
	free(out);
	state->reserved = port_set("80");
	out = capture(stdout, show_status(state, &world.host, 0));
	cr_expect(strstr(out, "\n\n"
			      "  SYSCTL                            SET TO  BEFORE\n"
			      "  net.ipv4.ip_local_reserved_ports  80      (empty)\n"),
		  "%s", out);
	free(out);
	state_free(state);
}

Test(show, ages)
{
	static const struct {
		long long s;
		const char *text;
	} cases[] = { { 100, "loaded 100 s ago" },
		      { 7000, "loaded 116 min ago" },
		      { 7300, "loaded 2 h ago" },
		      { 172000, "loaded 47 h ago" },
		      { 3 * 86400, "loaded 3 days ago" } };
	struct state *state = make_state(HOME4 TCP("80"));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		time_t before, after;
		char *out;

		do { /* within one second */
			before = time(NULL);
			state->loaded_at = before - cases[i].s;
			out = capture(stdout, show_status(state, &world.host, 0));
			after = time(NULL);
			if (before != after)
				free(out);
		} while (before != after);
		cr_expect(strstr(out, cases[i].text), "%s", out);
		free(out);
	}
	state_free(state);
}

/* Compare with JSON in text, keys in any order. */
static void expect_json(json_t *actual, const char *expected_text)
{
	json_t *expected = json_loads(expected_text, 0, NULL);
	char *text = json_dumps(actual, JSON_INDENT(2) | JSON_SORT_KEYS);

	cr_assert(expected, "%s", expected_text);
	cr_expect(json_equal(actual, expected), "%s", text);
	free(text);
	json_decref(actual);
	json_decref(expected);
}

Test(show, status_json)
{
	struct state *state = make_two();

	state->loaded_at = 1700000000;
	expect_json(
		show_status_json(state, &world.host, 77),
		"{\"interface\": \"eth0\", \"mode\": \"tc\", \"config\": \"/etc/ports.toml\","
		"\"loaded_at\": \"2023-11-14T22:13:20Z\", \"agent_pid\": 77,"
		"\"forwards\": ["
		"{\"name\": \"tcp-80-and-1-more\", \"protocol\": \"tcp\", \"public\": "
		"\"198.51.100.1\", \"ports\": \"80,82-83\", \"backend\": \"198.18.9.2\", "
		"\"shift\": 1000, \"source\": \"preserve\", \"masquerade\": [], \"clients\": "
		"null},"
		"{\"name\": \"udp-3478\", \"protocol\": \"udp\", \"public\": \"198.51.100.1\", "
		"\"ports\": \"3478\", \"backend\": \"198.18.7.2\", \"shift\": 0, "
		"\"source\": \"preserve\", \"masquerade\": [], \"clients\": null}],"
		"\"hooks\": ["
		"{\"device\": \"eth0\", \"hook\": \"tc\", \"mode\": \"tcx\", \"reason\": \"--mode "
		"tc\"},"
		"{\"device\": \"eth1\", \"hook\": \"tc\", \"mode\": \"tcx\", \"reason\": \"--mode "
		"tc\"},"
		"{\"device\": \"wg0\", \"hook\": \"tc\", \"mode\": \"tcx\", \"reason\": \"--mode "
		"tc\"}],"
		"\"backends\": ["
		"{\"name\": \"home\", \"address\": \"198.18.9.2\", \"device\": \"eth1\", "
		"\"next_hop\": \"198.18.9.2 lladdr 02:00:00:00:09:42\"},"
		"{\"name\": \"away\", \"address\": \"198.18.7.2\", \"device\": \"wg0\", "
		"\"next_hop\": \"into wg0 (no link layer)\"}],"
		"\"sysctls\": ["
		"{\"name\": \"net.ipv4.ip_local_reserved_ports\", \"before\": \"9000\", "
		"\"value\": \"82-83,9000\"},"
		"{\"name\": \"net.ipv4.conf.lo.forwarding\", \"before\": \"0\", \"value\": "
		"\"1\"},"
		"{\"name\": \"net.ipv6.conf.lo.forwarding\", \"before\": \"1\", \"value\": "
		"\"1\"}]}");
	state_free(state);
}

#define MASQUERADED                                                                                \
	"[backend.home]\naddress = [\"198.18.9.2\", \"2001:db8:9::2\"]\n"                          \
	"masquerade_address = [\"198.18.9.1\", \"198.51.100.1\", \"198.18.7.1\"]\n" MASQUERADE_TO( \
		"home", "tcp", "80")

Test(show, what_is_masqueraded_and_as_whom)
{
	struct state *state = make_state(MASQUERADED UDP("3478"));
	char *out = capture(stdout, show_status(state, &world.host, 0));
	json_t *json = show_status_json(state, &world.host, 0), *forwards;

	cr_expect(strstr(out, "  tcp-80    tcp    198.51.100.1   80     198.18.9.2     "
			      "masquerade as 198.18.9.1 and 2 more\n"
			      "  tcp-80    tcp    2001:db8:1::1  80     2001:db8:9::2  "
			      "masquerade as 2001:db8:9::1\n"
			      "  udp-3478  udp    198.51.100.1   3478   198.18.9.2     preserve\n"),
		  "%s", out);
	free(out);
	forwards = json_object_get(json, "forwards");
	expect_json(json_incref(json_array_get(forwards, 0)),
		    "{\"name\": \"tcp-80\", \"protocol\": \"tcp\", \"public\": \"198.51.100.1\", "
		    "\"ports\": \"80\", \"backend\": \"198.18.9.2\", \"shift\": 0, \"source\": "
		    "\"masquerade\", \"masquerade\": [\"198.18.9.1\", \"198.51.100.1\", "
		    "\"198.18.7.1\"], \"clients\": null}");
	json_decref(json);
	state_free(state);
}

#define ALLOW                                                                                      \
	"allow = [\"203.0.113.0/30\", \"203.0.113.8\", \"203.0.113.16/28\", "                      \
	"\"198.51.100.0/24\"]\ndeny = \"203.0.113.0\"\n"

Test(show, who_it_is_for)
{
	struct state *state = make_state(HOME4 TCP("80") UDP("3478") ALLOW);
	char *out = capture(stdout, show_status(state, &world.host, 0));
	json_t *json = show_status_json(state, &world.host, 0), *forwards;

	cr_expect(strstr(out, "\n\n"
			      "  FORWARD   ONLY FOR CLIENTS\n"
			      "  udp-3478  198.51.100.0/24, 203.0.113.1-203.0.113.3, 203.0.113.8 "
			      "and 1 more\n\n"),
		  "%s", out);
	free(out);
	forwards = json_object_get(json, "forwards");
	cr_expect(json_is_null(json_object_get(json_array_get(forwards, 0), "clients")));
	expect_json(json_incref(json_object_get(json_array_get(forwards, 1), "clients")),
		    "[\"198.51.100.0/24\", \"203.0.113.1-203.0.113.3\", \"203.0.113.8\", "
		    "\"203.0.113.16/28\"]");
	json_decref(json);
	state_free(state);
}

Test(show, status_json_without_an_agent)
{
	struct state *state = make_two();
	json_t *json = show_status_json(state, &world.host, 0);

	cr_expect(json_is_null(json_object_get(json, "agent_pid")));
	json_decref(json);
	state_free(state);
}

/* Counter 0 is of a forward that is gone, 1 and 2 are in use. */
static struct state *make_counted(struct maps_counters *counters)
{
	static const struct plan_counter before[] = { { "gone", PROTO_TCP } };

	world.in.counters = before;
	world.in.counter_count = 1;
	*counters = (struct maps_counters){
		.forwards = { { { 9, 9 }, { 9, 9 } },
			      { { 1, 22 }, { 333, 4444444 } },
			      { { 5, 0 }, { 66, 0 } } },
	};
	counters->reasons[HOOK_XDP][REASON_FORWARDED] = 1000;
	counters->reasons[HOOK_XDP][REASON_NOT_OURS] = 7;
	counters->reasons[HOOK_TC][REASON_NOT_OURS] = 3;
	return make_state(HOME4 TCP("80") UDP("3478"));
}

static const char stats_forwards[] =
	"eth0\n"
	"  FORWARD   PROTO  PACKETS IN  BYTES IN  PACKETS OUT  BYTES OUT\n"
	"  tcp-80    tcp             1     333 B           22     4.4 MB\n"
	"  udp-3478  udp             5      66 B            0        0 B\n"
	"\n";

Test(show, stats)
{
	static struct maps_counters counters;
	struct state *state = make_counted(&counters);
	char expected[1024];

	snprintf(expected, sizeof(expected), "%s  nothing dropped\n", stats_forwards);
	expect_out(capture(stdout, show_stats(state, &counters)), expected);
	counters.reasons[HOOK_XDP][REASON_TTL_EXPIRED] = 40;
	counters.reasons[HOOK_TC][REASON_TTL_EXPIRED] = 2;
	counters.reasons[HOOK_TC][REASON_NO_ROUTE] = 1;
	snprintf(expected, sizeof(expected),
		 "%s"
		 "  DROPPED  REASON       MEANING\n"
		 "       42  ttl_expired  TTL or hop limit ran out\n"
		 "        1  no_route     the host has no route to the destination\n",
		 stats_forwards);
	expect_out(capture(stdout, show_stats(state, &counters)), expected);
	state_free(state);
}

Test(show, stats_json)
{
	static struct maps_counters counters;
	struct state *state = make_counted(&counters);
	json_t *json, *passed;

	counters.reasons[HOOK_XDP][REASON_TTL_EXPIRED] = 40;
	counters.reasons[HOOK_TC][REASON_TTL_EXPIRED] = 2;
	json = show_stats_json(state, &counters);
	cr_expect_str_eq(json_string_value(json_object_get(json, "interface")), "eth0");
	expect_json(json_incref(json_object_get(json, "forwards")),
		    "[{\"name\": \"tcp-80\", \"protocol\": \"tcp\", \"packets_in\": 1, "
		    "\"bytes_in\": 333, \"packets_out\": 22, \"bytes_out\": 4444444},"
		    "{\"name\": \"udp-3478\", \"protocol\": \"udp\", \"packets_in\": 5, "
		    "\"bytes_in\": 66, \"packets_out\": 0, \"bytes_out\": 0}]");
	expect_json(
		json_incref(json_object_get(json, "drops")),
		"{\"ttl_expired\": 42, \"bad_length\": 0, \"no_checksum\": 0, \"no_route\": 0, "
		"\"rewrite_failed\": 0, \"no_port\": 0, \"flows_full\": 0, \"source_flows\": 0, "
		"\"source_rate\": 0, \"denied\": 0, \"oversize\": 0, \"bad_checksum\": 0, "
		"\"bad_icmp\": 0, \"lost_fragment\": 0}");
	passed = json_object_get(json, "passed");
	cr_expect_eq(
		json_integer_value(json_object_get(json_object_get(passed, "xdp"), "not_ours")), 7);
	cr_expect_eq(json_integer_value(json_object_get(json_object_get(passed, "tc"), "not_ours")),
		     3);
	cr_expect_null(json_object_get(json_object_get(passed, "xdp"), "forwarded"));
	cr_expect_null(json_object_get(json_object_get(passed, "xdp"), "ttl_expired"));
	json_decref(json);
	state_free(state);
}
