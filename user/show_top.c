// SPDX-License-Identifier: GPL-2.0-only
// What a loaded interface carries at the moment.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output.h"
#include "show.h"

/* What the columns beside the name of a forward need, two spaces in front of each included. */
#define BESIDE_FORWARD 54
#define BESIDE_FLOW    26
#define BESIDE_DROP    20
#define NAME_MIN       7

/* "0", "12", "1.2k", "3.4M": at most six characters */
static const char *short_number(double value, char buf[16])
{
	static const char units[] = " kMGTP";
	int unit = 0;

	while (value >= 999.5 && units[unit + 1]) {
		value /= 1000;
		unit++;
	}
	if (unit)
		snprintf(buf, 16, "%.1f%c", value, units[unit]);
	else
		snprintf(buf, 16, "%.0f", value);
	return buf;
}

/* A name in so many columns; `~` stands for what was cut off. */
static const char *clipped(const char *name, int room, char buf[80])
{
	room = room < NAME_MIN ? NAME_MIN : room > 79 ? 79 : room;
	if ((int)strlen(name) <= room)
		return name;
	snprintf(buf, 80, "%.*s~", room - 1, name);
	return buf;
}

static double drop_rate(const struct top *top, enum reason reason)
{
	uint64_t now = 0, before = 0;

	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		now += top->now.reasons[hook][reason];
		before += top->before.reasons[hook][reason];
	}
	return top_rate(top, now, before);
}

static void print_forwards(const struct top *top, int width)
{
	const struct state *state = top->flows.state;
	struct table table = { .align = "llrrrr" };

	table_add(&table, "FORWARD|PROTO|PKT/S IN|BYTE/S IN|PKT/S OUT|BYTE/S OUT");
	for (size_t i = 0; i < state->counter_count; i++) {
		const struct forward_counters *now = &top->now.forwards[i];
		const struct forward_counters *before = &top->before.forwards[i];
		char cells[4][16], name[80];

		if (!state_counter_in_use(state, i))
			continue;
		for (int dir = 0; dir < DIR_COUNT; dir++) {
			short_number(top_rate(top, now->packets[dir], before->packets[dir]),
				     cells[2 * dir]);
			short_number(top_rate(top, now->bytes[dir], before->bytes[dir]),
				     cells[2 * dir + 1]);
		}
		table_add(&table, "%s|%s|%s|%s|%s|%s",
			  clipped(state->counters[i].forward, width - BESIDE_FORWARD, name),
			  proto_name(state->counters[i].proto), cells[2 * DIR_IN],
			  cells[2 * DIR_IN + 1], cells[2 * DIR_OUT], cells[2 * DIR_OUT + 1]);
	}
	table_print(&table);
}

static void print_flows(const struct top *top, int width)
{
	struct table table = { .align = "lllrr" };
	int longest = 0;

	for (size_t i = 0; i < top->busiest_count; i++) {
		char text[IP_ENDPOINT_STRLEN];
		const struct flow_view *view = &top->busiest[i].view;
		int len = strlen(ip_endpoint_format(&view->client, view->client_port, text));

		longest = len > longest ? len : longest;
	}
	for (size_t i = 0; i < top->busiest_count; i++) {
		const struct top_flow *flow = &top->busiest[i];
		char client[IP_ENDPOINT_STRLEN], in[16], out[16], name[80];

		if (!i)
			table_add(&table, "|CLIENT|FORWARD|IN B/S|OUT B/S");
		table_add(&table, "%s|%s|%s|%s|%s", proto_name(flow->view.proto),
			  ip_endpoint_format(&flow->view.client, flow->view.client_port, client),
			  clipped(flow->view.forward, width - BESIDE_FLOW - longest, name),
			  short_number(top_rate(top, flow->bytes[DIR_IN], 0), in),
			  short_number(top_rate(top, flow->bytes[DIR_OUT], 0), out));
	}
	if (!table.count)
		puts("  no flow has carried anything");
	table_print(&table);
}

static void print_drops(const struct top *top, int width)
{
	struct table table = { .align = "rll" };

	for (int reason = 0; reason < REASON_COUNT; reason++) {
		double rate = reason_is_drop(reason) ? drop_rate(top, reason) : 0;
		int room = width - BESIDE_DROP - (int)strlen(maps_reason_name(reason));
		char text[16], help[80];

		if (rate <= 0)
			continue;
		if (!table.count)
			table_add(&table, "DROPPED/S|REASON|MEANING");
		table_add(&table, "%s|%s|%s", short_number(rate, text), maps_reason_name(reason),
			  clipped(maps_reason_help(reason), room, help));
	}
	if (!table.count)
		puts("  nothing dropped");
	table_print(&table);
}

void show_top(const struct top *top, int width)
{
	output_heading("%s: %" PRIu64 " flows of %" PRIu32 ", in the last %.1f s",
		       top->flows.state->iface,
		       maps_flows_now(&top->now, PROTO_TCP) + maps_flows_now(&top->now, PROTO_UDP),
		       top->now.flows_max, top->seconds);
	print_forwards(top, width);
	putchar('\n');
	print_flows(top, width);
	putchar('\n');
	print_drops(top, width);
}

static json_t *forwards_json(const struct top *top)
{
	const struct state *state = top->flows.state;
	json_t *array = json_array();

	for (size_t i = 0; i < state->counter_count; i++) {
		const struct forward_counters *now = &top->now.forwards[i];
		const struct forward_counters *before = &top->before.forwards[i];

		if (state_counter_in_use(state, i))
			json_array_append_new(
				array,
				json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "name",
					  state->counters[i].forward, "protocol",
					  proto_name(state->counters[i].proto), "packets_in_per_s",
					  top_rate(top, now->packets[DIR_IN],
						   before->packets[DIR_IN]),
					  "bytes_in_per_s",
					  top_rate(top, now->bytes[DIR_IN], before->bytes[DIR_IN]),
					  "packets_out_per_s",
					  top_rate(top, now->packets[DIR_OUT],
						   before->packets[DIR_OUT]),
					  "bytes_out_per_s",
					  top_rate(top, now->bytes[DIR_OUT],
						   before->bytes[DIR_OUT])));
	}
	return array;
}

static json_t *flows_json(const struct top *top)
{
	json_t *array = json_array();

	for (size_t i = 0; i < top->busiest_count; i++) {
		const struct top_flow *flow = &top->busiest[i];
		json_t *json = show_flow_json(top->flows.state->iface, &flow->view);

		if (json)
			json_object_update_new(json,
					       json_pack("{s:f, s:f}", "bytes_in_per_s",
							 top_rate(top, flow->bytes[DIR_IN], 0),
							 "bytes_out_per_s",
							 top_rate(top, flow->bytes[DIR_OUT], 0)));
		json_array_append_new(array, json);
	}
	return array;
}

json_t *show_top_json(const struct top *top)
{
	json_t *drops = json_object();

	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (reason_is_drop(reason))
			json_object_set_new(drops, maps_reason_name(reason),
					    json_real(drop_rate(top, reason)));
	return json_pack("{s:s, s:f, s:o, s:o, s:o}", "interface", top->flows.state->iface,
			 "seconds", top->seconds, "forwards", forwards_json(top), "flows",
			 flows_json(top), "drops_per_s", drops);
}
