// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd flows: the table, the JSON, the filters, and what a flush leaves.
#include <bpf/libbpf.h>
#include <jansson.h>
#include "capture.h"
#include "flow_sample.h"
#include "show.h"

TestSuite(flows_command, .init = state_sample_init, .fini = world_fini);

static const struct flow_view view = {
	.proto = PROTO_TCP,
	.client_port = 54321,
	.public_port = 5222,
	.masquerade_port = 1024,
	.backend_port = 6222,
	.forward = "xmpp",
	.backend_name = "home",
	.state = "established",
	.age_s = 7200,
	.idle_s = 119,
	.packets = { 7, 5 },
	.bytes = { 700, 5000000000 },
};

static struct flow_view make_view(void)
{
	struct flow_view made = view;

	ip_addr_parse("203.0.113.200", &made.client);
	ip_addr_parse("198.51.100.1", &made.public);
	ip_addr_parse("198.18.9.1", &made.masquerade);
	ip_addr_parse("198.18.9.2", &made.backend);
	return made;
}

static void print_two(bool all)
{
	struct show_flows table = { .all = all };
	struct flow_view one = make_view(), two = make_view();

	ip_addr_parse("2001:db8::9", &two.client);
	two.forward = "turn-relay";
	two.proto = PROTO_UDP;
	two.state = "new";
	two.idle_s = 120;
	two.age_s = 200000;
	show_flows_measure(&table, &one);
	show_flows_measure(&table, &two);
	show_flows_heading(&table);
	show_flows_row(&table, &one);
	show_flows_row(&table, &two);
}

static void expect_text(char *actual, const char *expected)
{
	cr_expect_str_eq(actual, expected, "%snot:\n%s", actual, expected);
	free(actual);
}

Test(flows_command, the_short_table)
{
	expect_text(capture(stdout, print_two(false)),
		    "  PROTO  CLIENT               PORT  FORWARD     MASQUERADE       STATE        "
		    "IDLE\n"
		    "  tcp    203.0.113.200:54321  5222  xmpp        198.18.9.1:1024  established  "
		    "119s\n"
		    "  udp    [2001:db8::9]:54321  5222  turn-relay  198.18.9.1:1024  new          "
		    "  2m\n");
}

Test(flows_command, the_whole_table)
{
	expect_text(capture(stdout, print_two(true)),
		    "  PROTO  CLIENT               PUBLIC             FORWARD     MASQUERADE       "
		    "BACKEND          STATE        IDLE  AGE  PACKETS IN  PACKETS OUT  BYTES IN  "
		    "BYTES OUT\n"
		    "  tcp    203.0.113.200:54321  198.51.100.1:5222  xmpp        198.18.9.1:1024  "
		    "198.18.9.2:6222  established  119s   2h           7            5     700 B    "
		    " 5.0 GB\n"
		    "  udp    [2001:db8::9]:54321  198.51.100.1:5222  turn-relay  198.18.9.1:1024  "
		    "198.18.9.2:6222  new            2m   2d           7            5     700 B    "
		    " 5.0 GB\n");
}

Test(flows_command, one_as_json)
{
	struct flow_view one = make_view();
	json_t *json = show_flow_json("eth0", &one);
	json_t *expected = json_loads(
		"{\"interface\": \"eth0\", \"protocol\": \"tcp\", \"client\": "
		"\"203.0.113.200:54321\", \"public\": \"198.51.100.1:5222\", \"masquerade\": "
		"\"198.18.9.1:1024\", \"backend\": \"198.18.9.2:6222\", \"forward\": \"xmpp\", "
		"\"state\": \"established\", \"age_s\": 7200, \"idle_s\": 119, \"packets_in\": 7, "
		"\"packets_out\": 5, \"bytes_in\": 700, \"bytes_out\": 5000000000}",
		0, NULL);

	cr_assert(json && expected);
	cr_expect(json_equal(json, expected), "%s", json_dumps(json, JSON_INDENT(2)));
	json_decref(json);
	json_decref(expected);
}

/* A TCP flow of client 1 and UDP flows of clients 2 and 3, and the real sweep. */
static struct flow_sample load_three(void)
{
	struct flow_sample sample = flow_sample_load();
	struct flow *tcp = flow_sample_map(&sample, flow_sample_pool(sample.rs, PROTO_TCP));
	struct flow *udp = flow_sample_map(&sample, flow_sample_pool(sample.rs, PROTO_UDP));
	uint16_t xmpp = flow_sample_rule(sample.rs, "198.51.100.1", PROTO_TCP, 5222);
	uint16_t stun = flow_sample_rule(sample.rs, "198.51.100.1", PROTO_UDP, 3478);

	flow_sample_put(tcp, 1024, 1, xmpp, 5222);
	flow_sample_put(udp, 1025, 2, stun, 3478);
	flow_sample_put(udp, 1026, 3, stun, 3478);
	cr_assert_eq(loader_pin_programs(&sample.loaded, BPFFS, "eth0"), 0);
	return sample;
}

#define run(...) run_xdpfwd(NULL, "flows", "--bpffs", BPFFS, __VA_ARGS__ __VA_OPT__(, ) NULL)

static void expect_run(struct result result, int code, const char *out, const char *err)
{
	cr_expect_eq(result.code, code);
	cr_expect_str_eq(result.out, out, "%snot:\n%s", result.out, out);
	cr_expect_str_eq(result.err, err, "%snot:\n%s", result.err, err);
	result_free(&result);
}

