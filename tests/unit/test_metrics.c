// SPDX-License-Identifier: GPL-2.0-only
// What an exposition says of made-up numbers, in each format.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "metrics.h"

static struct maps_counters counters;
static struct state *state;
static struct metrics_interface interface;
static struct metrics_snapshot snapshot;

static void add_forward(const char *name, enum proto proto, bool in_use)
{
	struct plan_counter *counter = &state->counters[state->counter_count];
	size_t i = state->counter_count++;

	strcpy(counter->forward, name);
	counter->proto = proto;
	if (in_use) {
		strcpy(state->rules[state->rule_count].forward, name);
		state->rules[state->rule_count++].proto = proto;
	}
	for (int direction = 0; direction < DIR_COUNT; direction++) {
		counters.forwards[i].packets[direction] = 10 * (i + 1) + direction;
		counters.forwards[i].bytes[direction] = 1000 * (i + 1) + direction;
	}
}

static void init(void)
{
	state = calloc(1, sizeof(*state));
	strcpy(state->iface, "eth0");
	state->rules = calloc(4, sizeof(*state->rules));
	state->loaded_at = 1700000000;
	add_forward("turn", PROTO_UDP, true);
	add_forward("gone", PROTO_TCP, false);
	add_forward("turn", PROTO_TCP, true);
	interface = (struct metrics_interface){ .state = state, .counters = &counters };
	snapshot = (struct metrics_snapshot){ .interfaces = &interface, .interface_count = 1 };
}

static void fini(void)
{
	state_free(state);
}

TestSuite(metrics, .init = init, .fini = fini);

/* All samples whose line begins so. */
static char *samples_of(const char *text, const char *start)
{
	char *found = calloc(1, strlen(text) + 1);

	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		if (!strncmp(line, start, strlen(start)))
			strncat(found, line, strchr(line, '\n') + 1 - line);
	return found;
}

static void expect(enum metrics_format format, const char *start, const char *expected)
{
	char *text = metrics_text(&snapshot, format), *found = samples_of(text, start);

	cr_expect_str_eq(found, expected, "%snot:\n%s", found, expected);
	free(found);
	free(text);
}

static void expect_samples(const char *start, const char *expected)
{
	expect(METRICS_TEXT, start, expected);
	expect(METRICS_OPENMETRICS, start, expected);
}

Test(metrics, a_metric_has_help_type_and_samples)
{
	expect(METRICS_TEXT, "# HELP xdpfwd_flows_max",
	       "# HELP xdpfwd_flows_max Masqueraded flows that there can be.\n");
	expect(METRICS_TEXT, "# TYPE xdpfwd_flows_max", "# TYPE xdpfwd_flows_max gauge\n");
	expect(METRICS_TEXT, "# TYPE xdpfwd_build", "# TYPE xdpfwd_build_info gauge\n");
	expect(METRICS_TEXT, "# TYPE xdpfwd_forward_b",
	       "# TYPE xdpfwd_forward_bytes_total counter\n");
	expect(METRICS_TEXT, "# EOF", "");
}

/* A family goes without what its type adds to the names of samples, and the end is marked. */
Test(metrics, openmetrics)
{
	char *text = metrics_text(&snapshot, METRICS_OPENMETRICS);

	expect(METRICS_OPENMETRICS, "# TYPE xdpfwd_build", "# TYPE xdpfwd_build info\n");
	expect(METRICS_OPENMETRICS, "# HELP xdpfwd_hook",
	       "# HELP xdpfwd_hook Where the programs of an interface run.\n");
	expect(METRICS_OPENMETRICS, "# TYPE xdpfwd_forward_b",
	       "# TYPE xdpfwd_forward_bytes counter\n");
	expect(METRICS_OPENMETRICS, "# TYPE process_cpu", "# TYPE process_cpu_seconds counter\n");
	cr_expect_str_eq(text + strlen(text) - strlen("\n# EOF\n"), "\n# EOF\n");
	cr_expect_str_eq(metrics_content_type(METRICS_OPENMETRICS),
			 "application/openmetrics-text; version=1.0.0; charset=utf-8");
	cr_expect_str_eq(metrics_content_type(METRICS_TEXT),
			 "text/plain; version=0.0.4; charset=utf-8");
	free(text);
}

