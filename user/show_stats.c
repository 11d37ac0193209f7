// SPDX-License-Identifier: GPL-2.0-only
// The counters of a loaded interface.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "output.h"
#include "show.h"

static uint64_t reason_total(const struct maps_counters *counters, enum reason reason)
{
	uint64_t total = 0;

	for (int hook = 0; hook < HOOK_COUNT; hook++)
		total += counters->reasons[hook][reason];
	return total;
}

static void print_forwards(const struct state *state, const struct maps_counters *counters)
{
	struct table table = { .align = "llrrrr" };

	table_add(&table, "FORWARD|PROTO|PACKETS IN|BYTES IN|PACKETS OUT|BYTES OUT");
	for (size_t i = 0; i < state->counter_count; i++) {
		const struct forward_counters *c = &counters->forwards[i];
		char in[16], out[16];

		if (state_counter_in_use(state, i))
			table_add(&table, "%s|%s|%llu|%s|%llu|%s", state->counters[i].forward,
				  proto_name(state->counters[i].proto), c->packets[DIR_IN],
				  output_bytes(c->bytes[DIR_IN], in), c->packets[DIR_OUT],
				  output_bytes(c->bytes[DIR_OUT], out));
	}
	table_print(&table);
}

static void print_flows(const struct maps_counters *counters)
{
	if (counters->flows_max)
		printf("  flows: %" PRIu64 " of %" PRIu32 "\n\n",
		       maps_flows_now(counters, PROTO_TCP) + maps_flows_now(counters, PROTO_UDP),
		       counters->flows_max);
}

void show_stats(const struct state *state, const struct maps_counters *counters)
{
	struct table table = { .align = "rll" };

	output_heading("%s", state->iface);
	print_forwards(state, counters);
	putchar('\n');
	print_flows(counters);
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		uint64_t total = reason_total(counters, reason);

		if (!reason_is_drop(reason) || !total)
			continue;
		if (!table.count)
			table_add(&table, "DROPPED|REASON|MEANING");
		table_add(&table, "%" PRIu64 "|%s|%s", total, maps_reason_name(reason),
			  maps_reason_help(reason));
	}
	if (!table.count)
		puts("  nothing dropped");
	table_print(&table);
}

static json_t *passed_json(const uint64_t reasons[REASON_COUNT])
{
	json_t *passed = json_object();

	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (reason != REASON_FORWARDED && !reason_is_drop(reason))
			json_object_set_new(passed, maps_reason_name(reason),
					    json_integer(reasons[reason]));
	return passed;
}

static json_t *flows_json(const struct maps_counters *counters)
{
	const struct flow_counters *flows = &counters->flows;

	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I}", "tcp", (json_int_t)maps_flows_now(counters, PROTO_TCP),
		"udp", (json_int_t)maps_flows_now(counters, PROTO_UDP), "max",
		(json_int_t)counters->flows_max, "created",
		(json_int_t)(flows->created[PROTO_TCP] + flows->created[PROTO_UDP]), "expired",
		(json_int_t)(flows->expired[PROTO_TCP] + flows->expired[PROTO_UDP]));
}

json_t *show_stats_json(const struct state *state, const struct maps_counters *counters)
{
	json_t *forwards = json_array(), *drops = json_object();

	for (size_t i = 0; i < state->counter_count; i++) {
		const struct forward_counters *c = &counters->forwards[i];

		if (state_counter_in_use(state, i))
			json_array_append_new(
				forwards, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name",
						    state->counters[i].forward, "protocol",
						    proto_name(state->counters[i].proto),
						    "packets_in", (json_int_t)c->packets[DIR_IN],
						    "bytes_in", (json_int_t)c->bytes[DIR_IN],
						    "packets_out", (json_int_t)c->packets[DIR_OUT],
						    "bytes_out", (json_int_t)c->bytes[DIR_OUT]));
	}
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (reason_is_drop(reason))
			json_object_set_new(drops, maps_reason_name(reason),
					    json_integer(reason_total(counters, reason)));
	return json_pack("{s:s, s:o, s:o, s:o, s:{s:o, s:o}}", "interface", state->iface,
			 "forwards", forwards, "flows", flows_json(counters), "drops", drops,
			 "passed", "xdp", passed_json(counters->reasons[HOOK_XDP]), "tc",
			 passed_json(counters->reasons[HOOK_TC]));
}
