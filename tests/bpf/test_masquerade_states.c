// SPDX-License-Identifier: GPL-2.0-only
// What packets make of a flow: when it begins, is confirmed, ends, and begins again.
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include "masquerade.h"

TestSuite(masquerade_states, .init = fixture_init);

#define TCP_ECE 0x40
#define TCP_CWR 0x80

/* No connection begins in the middle: the host answers with a reset (or not, by its firewall). */
static void middle(struct conversation *conv)
{
	static const uint8_t flags[] = {
		TCP_ACK,
		TCP_PSH | TCP_ACK,
		TCP_FIN | TCP_ACK,
		TCP_FIN,
		TCP_RST,
		TCP_RST | TCP_ACK,
		TCP_SYN | TCP_ACK,
		TCP_SYN | TCP_RST,
		TCP_SYN | TCP_ACK | TCP_RST,
		0,
		TCP_PSH | TCP_ECE,
	};
	struct flow_counters counts;

	for (size_t i = 0; i < sizeof(flags); i++)
		conversation_send(conv, DIR_IN, flags[i], REASON_NO_FLOW, "flags %02x", flags[i]);
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[PROTO_TCP], 0);
	conversation_send(conv, DIR_IN, TCP_SYN | TCP_ECE | TCP_CWR, REASON_FORWARDED, "with ECN");
	flows_check();
}

Test(masquerade_states, no_pick_up)
{
	conversation_for_tcp(middle);
}

static void mid_stream(struct conversation *conv)
{
	static const uint8_t taken[] = { TCP_ACK, TCP_PSH | TCP_ACK, TCP_FIN | TCP_ACK };
	static const uint8_t not_taken[] = { TCP_RST, TCP_RST | TCP_ACK, TCP_SYN | TCP_RST };

	conversation_rule(conv)->mid_stream = 1;
	for (size_t i = 0; i < sizeof(not_taken); i++)
		conversation_send(conv, DIR_IN, not_taken[i], REASON_NO_FLOW, "flags %02x",
				  not_taken[i]);
	for (unsigned i = 0; i < sizeof(taken); i++) {
		struct conversation other = conversation_other(conv, i);

		conversation_send(&other, DIR_IN, taken[i], REASON_FORWARDED, "flags %02x",
				  taken[i]);
		conversation_expect(&other, false, "taken up");
		conversation_send(&other, DIR_OUT, TCP_ACK, REASON_FORWARDED, "reply");
		conversation_expect(&other, false, "replied");
		other.ack[DIR_IN] = 0x12345678; /* nobody knows where the backend began */
		conversation_send(&other, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
		conversation_expect(&other, true, "answered");
	}
}

Test(masquerade_states, mid_stream)
{
	conversation_for_tcp(mid_stream);
}

/* Confirmed by the client's answer to the backend's first reply, not before, and not by a guess. */
static void confirmed(struct conversation *conv)
{
	static const uint32_t wrong[] = { BACKEND_ISN, BACKEND_ISN - 1000, 0x70000000, 0x00200000,
					  BACKEND_ISN + 2 };
	struct flow_counters counts;

	conversation_begin(conv);
	conversation_expect(conv, false, "first");
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_FORWARDED, "again");
	conversation_expect(conv, false, "again, without a reply");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer before the reply");
	conversation_expect(conv, false, "answer before the reply");
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "reply");
	conversation_expect(conv, false, "replied");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		conv->ack[DIR_IN] = wrong[i];
		conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "wrong ack");
		conversation_expect(conv, false, "wrong ack");
	}
	conv->ack[DIR_IN] = BACKEND_ISN + 1;
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_FORWARDED, "SYN again");
	conversation_send(conv, DIR_IN, TCP_SYN | TCP_ACK, REASON_FORWARDED, "SYN and ACK");
	conversation_send(conv, DIR_IN, TCP_RST | TCP_ACK, REASON_FORWARDED, "RST and ACK");
	conversation_expect(conv, false, "no plain ACK");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
	conversation_expect(conv, true, "answer");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "once is enough");
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[PROTO_TCP], 1);
	cr_expect_eq(counts.confirmed[PROTO_TCP], 1);
	cr_expect_eq(conversation_source_flows(conv), 1);
	flows_check();
}

Test(masquerade_states, tcp_confirmed)
{
	conversation_for_tcp(confirmed);
}

