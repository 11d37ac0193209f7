// SPDX-License-Identifier: GPL-2.0-only
// The sweep, run whole, and whether records, indices and counters of flows fit together.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <string.h>
#include "masquerade.h"

static struct sweep_run sweep_run(unsigned pool, enum proto proto, uint16_t first, unsigned runs)
{
	struct sweep_run in = { .pool = pool, .proto = proto, .next = first }, out = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &in, .data_size_in = sizeof(in),
		    .data_out = &out, .data_size_out = sizeof(out), .repeat = runs);
	int fd = bpf_program__fd(fixture_skel()->progs.xdpfwd_sweep);

	cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0, "sweep: %m");
	cr_assert_eq(opts.retval, XDP_PASS, "sweep of pool %u: %u", pool, opts.retval);
	cr_assert_eq(out.seen, runs * SWEEP_ELEMENTS);
	return out;
}

struct sweep_run sweep(unsigned pool, enum proto proto)
{
	return sweep_run(pool, proto, 0, POOL_PORTS / SWEEP_ELEMENTS);
}

struct sweep_run sweep_port(unsigned pool, enum proto proto, uint16_t port)
{
	return sweep_run(pool, proto, port / SWEEP_ELEMENTS * SWEEP_ELEMENTS, 1);
}

/* Count the entries of an index by slot. Return: how many stand for another flow, or for none. */
static unsigned check_index(const struct bpf_map *index, uint8_t (*entries)[POOL_PORTS])
{
	struct flow_key key, *last = NULL;
	unsigned wrong = 0;
	uint32_t slot;

	while (!bpf_map_get_next_key(bpf_map__fd(index), last, &key)) {
		const struct flow *flow;

		last = &key;
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(index), &key, &slot), 0);
		flow = &fixture_flows(slot >> 16)[slot & 0xffff];
		entries[slot >> 16][slot & 0xffff]++;
		if (flow->state == FLOW_LIVE && ip_addr_equal(&flow->client, &key.client) &&
		    flow->client_port == key.client_port && flow->public_port == key.public_port &&
		    flow->rule == key.rule)
			continue;
		cr_expect_fail("%s: slot %x is not that of %08x:%u", bpf_map__name(index), slot,
			       ntohl(key.client.w[3]), ntohs(key.client_port));
		wrong++;
	}
	return wrong;
}

/* Each record that is live has to have one entry, and no other any. Return: how many are live. */
static unsigned check_pool(unsigned pool, const uint8_t *entries, uint64_t *confirmed,
			   unsigned *wrong)
{
	const struct flow *flows = fixture_flows(pool);
	unsigned live = 0;

	for (unsigned port = 0; port < POOL_PORTS; port++) {
		bool is_live = flows[port].state == FLOW_LIVE;

		live += is_live;
		*confirmed += flows[port].state != FLOW_FREE &&
			      flows[port].flags[DIR_IN] & FLOW_CONFIRMED;
		if (entries[port] == is_live)
			continue;
		cr_expect_fail("pool %u, port %u: state %u, %u entries", pool, port,
			       flows[port].state, entries[port]);
		++*wrong;
	}
	return live;
}

bool flows_check(void)
{
	static uint8_t entries[POOLS_MAX][POOL_PORTS];
	const struct ruleset *rs = fixture_ruleset();
	uint64_t live[PROTO_COUNT] = {}, confirmed[PROTO_COUNT] = {}, counted;
	struct flow_counters counts;
	unsigned wrong;

	memset(entries, 0, sizeof(entries));
	fixture_flow_counts(&counts);
	wrong = check_index(fixture_skel()->maps.flows_confirmed, entries) +
		check_index(fixture_skel()->maps.flows_new, entries);
	for (unsigned pool = 1; pool < POOLS_MAX; pool++)
		if (!ip_addr_is_any(&rs->pools[pool].addr) && counts.created[rs->pools[pool].proto])
			live[rs->pools[pool].proto] += check_pool(
				pool, entries[pool], &confirmed[rs->pools[pool].proto], &wrong);
	for (uint32_t proto = 0; proto < PROTO_COUNT; proto++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(fixture_skel()->maps.confirmed),
						 &proto, &counted),
			     0);
		if (counted != confirmed[proto]) {
			cr_expect_fail("protocol %u: %lu counted as confirmed, not %lu", proto,
				       counted, confirmed[proto]);
			wrong++;
		}
		if (counts.created[proto] - counts.ended[proto] == live[proto])
			continue;
		cr_expect_fail("protocol %u: %llu created, %llu ended, but %lu live", proto,
			       counts.created[proto], counts.ended[proto], live[proto]);
		wrong++;
	}
	return !wrong;
}
