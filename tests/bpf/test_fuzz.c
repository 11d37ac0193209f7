// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mutated packets through every program, and what has to be true of each of them. FUZZ_PACKETS says
 * how many, FUZZ_SEED which ones; a failure prints both, for the same packets once more.
 */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "inspect.h"
#include "mutate.h"

TestSuite(fuzz, .init = fixture_init);

#define PACKETS	     50000
#define PER_WORLD    5000 /* packets for one rule set */
#define EMBED_MAX_V4 548
#define EMBED_MAX_V6 1232

/**
 * struct outcome - what a program made of a packet
 * @l3_in, @l3_out: where the IP header was and is; 0 for none in a frame
 */
struct outcome {
	const struct mutant *mutant;
	enum program program;
	const struct packet_buf *in;
	struct packet_buf out;
	uint32_t action;
	enum reason reason;
	size_t l3_in, l3_out;
};

static uint64_t seed;
static unsigned number;
static uint64_t seen[HOOK_COUNT][REASON_COUNT];
static uint64_t counted[HOOK_COUNT][64];
static uint64_t forwarded[PROGRAM_COUNT];
static int cpu;

static void print_packet(const char *title, const struct packet_buf *buf)
{
	fprintf(stderr, "%s, %zu bytes:", title, buf->len);
	for (size_t i = 0; i < buf->len; i++)
		fprintf(stderr, "%s%02x", i % 16 ? "" : "\n  ", buf->data[i]);
	fputc('\n', stderr);
}

static void broken(const struct outcome *o, const char *what)
{
	print_packet("in", o->in);
	print_packet("out", &o->out);
	cr_assert_fail("%s on %s, action %d, %s: %s\nonce more: FUZZ_SEED=%llu FUZZ_PACKETS=%u",
		       program_names[o->program], dev_name(o->mutant->ingress), (int)o->action,
		       o->reason < REASON_COUNT ? reason_name(o->reason) : "no reason", what,
		       (unsigned long long)seed, number + 1);
}

static enum hook hook_of(enum program program)
{
	return program == PROGRAM_XDP ? HOOK_XDP : HOOK_TC;
}

/* Of this CPU alone: nothing else runs the programs. */
static void read_counters(enum hook hook, uint64_t counts[64])
{
	struct reason_counters each[libbpf_num_possible_cpus()];
	uint32_t key = hook;

	cr_assert_eq(
		bpf_map_lookup_elem(bpf_map__fd(fixture_skel()->maps.reason_counters), &key, each),
		0);
	memcpy(counts, each[cpu].packets, sizeof(each[cpu].packets));
}

static void check_reason(struct outcome *o)
{
	uint64_t now[64], *before = counted[hook_of(o->program)];
	uint64_t total = 0;

	read_counters(hook_of(o->program), now);
	o->reason = REASON_COUNT;
	for (int i = 0; i < 64; i++) {
		total += now[i] - before[i];
		if (now[i] != before[i])
			o->reason = i;
	}
	memcpy(before, now, sizeof(now));
	if (total != 1 || o->reason >= REASON_COUNT)
		broken(o, "not exactly one reason is counted");
	seen[hook_of(o->program)][o->reason]++;
}

static bool is_answer(const struct outcome *o)
{
	return o->program != PROGRAM_XDP && reason_is_drop(o->reason) &&
	       o->action == TC_ACT_REDIRECT;
}

/* The action is one there is, and the one that the reason stands for. */
static void check_action(const struct outcome *o)
{
	const bool is_xdp = o->program == PROGRAM_XDP;
	const bool is_answerable =
		o->reason == REASON_TTL_EXPIRED || o->reason == REASON_OVERSIZE ||
		o->reason == REASON_NO_PORT || o->reason == REASON_FLOWS_FULL ||
		o->reason == REASON_SOURCE_FLOWS || o->reason == REASON_SOURCE_RATE;
	bool is_right;

	if (o->reason == REASON_FORWARDED)
		is_right = is_xdp ? o->action == XDP_TX || o->action == XDP_REDIRECT
				  : o->action == TC_ACT_REDIRECT;
	else if (reason_is_drop(o->reason))
		is_right = is_xdp ? o->action == XDP_DROP
				  : o->action == TC_ACT_SHOT ||
					    (o->action == TC_ACT_REDIRECT && is_answerable);
	else
		is_right = o->action == (is_xdp ? (uint32_t)XDP_PASS : (uint32_t)TC_ACT_UNSPEC);
	if (!is_right)
		broken(o, "this action does not go with this reason");
}

static void check_untouched(const struct outcome *o)
{
	if (o->out.len != o->in->len || memcmp(o->out.data, o->in->data, o->in->len) != 0)
		broken(o, "passed up, but not as it was");
}

/* A right checksum stays right, and none stays none. */
static void check_sum(const struct outcome *o, enum sum_state in, enum sum_state out,
		      const char *what)
{
	if ((in == SUM_RIGHT || in == SUM_NONE) && in != out)
		broken(o, what);
}

