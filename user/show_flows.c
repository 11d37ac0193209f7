// SPDX-License-Identifier: GPL-2.0-only
// The flows of a loaded interface, one row or one JSON element at a time.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "output.h"
#include "show.h"

#define CELL_MAX 80

enum column {
	COLUMN_PROTO,
	COLUMN_CLIENT,
	COLUMN_PUBLIC,
	COLUMN_PORT,
	COLUMN_FORWARD,
	COLUMN_MASQUERADE,
	COLUMN_BACKEND,
	COLUMN_STATE,
	COLUMN_IDLE,
	COLUMN_AGE,
	COLUMN_PACKETS_IN,
	COLUMN_PACKETS_OUT,
	COLUMN_IN,
	COLUMN_OUT,
};
_Static_assert(COLUMN_OUT + 1 == SHOW_FLOW_COLUMNS, "a width for each column");

/* Where a column is shown: in the table that fits 80 columns, in the one with everything, or both.
 */
enum { IN_SHORT = 1, IN_ALL = 2 };

static const struct {
	const char *heading;
	bool right;
	int where;
} columns[SHOW_FLOW_COLUMNS] = {
	[COLUMN_PROTO] = { "PROTO", false, IN_SHORT | IN_ALL },
	[COLUMN_CLIENT] = { "CLIENT", false, IN_SHORT | IN_ALL },
	[COLUMN_PUBLIC] = { "PUBLIC", false, IN_ALL },
	[COLUMN_PORT] = { "PORT", true, IN_SHORT },
	[COLUMN_FORWARD] = { "FORWARD", false, IN_SHORT | IN_ALL },
	[COLUMN_MASQUERADE] = { "MASQUERADE", false, IN_SHORT | IN_ALL },
	[COLUMN_BACKEND] = { "BACKEND", false, IN_ALL },
	[COLUMN_STATE] = { "STATE", false, IN_SHORT | IN_ALL },
	[COLUMN_IDLE] = { "IDLE", true, IN_SHORT | IN_ALL },
	[COLUMN_AGE] = { "AGE", true, IN_ALL },
	[COLUMN_PACKETS_IN] = { "PACKETS IN", true, IN_ALL },
	[COLUMN_PACKETS_OUT] = { "PACKETS OUT", true, IN_ALL },
	[COLUMN_IN] = { "BYTES IN", true, IN_ALL },
	[COLUMN_OUT] = { "BYTES OUT", true, IN_ALL },
};

static bool is_shown(const struct show_flows *table, int column)
{
	return columns[column].where & (table->all ? IN_ALL : IN_SHORT);
}

/* "90s", "5m", "2h", "3d": the units of the config's durations */
static void put_duration(char *cell, uint32_t seconds)
{
	static const struct {
		uint32_t seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds < 2 * units[i].seconds)
			continue;
		snprintf(cell, CELL_MAX, "%" PRIu32 "%c", seconds / units[i].seconds,
			 units[i].unit);
		return;
	}
	snprintf(cell, CELL_MAX, "%" PRIu32 "s", seconds);
}

static void put_endpoint(char *cell, const struct ip_addr *addr, uint16_t port)
{
	char text[IP_ENDPOINT_STRLEN];

	snprintf(cell, CELL_MAX, "%s", ip_endpoint_format(addr, port, text));
}

static void put_bytes(char *cell, uint64_t bytes)
{
	char text[16];

	snprintf(cell, CELL_MAX, "%s", output_bytes(bytes, text));
}

static void put_row(const struct flow_view *view, char cells[SHOW_FLOW_COLUMNS][CELL_MAX])
{
	snprintf(cells[COLUMN_PROTO], CELL_MAX, "%s", proto_name(view->proto));
	put_endpoint(cells[COLUMN_CLIENT], &view->client, view->client_port);
	put_endpoint(cells[COLUMN_PUBLIC], &view->public, view->public_port);
	snprintf(cells[COLUMN_PORT], CELL_MAX, "%u", view->public_port);
	snprintf(cells[COLUMN_FORWARD], CELL_MAX, "%s", view->forward);
	put_endpoint(cells[COLUMN_MASQUERADE], &view->masquerade, view->masquerade_port);
	put_endpoint(cells[COLUMN_BACKEND], &view->backend, view->backend_port);
	snprintf(cells[COLUMN_STATE], CELL_MAX, "%s", view->state);
	put_duration(cells[COLUMN_IDLE], view->idle_s);
	put_duration(cells[COLUMN_AGE], view->age_s);
	snprintf(cells[COLUMN_PACKETS_IN], CELL_MAX, "%" PRIu64, view->packets[DIR_IN]);
	snprintf(cells[COLUMN_PACKETS_OUT], CELL_MAX, "%" PRIu64, view->packets[DIR_OUT]);
	put_bytes(cells[COLUMN_IN], view->bytes[DIR_IN]);
	put_bytes(cells[COLUMN_OUT], view->bytes[DIR_OUT]);
}

void show_flows_measure(struct show_flows *table, const struct flow_view *view)
{
	char cells[SHOW_FLOW_COLUMNS][CELL_MAX];

	put_row(view, cells);
	for (int c = 0; c < SHOW_FLOW_COLUMNS; c++) {
		int len = strlen(cells[c]);

		table->width[c] = len > table->width[c] ? len : table->width[c];
	}
}

static void print_cell(const struct show_flows *table, int column, const char *text)
{
	int heading = strlen(columns[column].heading);
	int width = table->width[column] > heading ? table->width[column] : heading;

	printf("  %*s", columns[column].right ? width : -width, text);
}

void show_flows_heading(const struct show_flows *table)
{
	for (int c = 0; c < SHOW_FLOW_COLUMNS; c++)
		if (is_shown(table, c))
			print_cell(table, c, columns[c].heading);
	putchar('\n');
}

void show_flows_row(const struct show_flows *table, const struct flow_view *view)
{
	char cells[SHOW_FLOW_COLUMNS][CELL_MAX];

	put_row(view, cells);
	for (int c = 0; c < SHOW_FLOW_COLUMNS; c++)
		if (is_shown(table, c))
			print_cell(table, c, cells[c]);
	putchar('\n');
}

static json_t *endpoint_json(const struct ip_addr *addr, uint16_t port)
{
	char text[IP_ENDPOINT_STRLEN];

	return json_string(ip_endpoint_format(addr, port, text));
}

json_t *show_flow_json(const char *iface, const struct flow_view *view)
{
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
		"interface", iface, "protocol", proto_name(view->proto), "client",
		endpoint_json(&view->client, view->client_port), "public",
		endpoint_json(&view->public, view->public_port), "masquerade",
		endpoint_json(&view->masquerade, view->masquerade_port), "backend",
		endpoint_json(&view->backend, view->backend_port), "forward", view->forward,
		"state", view->state, "age_s", (json_int_t)view->age_s, "idle_s",
		(json_int_t)view->idle_s, "packets_in", (json_int_t)view->packets[DIR_IN],
		"packets_out", (json_int_t)view->packets[DIR_OUT], "bytes_in",
		(json_int_t)view->bytes[DIR_IN], "bytes_out", (json_int_t)view->bytes[DIR_OUT]);
}