Test(metrics, of_the_build)
{
	expect_samples("xdpfwd_build_info",
		       "xdpfwd_build_info{version=\"" VERSION "\",revision=\"" REVISION "\"} 1\n");
}

/* Only of forwards that are configured: another keeps its place among the counters. */
Test(metrics, of_forwards)
{
	expect_samples("xdpfwd_forward_packets_total",
		       "xdpfwd_forward_packets_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"udp\",direction=\"in\"} 10\n"
		       "xdpfwd_forward_packets_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"udp\",direction=\"out\"} 11\n"
		       "xdpfwd_forward_packets_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"tcp\",direction=\"in\"} 30\n"
		       "xdpfwd_forward_packets_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"tcp\",direction=\"out\"} 31\n");
	expect_samples("xdpfwd_forward_bytes_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"tcp\"",
		       "xdpfwd_forward_bytes_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"tcp\",direction=\"in\"} 3000\n"
		       "xdpfwd_forward_bytes_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"tcp\",direction=\"out\"} 3001\n");
}

/* Counters are not to lose digits on their way. */
Test(metrics, large_numbers)
{
	counters.forwards[0].bytes[DIR_OUT] = UINT64_MAX;
	expect_samples("xdpfwd_forward_bytes_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"udp\",direction=\"out\"}",
		       "xdpfwd_forward_bytes_total{interface=\"eth0\",forward=\"turn\","
		       "protocol=\"udp\",direction=\"out\"} 18446744073709551615\n");
}

static void check_drop_is_told(enum reason reason)
{
	char start[128], expected[160];

	snprintf(start, sizeof(start),
		 "xdpfwd_dropped_packets_total{interface=\"eth0\",reason=\"%s\"}",
		 maps_reason_name(reason));
	snprintf(expected, sizeof(expected), "%s %d\n", start, 300 + 3 * reason);
	expect_samples(start, reason_is_drop(reason) ? expected : "");
}

Test(metrics, of_drops)
{
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		counters.reasons[HOOK_XDP][reason] = 100 + reason;
		counters.reasons[HOOK_TC][reason] = 200 + 2 * reason;
	}
	for (enum reason reason = 0; reason < REASON_COUNT; reason++)
		check_drop_is_told(reason);
}

Test(metrics, of_flows)
{
	counters.flows.created[PROTO_TCP] = 50;
	counters.flows.ended[PROTO_TCP] = 8;
	counters.flows.expired[PROTO_TCP] = 5;
	counters.flows.created[PROTO_UDP] = 700;
	counters.flows.ended[PROTO_UDP] = 100;
	counters.flows.expired[PROTO_UDP] = 90;
	counters.flows_max = 4096;
	expect_samples("xdpfwd_flows{", "xdpfwd_flows{interface=\"eth0\",protocol=\"tcp\"} 42\n"
					"xdpfwd_flows{interface=\"eth0\",protocol=\"udp\"} 600\n");
	expect_samples("xdpfwd_flows_max", "xdpfwd_flows_max{interface=\"eth0\"} 4096\n");
	expect_samples("xdpfwd_flows_created_total",
		       "xdpfwd_flows_created_total{interface=\"eth0\"} 750\n");
	expect_samples("xdpfwd_flows_expired_total",
		       "xdpfwd_flows_expired_total{interface=\"eth0\"} 95\n");
}

