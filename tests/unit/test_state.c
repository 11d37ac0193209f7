// SPDX-License-Identifier: GPL-2.0-only
// The state in its pinned map: what is written is read.
#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "state_sample.h"

TestSuite(state, .init = state_sample_init, .fini = world_fini);

static void expect_devices(const struct state *a, const struct state *b)
{
	cr_assert_eq(a->device_count, b->device_count);
	for (size_t i = 0; i < a->device_count; i++) {
		const struct plan_device *x = &a->devices[i], *y = &b->devices[i];

		cr_expect_str_eq(x->name, y->name);
		cr_expect_eq(x->ifindex, y->ifindex);
		cr_expect_eq(x->is_l3, y->is_l3);
		cr_expect_arr_eq(x->mac, y->mac, sizeof(x->mac));
		cr_expect_eq(x->mtu, y->mtu);
	}
}

static void expect_nexthops(const struct state *a, const struct state *b)
{
	cr_assert_eq(a->nexthop_count, b->nexthop_count);
	for (size_t i = 0; i < a->nexthop_count; i++) {
		const struct plan_nexthop *x = &a->nexthops[i], *y = &b->nexthops[i];

		cr_expect_str_eq(a->backends[i].name, b->backends[i].name);
		cr_expect_eq(x->backend, y->backend);
		cr_expect(ip_addr_equal(&x->addr, &y->addr));
		cr_expect(ip_addr_equal(&x->neighbour, &y->neighbour));
		cr_expect_eq(x->device, y->device);
		cr_expect_eq(x->mtu, y->mtu);
	}
}

static void expect_hooks_of(const struct state *a, const struct state *b)
{
	cr_assert_eq(a->hook_count, b->hook_count);
	for (size_t i = 0; i < a->hook_count; i++) {
		const struct state_hook *x = &a->hooks[i], *y = &b->hooks[i];

		cr_expect_str_eq(x->device, y->device);
		cr_expect_str_eq(x->reason, y->reason);
		cr_expect_eq(x->ifindex, y->ifindex);
		cr_expect_eq(x->kind, y->kind);
		cr_expect_eq(x->made_qdisc, y->made_qdisc);
	}
}

static void expect_rules_of(const struct state *a, const struct state *b)
{
	cr_assert_eq(a->rule_count, b->rule_count);
	for (size_t i = 0; i < a->rule_count; i++) {
		const struct state_rule *x = &a->rules[i], *y = &b->rules[i];

		cr_expect_str_eq(x->forward, y->forward);
		cr_expect_eq(x->proto, y->proto);
		cr_expect(ip_addr_equal(&x->public_addr, &y->public_addr));
		cr_expect(ip_addr_equal(&x->backend_addr, &y->backend_addr));
		cr_expect_str_eq(x->ports, y->ports);
		cr_expect_eq(x->shift, y->shift);
		cr_expect_eq(x->share, y->share);
		cr_expect_eq(x->shares, y->shares);
		cr_expect_eq(x->acl, y->acl);
	}
}

static void expect_pools_of(const struct state *a, const struct state *b)
{
	cr_assert_eq(a->pool_count, b->pool_count);
	for (size_t i = 0; i < a->pool_count; i++) {
		cr_expect(ip_addr_equal(&a->pools[i].addr, &b->pools[i].addr));
		cr_expect_eq(a->pools[i].proto, b->pools[i].proto);
	}
	cr_assert_eq(a->share_count, b->share_count);
	cr_expect_arr_eq(a->shares, b->shares, a->share_count);
	cr_assert_eq(a->acl_count, b->acl_count);
	cr_expect_arr_eq(a->acls, b->acls, sizeof(a->acls));
	cr_assert_eq(a->acl_range_count, b->acl_range_count);
	cr_expect_arr_eq(a->acl_ranges, b->acl_ranges, sizeof(a->acl_ranges));
	for (int proto = 0; proto < PROTO_COUNT; proto++)
		cr_expect(port_set_equal(&a->masquerade_ports[proto], &b->masquerade_ports[proto]));
}

