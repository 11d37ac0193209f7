// SPDX-License-Identifier: GPL-2.0-only
// Which flows and pools outlive a change of rule sets.
#include <errno.h>
#include <stdlib.h>
#include "flow_sample.h"

TestSuite(apply_pools, .init = state_sample_init, .fini = world_fini);

#define PUBLIC "198.51.100.1"

/* Loaded, with a sweep that leaves everything as it is: so what is ended can be seen. */
static struct flow_sample load(void)
{
	struct flow_sample sample = flow_sample_load();

	flow_sample_pin_sweep(SWEEP_ELEMENTS, 0, XDP_PASS);
	return sample;
}

static void finish(struct flow_sample *sample)
{
	struct diag_list diags = {};

	apply_pools_finish(&sample->pools, &diags);
	cr_expect_eq(diags.count, 0, "%s", diags.count ? diags.items[0].text : "");
}

static uint32_t pool_id(const struct flow_sample *sample, uint32_t pool)
{
	uint32_t id = 0;

	bpf_map_lookup_elem(sample->pools.pools_fd, &pool, &id);
	return id;
}

/* A flow of a public port, at its own number in the pool. */
static struct flow *put(const struct flow_sample *sample, enum proto proto, uint16_t port)
{
	struct flow *records = flow_sample_map(sample, flow_sample_pool(sample->rs, proto));
	uint16_t rule = flow_sample_rule(sample->rs, PUBLIC, proto, port);

	cr_assert(rule);
	flow_sample_put(records, port, 1, rule, port);
	return &records[port];
}

Test(apply_pools, the_same_again_changes_nothing)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222), *udp = put(&sample, PROTO_UDP, 3478);
	uint32_t pool = flow_sample_pool(sample.rs, PROTO_TCP), id = pool_id(&sample, pool);

	finish(&sample);
	flow_sample_apply(&sample, FLOW_SAMPLE_CONFIG);
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_LIVE);
	cr_expect_eq(udp->state, FLOW_LIVE);
	cr_expect_eq(pool_id(&sample, pool), id);
}

Test(apply_pools, a_forward_that_is_gone_takes_its_flows_and_its_pool)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222), *udp = put(&sample, PROTO_UDP, 3478);
	uint32_t tcp_pool = flow_sample_pool(sample.rs, PROTO_TCP);
	uint32_t udp_pool = flow_sample_pool(sample.rs, PROTO_UDP);

	flow_sample_apply(&sample, HOME4 MASQUERADE_TO("home", "udp", "[3478]"));
	cr_expect_eq(tcp->state, FLOW_LIVE, "not before the new rules are in force");
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED);
	cr_expect_eq(udp->state, FLOW_LIVE);
	cr_expect_eq(pool_id(&sample, tcp_pool), 0);
	cr_expect_neq(pool_id(&sample, udp_pool), 0);
}

Test(apply_pools, a_forward_is_gone_and_its_pool_stays)
{
	struct flow_sample sample = load();
	struct flow *gone, *stays;

	flow_sample_apply(&sample, HOME4 MASQUERADE_TO("home", "tcp", "[80]")
					   MASQUERADE_TO("home", "tcp", "[5222]"));
	finish(&sample);
	gone = put(&sample, PROTO_TCP, 80);
	stays = put(&sample, PROTO_TCP, 5222);
	flow_sample_apply(&sample, HOME4 MASQUERADE_TO("home", "tcp", "[5222]"));
	finish(&sample);
	cr_expect_eq(gone->state, FLOW_ENDED);
	cr_expect_eq(stays->state, FLOW_LIVE);
}

Test(apply_pools, another_backend_ends_the_flows_to_the_old_one)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222), *udp = put(&sample, PROTO_UDP, 3478);

	world_route("198.18.9.3", "eth1");
	flow_sample_apply(&sample,
			  HOME4 "[backend.new]\naddress = \"198.18.9.3\"\n" MASQUERADE_TO(
				  "new", "tcp", "[5222]") MASQUERADE_TO("home", "udp", "[3478]"));
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED);
	cr_expect_eq(udp->state, FLOW_LIVE);
}