/* CPUs are summed one after the other, so an end may be seen without its beginning. */
Test(metrics, flows_are_never_below_zero)
{
	counters.flows.created[PROTO_TCP] = 7;
	counters.flows.ended[PROTO_TCP] = 8;
	expect_samples("xdpfwd_flows{interface=\"eth0\",protocol=\"tcp\"}",
		       "xdpfwd_flows{interface=\"eth0\",protocol=\"tcp\"} 0\n");
}

Test(metrics, of_flows_that_could_not_be_made)
{
	counters.reasons[HOOK_XDP][REASON_NO_PORT] = 1;
	counters.reasons[HOOK_TC][REASON_NO_PORT] = 2;
	counters.reasons[HOOK_TC][REASON_FLOWS_FULL] = 4;
	counters.reasons[HOOK_XDP][REASON_SOURCE_FLOWS] = 5;
	counters.reasons[HOOK_XDP][REASON_SOURCE_RATE] = 6;
	counters.reasons[HOOK_XDP][REASON_TTL_EXPIRED] = 7;
	expect_samples(
		"xdpfwd_flow_insert_failures_total",
		"xdpfwd_flow_insert_failures_total{interface=\"eth0\",reason=\"no_port\"} 3\n"
		"xdpfwd_flow_insert_failures_total{interface=\"eth0\",reason=\"flows_full\"} 4\n"
		"xdpfwd_flow_insert_failures_total{interface=\"eth0\",reason=\"source_flows\"} 5\n"
		"xdpfwd_flow_insert_failures_total{interface=\"eth0\",reason=\"source_rate\"} 6\n");
}

/* Two devices with the same hook are one sample: a second of the same labels would be an error. */
Test(metrics, of_hooks)
{
	state->hook_count = 3;
	strcpy(state->hooks[0].device, "eth0");
	state->hooks[0].kind = ATTACH_XDP_NATIVE;
	strcpy(state->hooks[1].device, "eth0");
	state->hooks[1].kind = ATTACH_CLSACT;
	strcpy(state->hooks[2].device, "wg0");
	state->hooks[2].kind = ATTACH_CLSACT;
	expect_samples("xdpfwd_hook_info",
		       "xdpfwd_hook_info{interface=\"eth0\",hook=\"xdp\",mode=\"native\"} 1\n"
		       "xdpfwd_hook_info{interface=\"eth0\",hook=\"tc\",mode=\"clsact\"} 1\n");
}

Test(metrics, of_backends)
{
	interface.backend_count = 2;
	interface.backends[0] = (struct metrics_backend){ "home", true };
	interface.backends[1] = (struct metrics_backend){ "away", false };
	expect_samples("xdpfwd_backend_up",
		       "xdpfwd_backend_up{interface=\"eth0\",backend=\"home\"} 1\n"
		       "xdpfwd_backend_up{interface=\"eth0\",backend=\"away\"} 0\n");
	expect_samples("xdpfwd_backend_last_lookup_successful", "");
	interface.backends[0].by_name = true;
	interface.backends[1].by_name = interface.backends[1].looked_up = true;
	expect_samples("xdpfwd_backend_last_lookup_successful",
		       "xdpfwd_backend_last_lookup_successful{interface=\"eth0\",backend=\"home\"} "
		       "0\n"
		       "xdpfwd_backend_last_lookup_successful{interface=\"eth0\",backend=\"away\"} "
		       "1\n");
}

Test(metrics, of_reloads)
{
	expect_samples("xdpfwd_config", "xdpfwd_config_last_reload_successful 1\n"
					"xdpfwd_config_last_reload_success_timestamp_seconds "
					"1700000000\n");
	state->reload_failed = true;
	expect_samples("xdpfwd_config_last_reload_successful",
		       "xdpfwd_config_last_reload_successful 0\n");
}

