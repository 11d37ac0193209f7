/* SPDX-License-Identifier: GPL-2.0-only */
/* An interface that is loaded as far as flows go: pins, rule set and pools, but no program
 * attached. */
#ifndef XDPFWD_TESTS_FLOW_SAMPLE_H
#define XDPFWD_TESTS_FLOW_SAMPLE_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <time.h>
#include "apply_pools.h"
#include "flows.h"
#include "loader.h"
#include "maps.h"
#include "state_sample.h"

/* TCP 5222 and UDP 3478 of 198.51.100.1, both masqueraded as 198.18.9.1. */
#define FLOW_SAMPLE_CONFIG                                                                         \
	HOME4 MASQUERADE_TO("home", "tcp", "[5222]") MASQUERADE_TO("home", "udp", "[3478]")

/* struct flow_sample - kept open by a test; @rs is the rule set in force */
struct flow_sample {
	struct loaded loaded;
	const struct ruleset *rs;
	struct apply_pools pools;
};

/* The rule set of a config, put in force the way apply.c does. */
static inline void flow_sample_apply(struct flow_sample *sample, const char *config)
{
	static struct plan_counter counters[COUNTERS_MAX];
	const struct ruleset *old = sample->rs;
	struct diag_list diags = {};
	struct state *state;
	int fd;

	if (world.plan) {
		memcpy(counters, world.plan->counters, sizeof(counters));
		world.in.counters = counters;
		world.in.counter_count = world.plan->counter_count;
	}
	world_plan(config);
	cr_assert(world.plan, "%s", world.found);
	fd = maps_ruleset_make(world.plan, 0, old, &diags);
	cr_assert_geq(fd, 0);
	sample->rs = maps_ruleset_view(fd);
	cr_assert(sample->rs);
	sample->pools = (struct apply_pools){ .bpffs = BPFFS,
					      .iface = "eth0",
					      .pools_fd = loader_pools(&sample->loaded),
					      .old = old,
					      .new = sample->rs };
	cr_assert_eq(apply_pools_begin(&sample->pools, &diags), 0, "%s",
		     diags.count ? diags.items[0].text : "");
	cr_assert_eq(maps_ruleset_put(loader_rulesets(&sample->loaded), fd), 0);
	close(fd);
	state = state_from_plan(world.plan, world.config, "/etc/ports.toml", false, 0);
	cr_assert(state);
	cr_assert_eq(state_write(BPFFS, state), 0);
	state_free(state);
}

/* The first rule set, of FLOW_SAMPLE_CONFIG; room for 1000 flows. */
static inline struct flow_sample flow_sample_load(void)
{
	struct flow_sample sample = {};
	struct diag_list diags = {};

	cr_assert_eq(loader_open(BPFFS, "eth0", 1000, &sample.loaded, &diags), 0, "%s",
		     diags.count ? diags.items[0].text : "");
	cr_assert_eq(loader_pin(&sample.loaded, BPFFS, "eth0"), 0);
	flow_sample_apply(&sample, FLOW_SAMPLE_CONFIG);
	return sample;
}

/* The pool that a protocol has in a rule set; it has one. */
static inline uint32_t flow_sample_pool(const struct ruleset *rs, enum proto proto)
{
	for (uint32_t pool = 1; pool < POOLS_MAX; pool++)
		if (!ip_addr_is_any(&rs->pools[pool].addr) && rs->pools[pool].proto == proto)
			return pool;
	cr_assert_fail("no pool");
	return 0;
}

/* The rule of a public port. */
static inline uint16_t flow_sample_rule(const struct ruleset *rs, const char *public,
					enum proto proto, uint16_t port)
{
	const struct address *entry;
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse(public, &addr), 0);
	entry = &rs->addresses[address_slot(&addr, rs->seed)];
	return rs->pages[rs->tables[entry->table[DIR_IN][proto]][port >> 8]][port & 0xff];
}

/* All records of a pool, for good or until munmap(); NULL when there is no such pool. */
static inline struct flow *flow_sample_map(const struct flow_sample *sample, uint32_t pool)
{
	int fd = maps_pool_get(sample->pools.pools_fd, pool);
	void *records;

	if (fd == -ENOENT)
		return NULL;
	cr_assert_geq(fd, 0);
	records = mmap(NULL, POOL_PORTS * sizeof(struct flow), PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);
	cr_assert_neq(records, MAP_FAILED);
	close(fd);
	return records;
}

/* A flow of 203.0.113.@client that has just been seen. */
static inline void flow_sample_put(struct flow *records, uint16_t port, uint8_t client,
				   uint16_t rule, uint16_t public_port)
{
	struct timespec now;
	uint32_t ticks;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ticks = (now.tv_sec * 1000000000ULL + now.tv_nsec) >> FLOW_TICK_SHIFT;
	records[port] = (struct flow){ .client = ip_addr_from_v4(htonl(0xcb007100 | client)),
				       .client_port = htons(40000 + client),
				       .public_port = htons(public_port),
				       .rule = rule,
				       .state = FLOW_LIVE,
				       .created_at = ticks,
				       .flags[DIR_IN] = FLOW_SEEN,
				       .half[DIR_IN] = { 60, 1, ticks } };
}

/*
 * A stand-in for the sweep, pinned in its place. Each run goes on by @step elements, counts one
 * flow ended and @live that stay, and returns @verdict.
 */
static inline void flow_sample_pin_sweep(int step, int live, int verdict)
{
#define INSN(c, d, s, o, i)                                                                        \
	{                                                                                          \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)                \
	}
#define LOAD(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_W, d, s, o, 0)
#define ADD(field, by)                                                                             \
	LOAD(4, 2, offsetof(struct sweep_run, field)),                                             \
		INSN(BPF_ALU | BPF_ADD | BPF_K, 4, 0, 0, by),                                      \
		INSN(BPF_STX | BPF_MEM | BPF_W, 2, 4, offsetof(struct sweep_run, field), 0)
	const struct bpf_insn program[] = {
		LOAD(2, 1, offsetof(struct xdp_md, data)),
		LOAD(3, 1, offsetof(struct xdp_md, data_end)),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 5, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0, sizeof(struct sweep_run)),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_ABORTED),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 5, 3, 10, 0),
		ADD(next, step),
		ADD(ended, 1),
		ADD(live, live),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, verdict),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
#undef ADD
#undef LOAD
#undef INSN
	char path[PATH_MAX];
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "stand_in", "GPL", program,
			       sizeof(program) / sizeof(program[0]), NULL);

	cr_assert_geq(fd, 0, "%m");
	pins_path(path, BPFFS, "eth0", LOADER_SWEEP_PIN);
	unlink(path);
	cr_assert_eq(bpf_obj_pin(fd, path), 0, "%m");
	close(fd);
}

#endif
