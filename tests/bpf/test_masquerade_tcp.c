// SPDX-License-Identifier: GPL-2.0-only
// What packets make of a flow: when it begins, is confirmed, ends, and begins again.
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
struct step {
	enum direction dir;
	uint8_t tcp;
};

#define STEPS_MAX 8
#define SYN_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_SYN                                                                    \
	}
#define SYN_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_SYN | TCP_ACK                                                         \
	}
#define ACK_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_ACK                                                                    \
	}
#define ACK_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_ACK                                                                   \
	}
#define FIN_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_FIN | TCP_ACK                                                          \
	}
#define FIN_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_FIN | TCP_ACK                                                         \
	}
#define RST_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_RST                                                                    \
	}
#define RST_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_RST | TCP_ACK                                                         \
	}

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

/* A client may use its port again at once: the same masquerade port, and all from the start. */
static void reopened(struct conversation *conv, const struct step *end, unsigned count)
{
	conversation_open(conv);
	for (unsigned i = 0; i < count; i++)
		conversation_send(conv, end[i].dir, end[i].tcp, REASON_FORWARDED, "end %u", i);
	conversation_open(conv);
	conversation_expect(conv, true, "open again");
	cr_expect_eq(conversation_source_flows(conv), 1);
	flows_check();
	/* Nothing of the first one is left over. */
	conversation_age(conv, 7000);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "established");
	conversation_close(conv);
	conversation_age(conv, 245);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "closed again");
	sweep(fixture_pool(&conv->talk.masquerade, conv->proto), conv->proto);
	flows_check();
}

static void reopened_after(struct conversation *conv)
{
	static const struct step closed[] = { FIN_IN, FIN_OUT, ACK_IN };
	static const struct step closed_by_backend[] = { FIN_OUT, ACK_IN, FIN_IN, ACK_OUT };
	static const struct step reset[] = { RST_IN };
	static const struct step reset_by_backend[] = { RST_OUT };
	static const struct {
		const struct step *steps;
		unsigned count;
	} ends[] = {
		{ closed, 3 }, { closed_by_backend, 4 }, { reset, 1 }, { reset_by_backend, 1 }
	};

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct conversation other = conversation_other(conv, i);

		reopened(&other, ends[i].steps, ends[i].count);
		if (conversation_source_flows(&other) != 0)
			conversation_fail(&other, "its source still has %d flows",
					  conversation_source_flows(&other));
	}
}

Test(masquerade_states, reopened)
{
	conversation_for_tcp(reopened_after);
}

/* A half-open connection is half open even where there was an open one before. */
static void reopened_half(struct conversation *conv)
{
	struct conversation other = conversation_other(conv, 1);

	conversation_open(conv);
	conversation_close(conv);
	conversation_begin(conv);
	conversation_age(conv, 241);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "half open");
	conversation_open(&other);
	conversation_send(&other, DIR_OUT, TCP_RST, REASON_FORWARDED, "reset");
	conversation_begin(&other);
	conversation_age(&other, 241);
	conversation_send(&other, DIR_OUT, TCP_ACK, REASON_NO_FLOW, "half open");
}

Test(masquerade_states, reopened_half)
{
	conversation_for_tcp(reopened_half);
}

/* Who guesses addresses and ports can reset or even "reopen" a flow, but not end it. */
static void attacked(struct conversation *conv)
{
	conversation_open(conv);
	conversation_send(conv, DIR_IN, TCP_RST, REASON_FORWARDED, "spoofed RST");
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_FORWARDED, "spoofed SYN");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "challenge (RFC 5961)");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "data");
	conversation_expect(conv, true, "after the attack");
	conversation_age(conv, 7000);
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "still established");
}

Test(masquerade_states, attacked)
{
	conversation_for_tcp(attacked);
}
