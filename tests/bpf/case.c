// SPDX-License-Identifier: GPL-2.0-only
// Run one packet through one program by BPF_PROG_TEST_RUN and compare everything.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "case.h"

#define CLIENT_PORT  40000
#define FAILURES_MAX 8 /* shown of one test */

const struct path paths[] = {
	{ "in pub>home", WORLD_PUB, DEV_PUB, DEV_HOME, 1, 0, FWD_PLAIN, PEER_REMOTE, 0 },
	{ "in pub>pub", WORLD_PUB, DEV_PUB, DEV_PUB, 1, 0, FWD_ARM, PEER_REMOTE, 0 },
	{ "in pub>tun", WORLD_PUB, DEV_PUB, DEV_TUN, 1, 0, FWD_TUN, PEER_REMOTE, 0 },
	{ "in wan>home", WORLD_WAN, DEV_WAN, DEV_HOME, 1, 0, FWD_PLAIN, PEER_REMOTE, 0 },
	{ "in wan>tun", WORLD_WAN, DEV_WAN, DEV_TUN, 1, 0, FWD_TUN, PEER_REMOTE, 0 },
	{ "out home>pub", WORLD_PUB, DEV_HOME, DEV_PUB, 0, 1, FWD_PLAIN, 0, PEER_REMOTE },
	{ "out pub>pub", WORLD_PUB, DEV_PUB, DEV_PUB, 0, 1, FWD_ARM, 0, PEER_CLIENT },
	{ "out tun>pub", WORLD_PUB, DEV_TUN, DEV_PUB, 0, 1, FWD_TUN, 0, PEER_CLIENT },
	{ "out home>wan", WORLD_WAN, DEV_HOME, DEV_WAN, 0, 1, FWD_PLAIN, 0, PEER_WAN_CLIENT },
	{ "out tun>wan", WORLD_WAN, DEV_TUN, DEV_WAN, 0, 1, FWD_TUN, 0, PEER_WAN_CLIENT },
	{ "hairpin home", WORLD_PUB, DEV_HOME, DEV_HOME, 1, 1, FWD_UP, 0, 0 },
	{ "hairpin pub", WORLD_PUB, DEV_PUB, DEV_PUB, 1, 1, FWD_ARM, 0, 0 },
	{ "hairpin tun", WORLD_PUB, DEV_TUN, DEV_TUN, 1, 1, FWD_TUN, 0, 0 },
};
const size_t path_count = sizeof(paths) / sizeof(paths[0]);

static const struct {
	const char *name;
	enum verdict verdict;
} reasons[REASON_COUNT] = {
#define X(name, verdict, help) [REASON_##name] = { #name, VERDICT_##verdict },
#include <xdpfwd/reasons.def>
#undef X
};

static const int actions[][3] = {
	/* by hook and verdict; XDP says TX instead for the same device */
	[HOOK_XDP] = { XDP_REDIRECT, XDP_PASS, XDP_DROP },
	[HOOK_TC] = { TC_ACT_REDIRECT, TC_ACT_UNSPEC, TC_ACT_SHOT },
};

const struct path *path_find(const char *name)
{
	for (size_t i = 0; i < path_count; i++)
		if (!strcmp(paths[i].name, name))
			return &paths[i];
	cr_assert_fail("no path %s", name);
	return NULL;
}

bool path_takes(const struct path *path, enum program program)
{
	return (program == PROGRAM_TC_L3) == dev_is_l3(path->ingress);
}

static enum hook program_hook(enum program program)
{
	return program == PROGRAM_XDP ? HOOK_XDP : HOOK_TC;
}

void case_init(struct test_case *test, const struct path *path, enum program program,
	       enum ip_family family, enum proto proto)
{
	const struct forward_spec *forward = &fixture_forwards[path->forward];
	uint16_t backend_port = forward->first + forward->shift;
	enum peer hop = path->in ? forward->backend : path->to;

	*test = (struct test_case){
		.path = *path,
		.program = program,
		.family = family,
		.proto = proto,
		.packet = {
			.frame = program == PROGRAM_TC_L3 ? PACKET_BARE : PACKET_ETHERNET,
			.src_mac = { 2, 0xee, 0, 0, 0, 0xee },
			.src = peer_addr(path->world, path->out ? forward->backend : path->from,
					 family),
			.dst = peer_addr(path->world, path->in ? PEER_PUBLIC : path->to, family),
			.ttl = 64,
			.proto = proto == PROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP,
			.sport = path->out ? backend_port + 1 : CLIENT_PORT,
			.dport = path->in ? forward->first : CLIENT_PORT,
			.payload = 32,
			.head = 0xbeef,
		},
		.reason = program == PROGRAM_XDP && dev_is_l3(path->egress) ? REASON_LEFT_TO_TC :
									      REASON_FORWARDED,
		.source_forward = path->forward,
		.hop_mac = path->in ? fixture_cached_mac : peer_mac(hop),
	};
	memcpy(test->packet.dst_mac, dev_mac(path->ingress), 6);
}