Test(apply_pools, preserve_ends_the_flows_of_masquerade)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222);

	flow_sample_apply(&sample, HOME4 TCP("[5222]"));
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED);
}

/* Flows of put() are of 203.0.113.1. */
Test(apply_pools, a_client_that_is_denied_loses_its_flows)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222), *udp = put(&sample, PROTO_UDP, 3478);

	flow_sample_apply(
		&sample,
		HOME4 MASQUERADE_TO("home", "tcp", "[5222]") "deny = "
							     "\"203.0.113.1\"\n" MASQUERADE_TO(
								     "home", "udp",
								     "[3478]") "allow = "
									       "\"203.0.113.1\"\n");
	cr_expect_eq(tcp->state, FLOW_LIVE, "not before the new rules are in force");
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED);
	cr_expect_eq(udp->state, FLOW_LIVE);
}

Test(apply_pools, another_masquerade_address)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222);
	uint32_t old = flow_sample_pool(sample.rs, PROTO_TCP);

	world_addr("eth1", "198.18.9.5");
	flow_sample_apply(&sample, HOME4 "masquerade_address = \"198.18.9.5\"\n" MASQUERADE_TO(
					   "home", "tcp", "[5222]"));
	cr_expect_neq(flow_sample_pool(sample.rs, PROTO_TCP), old);
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED);
	cr_expect_eq(pool_id(&sample, old), 0);
}

Test(apply_pools, one_more_masquerade_address_ends_nothing)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222);

	world_addr("eth1", "198.18.9.5");
	flow_sample_apply(&sample, HOME4
			  "masquerade_address = [\"198.18.9.5\", \"198.18.9.1\"]\n" MASQUERADE_TO(
				  "home", "tcp", "[5222]"));
	finish(&sample);
	cr_expect_eq(tcp->state, FLOW_LIVE);
}

Test(apply_pools, undo_takes_new_pools_away_and_leaves_the_others)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222);
	uint32_t old = flow_sample_pool(sample.rs, PROTO_TCP), id = pool_id(&sample, old), new;

	finish(&sample);
	world_addr("eth1", "198.18.9.5");
	flow_sample_apply(&sample, HOME4 "masquerade_address = \"198.18.9.5\"\n" MASQUERADE_TO(
					   "home", "tcp", "[5222]"));
	new = flow_sample_pool(sample.rs, PROTO_TCP);
	cr_expect_neq(pool_id(&sample, new), 0);
	apply_pools_undo(&sample.pools);
	cr_expect_eq(pool_id(&sample, new), 0);
	cr_expect_eq(pool_id(&sample, old), id);
	cr_expect_eq(tcp->state, FLOW_LIVE);
}

/* The rule set in force, to be changed by hand: what happens when no index is left. */
static struct ruleset *copy_ruleset(struct flow_sample *sample)
{
	struct ruleset *rs = malloc(sizeof(*rs));

	cr_assert(rs);
	memcpy(rs, sample->rs, sizeof(*rs));
	finish(sample);
	sample->pools.old = sample->rs;
	sample->pools.new = rs;
	return rs;
}

static void begin(struct flow_sample *sample)
{
	struct diag_list diags = {};

	cr_assert_eq(apply_pools_begin(&sample->pools, &diags), 0, "%s",
		     diags.count ? diags.items[0].text : "");
}

Test(apply_pools, a_place_that_another_address_takes)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222), *records;
	uint32_t pool = flow_sample_pool(sample.rs, PROTO_TCP), id = pool_id(&sample, pool);
	struct ruleset *rs = copy_ruleset(&sample);

	cr_assert_eq(ip_addr_parse("198.18.9.5", &rs->pools[pool].addr), 0);
	begin(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED);
	cr_expect_neq(pool_id(&sample, pool), id);
	records = flow_sample_map(&sample, pool);
	cr_expect_eq(records[5222].state, FLOW_FREE, "the new address begins without flows");
	apply_pools_undo(&sample.pools);
	cr_expect_eq(pool_id(&sample, pool), id);
	free(rs);
}

