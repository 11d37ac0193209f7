// SPDX-License-Identifier: GPL-2.0-only
// The contents of pinned maps.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "maps.h"
#include "pins.h"

uint64_t maps_valid_until_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec + MAPS_NEXTHOP_VALID_NS;
}

static struct ruleset *map_ruleset(int fd, int protection)
{
	void *rs = mmap(NULL, sizeof(struct ruleset), protection, MAP_SHARED, fd, 0);

	return rs == MAP_FAILED ? NULL : rs;
}

int maps_ruleset_make(const struct plan *plan, uint64_t valid_until_ns, const struct ruleset *old,
		      struct diag_list *diags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int err, fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ruleset", sizeof(uint32_t),
				     sizeof(struct ruleset), 1, &opts);
	struct ruleset *rs;

	if (fd < 0)
		return -errno;
	rs = map_ruleset(fd, PROT_READ | PROT_WRITE);
	err = rs ? ruleset_build(plan, valid_until_ns, old, rs, diags) : -errno;
	if (rs)
		munmap(rs, sizeof(*rs));
	if (!err)
		return fd;
	close(fd);
	return err;
}

int maps_ruleset_put(int rulesets_fd, int ruleset_fd)
{
	uint32_t key = 0;

	return bpf_map_update_elem(rulesets_fd, &key, &ruleset_fd, BPF_ANY) ? -errno : 0;
}

