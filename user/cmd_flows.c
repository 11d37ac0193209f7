// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd flows: list, count or end the masqueraded flows.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "flows.h"
#include "maps.h"
#include "output.h"
#include "pins.h"
#include "show.h"

/**
 * struct source - where flows come from, all opened before the first line is printed
 * @names:  the interfaces
 * @filter: which of their flows are meant
 */
struct source {
	char **names;
	struct flows *flows;
	size_t count;
	struct flow_filter filter;
	const struct options *options;
};

void cmd_flows_report(const char *iface, int err)
{
	if (err == -ENOENT)
		log_error("%s is not loaded; `xdpfwd load %s --config FILE` loads it", iface,
			  iface);
	else if (err == -EPROTONOSUPPORT)
		log_error("%s was loaded by a version with other map layouts; look at its flows "
			  "with that one, or run `xdpfwd unload %s` and load again",
			  iface, iface);
	else if (err == -EACCES || err == -EPERM)
		log_error("cannot read the flows of %s: %s; use sudo", iface, strerror(-err));
	else
		log_error("cannot read the flows of %s: %s; `xdpfwd unload %s` clears them", iface,
			  strerror(-err), iface);
}

static int filter_read(const struct options *options, struct flow_filter *filter)
{
	*filter = (struct flow_filter){ .has_proto = options->given & OPTION_PROTO,
					.proto = options->proto,
					.has_client = options->given & OPTION_CLIENT,
					.backend = options->backend,
					.forward = options->forward };
	/* -ERANGE: host bits are set, and the network around them is what was meant. */
	if (!filter->has_client || ip_prefix_parse(options->client, &filter->client) != -EINVAL)
		return 0;
	log_error("--client %s: give an address or a prefix, such as 203.0.113.0/24",
		  options->client);
	return -EINVAL;
}

static void source_close(struct source *source)
{
	for (size_t i = 0; i < source->count && source->flows; i++)
		flows_close(&source->flows[i]);
	free(source->flows);
	pins_interfaces_free(source->names, source->count);
}

/* Open the interface that was named, or all that are loaded. Return: exit code. */
static int source_open(const struct options *options, const char *iface, struct source *source)
{
	int code = 0;

	source->options = options;
	if (filter_read(options, &source->filter))
		return 2;
	if (iface) {
		source->names = calloc(1, sizeof(*source->names));
		source->count = source->names && (source->names[0] = strdup(iface));
	} else {
		source->names = pins_interfaces(options->bpffs, &source->count);
		if (!source->count && geteuid()) {
			log_error("cannot see what is loaded without privilege; use sudo");
			return 1;
		}
	}
	source->flows = calloc(source->count + 1, sizeof(*source->flows));
	if (!source->flows) {
		log_error("out of memory");
		return 1;
	}
	for (size_t i = 0; i < source->count; i++) {
		int err = flows_open(options->bpffs, source->names[i], &source->flows[i]);

		if (err) {
			cmd_flows_report(source->names[i], err);
			code = 1;
		}
	}
	return code;
}

/* struct listing - a list being printed */
struct listing {
	struct show_flows table;
	const char *iface;
	bool any;
};

static int measure(const struct flow_view *view, void *context)
{
	struct listing *listing = context;

	listing->any = true;
	show_flows_measure(&listing->table, view);
	return 0;
}

static int print_row(const struct flow_view *view, void *context)
{
	struct listing *listing = context;

	show_flows_row(&listing->table, view);
	return ferror(stdout) ? -EIO : 0;
}

/* Twice over the flows, for the widths and for the rows, rather than keeping a million of them. */
static int list_one(const struct source *source, size_t i)
{
	struct listing listing = { .table.all = source->options->log_level == LOG_LEVEL_DEBUG };
	int err = flows_each(&source->flows[i], &source->filter, measure, &listing);

	output_heading("%s", source->names[i]);
	if (err)
		return err;
	if (!listing.any) {
		puts("  no flows");
		return 0;
	}
	show_flows_heading(&listing.table);
	return flows_each(&source->flows[i], &source->filter, print_row, &listing);
}

static int print_element(const struct flow_view *view, void *context)
{
	struct listing *listing = context;
	json_t *json = show_flow_json(listing->iface, view);

	if (!json)
		return -ENOMEM;
	fputs(listing->any ? ",\n    " : "\n    ", stdout);
	listing->any = true;
	json_dumpf(json, stdout, 0);
	json_decref(json);
	return ferror(stdout) ? -EIO : 0;
}

