// SPDX-License-Identifier: GPL-2.0-only
// Flows in pinned pools: looked at, ended, and swept.
#include <bpf/libbpf.h>
#include <errno.h>
#include "flow_sample.h"

TestSuite(flows, .init = state_sample_init, .fini = world_fini);

/* Four flows: clients 1 and 2 of TCP, clients 2 and 3 of UDP. */
static struct flow_sample load_four(void)
{
	struct flow_sample sample = flow_sample_load();
	struct flow *tcp = flow_sample_map(&sample, flow_sample_pool(sample.rs, PROTO_TCP));
	struct flow *udp = flow_sample_map(&sample, flow_sample_pool(sample.rs, PROTO_UDP));
	uint16_t xmpp = flow_sample_rule(sample.rs, "198.51.100.1", PROTO_TCP, 5222);
	uint16_t stun = flow_sample_rule(sample.rs, "198.51.100.1", PROTO_UDP, 3478);

	flow_sample_put(tcp, 1024, 1, xmpp, 5222);
	flow_sample_put(tcp, 65535, 2, xmpp, 5222);
	flow_sample_put(udp, 0, 2, stun, 3478);
	flow_sample_put(udp, 40000, 3, stun, 3478);
	return sample;
}

static int add_client(const struct flow_view *view, void *context)
{
	char addr[IP_ADDR_STRLEN], *text = context;

	sprintf(text + strlen(text), "%s %s:%u as %u to %u by %s\n", proto_name(view->proto),
		ip_addr_format(&view->client, addr), view->client_port, view->masquerade_port,
		view->backend_port, view->forward);
	return 0;
}

static void expect_each(const struct flow_filter *filter, const char *expected)
{
	char text[1024] = "";
	struct flows flows;

	cr_assert_eq(flows_open(BPFFS, "eth0", &flows), 0);
	cr_expect_eq(flows_each(&flows, filter, add_client, text), 0);
	cr_expect_str_eq(text, expected, "%snot:\n%s", text, expected);
	flows_close(&flows);
}

#define TCP_1 "tcp 203.0.113.1:40001 as 1024 to 5222 by tcp-5222\n"
#define TCP_2 "tcp 203.0.113.2:40002 as 65535 to 5222 by tcp-5222\n"
#define UDP_2 "udp 203.0.113.2:40002 as 0 to 3478 by udp-3478\n"
#define UDP_3 "udp 203.0.113.3:40003 as 40000 to 3478 by udp-3478\n"

Test(flows, each_of_them)
{
	load_four();
	expect_each(&(struct flow_filter){}, TCP_1 TCP_2 UDP_2 UDP_3);
	expect_each(&(struct flow_filter){ .has_proto = true, .proto = PROTO_UDP }, UDP_2 UDP_3);
	expect_each(&(struct flow_filter){ .backend = "home", .forward = "tcp-5222" }, TCP_1 TCP_2);
}

static int stop_at_two(const struct flow_view *view, void *context)
{
	(void)view;
	return ++*(int *)context == 2 ? 42 : 0;
}

Test(flows, a_walk_can_be_stopped)
{
	struct flow_filter all = {};
	struct flows flows;
	int count = 0;

	load_four();
	cr_assert_eq(flows_open(BPFFS, "eth0", &flows), 0);
	cr_expect_eq(flows_each(&flows, &all, stop_at_two, &count), 42);
	cr_expect_eq(count, 2);
	flows_close(&flows);
}

Test(flows, those_that_match_are_ended)
{
	struct flow_filter client = { .has_client = true };
	struct flow_sample sample = load_four();
	struct flow *tcp = flow_sample_map(&sample, flow_sample_pool(sample.rs, PROTO_TCP));
	struct flow before = tcp[65535];
	struct flows flows;

	cr_assert_eq(ip_prefix_parse("203.0.113.2", &client.client), 0);
	cr_assert_eq(flows_open(BPFFS, "eth0", &flows), 0);
	cr_expect_eq(flows_end(&flows, &client), 2);
	cr_expect_eq(flows_end(&flows, &client), 0);
	flows_close(&flows);
	expect_each(&(struct flow_filter){}, TCP_1 UDP_3);
	before.state = FLOW_ENDED;
	cr_expect_arr_eq(&tcp[65535], &before, sizeof(before), "nothing but the state changes");
}

Test(flows, an_interface_that_is_not_loaded)
{
	struct flows flows;

	cr_expect_eq(flows_open(BPFFS, "eth1", &flows), -ENOENT);
	flows_close(&flows);
}

Test(flows, layouts_of_another_version)
{
	struct state *state;
	struct flows flows;

	flow_sample_load();
	state = state_read(BPFFS, "eth0");
	cr_assert(state);
	state->abi++;
	cr_assert_eq(state_write(BPFFS, state), 0);
	cr_expect_eq(flows_open(BPFFS, "eth0", &flows), -EPROTONOSUPPORT);
	state->abi--;
	cr_assert_eq(state_write(BPFFS, state), 0);
	cr_expect_eq(flows_open(BPFFS, "eth0", &flows), 0);
	flows_close(&flows);
	state_free(state);
}

static void unlink_pin(const char *name)
{
	char path[PATH_MAX];

	cr_assert_eq(unlink(pins_path(path, BPFFS, "eth0", name)), 0, "%m");
}

