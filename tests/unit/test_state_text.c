// SPDX-License-Identifier: GPL-2.0-only
// Texts in the pinned map that are no state, or not one that this version understands.
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "state_internal.h"
#include "state_sample.h"

TestSuite(state_text, .init = state_sample_init, .fini = world_fini);

/* The map's value with room to spare; @text: where in it the state stands. */
static char *map_value(int fd, char **text)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), key = 0;
	char *value;

	cr_assert_geq(fd, 0, "%m");
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	value = calloc(1, info.value_size);
	cr_assert_eq(bpf_map_lookup_elem(fd, &key, value), 0);
	*text = memmem(value, info.value_size, "{\"abi\"", 6);
	cr_assert(*text);
	return value;
}

/* A map of which one text was written so far, with @before in it replaced; NULL for all of it. */
static void write_replaced(const char *before, const char *after)
{
	struct state *state = make_state();
	char *value, *text, *rest;
	__u32 key = 0;
	int fd;

	unlink(BPFFS "/xdpfwd/eth0/state");
	cr_assert_eq(state_write(BPFFS, state), 0);
	fd = bpf_obj_get(BPFFS "/xdpfwd/eth0/state");
	value = map_value(fd, &text);
	if (before) {
		text = strstr(text, before);
		cr_assert(text, "%s", before);
		rest = strdup(text + strlen(before));
		strcpy(stpcpy(text, after), rest);
		free(rest);
	} else {
		strcpy(text, after);
	}
	cr_assert_eq(bpf_map_update_elem(fd, &key, value, 0), 0);
	close(fd);
	free(value);
	state_free(state);
}

static void expect_refused_text(const char *before, const char *after)
{
	struct state *state;

	write_replaced(before, after);
	errno = 0;
	state = state_read(BPFFS, "eth0");
	cr_expect_null(state, "%s -> %s", before ?: "all", after);
	cr_expect_eq(errno, EPROTO, "%s -> %s: %m", before ?: "all", after);
	state_free(state);
}

Test(state_text, no_json_at_all)
{
	expect_refused_text(NULL, "");
	expect_refused_text(NULL, "garbage");
	expect_refused_text(NULL, "[]");
	expect_refused_text(NULL, "{}");
	expect_refused_text(NULL, "{\"abi\": 1");
	expect_refused_text("}],\"rules\"", "");
}

Test(state_text, what_is_missing_or_of_another_kind)
{
	static const char *const keys[] = { "abi",	     "interface",
					    "config",	     "mode",
					    "force",	     "loaded_at",
					    "agent_pid",     "devices",
					    "nexthops",	     "hooks",
					    "rules",	     "counters",
					    "netns",	     "generation",
					    "reserved",	     "reserved_before",
					    "is_l3",	     "mac",
					    "mtu",	     "name",
					    "ifindex",	     "backend",
					    "address",	     "neighbour",
					    "kind",	     "made_qdisc",
					    "reason",	     "forward",
					    "proto",	     "public",
					    "ports",	     "shift",
					    "backend_index", "forwarding_before_v4",
					    "device",	     "forwarding_before_v6" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char key[64], other[64];

		snprintf(key, sizeof(key), "\"%s\":", keys[i]);
		snprintf(other, sizeof(other), "\"%s_\":", keys[i]);
		expect_refused_text(key, other);
		/* The value goes to a key that nobody knows. */
		snprintf(other, sizeof(other), "\"%s\":null,\"%s_\":", keys[i], keys[i]);
		expect_refused_text(key, other);
	}
	expect_refused_text("[\"gone\",1]", "[\"gone\"]");
	expect_refused_text("[\"gone\",1]", "[7,1]");
	expect_refused_text("[\"gone\",1]", "\"gone\"");
}