/* The packet inside an ICMP error, whose checksums are as right as they were. */
static void check_quoted(const struct outcome *o, const struct view *in, const struct view *out)
{
	struct view a, b;

	if (!view_quoted(o->in->data, in, &a))
		return;
	if (!view_quoted(o->out.data, out, &b) || a.proto != b.proto || a.ttl != b.ttl ||
	    a.end - a.l3 != b.end - b.l3 || a.l4 - a.l3 != b.l4 - b.l3)
		broken(o, "the embedded packet is another");
	check_sum(o, a.l3_sum, b.l3_sum, "the embedded IP checksum was right");
	check_sum(o, a.l4_sum, b.l4_sum, "the embedded TCP or UDP checksum was right");
}

static bool is_icmp(const struct view *view)
{
	return view->proto == IPPROTO_ICMP || view->proto == IPPROTO_ICMPV6;
}

/* The first part of what was too large: the rest is on its way, and not to be seen here. */
static void check_split(const struct outcome *o)
{
	const uint8_t *a = o->in->data + o->l3_in, *b = o->out.data + o->l3_out;
	const size_t header = (a[0] & 15) * 4, total = b[2] << 8 | b[3];
	const bool is_first = !((a[6] << 8 | a[7]) & 0x1fff);
	struct view out;

	if (a[0] >> 4 != 4 || a[6] & 0x40 || (b[0] & 15) * 4U != header || total <= header ||
	    (total - header) % 8 || total != o->out.len - o->l3_out ||
	    total >= (size_t)(a[2] << 8 | a[3]))
		broken(o, "forwarded with another length");
	if (((a[6] ^ b[6]) & 0xdf) || a[7] != b[7] || !(b[6] & 0x20))
		broken(o, "the fragment has another place");
	if (!view_packet(o->out.data, o->out.len, o->l3_out, false, &out) ||
	    out.l3_sum != SUM_RIGHT || out.ttl != a[8] - 1)
		broken(o, "the fragment has a wrong header");
	if (memcmp(a + header + (is_first ? 60 : 0), b + header + (is_first ? 60 : 0),
		   total - header - (is_first ? 60 : 0)) != 0)
		broken(o, "the payload has changed");
}

static void check_forwarded(const struct outcome *o)
{
	size_t in_len = o->in->len - o->l3_in, out_len = o->out.len - o->l3_out;
	struct view in, out;

	if (view_fragment(o->in->data, o->l3_in) == 1)
		return; /* in its buffer, another one may be that had to wait for it */
	if (in_len != out_len) {
		check_split(o);
		return;
	}
	if (!view_packet(o->in->data, o->in->len, o->l3_in, false, &in))
		broken(o, "forwarded, but malformed");
	if (!view_packet(o->out.data, o->out.len, o->l3_out, false, &out) ||
	    in.proto != out.proto || in.end - in.l3 != out.end - out.l3 ||
	    in.payload - in.l3 != out.payload - out.l3)
		broken(o, "forwarded as another packet");
	if (out.ttl != in.ttl - 1)
		broken(o, "the TTL is not one less");
	check_sum(o, in.l3_sum, out.l3_sum, "the IP checksum was right");
	check_sum(o, in.l4_sum, out.l4_sum, "the TCP, UDP or ICMP checksum was right");
	if (is_icmp(&in))
		check_quoted(o, &in, &out);
	else if (in.payload > in.l4 && /* a fragment's header is not looked at */
		 memcmp(o->in->data + in.payload, o->out.data + out.payload,
			o->in->len - in.payload) != 0)
		broken(o, "the payload has changed");
}

/* What an ICMP error embeds is what came. */
static void check_embedded(const struct outcome *o, const struct view *out)
{
	const size_t quoted = out->end - out->payload;
	struct view in;

	if (quoted > (out->is_v6 ? EMBED_MAX_V6 : EMBED_MAX_V4) || o->l3_in + quoted > o->in->len ||
	    memcmp(o->out.data + out->payload, o->in->data + o->l3_in, quoted) != 0)
		broken(o, "the answer embeds something else");
	if (view_packet(o->in->data, o->in->len, o->l3_in, false, &in) && is_icmp(&in))
		broken(o, "an answer to ICMP");
}

/* A RST is for the very ports, and never for a RST. */
static void check_reset(const struct outcome *o, const struct view *out)
{
	const uint8_t *tcp = o->out.data + out->l4, *for_tcp;
	struct view in;

	if (!view_packet(o->in->data, o->in->len, o->l3_in, false, &in) || in.proto != IPPROTO_TCP)
		broken(o, "a RST to something else");
	for_tcp = o->in->data + in.l4;
	if (out->end != out->l4 + 20 || !(tcp[13] & TCP_RST) || for_tcp[13] & TCP_RST ||
	    memcmp(tcp, for_tcp + 2, 2) != 0 || memcmp(tcp + 2, for_tcp, 2) != 0)
		broken(o, "not the RST that it should be");
	if (for_tcp[13] & TCP_ACK && memcmp(tcp + 4, for_tcp + 8, 4) != 0)
		broken(o, "the RST is not where it is expected");
}