Test(flows, pins_that_are_missing)
{
	struct flows flows;

	flow_sample_load();
	unlink_pin("pools");
	cr_expect_eq(flows_open(BPFFS, "eth0", &flows), -EPROTO);
	unlink_pin("rulesets");
	cr_expect_eq(flows_open(BPFFS, "eth0", &flows), -EPROTO);
}

Test(flows, a_sweep_goes_over_every_element_of_every_pool)
{
	struct flows_swept swept;

	flow_sample_load();
	flow_sample_pin_sweep(SWEEP_ELEMENTS, 3, XDP_PASS);
	cr_expect_eq(flows_sweep(BPFFS, "eth0", &swept), 0);
	cr_expect_eq(swept.ended, 2 * 1024); /* one in each run */
	cr_expect_eq(swept.live, 2 * 1024 * 3);
	cr_expect_eq(flows_sweep(BPFFS, "eth0", NULL), 0);
}

Test(flows, a_program_that_does_not_sweep)
{
	flow_sample_load();
	flow_sample_pin_sweep(SWEEP_ELEMENTS, 0, XDP_ABORTED);
	cr_expect_eq(flows_sweep(BPFFS, "eth0", NULL), -EPROTO);
	flow_sample_pin_sweep(0, 0, XDP_PASS);
	cr_expect_eq(flows_sweep(BPFFS, "eth0", NULL), -EPROTO, "it does not move on");
	unlink_pin(LOADER_SWEEP_PIN);
	cr_expect_eq(flows_sweep(BPFFS, "eth0", NULL), -EPROTO);
}

static void take_steps(struct flows_sweeper *sweeper, int steps)
{
	while (steps--)
		cr_assert_eq(flows_sweeper_step(BPFFS, "eth0", sweeper), 0);
}

Test(flows, a_round_of_the_sweeper_takes_ten_steps)
{
	struct flows_sweeper sweeper = {};

	flow_sample_load();
	flow_sample_pin_sweep(SWEEP_ELEMENTS, 1, XDP_PASS);
	take_steps(&sweeper, 1);
	cr_expect_eq(sweeper.run.pool, 1);
	cr_expect_eq(sweeper.run.next, 205 * SWEEP_ELEMENTS); /* a tenth of two pools */
	take_steps(&sweeper, 8);
	cr_expect_eq(sweeper.run.pool, 2);
	take_steps(&sweeper, 1);
	cr_expect_eq(sweeper.run.pool, 0, "both are done");
	take_steps(&sweeper, 1);
	cr_expect_eq(sweeper.run.pool, 1, "and due again");
}

static void count_flows(const struct flow_counters *value)
{
	struct flow_counters *values = calloc(libbpf_num_possible_cpus(), sizeof(*values));
	char path[PATH_MAX];
	uint32_t key = 0;
	int fd = bpf_obj_get(pins_path(path, BPFFS, "eth0", "flow_counters"));

	values[libbpf_num_possible_cpus() - 1] = *value;
	cr_assert_eq(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0, "%m");
	close(fd);
	free(values);
}

Test(flows, a_pool_without_flows_is_left_alone_until_one_begins)
{
	struct flow_counters counters = {};
	struct flows_sweeper sweeper = {};

	flow_sample_load();
	flow_sample_pin_sweep(SWEEP_ELEMENTS, 0, XDP_PASS);
	take_steps(&sweeper, FLOWS_ROUND_STEPS);
	for (int round = 0; round < 3; round++) {
		take_steps(&sweeper, 1);
		cr_expect_eq(sweeper.run.pool, 0);
		take_steps(&sweeper, FLOWS_ROUND_STEPS - 1);
	}
	counters.created[PROTO_UDP] = 1;
	count_flows(&counters);
	take_steps(&sweeper, 1);
	cr_expect_eq(sweeper.run.proto, PROTO_UDP);
	cr_expect_eq(sweeper.pending, 0, "TCP is left alone");
	cr_expect_eq(sweeper.run.next, 103 * SWEEP_ELEMENTS); /* a tenth of one pool */
	take_steps(&sweeper, FLOWS_ROUND_STEPS);
	cr_expect_eq(sweeper.run.pool, 0, "it was empty again");
}

Test(flows, counters)
{
	static struct maps_counters counters;
	struct flow_counters *values, first = { { 10, 5 }, { 3, 9 }, { 1, 2 }, { 4, 4 } };
	int cpus = libbpf_num_possible_cpus(), fd;
	char path[PATH_MAX];
	uint32_t key = 0;

	flow_sample_load();
	values = calloc(cpus, sizeof(*values));
	values[0] = first;
	values[cpus - 1].created[PROTO_TCP] += 100;
	fd = bpf_obj_get(pins_path(path, BPFFS, "eth0", "flow_counters"));
	cr_assert_eq(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0, "%m");
	cr_assert_eq(maps_counters_read(BPFFS, "eth0", 0, &counters), 0);
	cr_expect_eq(counters.flows.created[PROTO_TCP], 110);
	cr_expect_eq(counters.flows.confirmed[PROTO_UDP], 4);
	cr_expect_eq(counters.flows_max, 1000);
	cr_expect_eq(maps_flows_now(&counters, PROTO_TCP), 107);
	cr_expect_eq(maps_flows_now(&counters, PROTO_UDP), 0, "one end was counted early");
	unlink_pin("flow_counters");
	cr_assert_eq(maps_counters_read(BPFFS, "eth0", 0, &counters), 0);
	cr_expect_eq(counters.flows_max, 0);
	free(values);
}