Test(state_text, values_out_of_range)
{
	static const char *const cases[][2] = {
		{ "\"mode\":1", "\"mode\":4" },
		{ "\"mode\":1", "\"mode\":-1" },
		{ "\"mac\":\"02:", "\"mac\":\"zz:" },
		{ "\"mac\":\"02:", "\"mac\":\"" },
		{ "\"address\":\"198.18.9.2\"", "\"address\":\"198.18.9.256\"" },
		{ "\"neighbour\":\"198.18.9.2\"", "\"neighbour\":\"\"" },
		{ "\"device\":2", "\"device\":3" },
		{ "\"device\":2", "\"device\":-1" },
		{ "\"kind\":2", "\"kind\":4" },
		{ "\"kind\":2", "\"kind\":-1" },
		{ "\"proto\":1", "\"proto\":2" },
		{ "\"proto\":1", "\"proto\":-1" },
		{ "\"public\":\"198.51.100.1\"", "\"public\":\"x\"" },
		{ "\"backend\":\"198.18.9.2\"", "\"backend\":\"x\"" },
		{ "[\"gone\",1]", "[\"gone\",2]" },
		{ "[\"gone\",1]", "[\"gone\",-1]" },
		{ "\"reserved_before\":\"9000-9001\"", "\"reserved_before\":\"9001-9000\"" },
		{ "\"reserved\":\"", "\"reserved\":\"x" },
		{ "[\"198.18.9.1\",1]", "[\"198.18.9.1\",2]" },
		{ "[\"198.18.9.1\",1]", "[\"198.18.9.1\",-1]" },
		{ "[\"198.18.9.1\",1]", "[\"198.18.9.\",1]" },
		{ "[\"198.18.9.1\",1]", "\"198.18.9.1\"" },
		{ "\"pools\":[", "\"pools\":null,\"pools_\":[" },
		{ "\"shares\":[0,1,2]", "\"shares\":[0,1,3]" },
		{ "\"shares\":[0,1,2]", "\"shares\":[0,1,-1]" },
		{ "\"shares\":[0,1,2]", "\"shares\":[0,1,\"2\"]" },
		{ "\"shares\":[0,1,2]", "\"shares\":{}" },
		{ "\"share\":2,\"shares\":1", "\"share\":3,\"shares\":1" },
		{ "\"share\":2,\"shares\":1", "\"share\":2,\"shares\":-1" },
		{ "\"share\":2,\"shares\":1", "\"share\":-1,\"shares\":1" },
		{ "\"share\":2,\"shares\":1", "\"share\":2,\"shares\":257" },
		{ "\"masquerade_tcp\":\"\"", "\"masquerade_tcp\":\"x\"" },
		{ "\"masquerade_udp\":\"1024", "\"masquerade_udp\":\"x" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused_text(cases[i][0], cases[i][1]);
}

/* Put @count more items at the front of an array. */
static void expect_refused_more(const char *array, int count, const char *item)
{
	char before[64], *after = malloc(strlen(item) * count + 64), *end;

	snprintf(before, sizeof(before), "\"%s\":[", array);
	end = stpcpy(after, before);
	while (count--)
		end = stpcpy(end, item);
	expect_refused_text(before, after);
	free(after);
}

Test(state_text, more_than_there_is_room_for)
{
	expect_refused_more("devices", DEVICES_MAX - 2,
			    "{\"name\":\"x\",\"ifindex\":1,\"is_l3\":false,"
			    "\"mac\":\"00:00:00:00:00:00\",\"mtu\":1},");
	expect_refused_more("nexthops", NEXTHOPS_MAX - PLAN_FIRST_BACKEND - 2,
			    "{\"backend\":\"x\",\"backend_index\":0,\"address\":\"::\","
			    "\"neighbour\":\"::\",\"device\":0,\"mtu\":1},");
	expect_refused_more("hooks", 4 * DEVICES_MAX - 4,
			    "{\"device\":\"x\",\"ifindex\":1,\"kind\":0,\"made_qdisc\":false,"
			    "\"reason\":\"\"},");
	expect_refused_more("counters", COUNTERS_MAX - 3, "[\"x\",0],");
}

/* One that could only preserve. */
Test(state_text, keys_that_an_earlier_version_did_not_have)
{
	static const char *const keys[] = { "pools", "shares", "masquerade_tcp", "masquerade_udp" };
	struct state *state = make_state();
	char *text, *key = NULL, quoted[32];

	state->rule_count -= 2; /* those that masquerade */
	text = state_to_text(state);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(quoted, sizeof(quoted), "\"%s\":", keys[i]);
		/* The last one: rules have keys of the same name, which are in force. */
		for (char *next = text; (next = strstr(next, quoted)); next++)
			key = next;
		cr_assert(key, "%s", quoted);
		key[1] = '_';
	}
	state = state_from_text(text);
	cr_assert(state, "%m: %s", text);
	cr_expect_eq(state->rule_count, 5);
	cr_expect_eq(state->rules[4].shares, 0);
	cr_expect_eq(state->pool_count + state->share_count, 0);
	cr_expect(port_set_is_empty(&state->masquerade_ports[PROTO_UDP]));
	state_free(state);
	free(text);
}

Test(state_text, keys_of_a_later_version_are_passed_over)
{
	struct state *state;

	write_replaced("{\"abi\":", "{\"later\":{\"a\":[1]},\"abi\":");
	state = state_read(BPFFS, "eth0");
	cr_assert(state, "%m");
	cr_expect_eq(state->abi, XDPFWD_ABI_VERSION);
	cr_expect_eq(state->rule_count, 7);
	state_free(state);
}

/* Somebody else's map, or one of a version that kept less. */
Test(state_text, a_map_of_another_size)
{
	int fd;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "small", 4, 4096, 1, &opts);
	cr_assert_geq(fd, 0, "%m");
	cr_assert_eq(bpf_obj_pin(fd, BPFFS "/xdpfwd/eth0/state"), 0, "%m");
	errno = 0;
	cr_expect_null(state_read(BPFFS, "eth0"));
	cr_expect_eq(errno, EPROTO, "%m");
	close(fd);
}
