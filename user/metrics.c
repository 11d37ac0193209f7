// SPDX-License-Identifier: GPL-2.0-only
// A snapshot as an exposition: one table of metrics, one function for each.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "metrics.h"

enum type { TYPE_COUNTER, TYPE_GAUGE, TYPE_INFO };

struct writer;

/**
 * struct metric - one metric: to add one is to add one of these, and a row in docs/metrics.md
 * @name:  with _total for a counter, _info for an info
 * @write: writes its samples
 */
struct metric {
	const char *name;
	enum type type;
	const char *help;
	void (*write)(struct writer *w, const struct metrics_snapshot *s);
};

/**
 * struct writer - where samples go
 * @metric:  whose samples are being written
 * @out:     the text, or NULL for
 * @samples: a JSON array
 */
struct writer {
	const struct metric *metric;
	FILE *out;
	json_t *samples;
};

/* A label value's escapes are the same in both formats. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void put_text(struct writer *w, const char *value, const char *const *labels)
{
	fputs(w->metric->name, w->out);
	for (size_t i = 0; labels[i]; i += 2) {
		fprintf(w->out, "%s%s=\"", i ? "," : "{", labels[i]);
		put_escaped(w->out, labels[i + 1]);
		fputc('"', w->out);
	}
	fprintf(w->out, "%s %s\n", labels[0] ? "}" : "", value);
}

static void put_json(struct writer *w, const char *value, const char *const *labels)
{
	json_t *object = json_object();

	for (size_t i = 0; labels[i]; i += 2)
		json_object_set_new(object, labels[i], json_string(labels[i + 1]));
	json_array_append_new(w->samples, json_pack("{s:o, s:o}", "labels", object, "value",
						    json_loads(value, JSON_DECODE_ANY, NULL)));
}

/* @words: the value, then labels, each as name and value, then NULL */
static void put_sample(struct writer *w, const char *const *words)
{
	if (w->out)
		put_text(w, words[0], words + 1);
	else
		put_json(w, words[0], words + 1);
}

/* One sample: its value as text, and labels, each as name and value. */
#define put(w, value, ...) put_sample(w, (const char *const[]){ value, ##__VA_ARGS__, NULL })

/* A number as text, valid until the end of the block it stands in. */
#define NUMBER(value)  number((char[24]){}, value)
#define SECONDS(value) seconds((char[40]){}, value)

static const char *number(char buf[24], uint64_t value)
{
	snprintf(buf, 24, "%" PRIu64, value);
	return buf;
}

static const char *seconds(char buf[40], double value)
{
	snprintf(buf, 40, "%.2f", value);
	return buf;
}

#define for_each_interface(m, s)                                                                   \
	for (const struct metrics_interface *m = (s)->interfaces;                                  \
	     m < (s)->interfaces + (s)->interface_count; m++)

static void write_build(struct writer *w, const struct metrics_snapshot *s)
{
	(void)s;
	put(w, "1", "version", VERSION, "revision", REVISION);
}

static bool kind_is_new(const struct state *state, size_t hook)
{
	for (size_t i = 0; i < hook; i++)
		if (state->hooks[i].kind == state->hooks[hook].kind)
			return false;
	return true;
}

static void write_hooks(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s)
	{
		for (size_t i = 0; i < m->state->hook_count; i++) {
			enum attach_kind kind = m->state->hooks[i].kind;

			if (kind_is_new(m->state, i))
				put(w, "1", "interface", m->state->iface, "hook",
				    attach_kind_hook(kind), "mode", attach_kind_mode(kind));
		}
	}
}

static void write_direction(struct writer *w, const struct metrics_interface *m, size_t counter,
			    const char *direction, uint64_t value)
{
	const struct plan_counter *c = &m->state->counters[counter];

	put(w, NUMBER(value), "interface", m->state->iface, "forward", c->forward, "protocol",
	    proto_name(c->proto), "direction", direction);
}

static void write_packets(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s)
	{
		for (size_t i = 0; i < m->state->counter_count; i++) {
			const struct forward_counters *c = &m->counters->forwards[i];

			if (!state_counter_in_use(m->state, i))
				continue;
			write_direction(w, m, i, "in", c->packets[DIR_IN]);
			write_direction(w, m, i, "out", c->packets[DIR_OUT]);
		}
	}
}