int maps_ruleset_get(int rulesets_fd)
{
	uint32_t key = 0, id;
	int fd;

	if (bpf_map_lookup_elem(rulesets_fd, &key, &id))
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

static int open_pinned(const char *bpffs, const char *iface, const char *name)
{
	char path[PATH_MAX];
	int fd = bpf_obj_get(pins_path(path, bpffs, iface, name));

	return fd < 0 ? -errno : fd;
}

/* Map the rule set in force; NULL with errno. */
static struct ruleset *map_pinned_ruleset(const char *bpffs, const char *iface, int protection)
{
	int outer = open_pinned(bpffs, iface, "rulesets"), fd = outer;
	struct ruleset *rs = NULL;

	if (outer >= 0) {
		fd = maps_ruleset_get(outer);
		close(outer);
	}
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	rs = map_ruleset(fd, protection);
	close(fd);
	return rs;
}

const struct ruleset *maps_ruleset_read(const char *bpffs, const char *iface)
{
	return map_pinned_ruleset(bpffs, iface, PROT_READ);
}

const struct ruleset *maps_ruleset_view(int ruleset_fd)
{
	return map_ruleset(ruleset_fd, PROT_READ);
}

void maps_ruleset_forget(const struct ruleset *rs)
{
	if (rs)
		munmap((void *)rs, sizeof(*rs));
}

int maps_nexthops_extend(const char *bpffs, const char *iface, uint32_t generation)
{
	struct ruleset *rs = map_pinned_ruleset(bpffs, iface, PROT_READ | PROT_WRITE);
	int err = 0;

	if (!rs)
		return -errno;
	if (rs->generation != generation)
		err = -ESTALE;
	else
		ruleset_extend(maps_valid_until_ns(), rs);
	munmap(rs, sizeof(*rs));
	return err;
}

int maps_nexthops_refresh(const char *bpffs, const char *iface, const struct plan *nexthops)
{
	struct ruleset *rs = map_pinned_ruleset(bpffs, iface, PROT_READ | PROT_WRITE);
	int err = 0;

	if (!rs)
		return -errno;
	/* A load is under way, or was cut off: its state is written before its rule set. */
	if (rs->generation != nexthops->generation)
		err = -ESTALE;
	else
		ruleset_refresh(nexthops, maps_valid_until_ns(), rs);
	munmap(rs, sizeof(*rs));
	return err;
}

int maps_pools_open(const char *bpffs, const char *iface)
{
	return open_pinned(bpffs, iface, "pools");
}

int maps_pool_get(int pools_fd, uint32_t pool)
{
	uint32_t id;
	int fd;

	if (bpf_map_lookup_elem(pools_fd, &pool, &id))
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int maps_pool_make(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pool", sizeof(uint32_t), sizeof(struct flow),
				POOL_PORTS, &opts);

	return fd < 0 ? -errno : fd;
}

int maps_pool_put(int pools_fd, uint32_t pool, int pool_fd)
{
	return bpf_map_update_elem(pools_fd, &pool, &pool_fd, BPF_ANY) ? -errno : 0;
}

int maps_pool_remove(int pools_fd, uint32_t pool)
{
	return bpf_map_delete_elem(pools_fd, &pool) && errno != ENOENT ? -errno : 0;
}

static void add_words(uint64_t *sum, const uint64_t *values, size_t words)
{
	for (size_t i = 0; i < words; i++)
		sum[i] += values[i];
}

/* Sum one entry of a per-CPU array over all CPUs; @size is a multiple of 8. */
static int sum_entry(int fd, uint32_t key, size_t size, int cpus, void *buf, void *sum)
{
	if (bpf_map_lookup_elem(fd, &key, buf))
		return -errno;
	memset(sum, 0, size);
	for (int cpu = 0; cpu < cpus; cpu++)
		add_words(sum, (uint64_t *)((char *)buf + cpu * size), size / sizeof(uint64_t));
	return 0;
}

int64_t maps_flows_max(const char *bpffs, const char *iface)
{
	int fd = open_pinned(bpffs, iface, "flows_confirmed"), err;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
	close(fd);
	return err ?: (int64_t)info.max_entries;
}

int maps_flows_read(const char *bpffs, const char *iface, struct flow_counters *flows)
{
	int fd = open_pinned(bpffs, iface, "flow_counters"), cpus = libbpf_num_possible_cpus();
	void *buf = cpus > 0 ? calloc(cpus, sizeof(*flows)) : NULL;
	int err = fd < 0 ? fd : buf ? sum_entry(fd, 0, sizeof(*flows), cpus, buf, flows) : -ENOMEM;

	free(buf);
	if (fd >= 0)
		close(fd);
	return err;
}

uint64_t maps_flows_now(const struct maps_counters *counters, enum proto proto)
{
	uint64_t created = counters->flows.created[proto], ended = counters->flows.ended[proto];

	return created > ended ? created - ended : 0;
}

/* A version that knew no flows has no counters of them: they stay zero. */
static int read_flows(const char *bpffs, const char *iface, struct maps_counters *counters)
{
	int err = maps_flows_read(bpffs, iface, &counters->flows);
	int64_t max = err ? 0 : maps_flows_max(bpffs, iface);

	if (max > 0)
		counters->flows_max = max;
	return err == -ENOENT ? 0 : err ?: max < 0 ? max : 0;
}

int maps_counters_read(const char *bpffs, const char *iface, size_t counter_count,
		       struct maps_counters *counters)
{
	int cpus = libbpf_num_possible_cpus(), err = 0;
	int forwards = open_pinned(bpffs, iface, "forward_counters");
	int reasons = open_pinned(bpffs, iface, "reason_counters");
	void *buf = cpus > 0 ? malloc(cpus * sizeof(struct reason_counters)) : NULL;
	struct reason_counters sum;

	memset(counters, 0, sizeof(*counters));
	if (forwards < 0 || reasons < 0 || !buf)
		err = forwards < 0 ? forwards : reasons < 0 ? reasons : -ENOMEM;
	for (size_t i = 0; i < counter_count && !err; i++)
		err = sum_entry(forwards, i, sizeof(struct forward_counters), cpus, buf,
				&counters->forwards[i]);
	for (int hook = 0; hook < HOOK_COUNT && !err; hook++) {
		err = sum_entry(reasons, hook, sizeof(sum), cpus, buf, sum.packets);
		memcpy(counters->reasons[hook], sum.packets, sizeof(counters->reasons[hook]));
	}
	free(buf);
	if (forwards >= 0)
		close(forwards);
	if (reasons >= 0)
		close(reasons);
	return err ?: read_flows(bpffs, iface, counters);
}

static const char *const reason_help[] = {
#define X(name, verdict, help) [REASON_##name] = help,
#include <xdpfwd/reasons.def>
#undef X
};

const char *maps_reason_name(enum reason reason)
{
	static char names[REASON_COUNT][32] = {
#define X(name, verdict, help) [REASON_##name] = #name,
#include <xdpfwd/reasons.def>
#undef X
	};

	for (char *c = names[reason]; *c; c++)
		*c = tolower((unsigned char)*c);
	return names[reason];
}

const char *maps_reason_help(enum reason reason)
{
	return reason_help[reason];
}