/* An answer has right checksums, and goes to whom it is for. */
static void check_answer(const struct outcome *o)
{
	size_t offset = o->l3_in, address = 12, width = 4;
	struct view out;

	if (o->program == PROGRAM_TC_L3) /* a test run takes its first bytes for Ethernet */
		return;
	if (!view_packet(o->out.data, o->out.len, offset, false, &out) || out.l4_sum != SUM_RIGHT ||
	    out.l3_sum == SUM_WRONG || out.end != o->out.len)
		broken(o, "answered with something wrong");
	if (out.proto == IPPROTO_TCP && o->reason != REASON_TTL_EXPIRED &&
	    o->reason != REASON_OVERSIZE)
		check_reset(o, &out);
	else if (is_icmp(&out))
		check_embedded(o, &out);
	else
		broken(o, "answered in a strange way");
	if (out.is_v6) {
		address = 8;
		width = 16;
	}
	if (memcmp(o->out.data + offset + address + width, o->in->data + offset + address, width) !=
		    0 ||
	    memcmp(o->out.data, o->in->data + 6, 6) != 0 ||
	    memcmp(o->out.data + 6, o->in->data, 6) != 0)
		broken(o, "the answer goes to somebody else");
}

static void run_program(const struct mutant *mutant, enum program program)
{
	struct xdpfwd_bpf *skel = fixture_skel();
	const struct bpf_program *programs[PROGRAM_COUNT] = { skel->progs.xdpfwd_xdp,
							      skel->progs.xdpfwd_tc,
							      skel->progs.xdpfwd_tc_l3 };
	static struct outcome o;
	const struct packet_buf *in = &mutant->bytes;
	const bool is_xdp = program == PROGRAM_XDP;
	struct xdp_md xdp = { .data_end = in->len,
			      .ingress_ifindex = dev_ifindex(mutant->ingress) };
	struct __sk_buff skb = { .ifindex = dev_ifindex(mutant->ingress) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len,
		    .data_out = o.out.data, .data_size_out = sizeof(o.out.data),
		    .ctx_in = is_xdp ? (void *)&xdp : (void *)&skb,
		    .ctx_size_in = is_xdp ? sizeof(xdp) : sizeof(skb));
	int err = bpf_prog_test_run_opts(bpf_program__fd(programs[program]), &opts);

	o.mutant = mutant;
	o.program = program;
	o.in = in;
	o.out.len = opts.data_size_out;
	o.action = opts.retval;
	if (err == -EINVAL && !is_xdp && in->len < ETH_HLEN + 40)
		return; /* the kernel makes no skb of a frame with half an IP header */
	if (err)
		broken(&o, strerror(-err));
	check_reason(&o);
	check_action(&o);
	o.l3_in = mutant->is_bare ? 0 : view_l3(in->data, in->len);
	o.l3_out = o.l3_in + (o.out.len == in->len + ETH_HLEN && mutant->is_bare ? ETH_HLEN : 0);
	forwarded[program] += o.reason == REASON_FORWARDED;
	if (o.reason == REASON_FORWARDED)
		check_forwarded(&o);
	else if (is_answer(&o))
		check_answer(&o);
	else if (!reason_is_drop(o.reason))
		check_untouched(&o);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* Most packets must get somewhere: a fuzzer whose packets are all refused tests nothing. */
static void report(unsigned packets)
{
	fprintf(stderr, "fuzz: %u packets, seed %llu:", packets, (unsigned long long)seed);
	for (int i = 0; i < REASON_COUNT; i++)
		if (seen[HOOK_XDP][i] + seen[HOOK_TC][i])
			fprintf(stderr, " %s %llu+%llu", reason_name(i),
				(unsigned long long)seen[HOOK_XDP][i],
				(unsigned long long)seen[HOOK_TC][i]);
	fputs("; forwarded by", stderr);
	for (int i = 0; i < PROGRAM_COUNT; i++)
		fprintf(stderr, " %s %llu", program_names[i], (unsigned long long)forwarded[i]);
	fputc('\n', stderr);
	cr_assert_gt(forwarded[PROGRAM_XDP], packets / 50);
	cr_assert_gt(forwarded[PROGRAM_TC], packets / 20);
	cr_assert_gt(forwarded[PROGRAM_TC_L3], packets / 50);
}

Test(fuzz, packets)
{
	const unsigned packets = from_environment("FUZZ_PACKETS", PACKETS);
	static struct mutant mutant;
	uint64_t state;
	cpu_set_t one;

	seed = from_environment("FUZZ_SEED", time(NULL) ^ (uint64_t)getpid() << 32);
	cpu = sched_getcpu();
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0, "%m");
	for (number = 0; number < packets; number++) {
		state = seed + number * 0x632be59bd9b4e019ULL;
		if (number % PER_WORLD == 0) {
			mutate_world(&state);
			for (int hook = 0; hook < HOOK_COUNT; hook++)
				read_counters(hook, counted[hook]);
		}
		mutate_make(&state, &mutant);
		if (mutant.is_bare) {
			run_program(&mutant, PROGRAM_TC_L3);
			continue;
		}
		run_program(&mutant, PROGRAM_XDP);
		run_program(&mutant, PROGRAM_TC);
	}
	report(packets);
}