static void expect_equal(const struct state *a, const struct state *b)
{
	cr_expect_eq(a->abi, b->abi);
	cr_expect_str_eq(a->object, b->object);
	cr_expect_str_eq(a->iface, b->iface);
	cr_expect_str_eq(a->config, b->config);
	cr_expect_eq(a->mode, b->mode);
	cr_expect_eq(a->force, b->force);
	cr_expect_eq(a->reload_failed, b->reload_failed);
	cr_expect_eq(a->loaded_at, b->loaded_at);
	cr_expect_eq(a->agent_pid, b->agent_pid);
	cr_expect_eq(a->netns, b->netns);
	cr_expect_eq(a->generation, b->generation);
	cr_expect(port_set_equal(&a->reserved_before, &b->reserved_before));
	cr_expect(port_set_equal(&a->reserved, &b->reserved));
	cr_expect_arr_eq(a->forwarding_before, b->forwarding_before, sizeof(a->forwarding_before));
	expect_devices(a, b);
	expect_nexthops(a, b);
	expect_hooks_of(a, b);
	expect_rules_of(a, b);
	expect_pools_of(a, b);
	cr_assert_eq(a->counter_count, b->counter_count);
	for (size_t i = 0; i < a->counter_count; i++) {
		cr_expect_str_eq(a->counters[i].forward, b->counters[i].forward);
		cr_expect_eq(a->counters[i].proto, b->counters[i].proto);
	}
}

static struct state *read_back(void)
{
	struct state *state = state_read(BPFFS, "eth0");

	cr_assert(state, "%m");
	return state;
}

static void expect_read(const struct state *expected)
{
	struct state *state = read_back();

	expect_equal(state, expected);
	state_free(state);
}

Test(state, of_a_plan)
{
	struct state *state = make_state();

	cr_expect_eq(state->abi, XDPFWD_ABI_VERSION);
	cr_expect_str_eq(state->iface, "eth0");
	cr_expect_str_eq(state->config, "/etc/ports.toml");
	cr_expect_eq(state->mode, MODE_NATIVE);
	cr_expect(state->force);
	cr_expect_eq(state->agent_pid, 4711);
	cr_expect_eq(state->netns, state_netns());
	cr_expect_neq(state->netns, 0);
	cr_expect_eq(state->generation, 4000000000U);
	cr_expect_gt(state->loaded_at, 1700000000);
	cr_expect_not(state->forwarding_before[FAMILY_V4]);
	cr_expect(state->forwarding_before[FAMILY_V6]);
	cr_expect(port_set_equal(&state->reserved_before, &world.reserved_before));
	cr_expect(port_set_equal(&state->reserved, &world.plan->reserved));
	cr_expect_not(port_set_is_empty(&state->reserved));
	cr_assert_eq(state->device_count, 3);
	cr_expect_str_eq(state->devices[2].name, "wg0");
	cr_assert_eq(state->nexthop_count, PLAN_FIRST_BACKEND + 3);
	cr_expect_str_eq(state->backends[PLAN_FIRST_BACKEND].name, "home");
	cr_expect_str_eq(state->backends[PLAN_FIRST_BACKEND + 2].name, "away");
	cr_assert_eq(state->hook_count, world.plan->hook_count);
	cr_expect_str_eq(state->hooks[1].device, "eth1");
	cr_expect_eq(state->hooks[1].ifindex, 3);
	cr_expect_eq(state->hooks[1].kind, ATTACH_XDP_NATIVE);
	cr_expect_str_eq(state->hooks[1].reason, "--mode native");
	cr_assert_eq(state->rule_count, 7);
	cr_expect_eq(state->rules[4].shares, 0);
	cr_expect_str_eq(state->rules[5].forward, "udp-443");
	cr_expect_eq(state->rules[5].shares, 2);
	cr_expect_eq(state->rules[4].acl, 0);
	cr_expect_eq(state->rules[5].acl, 1);
	cr_expect_eq(state->acl_count, 2);
	cr_expect_eq(state->acl_range_count, 4);
	cr_expect_eq(state->rules[6].share, 2);
	cr_expect_eq(state->rules[6].shares, 1);
	cr_assert_eq(state->pool_count, 3);
	cr_expect_eq(state->pools[2].proto, PROTO_UDP);
	cr_expect(ip_addr_equal(&state->pools[0].addr, &world.plan->pools[0].addr));
	cr_assert_eq(state->share_count, 3);
	cr_expect_eq(state->shares[2], 2);
	cr_expect(port_set_is_empty(&state->masquerade_ports[PROTO_TCP]));
	cr_expect_eq(port_set_count(&state->masquerade_ports[PROTO_UDP]), 65536 - 1024);
	cr_expect_str_eq(state->rules[1].forward, "dns");
	cr_expect_eq(state->rules[1].proto, PROTO_UDP);
	cr_expect_str_eq(state->rules[1].ports, "53,60-69");
	cr_expect_eq(state->rules[1].shift, 1000);
	cr_assert_eq(state->counter_count, 5);
	cr_expect_str_eq(state->counters[0].forward, "gone");
	cr_expect_str_eq(state->counters[3].forward, "udp-80");
	state_free(state);
}