const char *reason_name(enum reason reason)
{
	return reason < REASON_COUNT ? reasons[reason].name : "?";
}

bool case_by_cache(const struct test_case *test)
{
	const struct path *path = &test->path;
	struct ruleset *rs = fixture_ruleset();
	struct ip_addr backend =
		peer_addr(path->world, fixture_forwards[path->forward].backend, test->family);

	if (dev_is_l3(path->egress) || !rs)
		return false;
	if (!path->in) /* the gateway's, where a test says so */
		return test->hop_mac == fixture_cached_mac;
	for (unsigned i = 1; i < RULES_MAX; i++)
		if (ip_addr_equal(&rs->rules[i].backend_addr, &backend))
			return rs->nexthops[rs->rules[i].nexthop].valid_until_ns > fixture_now_ns();
	return false;
}

struct packet_spec case_output(const struct test_case *test)
{
	const struct forward_spec *forward = &fixture_forwards[test->path.forward];
	const struct forward_spec *source = &fixture_forwards[test->source_forward];
	const struct path *path = &test->path;
	struct packet_spec out = test->packet;

	out.ttl--;
	if (test->talk && path->in) {
		out.src = test->talk->masquerade;
		out.dst = test->talk->backend;
		out.sport = test->talk->port;
		out.dport = test->talk->backend_port;
	} else if (test->talk) {
		out.src = test->talk->public_addr;
		out.dst = test->talk->client;
		out.sport = test->talk->public_port;
		out.dport = test->talk->client_port;
	} else if (path->in) {
		out.dst = peer_addr(path->world, forward->backend, test->family);
		out.dport += forward->shift;
	}
	if (!test->talk && path->out) {
		out.src = peer_addr(path->world, PEER_PUBLIC, test->family);
		out.sport -= source->shift;
	}
	if (test->program == PROGRAM_XDP) {
		memcpy(out.dst_mac, test->hop_mac, 6);
		memcpy(out.src_mac, dev_mac(path->egress), 6);
	} else if (case_by_cache(test)) {
		out.frame = PACKET_ETHERNET;
		memcpy(out.dst_mac, fixture_cached_mac, 6);
		memcpy(out.src_mac, dev_mac(path->egress), 6);
	} else if (test->program == PROGRAM_TC_L3 && !dev_is_l3(path->egress)) {
		out.frame = PACKET_BLANK;
	}
	return out;
}

static unsigned failures;

unsigned case_failures(void)
{
	return failures;
}

void case_fail(const struct test_case *test, const char *fmt, ...)
{
	char text[4096];
	va_list args;

	if (++failures > FAILURES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cr_expect_fail("%s, %s, %s %s, %s: %s", program_names[test->program], test->path.name,
		       test->family == FAMILY_V4 ? "IPv4" : "IPv6",
		       test->proto == PROTO_TCP ? "TCP" : "UDP", test->detail, text);
}

/* BPF_PROG_TEST_RUN; @out gets the bytes. */
static int program_run(const struct test_case *test, const struct packet_buf *in,
		       struct packet_buf *out)
{
	struct xdpfwd_bpf *skel = fixture_skel();
	struct bpf_program *programs[PROGRAM_COUNT] = { skel->progs.xdpfwd_xdp,
							skel->progs.xdpfwd_tc,
							skel->progs.xdpfwd_tc_l3 };
	struct xdp_md xdp = { .data_end = in->len,
			      .ingress_ifindex = dev_ifindex(test->path.ingress) };
	struct __sk_buff skb = { .ifindex = dev_ifindex(test->path.ingress),
				 .gso_segs = test->gso_segs,
				 .gso_size = test->gso_segs ? 100 : 0 };
	bool is_xdp = test->program == PROGRAM_XDP;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len,
		    .data_out = out->data, .data_size_out = sizeof(out->data),
		    .ctx_in = is_xdp ? (void *)&xdp : (void *)&skb,
		    .ctx_size_in = is_xdp ? sizeof(xdp) : sizeof(skb));
	int err = bpf_prog_test_run_opts(bpf_program__fd(programs[test->program]), &opts);

	if (err)
		case_fail(test, "test run: %s", strerror(-err));
	out->len = opts.data_size_out;
	return opts.retval;
}

/* The reason counted between two readings; fails unless it is exactly one. */
static enum reason counted_reason(const struct test_case *test, const struct counts *before,
				  const struct counts *after)
{
	enum reason found = REASON_COUNT;
	unsigned total = 0;

	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		for (int i = 0; i < 64; i++) {
			uint64_t delta = after->reasons[hook][i] - before->reasons[hook][i];

			total += delta;
			if (delta && hook == (int)program_hook(test->program))
				found = i;
		}
	}
	if (total != 1 || found == REASON_COUNT) {
		case_fail(test, "%u reasons counted, not one", total);
		return REASON_COUNT;
	}
	return found;
}

int case_try(const struct test_case *test, const struct packet_buf *in, struct packet_buf *out,
	     enum reason *reason)
{
	struct counts before, after;
	int action;

