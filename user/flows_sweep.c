// SPDX-License-Identifier: GPL-2.0-only
// Running the program that frees the flows that have ended.
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>
#include "flows.h"
#include "loader.h"
#include "maps.h"
#include "pins.h"

#define POOL_RUNS (POOL_PORTS / SWEEP_ELEMENTS)

/* struct sweep - what a sweep needs */
struct sweep {
	int program_fd, pools_fd;
	const struct ruleset *rs;
};

static void sweep_close(const struct sweep *sweep)
{
	if (sweep->program_fd >= 0)
		close(sweep->program_fd);
	if (sweep->pools_fd >= 0)
		close(sweep->pools_fd);
	maps_ruleset_forget(sweep->rs);
}

static int sweep_open(const char *bpffs, const char *iface, struct sweep *sweep)
{
	char path[PATH_MAX];
	int err;

	*sweep = (struct sweep){ .pools_fd = -1 };
	sweep->program_fd = bpf_obj_get(pins_path(path, bpffs, iface, LOADER_SWEEP_PIN));
	if (sweep->program_fd >= 0)
		sweep->pools_fd = maps_pools_open(bpffs, iface);
	if (sweep->pools_fd >= 0)
		sweep->rs = maps_ruleset_read(bpffs, iface);
	if (sweep->rs)
		return 0;
	err = errno == ENOENT ? 0 : -errno;
	sweep_close(sweep);
	return err ?: -EPROTO; /* a pin is missing */
}

/*
 * One run. Not with `repeat`, although the packet goes from one run to the next: to repeat, the
 * kernel changes its XDP dispatcher and waits for all CPUs, some 20 ms for each call.
 */
static int run_once(int program_fd, struct sweep_run *run)
{
	struct sweep_run out = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run, .data_size_in = sizeof(*run),
		    .data_out = &out, .data_size_out = sizeof(out));
	int err = bpf_prog_test_run_opts(program_fd, &opts);

	if (err)
		return err;
	if (opts.retval != XDP_PASS || opts.data_size_out != sizeof(out) || out.next <= run->next)
		return -EPROTO;
	*run = out;
	return 0;
}

static int run_program(int program_fd, uint32_t runs, struct sweep_run *run)
{
	int err = 0;

	while (runs-- && !err)
		err = run_once(program_fd, run);
	return err;
}

static bool pool_exists(const struct sweep *sweep, uint32_t pool)
{
	int fd = maps_pool_get(sweep->pools_fd, pool);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int sweep_pool(const struct sweep *sweep, uint32_t pool, enum proto proto,
		      struct flows_swept *swept)
{
	struct sweep_run run = { .pool = pool, .proto = proto };
	int err;

	if (!pool_exists(sweep, pool))
		return 0;
	err = run_program(sweep->program_fd, POOL_RUNS, &run);
	if (swept) {
		swept->ended += run.ended;
		swept->expired += run.expired;
		swept->live += run.live;
	}
	return err;
}

int flows_sweep_pool(const char *bpffs, const char *iface, uint32_t pool, enum proto proto)
{
	struct sweep sweep;
	int err = sweep_open(bpffs, iface, &sweep);

	if (err)
		return err;
	err = sweep_pool(&sweep, pool, proto, NULL);
	sweep_close(&sweep);
	return err;
}

int flows_sweep(const char *bpffs, const char *iface, struct flows_swept *swept)
{
	struct sweep sweep;
	int err = sweep_open(bpffs, iface, &sweep);

	if (err)
		return err;
	if (swept)
		*swept = (struct flows_swept){};
	for (uint32_t pool = 1; pool < POOLS_MAX && !err; pool++)
		err = sweep_pool(&sweep, pool, sweep.rs->pools[pool].proto, swept);
	sweep_close(&sweep);
	return err;
}

/* Which pools are due, and how much of them makes a tenth. */
static void round_begin(struct flows_sweeper *sweeper, const struct sweep *sweep,
			const struct flow_counters *counters)
{
	uint32_t pools = 0;

	sweeper->pending = 0;
	for (uint32_t pool = 1; pool < POOLS_MAX; pool++) {
		enum proto proto = sweep->rs->pools[pool].proto % PROTO_COUNT;

		if ((sweeper->empty >> pool & 1 &&
		     sweeper->created[proto] == counters->created[proto]) ||
		    !pool_exists(sweep, pool))
			continue;
		sweeper->pending |= 1ULL << pool;
		pools++;
	}
	memcpy(sweeper->created, counters->created, sizeof(sweeper->created));
	sweeper->runs = (pools * POOL_RUNS + FLOWS_ROUND_STEPS - 1) / FLOWS_ROUND_STEPS;
}

static void pool_next(struct flows_sweeper *sweeper, const struct sweep *sweep)
{
	uint32_t pool = sweeper->pending ? __builtin_ctzll(sweeper->pending) : 0;

	sweeper->pending &= ~(1ULL << pool);
	sweeper->run = (struct sweep_run){ .pool = pool, .proto = sweep->rs->pools[pool].proto };
}

static void pool_done(struct flows_sweeper *sweeper, const struct sweep *sweep)
{
	uint64_t bit = 1ULL << sweeper->run.pool;

	sweeper->empty = sweeper->run.live ? sweeper->empty & ~bit : sweeper->empty | bit;
	pool_next(sweeper, sweep);
}

static int step(const struct sweep *sweep, const struct flow_counters *counters,
		struct flows_sweeper *sweeper)
{
	uint32_t left;

	if (!sweeper->steps) {
		round_begin(sweeper, sweep, counters);
		pool_next(sweeper, sweep);
	}
	sweeper->steps = (sweeper->steps + 1) % FLOWS_ROUND_STEPS;
	left = sweeper->runs;
	while (left && sweeper->run.pool) {
		uint32_t runs = (POOL_PORTS - sweeper->run.next) / SWEEP_ELEMENTS;
		int err;

		runs = runs < left ? runs : left;
		left -= runs;
		err = run_program(sweep->program_fd, runs, &sweeper->run);
		if (err) {
			bool removed = !pool_exists(sweep, sweeper->run.pool);

			pool_next(sweeper, sweep);
			return removed ? 0 : err;
		}
		if (sweeper->run.next >= POOL_PORTS)
			pool_done(sweeper, sweep);
	}
	return 0;
}

int flows_sweeper_step(const char *bpffs, const char *iface, struct flows_sweeper *sweeper)
{
	struct flow_counters counters;
	struct sweep sweep;
	int err = sweep_open(bpffs, iface, &sweep);

	if (err)
		return err;
	err = maps_flows_read(bpffs, iface, &counters) ?: step(&sweep, &counters, sweeper);
	sweep_close(&sweep);
	return err;
}