Test(state, what_is_written_is_read)
{
	struct state *state = make_state();

	cr_assert_eq(state_write(BPFFS, state), 0);
	expect_read(state);
	state_free(state);
}

Test(state, the_last_one_written_counts)
{
	struct state *state = make_state();

	for (int i = 0; i < 5; i++) {
		snprintf(state->config, sizeof(state->config), "/etc/%0*d.toml", 100 - 20 * i, i);
		cr_assert_eq(state_write(BPFFS, state), 0);
		expect_read(state);
	}
	state_free(state);
}

Test(state, of_another_interface)
{
	struct state *state = make_state();

	cr_assert_eq(pins_make(BPFFS, "eth0.100"), 0);
	cr_assert_eq(state_write(BPFFS, state), 0);
	strcpy(state->iface, "eth0.100");
	state->mode = MODE_TC;
	cr_assert_eq(state_write(BPFFS, state), 0);
	state_free(state);
	state = read_back();
	cr_expect_eq(state->mode, MODE_NATIVE);
	state_free(state);
	state = state_read(BPFFS, "eth0.100");
	cr_assert(state);
	cr_expect_eq(state->mode, MODE_TC);
	state_free(state);
}

Test(state, none)
{
	struct state *state = make_state();

	errno = 0;
	cr_expect_null(state_read(BPFFS, "eth0"));
	cr_expect_eq(errno, ENOENT);
	strcpy(state->iface, "eth7");
	cr_expect_eq(state_write(BPFFS, state), -ENOENT);
	cr_expect_null(state_read(BPFFS, "eth7"));
	cr_expect_eq(errno, ENOENT);
	state_free(state);
}

Test(state, without_privilege)
{
	struct state *state = make_state();

	cr_assert_eq(state_write(BPFFS, state), 0);
	state_free(state);
	cr_assert_eq(setresuid(65534, 65534, 0), 0);
	errno = 0;
	cr_expect_null(state_read(BPFFS, "eth0"));
	cr_expect(errno == EACCES || errno == EPERM, "%m");
	cr_assert_eq(setresuid(0, 0, 0), 0);
}