	fixture_counts(&before);
	action = program_run(test, in, out);
	fixture_counts(&after);
	*reason = counted_reason(test, &before, &after);
	return action;
}

/* The forward's counters moved by this packet in its direction, all others not at all. */
static void check_counters(const struct test_case *test, const struct counts *before,
			   const struct counts *after, size_t bytes)
{
	const bool moves[DIR_COUNT] = { test->path.in, test->path.out };
	const enum forward forwards[DIR_COUNT] = { test->path.forward, test->source_forward };
	uint64_t packets = test->gso_segs ?: 1;

	for (unsigned key = 0; key < COUNTERS_USED; key++) {
		const struct forward_counters *a = &before->forwards[key],
					      *b = &after->forwards[key];

		for (int dir = 0; dir < DIR_COUNT; dir++) {
			bool expected = test->reason == REASON_FORWARDED && moves[dir] &&
					key == forwards[dir] * PROTO_COUNT + test->proto;

			if (b->packets[dir] - a->packets[dir] != (expected ? packets : 0) ||
			    b->bytes[dir] - a->bytes[dir] != (expected ? bytes : 0))
				case_fail(test, "counter %u %s moved by %llu packets, %llu bytes",
					  key, dir == DIR_IN ? "in" : "out",
					  b->packets[dir] - a->packets[dir],
					  b->bytes[dir] - a->bytes[dir]);
		}
	}
}

/* What a flow is masqueraded as, taken from its first packet, which has the input's layout. */
static void talk_learn(struct test_case *test, const struct packet_buf *in,
		       const struct packet_buf *out)
{
	const uint8_t *l3 = out->data + out->len - (in->len - in->l3);
	const uint8_t *l4 = l3 + (in->l4 - in->l3);
	__be32 v4;

	if (test->family == FAMILY_V4) {
		memcpy(&v4, l3 + 12, sizeof(v4));
		test->talk->masquerade = ip_addr_from_v4(v4);
	} else {
		memcpy(&test->talk->masquerade, l3 + 8, sizeof(test->talk->masquerade));
	}
	test->talk->port = l4[0] << 8 | l4[1];
}

/* Run; @expected is NULL for what case_output() says. */
static void check(struct test_case *test, const struct packet_buf *in,
		  const struct packet_buf *expected)
{
	static struct counts before, after;
	struct packet_buf rewritten;
	enum hook hook = program_hook(test->program);
	enum verdict verdict = reasons[test->reason].verdict;
	struct packet_buf out;
	enum reason reason;
	char diff[1024];
	int action, wanted = actions[hook][verdict];

	if (test->program == PROGRAM_XDP && verdict == VERDICT_FORWARD &&
	    test->path.ingress == test->path.egress)
		wanted = XDP_TX;
	fixture_counts(&before);
	action = program_run(test, in, &out);
	fixture_counts(&after);
	reason = counted_reason(test, &before, &after);
	if (reason == REASON_COUNT)
		return;
	if (test->talk && !test->talk->port && reason == REASON_FORWARDED)
		talk_learn(test, in, &out);
	if (!expected) {
		struct packet_spec spec = test->packet;

		if (test->reason == REASON_FORWARDED)
			spec = case_output(test);
		packet_build(&spec, &rewritten);
		expected = &rewritten;
	}
	packet_diff(expected, out.data, out.len, diff, sizeof(diff));
	if (reason != test->reason)
		case_fail(test, "counted %s, not %s; %s", reasons[reason].name,
			  reasons[test->reason].name, diff);
	else if (action != wanted)
		case_fail(test, "action %d, not %d (%s)", action, wanted, reasons[reason].name);
	else if (diff[0])
		case_fail(test, "%s: %s", reasons[reason].name, diff);
	else
		check_counters(test, &before, &after, in->end - in->l3);
}

static void set_detail(struct test_case *test, const char *detail, va_list args)
{
	vsnprintf(test->detail, sizeof(test->detail), detail, args);
}

void case_run(struct test_case *test, const char *detail, ...)
{
	struct packet_buf in;
	va_list args;

	va_start(args, detail);
	set_detail(test, detail, args);
	va_end(args);
	packet_build(&test->packet, &in);
	check(test, &in, NULL);
}

void case_run_bytes(struct test_case *test, const struct packet_buf *bytes, const char *detail, ...)
{
	va_list args;

	va_start(args, detail);
	set_detail(test, detail, args);
	va_end(args);
	check(test, bytes, bytes);
}

void case_for_each(void (*body)(struct test_case *test))
{
	struct test_case test;

	for (size_t i = 0; i < path_count; i++) {
		fixture_apply(paths[i].world, UINT64_MAX, 1600);
		for (int program = 0; program < PROGRAM_COUNT; program++) {
			if (!path_takes(&paths[i], program))
				continue;
			for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
				case_init(&test, &paths[i], program, n / PROTO_COUNT,
					  n % PROTO_COUNT);
				body(&test);
			}
		}
	}
}