static void udp_confirmed(struct conversation *conv)
{
	if (conv->proto != PROTO_UDP)
		return;
	conversation_begin(conv);
	conversation_send(conv, DIR_IN, 0, REASON_FORWARDED, "second");
	conversation_expect(conv, false, "without a reply");
	conversation_send(conv, DIR_OUT, 0, REASON_FORWARDED, "reply");
	conversation_send(conv, DIR_OUT, 0, REASON_FORWARDED, "second reply");
	conversation_expect(conv, false, "replied");
	conversation_send(conv, DIR_IN, 0, REASON_FORWARDED, "answer");
	conversation_expect(conv, true, "answered");
	flows_check();
}

Test(masquerade_states, udp_confirmed)
{
	conversation_for_kinds(udp_confirmed);
}

/* What a flood has pushed out of the index goes on with the reply, or with the client's next. */
static void pushed_out(struct conversation *conv)
{
	int fd = bpf_map__fd(fixture_skel()->maps.flows_new);
	struct conversation other = conversation_other(conv, 1);
	struct flow_counters counts;
	struct flow_key key;

	conversation_begin(conv);
	key = conversation_key(conv);
	cr_assert_eq(bpf_map_delete_elem(fd, &key), 0);
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "reply");
	conversation_expect(conv, false, "found again");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
	conversation_expect(conv, true, "confirmed");
	other.talk.client_port++; /* to have a port of its own, which it finds again */
	conversation_begin(&other);
	key = conversation_key(&other);
	cr_assert_eq(bpf_map_delete_elem(fd, &key), 0);
	conversation_send(&other, DIR_IN, TCP_SYN, REASON_FORWARDED, "next");
	conversation_send(&other, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "reply");
	conversation_send(&other, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
	conversation_expect(&other, true, "confirmed, too");
	flows_check();
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[conv->proto], 2);
	cr_expect_eq(counts.ended[conv->proto], 0, "its time was not over");
}

Test(masquerade_states, pushed_out)
{
	conversation_for_kinds(pushed_out);
}

/* Both send a SYN at once (RFC 9293, 3.5); RFC 5382, REQ-2 asks for it. */
static void simultaneous_open(struct conversation *conv)
{
	conversation_begin(conv);
	conversation_send(conv, DIR_OUT, TCP_SYN, REASON_FORWARDED, "backend's SYN");
	conversation_expect(conv, false, "two SYNs");
	conversation_send(conv, DIR_IN, TCP_SYN | TCP_ACK, REASON_FORWARDED, "client's SYN, ACK");
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "backend's too");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "data");
	conversation_expect(conv, true, "open");
}

Test(masquerade_states, simultaneous_open)
{
	conversation_for_tcp(simultaneous_open);
}

/* Packets that bring a conversation into a state, and how long it may then be idle. */
#define STEPS_MAX 8

static const struct {
	const char *name;
	unsigned count;
	struct step steps[STEPS_MAX];
	unsigned timeout_s;
} states[] = {
	{ "SYN", 1, { SYN_IN }, 240 },
	{ "SYN-ACK", 2, { SYN_IN, SYN_OUT }, 240 },
	{ "open", 3, { SYN_IN, SYN_OUT, ACK_IN }, 7440 },
	{ "client's FIN", 4, { SYN_IN, SYN_OUT, ACK_IN, FIN_IN }, 7440 },
	{ "backend's FIN", 4, { SYN_IN, SYN_OUT, ACK_IN, FIN_OUT }, 7440 },
	{ "both FINs", 5, { SYN_IN, SYN_OUT, ACK_IN, FIN_IN, FIN_OUT }, 240 },
	{ "closed", 7, { SYN_IN, SYN_OUT, ACK_IN, FIN_OUT, ACK_IN, FIN_IN, ACK_OUT }, 240 },
	{ "FIN before all is open", 4, { SYN_IN, SYN_OUT, FIN_OUT, RST_IN }, 240 },
	{ "client's RST", 4, { SYN_IN, SYN_OUT, ACK_IN, RST_IN }, 240 },
	{ "backend's RST", 4, { SYN_IN, SYN_OUT, ACK_IN, RST_OUT }, 240 },
	{ "RST of the other side's data", 5, { SYN_IN, SYN_OUT, ACK_IN, RST_IN, ACK_OUT }, 240 },
	{ "RST, then data", 5, { SYN_IN, SYN_OUT, ACK_IN, RST_IN, ACK_IN }, 7440 },
	{ "backend's, then data", 5, { SYN_IN, SYN_OUT, ACK_IN, RST_OUT, ACK_OUT }, 7440 },
	{ "two RSTs", 5, { SYN_IN, SYN_OUT, ACK_IN, RST_OUT, RST_IN }, 240 },
	{ "two RSTs, data of one", 6, { SYN_IN, SYN_OUT, ACK_IN, RST_OUT, RST_IN, ACK_IN }, 240 },
	{ "refused", 2, { SYN_IN, RST_OUT }, 240 },
	{ "SYN on an open one", 4, { SYN_IN, SYN_OUT, ACK_IN, SYN_IN }, 7440 },
};