Test(metrics, of_several_interfaces)
{
	struct state *other = calloc(1, sizeof(*other));
	struct metrics_interface both[] = { interface, { .state = other, .counters = &counters } };

	strcpy(other->iface, "eth1");
	other->loaded_at = 1700000001;
	other->reload_failed = true;
	snapshot.interfaces = both;
	snapshot.interface_count = 2;
	expect_samples("xdpfwd_flows_max", "xdpfwd_flows_max{interface=\"eth0\"} 0\n"
					   "xdpfwd_flows_max{interface=\"eth1\"} 0\n");
	expect_samples("xdpfwd_config", "xdpfwd_config_last_reload_successful 0\n"
					"xdpfwd_config_last_reload_success_timestamp_seconds "
					"1700000001\n");
	state_free(other);
}

/* Nothing is loaded: there was no reload that could have been good. */
Test(metrics, of_no_interface)
{
	snapshot.interface_count = 0;
	expect_samples("xdpfwd_config", "");
	expect_samples("xdpfwd_flows_max", "");
	expect(METRICS_TEXT, "# TYPE xdpfwd_flows_max", "# TYPE xdpfwd_flows_max gauge\n");
}

/* A device may be called almost anything; the config refuses such names of forwards. */
Test(metrics, labels_are_escaped)
{
	strcpy(state->iface, "e\"t\\h\n0");
	expect_samples("xdpfwd_flows_max", "xdpfwd_flows_max{interface=\"e\\\"t\\\\h\\n0\"} 0\n");
}

Test(metrics, of_the_process)
{
	snapshot.process = (struct metrics_process){ .cpu_s = 1.5,
						     .start_time_s = 1700000000.25,
						     .open_fds = 7,
						     .max_fds = 1024,
						     .virtual_bytes = 4096,
						     .resident_bytes = 2048 };
	expect_samples("process_", "process_cpu_seconds_total 1.50\n"
				   "process_start_time_seconds 1700000000.25\n"
				   "process_open_fds 7\n"
				   "process_max_fds 1024\n"
				   "process_virtual_memory_bytes 4096\n"
				   "process_resident_memory_bytes 2048\n");
}

Test(metrics, the_process_is_this_one)
{
	struct metrics_process before, after;
	volatile unsigned long work = 0;
	int fd;

	metrics_read_process(&before);
	fd = dup(STDOUT_FILENO);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 10000000; i++)
			work += i;
		metrics_read_process(&after);
		if (after.cpu_s > before.cpu_s)
			break;
	}
	cr_expect_gt(after.cpu_s, before.cpu_s);
	cr_expect_lt(after.cpu_s, 100);
	cr_expect_eq(after.open_fds, before.open_fds + 1);
	cr_expect_eq(after.max_fds, (uint64_t)sysconf(_SC_OPEN_MAX));
	cr_expect_geq(after.virtual_bytes, after.resident_bytes);
	cr_expect_gt(after.resident_bytes, 1 << 18);
	cr_expect_eq(after.start_time_s, before.start_time_s);
	cr_expect_float_eq(after.start_time_s, (double)time(NULL), 600);
	close(fd);
}

/* With --json: every metric with the same samples. */
Test(metrics, as_json)
{
	json_t *json = metrics_json(&snapshot), *metric, *sample = NULL;
	size_t i, found = 0;

	json_array_foreach (json_object_get(json, "metrics"), i, metric) {
		const char *name = json_string_value(json_object_get(metric, "name"));

		cr_assert(name);
		if (strcmp(name, "xdpfwd_forward_packets_total") != 0)
			continue;
		found++;
		cr_expect_str_eq(json_string_value(json_object_get(metric, "type")), "counter");
		cr_expect_str_eq(json_string_value(json_object_get(metric, "help")),
				 "Packets forwarded.");
		cr_assert_eq(json_array_size(json_object_get(metric, "samples")), 4);
		sample = json_array_get(json_object_get(metric, "samples"), 3);
		cr_expect_eq(json_integer_value(json_object_get(sample, "value")), 31);
		cr_expect_str_eq(json_string_value(json_object_get(
					 json_object_get(sample, "labels"), "direction")),
				 "out");
	}
	cr_expect_eq(found, 1);
	json_decref(json);
}
