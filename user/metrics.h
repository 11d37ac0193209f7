/* SPDX-License-Identifier: GPL-2.0-only */
/* What Prometheus is told: a snapshot of all numbers, and its text. */
#ifndef XDPFWD_METRICS_H
#define XDPFWD_METRICS_H

#include <jansson.h>
#include "maps.h"
#include "state.h"

/**
 * struct metrics_backend - one backend of an interface
 * @up:     all of its addresses are
 * @by_name: it is given by a DNS name
 * @looked_up: the last lookup of that was a success
 */
struct metrics_backend {
	const char *name;
	bool up, by_name, looked_up;
};

/**
 * struct metrics_interface - the numbers of one loaded interface
 * @state:     what is in force; names of forwards and backends point into it
 * @counters:  what was carried and dropped, and what became of flows
 * @backends, @backend_count: each once, in the order of the config
 */
struct metrics_interface {
	struct state *state;
	struct maps_counters *counters;
	struct metrics_backend backends[NEXTHOPS_MAX];
	size_t backend_count;
};

/* struct metrics_process - this process, under the names that all exporters use */
struct metrics_process {
	double cpu_s, start_time_s;
	uint64_t open_fds, max_fds, virtual_bytes, resident_bytes;
};

/* struct metrics_snapshot - everything that one answer holds */
struct metrics_snapshot {
	struct metrics_interface *interfaces;
	size_t interface_count;
	struct metrics_process process;
};

/* TEXT: Prometheus 0.0.4. OPENMETRICS: 1.0.0. */
enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

/* metrics_content_type() - what HTTP calls a format */
const char *metrics_content_type(enum metrics_format format);

/**
 * metrics_text() - a snapshot as one exposition
 *
 * Pure. Label values come from the config and the kernel's names of interfaces, never from packets.
 *
 * Return: a malloc()ed text, or NULL when out of memory.
 */
char *metrics_text(const struct metrics_snapshot *snapshot, enum metrics_format format);

/* metrics_json() - the same as one JSON document, for --json */
json_t *metrics_json(const struct metrics_snapshot *snapshot);

/**
 * metrics_read() - take a snapshot
 * @ifaces, @count: the interfaces; each must be loaded
 * @snapshot:       out: free with metrics_free()
 * @failed:         out: the interface that could not be read
 *
 * Reads pinned maps and asks the kernel for the ways to the backends. Its cost depends on the
 * number of forwards and backends, not on that of flows.
 *
 * Return: 0; -ENOENT when an interface is not loaded, -EPROTO when another version loaded it or its
 * state is broken; -errno.
 */
int metrics_read(const char *bpffs, char *const *ifaces, size_t count,
		 struct metrics_snapshot *snapshot, const char **failed);

/* metrics_read_process() - this process, as far as /proc tells */
void metrics_read_process(struct metrics_process *process);

/* metrics_free() - free what metrics_read() made */
void metrics_free(struct metrics_snapshot *snapshot);

#endif