Test(flows_command, count)
{
	load_three();
	expect_run(run("count"), 0, "eth0: 3 flows (tcp 1, udp 2) of 1000\n", "");
	expect_run(run("count", "eth0", "--proto", "udp"), 0,
		   "eth0: 2 flows (tcp 0, udp 2) of 1000\n", "");
	expect_run(run("count", "--client", "203.0.113.2/31"), 0,
		   "eth0: 2 flows (tcp 0, udp 2) of 1000\n", "");
	expect_run(
		run("count", "--json", "--forward", "tcp-5222"), 0,
		"{\n  \"flows\": 1,\n  \"by_protocol\": {\n    \"tcp\": 1,\n    \"udp\": 0\n  },\n"
		"  \"max\": 1000\n}\n",
		"");
}

static size_t count_json(struct result result, const char *first_client)
{
	json_t *json = json_loads(result.out, 0, NULL), *flows;
	size_t count;

	cr_assert(json, "%s%s", result.out, result.err);
	flows = json_object_get(json, "flows");
	count = json_array_size(flows);
	if (count)
		cr_expect_str_eq(
			json_string_value(json_object_get(json_array_get(flows, 0), "client")),
			first_client);
	json_decref(json);
	result_free(&result);
	return count;
}

Test(flows_command, list)
{
	load_three();
	expect_run(run("--proto", "tcp"), 0,
		   "eth0\n"
		   "  PROTO  CLIENT             PORT  FORWARD   MASQUERADE       STATE     IDLE\n"
		   "  tcp    203.0.113.1:40001  5222  tcp-5222  198.18.9.1:1024  syn_sent    0s\n",
		   "");
	expect_run(run("eth0", "--client", "203.0.113.77"), 0, "eth0\n  no flows\n", "");
	cr_expect_eq(count_json(run("--json"), "203.0.113.1:40001"), 3);
	cr_expect_eq(count_json(run("list", "--json", "--proto", "udp"), "203.0.113.2:40002"), 2);
	cr_expect_eq(count_json(run("list", "eth0", "--json", "--backend", "away"), ""), 0);
}

Test(flows_command, flush)
{
	struct flow_sample sample = load_three();
	struct flow *udp = flow_sample_map(&sample, flow_sample_pool(sample.rs, PROTO_UDP));

	expect_run(run("flush", "--client", "203.0.113.3"), 0, "eth0: 1 flows ended\n", "");
	cr_expect_eq(udp[1026].state, FLOW_FREE, "swept, too");
	expect_run(run("count"), 0, "eth0: 2 flows (tcp 1, udp 1) of 1000\n", "");
	expect_run(run("flush", "--json"), 0, "{\n  \"ended\": 2\n}\n", "");
	expect_run(run("count"), 0, "eth0: 0 flows (tcp 0, udp 0) of 1000\n", "");
}

Test(flows_command, nothing_is_loaded)
{
	cr_assert_eq(pins_remove(BPFFS, "eth0"), 0);
	expect_run(run(), 0, "nothing is loaded\n", "");
	expect_run(run("--json"), 0, "{\n  \"flows\": []\n}\n", "");
	expect_run(run("count", "eth0"), 1, "",
		   "xdpfwd: eth0 is not loaded; `xdpfwd load eth0 --config FILE` loads it\n");
}

Test(flows_command, wrong_words)
{
	expect_run(run("purge", "eth0"), 2, "", "xdpfwd: flows purge: use list, count or flush\n");
	expect_run(run("--client", "203.0.113"), 2, "",
		   "xdpfwd: --client 203.0.113: give an address or a prefix, such as "
		   "203.0.113.0/24\n");
	expect_run(run("--proto", "sctp"), 2, "", "xdpfwd: --proto sctp: use tcp or udp\n");
}

Test(flows_command, pins_of_another_version)
{
	struct state *state;

	load_three();
	state = state_read(BPFFS, "eth0");
	cr_assert(state);
	state->abi = XDPFWD_ABI_VERSION + 1;
	cr_assert_eq(state_write(BPFFS, state), 0);
	expect_run(run("--json"), 1, "",
		   "xdpfwd: eth0 was loaded by a version with other map layouts; look at its flows "
		   "with that one, or run `xdpfwd unload eth0` and load again\n");
	state_free(state);
}

static void count_flows(struct flow_counters value)
{
	struct flow_counters *values = calloc(libbpf_num_possible_cpus(), sizeof(*values));
	char path[PATH_MAX];
	uint32_t key = 0;
	int fd = bpf_obj_get(pins_path(path, BPFFS, "eth0", "flow_counters"));

	values[0] = value;
	cr_assert_eq(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0, "%m");
	close(fd);
	free(values);
}

Test(flows_command, stats_tell_how_many_there_are)
{
	json_t *json, *flows,
		*expected = json_loads("{\"tcp\": 7, \"udp\": 2, \"max\": 1000, "
				       "\"created\": 15, \"expired\": 3}",
				       0, NULL);
	struct result result;

	flow_sample_load();
	count_flows((struct flow_counters){ { 10, 5 }, { 3, 3 }, { 1, 2 }, { 4, 4 } });
	result = run_xdpfwd(NULL, "stats", "--bpffs", BPFFS, NULL);
	cr_expect(strstr(result.out, "\n  flows: 9 of 1000\n"), "%s%s", result.out, result.err);
	result_free(&result);
	result = run_xdpfwd(NULL, "stats", "--json", "--bpffs", BPFFS, NULL);
	json = json_loads(result.out, 0, NULL);
	flows = json_object_get(json_array_get(json_object_get(json, "interfaces"), 0), "flows");
	cr_expect(json_equal(flows, expected), "%s%s", result.out, result.err);
	json_decref(json);
	json_decref(expected);
	result_free(&result);
}
