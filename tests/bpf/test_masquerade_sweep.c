// SPDX-License-Identifier: GPL-2.0-only
// The sweep: ends what is over and what has no rule any more, leaves the rest, keeps the books.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <string.h>
#include "masquerade.h"

TestSuite(masquerade_sweep, .init = fixture_init);

static struct sweep_run sweep_of(const struct conversation *conv)
{
	return sweep(conversation_slot(conv) >> 16, conv->proto);
}

static void expect_gone(struct conversation *conv, const char *detail)
{
	if (conversation_flow(conv)->state != FLOW_FREE || conversation_confirmed(conv) ||
	    conversation_new(conv))
		conversation_fail(conv, "%s: state %u, entries %x, %x", detail,
				  conversation_flow(conv)->state, conversation_confirmed(conv),
				  conversation_new(conv));
	if (conv->family == FAMILY_V4 && conversation_source_flows(conv) > 0)
		conversation_fail(conv, "%s: still counted for its source", detail);
}

static void expect_run(struct conversation *conv, const struct sweep_run *run, unsigned ended,
		       unsigned expired, unsigned live)
{
	if (run->ended != ended || run->expired != expired || run->live != live)
		conversation_fail(conv, "sweep: %u ended, %u of them expired, %u live", run->ended,
				  run->expired, run->live);
}

static void expect_counts(struct conversation *conv, unsigned created, unsigned ended,
			  unsigned expired, unsigned confirmed)
{
	struct flow_counters counts;

	fixture_flow_counts(&counts);
	if (counts.created[conv->proto] != created || counts.ended[conv->proto] != ended ||
	    counts.expired[conv->proto] != expired || counts.confirmed[conv->proto] != confirmed)
		conversation_fail(conv, "%llu created, %llu ended, %llu expired, %llu confirmed",
				  counts.created[conv->proto], counts.ended[conv->proto],
				  counts.expired[conv->proto], counts.confirmed[conv->proto]);
	if (counts.created[!conv->proto] || counts.ended[!conv->proto])
		conversation_fail(conv, "counted for the other protocol");
}

/* One of each kind, in one pool. */
static void mixed(struct conversation *conv)
{
	struct conversation live = conversation_other(conv, 0), begun = conversation_other(conv, 1),
			    over = conversation_other(conv, 2), old = conversation_other(conv, 3),
			    ended = conversation_other(conv, 4), orphan;
	struct sweep_run run;

	conversation_open(&live);
	conversation_begin(&begun);
	conversation_open(&over);
	conversation_age(&over, 7500);
	conversation_begin(&old);
	conversation_age(&old, 310);
	conversation_open(&ended);
	conversation_init(&orphan, &ways[2], conv->use_xdp, conv->family, conv->proto);
	orphan.talk.client.w[3] = htonl(ntohl(orphan.talk.client.w[3]) + 5);
	conversation_open(&orphan);
	flows_check();
	conversation_flow(&ended)->state = FLOW_ENDED;
	memset(conversation_rule(&orphan), 0, sizeof(struct rule));

	run = sweep_of(conv->talk.port ? conv : &live);
	expect_run(conv, &run, 4, 2, 2);
	expect_counts(conv, 6, 4, 2, 4);
	expect_gone(&over, "expired");
	expect_gone(&old, "expired, never confirmed");
	expect_gone(&ended, "ended");
	expect_gone(&orphan, "its rule is gone");
	conversation_expect(&live, true, "live");
	conversation_expect(&begun, false, "live");
	flows_check();
	conversation_send(&live, DIR_IN, TCP_ACK, REASON_FORWARDED, "goes on");
	conversation_send(&live, DIR_OUT, TCP_ACK, REASON_FORWARDED, "goes on");
	conversation_send(&over, DIR_OUT, TCP_ACK, REASON_NOT_OURS, "gone");

	run = sweep_of(&live);
	expect_run(conv, &run, 0, 0, 2);
	expect_counts(conv, 6, 4, 2, 4);
}

Test(masquerade_sweep, mixed)
{
	conversation_for_kinds(mixed);
}