static void write_bytes(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s)
	{
		for (size_t i = 0; i < m->state->counter_count; i++) {
			const struct forward_counters *c = &m->counters->forwards[i];

			if (!state_counter_in_use(m->state, i))
				continue;
			write_direction(w, m, i, "in", c->bytes[DIR_IN]);
			write_direction(w, m, i, "out", c->bytes[DIR_OUT]);
		}
	}
}

static void write_reason(struct writer *w, const struct metrics_interface *m, enum reason reason)
{
	uint64_t total = 0;

	for (int hook = 0; hook < HOOK_COUNT; hook++)
		total += m->counters->reasons[hook][reason];
	put(w, NUMBER(total), "interface", m->state->iface, "reason", maps_reason_name(reason));
}

static void write_drops(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s) for (enum reason reason = 0; reason < REASON_COUNT;
				      reason++) if (reason_is_drop(reason))
		write_reason(w, m, reason);
}

static void write_insert_failures(struct writer *w, const struct metrics_snapshot *s)
{
	static const enum reason reasons[] = { REASON_NO_PORT, REASON_FLOWS_FULL,
					       REASON_SOURCE_FLOWS, REASON_SOURCE_RATE };

	for_each_interface(m, s) for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		write_reason(w, m, reasons[i]);
}

static void write_flows(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s) for (enum proto proto = 0; proto < PROTO_COUNT; proto++)
		put(w, NUMBER(maps_flows_now(m->counters, proto)), "interface", m->state->iface,
		    "protocol", proto_name(proto));
}

static void write_flows_max(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s)
		put(w, NUMBER(m->counters->flows_max), "interface", m->state->iface);
}

static void write_flows_created(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s) put(w,
				     NUMBER(m->counters->flows.created[PROTO_TCP] +
					    m->counters->flows.created[PROTO_UDP]),
				     "interface", m->state->iface);
}

static void write_flows_expired(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s) put(w,
				     NUMBER(m->counters->flows.expired[PROTO_TCP] +
					    m->counters->flows.expired[PROTO_UDP]),
				     "interface", m->state->iface);
}

static void write_backends(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s) for (size_t i = 0; i < m->backend_count; i++)
		put(w, NUMBER(m->backends[i].up), "interface", m->state->iface, "backend",
		    m->backends[i].name);
}

static void write_lookups(struct writer *w, const struct metrics_snapshot *s)
{
	for_each_interface(m, s) for (size_t i = 0; i < m->backend_count; i++)
	{
		if (m->backends[i].by_name)
			put(w, NUMBER(m->backends[i].looked_up), "interface", m->state->iface,
			    "backend", m->backends[i].name);
	}
}

static void write_reload(struct writer *w, const struct metrics_snapshot *s)
{
	bool good = true;

	for_each_interface(m, s) good = good && !m->state->reload_failed;
	if (s->interface_count)
		put(w, NUMBER(good));
}

static void write_reload_time(struct writer *w, const struct metrics_snapshot *s)
{
	long long last = 0;

	for_each_interface(m, s) last = m->state->loaded_at > last ? m->state->loaded_at : last;
	if (s->interface_count)
		put(w, NUMBER(last));
}

static void write_cpu(struct writer *w, const struct metrics_snapshot *s)
{
	put(w, SECONDS(s->process.cpu_s));
}

static void write_start_time(struct writer *w, const struct metrics_snapshot *s)
{
	put(w, SECONDS(s->process.start_time_s));
}

static void write_open_fds(struct writer *w, const struct metrics_snapshot *s)
{
	put(w, NUMBER(s->process.open_fds));
}

static void write_max_fds(struct writer *w, const struct metrics_snapshot *s)
{
	put(w, NUMBER(s->process.max_fds));
}

static void write_virtual(struct writer *w, const struct metrics_snapshot *s)
{
	put(w, NUMBER(s->process.virtual_bytes));
}

static void write_resident(struct writer *w, const struct metrics_snapshot *s)
{
	put(w, NUMBER(s->process.resident_bytes));
}