Test(apply_pools, a_rule_whose_index_another_takes)
{
	struct flow_sample sample = load();
	struct flow *tcp = put(&sample, PROTO_TCP, 5222), *udp = put(&sample, PROTO_UDP, 3478);
	struct ruleset *rs = copy_ruleset(&sample);

	begin(&sample);
	cr_expect_eq(tcp->state, FLOW_LIVE);
	rs->rules[tcp->rule].counter++;
	begin(&sample);
	cr_expect_eq(tcp->state, FLOW_ENDED, "before a packet can see the new rule");
	cr_expect_eq(udp->state, FLOW_LIVE);
	free(rs);
}

Test(apply_pools, a_sweep_that_fails_is_a_warning_and_leaves_the_pool)
{
	struct flow_sample sample = load();
	uint32_t pool = flow_sample_pool(sample.rs, PROTO_TCP);
	struct diag_list diags = {};

	flow_sample_pin_sweep(SWEEP_ELEMENTS, 0, XDP_ABORTED);
	flow_sample_apply(&sample, HOME4 MASQUERADE_TO("home", "udp", "[3478]"));
	apply_pools_finish(&sample.pools, &diags);
	cr_assert_eq(diags.count, 1);
	cr_expect_eq(diags.items[0].severity, DIAG_WARNING);
	cr_expect_str_eq(
		diags.items[0].text,
		"cannot end the flows of forwards that are gone: Protocol error; reload to "
		"try again");
	cr_expect_neq(pool_id(&sample, pool), 0);

	flow_sample_pin_sweep(SWEEP_ELEMENTS, 0, XDP_PASS);
	finish(&sample); /* as the next reload does */
	cr_expect_eq(pool_id(&sample, pool), 0);
}

Test(apply_pools, the_size_of_the_flow_table_stays)
{
	struct diag_list diags = {};
	struct loaded again;

	load();
	cr_expect_eq(maps_flows_max(BPFFS, "eth0"), 1000);
	cr_assert_eq(loader_open(BPFFS, "eth0", 1000, &again, &diags), 0);
	cr_expect_eq(diags.count, 0);
	loader_close(&again);
	cr_assert_eq(loader_open(BPFFS, "eth0", 2000, &again, &diags), 0);
	cr_assert_eq(diags.count, 1);
	cr_expect_str_eq(diags.items[0].text, "limits: flows = 2000 takes effect after unload and "
					      "load; until then there is room for 1000");
	loader_close(&again);
	cr_expect_eq(maps_flows_max(BPFFS, "eth0"), 1000);
}

static uint32_t new_size(uint32_t flows_max)
{
	struct diag_list diags = {};
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	struct loaded loaded;
	char path[PATH_MAX];
	int fd;

	cr_assert_eq(pins_make(BPFFS, "eth1"), 0);
	cr_assert_eq(loader_open(BPFFS, "eth1", flows_max, &loaded, &diags), 0);
	cr_assert_eq(loader_pin(&loaded, BPFFS, "eth1"), 0);
	fd = bpf_obj_get(pins_path(path, BPFFS, "eth1", "flows_new"));
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	loader_close(&loaded);
	cr_assert_eq(pins_remove(BPFFS, "eth1"), 0);
	return info.max_entries;
}

Test(apply_pools, unconfirmed_flows_are_half_as_many_within_bounds)
{
	cr_expect_eq(new_size(1), 1024);
	cr_expect_eq(new_size(2048), 1024);
	cr_expect_eq(new_size(5000), 2500);
	cr_expect_eq(new_size(131072), 65536);
	cr_expect_eq(new_size(1000000), 65536);
}
