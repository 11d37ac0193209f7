// SPDX-License-Identifier: GPL-2.0-only
// What a sweep of all flows of an interface costs.
//
//   sweep BPFFS IFACE
//
// Each line read is one sweep, and is answered by one line of JSON. It is "kept", of the flows as
// they are, or "ended", of flows that have all been taken out of service just before. Before the
// first one, UDP is let have the whole table, since nothing but UDP is flooded.
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "flows.h"
#include "maps.h"
#include "pins.h"

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int end_all(const char *bpffs, const char *iface)
{
	const struct flow_filter all = {};
	struct flows flows = {};
	int err = flows_open(bpffs, iface, &flows);
	int64_t ended = err ? err : flows_end(&flows, &all);

	flows_close(&flows);
	return ended < 0 ? ended : 0;
}

/* In the rule set in force, which else stays as it is. */
static int lift_udp_limit(const char *bpffs, const char *iface)
{
	struct ruleset *rs = malloc(sizeof(*rs));
	char path[PATH_MAX];
	int outer = bpf_obj_get(pins_path(path, bpffs, iface, "rulesets"));
	int fd = outer < 0 ? -1 : maps_ruleset_get(outer), err = -ENOENT;
	uint32_t key = 0;

	if (rs && fd >= 0) {
		err = bpf_map_lookup_elem(fd, &key, rs);
		rs->limits.udp_max = 0;
		err = err ?: bpf_map_update_elem(fd, &key, rs, BPF_ANY);
	}
	if (fd >= 0)
		close(fd);
	if (outer >= 0)
		close(outer);
	free(rs);
	return err;
}

int main(int argc, char **argv)
{
	char line[16];

	if (argc != 3) {
		fprintf(stderr, "usage: sweep BPFFS IFACE\n");
		return 2;
	}
	if (lift_udp_limit(argv[1], argv[2])) {
		fprintf(stderr, "sweep: cannot change the rule set of %s\n", argv[2]);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		struct flows_swept swept = {};
		int err = strcmp(line, "ended\n") ? 0 : end_all(argv[1], argv[2]);
		double start = cpu_seconds();

		err = err ?: flows_sweep(argv[1], argv[2], &swept);
		if (err) {
			fprintf(stderr, "sweep: %s\n", strerror(-err));
			return 1;
		}
		printf("{\"cpu\": %.6f, \"ended\": %llu, \"live\": %llu}\n", cpu_seconds() - start,
		       (unsigned long long)swept.ended, (unsigned long long)swept.live);
		fflush(stdout);
	}
	return 0;
}