/* What a flow can be when its time comes; each is swept with the timeout of its state. */
static void each_timeout(struct conversation *conv)
{
	const double timeout_s = conv->proto == PROTO_TCP ? 7440 : 300;
	struct conversation half = conversation_other(conv, 1),
			    closed = conversation_other(conv, 2);
	struct sweep_run run;

	conversation_open(conv);
	conversation_age(conv, timeout_s - 30);
	run = sweep_of(conv);
	expect_run(conv, &run, 0, 0, 1);
	conversation_age(conv, 32);
	run = sweep_of(conv);
	expect_run(conv, &run, 1, 1, 0);
	expect_gone(conv, "swept");
	if (conv->proto == PROTO_UDP)
		return;
	conversation_begin(&half);
	conversation_open(&closed);
	conversation_close(&closed);
	conversation_age(&half, 210);
	conversation_age(&closed, 210);
	run = sweep_of(&half);
	expect_run(conv, &run, 0, 0, 2);
	conversation_age(&half, 32);
	conversation_age(&closed, 32);
	run = sweep_of(&half);
	expect_run(conv, &run, 2, 2, 0);
	expect_gone(&half, "half open");
	expect_gone(&closed, "closed");
	flows_check();
}

Test(masquerade_sweep, each_timeout)
{
	conversation_for_kinds(each_timeout);
}

#define TRIES 50

/*
 * In the second after its end a flow is of no use to packets, and not yet swept: there is nothing
 * to race for. Should this test lose its CPU for so long, it tries again.
 */
static void grace(struct conversation *conv)
{
	const double timeout_s = conv->proto == PROTO_TCP ? 7440 : 300;
	struct sweep_run run = {};
	uint64_t from_ns;
	int tries = 0;

	do {
		cr_assert(tries++ < TRIES, "no try took less than half a second");
		conv->talk.port = 0;
		conversation_open(conv);
		from_ns = fixture_now_ns();
		conversation_age(conv, timeout_s + 0.2);
		run = sweep_of(conv);
	} while (fixture_now_ns() - from_ns > 500000000);
	expect_run(conv, &run, 0, 0, 1);
	if (conversation_flow(conv)->state == FLOW_LIVE)
		conversation_send(conv, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "over");
}

Test(masquerade_sweep, grace)
{
	conversation_for_kinds(grace);
}

/* Taken out of service by the loader: of no use at once, in either direction. */
static void ended(struct conversation *conv)
{
	struct conversation again = *conv;
	struct sweep_run run;

	conversation_open(conv);
	again.talk.port = 0;
	conversation_flow(conv)->state = FLOW_ENDED;
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_NOT_OURS, "ended");
	if (conv->proto == PROTO_TCP)
		conversation_send(conv, DIR_IN, TCP_ACK, REASON_NO_FLOW, "ended");
	conversation_open(&again); /* the client begins anew before it is swept */
	if (again.talk.port == conv->talk.port)
		conversation_fail(&again, "in the place of one that has ended");
	run = sweep_of(conv);
	expect_run(conv, &run, 1, 0, 1);
	conversation_expect(&again, true, "begun anew");
	cr_expect_eq(conversation_source_flows(&again), 1);
	flows_check();
}

Test(masquerade_sweep, ended)
{
	conversation_for_kinds(ended);
}

/* A piece at a time; what makes no sense is refused. */
Test(masquerade_sweep, pieces)
{
	int fd = bpf_program__fd(fixture_skel()->progs.xdpfwd_sweep);
	struct sweep_run in = {}, out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &in, .data_size_in = sizeof(in),
		    .data_out = &out, .data_size_out = sizeof(out), .repeat = 1);
	struct conversation conv;

	fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
	conversation_init(&conv, &ways[0], true, FAMILY_V4, PROTO_TCP);
	conversation_open(&conv);
	conversation_flow(&conv)->state = FLOW_ENDED;
	in.pool = conversation_slot(&conv) >> 16;
	in.next = (conv.talk.port / SWEEP_ELEMENTS + 1) * SWEEP_ELEMENTS;
	cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0);
	cr_expect_eq(out.ended, 0, "it is not in this piece");
	cr_expect_eq(out.seen, SWEEP_ELEMENTS);
	cr_expect_eq(out.next, in.next + SWEEP_ELEMENTS);
	in.next -= SWEEP_ELEMENTS;
	cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0);
	cr_expect_eq(out.ended, 1, "it is in this piece");
	for (in.pool = 0; in.pool <= POOLS_MAX; in.pool += POOLS_MAX - 1) {
		cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0);
		cr_expect_eq(opts.retval, XDP_ABORTED, "pool %u", in.pool);
	}
}