/* Report what stopped a walk; that stdout is closed is told by main. Return: exit code. */
static int walked(const struct source *source, size_t i, int err)
{
	if (err && !ferror(stdout))
		cmd_flows_report(source->names[i], err);
	return err ? 1 : 0;
}

static int list_json(const struct source *source)
{
	struct listing listing = {};
	int code = 0;

	fputs("{\n  \"flows\": [", stdout);
	for (size_t i = 0; i < source->count && !code; i++) {
		listing.iface = source->names[i];
		code = walked(
			source, i,
			flows_each(&source->flows[i], &source->filter, print_element, &listing));
	}
	fputs(listing.any ? "\n  ]\n}\n" : "]\n}\n", stdout);
	return code;
}

static int list(const struct source *source)
{
	int code = 0;

	if (source->options->json)
		return list_json(source);
	for (size_t i = 0; i < source->count && !code; i++) {
		if (i)
			putchar('\n');
		code = walked(source, i, list_one(source, i));
	}
	return code;
}

static int count_one(const struct flow_view *view, void *context)
{
	uint64_t *by_proto = context;

	by_proto[view->proto]++;
	return 0;
}

static json_t *count_json(const uint64_t by_proto[PROTO_COUNT], uint64_t max)
{
	json_int_t all = by_proto[PROTO_TCP] + by_proto[PROTO_UDP];

	return json_pack("{s:I, s:{s:I, s:I}, s:I}", "flows", all, "by_protocol", "tcp",
			 (json_int_t)by_proto[PROTO_TCP], "udp", (json_int_t)by_proto[PROTO_UDP],
			 "max", (json_int_t)max);
}

static void print_count(const char *iface, const uint64_t by_proto[PROTO_COUNT], int64_t max)
{
	uint64_t all = by_proto[PROTO_TCP] + by_proto[PROTO_UDP];

	printf("%s: %" PRIu64 " flows (tcp %" PRIu64 ", udp %" PRIu64 ") of %" PRId64 "\n", iface,
	       all, by_proto[PROTO_TCP], by_proto[PROTO_UDP], max);
}

static int count(const struct source *source)
{
	uint64_t total[PROTO_COUNT] = {}, max = 0;

	for (size_t i = 0; i < source->count; i++) {
		uint64_t one[PROTO_COUNT] = {};
		int64_t room = maps_flows_max(source->options->bpffs, source->names[i]);
		int err = room < 0 ? room
				   : flows_each(&source->flows[i], &source->filter, count_one, one);

		if (err)
			return walked(source, i, err);
		if (!source->options->json)
			print_count(source->names[i], one, room);
		for (int proto = 0; proto < PROTO_COUNT; proto++)
			total[proto] += one[proto];
		max += room;
	}
	return source->options->json ? output_json(count_json(total, max)) : 0;
}

/* The flows are out of service at once; the sweep makes room for new ones. */
static int flush(const struct source *source)
{
	int64_t total = 0;
	int code = 0;

	for (size_t i = 0; i < source->count && !code; i++) {
		int64_t ended = flows_end(&source->flows[i], &source->filter);
		int err = ended < 0 ? ended
				    : flows_sweep(source->options->bpffs, source->names[i], NULL);

		code = walked(source, i, err);
		if (code)
			break;
		total += ended;
		if (!source->options->json)
			printf("%s: %" PRId64 " flows ended\n", source->names[i], ended);
	}
	return source->options->json && !code
		       ? output_json(json_pack("{s:I}", "ended", (json_int_t)total))
		       : code;
}

static const struct action {
	const char *name;
	int (*run)(const struct source *source);
} actions[] = { { "list", list }, { "count", count }, { "flush", flush } };

/* Take the action off the arguments; `list` when there is none. NULL when it is none of ours. */
static const struct action *action_take(const struct options *options, const char **iface)
{
	*iface = options->arg_count ? options->args[options->arg_count - 1] : NULL;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!options->arg_count || strcmp(options->args[0], actions[i].name))
			continue;
		if (options->arg_count == 1)
			*iface = NULL;
		return &actions[i];
	}
	return options->arg_count == 2 ? NULL : &actions[0];
}

int cmd_flows(const struct options *options)
{
	struct source source = {};
	const char *iface;
	const struct action *action = action_take(options, &iface);
	int code;

	if (!action) {
		log_error("flows %s: use list, count or flush", options->args[0]);
		return 2;
	}
	code = source_open(options, iface, &source);
	if (!code && !source.count && !options->json)
		puts("nothing is loaded");
	else if (!code)
		code = action->run(&source);
	source_close(&source);
	return code;
}