static const struct metric metrics[] = {
	{ "xdpfwd_build_info", TYPE_INFO, "Version and revision of xdpfwd.", write_build },
	{ "xdpfwd_hook_info", TYPE_INFO, "Where the programs of an interface run.", write_hooks },
	{ "xdpfwd_forward_packets_total", TYPE_COUNTER, "Packets forwarded.", write_packets },
	{ "xdpfwd_forward_bytes_total", TYPE_COUNTER, "Bytes of forwarded IP packets.",
	  write_bytes },
	{ "xdpfwd_dropped_packets_total", TYPE_COUNTER,
	  "Packets for a forward that were dropped, by reason.", write_drops },
	{ "xdpfwd_flows", TYPE_GAUGE, "Masqueraded flows.", write_flows },
	{ "xdpfwd_flows_max", TYPE_GAUGE, "Masqueraded flows that there can be.", write_flows_max },
	{ "xdpfwd_flows_created_total", TYPE_COUNTER, "Masqueraded flows created.",
	  write_flows_created },
	{ "xdpfwd_flows_expired_total", TYPE_COUNTER,
	  "Masqueraded flows that ended because they were idle for too long.",
	  write_flows_expired },
	{ "xdpfwd_flow_insert_failures_total", TYPE_COUNTER,
	  "Packets dropped because no masqueraded flow could be made for them, by reason.",
	  write_insert_failures },
	{ "xdpfwd_backend_up", TYPE_GAUGE,
	  "1 when all addresses of a backend have a way: device, route and, on Ethernet, "
	  "neighbour.",
	  write_backends },
	{ "xdpfwd_backend_last_lookup_successful", TYPE_GAUGE,
	  "0 when the DNS name of a backend could not be looked up, and its last address stays.",
	  write_lookups },
	{ "xdpfwd_config_last_reload_successful", TYPE_GAUGE,
	  "0 when the last reload failed and an older configuration is in force.", write_reload },
	{ "xdpfwd_config_last_reload_success_timestamp_seconds", TYPE_GAUGE,
	  "When the configuration in force was applied, in seconds since 1970.",
	  write_reload_time },
	{ "process_cpu_seconds_total", TYPE_COUNTER, "User and system CPU time of this process.",
	  write_cpu },
	{ "process_start_time_seconds", TYPE_GAUGE,
	  "When this process started, in seconds since 1970.", write_start_time },
	{ "process_open_fds", TYPE_GAUGE, "Open file descriptors.", write_open_fds },
	{ "process_max_fds", TYPE_GAUGE, "File descriptors that may be open.", write_max_fds },
	{ "process_virtual_memory_bytes", TYPE_GAUGE, "Virtual memory.", write_virtual },
	{ "process_resident_memory_bytes", TYPE_GAUGE, "Resident memory.", write_resident },
};

#define METRIC_COUNT (sizeof(metrics) / sizeof(metrics[0]))

static const char *const type_names[] = { "counter", "gauge", "info" };

const char *metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

/* OpenMetrics names the family, without what the type adds to its samples. */
static void put_head(FILE *out, const struct metric *metric, enum metrics_format format)
{
	int len = strlen(metric->name);
	enum type type = metric->type;

	if (format == METRICS_OPENMETRICS && type == TYPE_COUNTER)
		len -= strlen("_total");
	else if (format == METRICS_OPENMETRICS && type == TYPE_INFO)
		len -= strlen("_info");
	else if (type == TYPE_INFO)
		type = TYPE_GAUGE;
	fprintf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, metric->name, metric->help, len,
		metric->name, type_names[type]);
}

char *metrics_text(const struct metrics_snapshot *snapshot, enum metrics_format format)
{
	char *text = NULL;
	size_t len;
	struct writer w = { .out = open_memstream(&text, &len) };

	if (!w.out)
		return NULL;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		w.metric = &metrics[i];
		put_head(w.out, w.metric, format);
		w.metric->write(&w, snapshot);
	}
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", w.out);
	if (!fclose(w.out))
		return text;
	free(text);
	return NULL;
}

json_t *metrics_json(const struct metrics_snapshot *snapshot)
{
	json_t *all = json_array();

	for (size_t i = 0; i < METRIC_COUNT; i++) {
		struct writer w = { .metric = &metrics[i], .samples = json_array() };

		w.metric->write(&w, snapshot);
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:o}", "name", w.metric->name,
						     "type", type_names[w.metric->type], "help",
						     w.metric->help, "samples", w.samples));
	}
	return json_pack("{s:o}", "metrics", all);
}