/* As long as every name can be, and as many of everything as a rule set has room for. */
Test(state, as_large_as_it_gets)
{
	struct state *state = make_state();
	struct state_rule *rules = calloc(RULES_MAX, sizeof(*rules));
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse("2001:db8:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa", &addr), 0);
	for (size_t i = 0; i < state->rule_count; i++)
		free(state->rules[i].ports);
	free(state->rules);
	state->rules = rules;
	state->rule_count = RULES_MAX - 1;
	for (size_t i = 0; i < state->rule_count; i++) {
		rules[i] = (struct state_rule){ .proto = i % 2,
						.public_addr = addr,
						.backend_addr = addr,
						.ports = strdup("60000-60009,61000-61009"),
						.shift = -59999 };
		memset(rules[i].forward, 'f', sizeof(rules[i].forward) - 1);
	}
	for (state->counter_count = 0; state->counter_count < COUNTERS_MAX; state->counter_count++)
		memset(state->counters[state->counter_count].forward, 'c', 63);
	for (; state->nexthop_count < NEXTHOPS_MAX; state->nexthop_count++) {
		memset(state->backends[state->nexthop_count].name, 'b', 63);
		state->nexthops[state->nexthop_count].addr = addr;
		state->nexthops[state->nexthop_count].neighbour = addr;
	}
	memset(state->config, '/', sizeof(state->config) - 1);
	cr_assert_eq(state_write(BPFFS, state), 0);
	expect_read(state);
	state_free(state);
}

Test(state, too_large)
{
	struct state *state = make_state();
	const size_t size = 3 << 20;
	char *ports = malloc(size);

	cr_assert_eq(state_write(BPFFS, state), 0);
	memset(ports, '7', size);
	ports[size - 1] = '\0';
	free(state->rules[0].ports);
	state->rules[0].ports = ports;
	cr_expect_eq(state_write(BPFFS, state), -E2BIG);
	state->rules[0].ports = strdup("53,60-69");
	free(ports);
	expect_read(state);
	state_free(state);
}

/* The pinned map as a writer sees it: a count, whose last bit says which of two texts is in force.
 */
static char *map_texts(size_t *text_size)
{
	int fd = bpf_obj_get(BPFFS "/xdpfwd/eth0/state");
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char *map;

	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0, "%m");
	*text_size = (info.value_size - sizeof(uint32_t)) / 2;
	map = mmap(NULL, info.value_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(map, MAP_FAILED, "%m");
	close(fd);
	return map;
}

/* Write as state_write() does, but without a pause to make the text. */
static void write_without_end(char *map, size_t text_size)
{
	char *texts = map + sizeof(uint32_t);
	char *copies[] = { strdup(texts), strdup(texts + text_size) };

	for (uint32_t next = 2;; next++) {
		strcpy(texts + (next & 1) * text_size, copies[next / 2 % 2]);
		__atomic_store_n((uint32_t *)map, next, __ATOMIC_SEQ_CST);
	}
}

/* A reader finds one state or the other whole, whatever a writer does meanwhile. */
Test(state, read_while_it_is_written)
{
	struct state *state = make_state();
	size_t text_size, size = 100000;
	char *ports = malloc(size + 1), *map;
	pid_t writer;

	ports[size] = '\0';
	free(state->rules[0].ports);
	state->rules[0].ports = ports;
	for (int i = 0; i < 2; i++) {
		memset(ports, 'a' + i, size);
		cr_assert_eq(state_write(BPFFS, state), 0);
	}
	map = map_texts(&text_size);
	cr_assert_eq(*(uint32_t *)map, 2, "it counts what is written");
	writer = fork();
	if (!writer)
		write_without_end(map, text_size);
	for (int i = 0; i < 500; i++) {
		struct state *read = state_read(BPFFS, "eth0");

		if (!read || strspn(read->rules[0].ports, "a") % size ||
		    strspn(read->rules[0].ports, "b") % size) {
			kill(writer, SIGKILL);
			cr_assert_fail("read %d: neither text: %m", i);
		}
		state_free(read);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	state_free(state);
}

Test(state, agent)
{
	struct state *state = make_state();
	int lock;

	cr_expect_eq(state_agent_alive(BPFFS, state), 0);
	lock = pins_agent_lock(BPFFS, "eth0");
	cr_assert_geq(lock, 0);
	cr_expect_eq(state_agent_alive(BPFFS, state), 4711);
	close(lock);
	cr_expect_eq(state_agent_alive(BPFFS, state), 0);
	state_free(state);
}