static void reach(struct conversation *conv, size_t state)
{
	for (unsigned i = 0; i < states[state].count; i++)
		conversation_send(conv, states[state].steps[i].dir, states[state].steps[i].tcp,
				  REASON_FORWARDED, "%s, step %u", states[state].name, i);
}

/* Shortly before its time a packet of either side still passes, just after it none does. */
static void lasts(struct conversation *conv, size_t state, enum direction dir)
{
	struct conversation other = conversation_other(conv, 2 * state + dir);

	reach(&other, state);
	conversation_age(&other, states[state].timeout_s - 30);
	conversation_send(&other, dir, TCP_ACK, REASON_FORWARDED, "%s, 30 s left",
			  states[state].name);
	other = conversation_other(conv, 100 + 2 * state + dir);
	reach(&other, state);
	conversation_age(&other, states[state].timeout_s + 1);
	conversation_send(&other, dir, TCP_ACK, REASON_NO_FLOW, "%s, over", states[state].name);
	conversation_send(&other, !dir, TCP_ACK, REASON_NO_FLOW, "%s, over", states[state].name);
	conversation_send(&other, dir, TCP_RST, REASON_NO_FLOW, "%s, over", states[state].name);
}

static void timeouts(struct conversation *conv)
{
	for (size_t state = 0; state < sizeof(states) / sizeof(states[0]); state++) {
		lasts(conv, state, DIR_IN);
		lasts(conv, state, DIR_OUT);
	}
}

Test(masquerade_states, tcp_timeouts)
{
	conversation_for_tcp(timeouts);
}

static void udp_timeouts(struct conversation *conv)
{
	struct conversation other;
	uint16_t port;

	if (conv->proto != PROTO_UDP)
		return;
	for (unsigned i = 0; i < 2; i++) { /* confirmed or not */
		other = conversation_other(conv, i);
		if (i)
			conversation_open(&other);
		else
			conversation_begin(&other);
		conversation_age(&other, 270);
		conversation_send(&other, DIR_OUT, 0, REASON_FORWARDED, "30 s left");
		conversation_age(&other, 301);
		conversation_send(&other, DIR_OUT, 0, REASON_NO_FLOW, "over");
		port = other.talk.port;
		other.talk.port = 0;
		conversation_open(&other); /* and not just goes on */
		cr_expect_eq(other.talk.port, port);
		cr_expect_eq(flow_packets(&conversation_flow(&other)->half[DIR_IN]), 2);
		cr_expect_eq(conversation_source_flows(&other),
			     conv->family == FAMILY_V4 ? 1 : 1 + i);
	}
	flows_check();
}

Test(masquerade_states, udp_timeouts)
{
	conversation_for_kinds(udp_timeouts);
}

/* Packets of either side alone keep it alive (RFC 4787, REQ-6). */
static void refreshed(struct conversation *conv)
{
	unsigned timeout_s = conv->proto == PROTO_TCP ? 7440 : 300;

	conversation_open(conv);
	for (int i = 0; i < 6; i++) {
		enum direction dir = i / 3;

		conversation_age(conv, timeout_s - 50);
		conversation_send(conv, dir, TCP_ACK, REASON_FORWARDED, "refresh %d", i);
		if (flow_packets(&conversation_flow(conv)->half[!dir]) != (dir == DIR_IN ? 1 : 5))
			conversation_fail(conv, "the other side is not silent");
	}
}

Test(masquerade_states, refreshed_by_either_side)
{
	conversation_for_kinds(refreshed);
}

/* Each rule has its own times. */
static void own_timeouts(struct conversation *conv)
{
	struct conversation other;

	conversation_init(&other, &ways[2], conv->use_xdp, conv->family, conv->proto);
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		conversation_rule(&other)->timeout[i] = ticks_of(10);
	conversation_open(conv);
	conversation_open(&other);
	conversation_age(conv, 12);
	conversation_age(&other, 12);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "long timeout");
	conversation_send(&other, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "short timeout");
}

Test(masquerade_states, timeouts_of_the_rule)
{
	conversation_for_kinds(own_timeouts);
}
