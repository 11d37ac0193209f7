// SPDX-License-Identifier: GPL-2.0-only
// What a source may have and do, and what happens when the table is full.
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include "masquerade.h"

TestSuite(masquerade_limits, .init = fixture_init);
TestSuite(masquerade_full, .init = fixture_init_small);

/* Up to the client's answer. */
static void nearly_open(struct conversation *conv)
{
	conversation_begin(conv);
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "reply");
}

/* The table of confirmed flows is full: refused and counted, and nobody else suffers. */
static void full(struct conversation *conv)
{
	struct conversation convs[FIXTURE_SMALL], late = conversation_other(conv, FIXTURE_SMALL);
	struct flow_counters counts;

	for (unsigned i = 0; i < FIXTURE_SMALL; i++) {
		convs[i] = conversation_other(conv, i);
		conversation_open(&convs[i]);
		conversation_expect(&convs[i], true, "room");
	}
	nearly_open(&late);
	for (int i = 0; i < 3; i++)
		conversation_send(&late, DIR_IN, TCP_ACK, REASON_FLOWS_FULL, "no room");
	conversation_expect(&late, false, "no room");
	cr_expect_leq(conversation_source_flows(&late), conv->family == FAMILY_V4 ? 0 : 4);
	for (unsigned i = 0; i < FIXTURE_SMALL; i++) {
		conversation_send(&convs[i], DIR_IN, TCP_ACK, REASON_FORWARDED, "goes on");
		conversation_send(&convs[i], DIR_OUT, TCP_ACK, REASON_FORWARDED, "goes on");
	}
	flows_check();
	conversation_flow(&convs[0])->state = FLOW_ENDED;
	sweep(conversation_slot(&convs[0]) >> 16, conv->proto);
	conversation_send(&late, DIR_IN, TCP_ACK, REASON_FORWARDED, "room again");
	conversation_expect(&late, true, "room again");
	flows_check();
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.confirmed[conv->proto], FIXTURE_SMALL + 1);
}

Test(masquerade_full, confirmed)
{
	conversation_for_kinds(full);
}

/* UDP has a part of the table; what finds no room there goes on, and may give way. */
static void udp_part(struct conversation *conv)
{
	struct conversation convs[4];

	fixture_ruleset()->limits.udp_max = 2;
	for (unsigned i = 0; i < 4; i++) {
		convs[i] = conversation_other(conv, i);
		conversation_open(&convs[i]);
		conversation_expect(&convs[i], conv->proto == PROTO_TCP || i < 2, "part of UDP");
		conversation_send(&convs[i], DIR_OUT, TCP_ACK, REASON_FORWARDED, "goes on");
		conversation_send(&convs[i], DIR_IN, TCP_ACK, REASON_FORWARDED, "goes on");
	}
	flows_check();
	conversation_flow(&convs[0])->state = FLOW_ENDED;
	sweep(conversation_slot(&convs[0]) >> 16, conv->proto);
	conversation_send(&convs[3], DIR_IN, TCP_ACK, REASON_FORWARDED, "room");
	conversation_expect(&convs[3], true, "room");
	flows_check();
}

Test(masquerade_limits, udp_part)
{
	conversation_for_kinds(udp_part);
}

/* A source that has what it may have begins nothing, and others do. */
static void per_source(struct conversation *conv)
{
	struct conversation other, more = *conv, convs[3];
	struct flow_counters counts;

	conversation_init(&other, &ways[1], conv->use_xdp, conv->family, conv->proto);
	fixture_ruleset()->limits.per_source = 3;
	for (unsigned i = 0; i < 3; i++) {
		convs[i] = *conv;
		convs[i].talk.client_port += i;
		conversation_open(&convs[i]);
	}
	cr_expect_eq(conversation_source_flows(conv), 3);
	more.talk.client_port += 3;
	conversation_send(&more, DIR_IN, TCP_SYN, REASON_SOURCE_FLOWS, "the fourth");
	if (conversation_new(&more))
		conversation_fail(&more, "refused, and yet begun");
	conversation_send(&convs[2], DIR_IN, TCP_ACK, REASON_FORWARDED, "what it has goes on");
	conversation_open(&other);
	flows_check();
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[conv->proto], 4);
	/* One ends, and there is room for another. */
	conversation_age(&convs[1], 8000);
	sweep(conversation_slot(&convs[1]) >> 16, conv->proto);
	cr_expect_eq(conversation_source_flows(&convs[1]), 2);
	conversation_open(&more);
	flows_check();
}

Test(masquerade_limits, per_source)
{
	conversation_for_kinds(per_source);
}

/* Begun before the limit was reached: what is too much is not confirmed. */
static void confirm_limit(struct conversation *conv)
{
	struct conversation convs[4];

	fixture_ruleset()->limits.per_source = 3;
	for (unsigned i = 0; i < 4; i++) {
		convs[i] = *conv;
		convs[i].talk.client_port += i;
		nearly_open(&convs[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		conversation_send(&convs[i], DIR_IN, TCP_ACK,
				  i < 3 ? REASON_FORWARDED : REASON_SOURCE_FLOWS, "answer %u", i);
	conversation_expect(&convs[3], false, "too many");
	cr_expect_eq(conversation_source_flows(conv), 3);
	flows_check();
}

Test(masquerade_limits, confirm)
{
	conversation_for_kinds(confirm_limit);
}

/* Over IPv6 a source is a prefix; over IPv4 an address. */
static void prefix(struct conversation *conv)
{
	static const struct {
		const char *addr;
		unsigned bits;
		bool same;
	} v6[] = {
		{ "2001:db8:113::ffff:1", 64, true },  { "2001:db8:113:0:ffff::", 64, true },
		{ "2001:db8:113:1::10", 64, false },   { "2001:db8:113:ff::10", 56, true },
		{ "2001:db8:113:100::10", 56, false }, { "2001:db8:1ff::10", 40, true },
		{ "2001:db8:213::10", 40, false },     { "2001:db9::", 31, true },
	};
	struct flow_limits *limits = &fixture_ruleset()->limits;
	struct conversation other;
	enum reason reason;

	limits->per_source = 1;
	if (conv->family == FAMILY_V4) {
		conversation_open(conv);
		other = conversation_other(conv, 1);
		conversation_open(&other);
		return;
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
		limits = &fixture_ruleset()->limits;
		limits->per_source = 1;
		limits->source_mask[FAMILY_V6] = htobe64(~0ULL << (64 - v6[i].bits));
		other = conversation_other(conv, 0);
		conversation_open(&other);
		other = conversation_other(conv, 0);
		cr_assert_eq(ip_addr_parse(v6[i].addr, &other.talk.client), 0);
		reason = conversation_try(&other);
		if (reason != (v6[i].same ? REASON_SOURCE_FLOWS : REASON_FORWARDED))
			conversation_fail(&other, "%s/%u: %s", v6[i].addr, v6[i].bits,
					  reason_name(reason));
	}
}

Test(masquerade_limits, prefix)
{
	conversation_for_kinds(prefix);
}

/* As bpf/maps.h has them. */
struct source_key {
	uint64_t net, family;
};

struct source {
	uint32_t flows, began, period, pad;
};

#define RATE 10

static struct source source_of(const struct conversation *conv)
{
	struct source_key key = { near_key(&conv->talk.client, conv->family), conv->family };
	struct source source = {};

	bpf_map_lookup_elem(bpf_map__fd(fixture_skel()->maps.sources), &key, &source);
	return source;
}

/* Another period begins; nothing to do for a source that is not known yet. */
static void source_pass(const struct conversation *conv)
{
	struct source_key key = { near_key(&conv->talk.client, conv->family), conv->family };
	struct source source = source_of(conv);

	source.period--;
	if (source.began)
		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(fixture_skel()->maps.sources), &key,
						 &source, BPF_EXIST),
			     0);
}

/* Ten flows, then no more; false when another second had begun meanwhile, and all was different. */
static bool burst(struct conversation *conv)
{
	struct conversation more;
	enum reason reasons[2 * RATE];
	struct source before;

	source_pass(conv);
	for (unsigned i = 0; i < 2 * RATE; i++) {
		more = *conv;
		more.talk.client_port += i;
		reasons[i] = conversation_try(&more);
		if (!i)
			before = source_of(conv);
	}
	if (source_of(conv).period != before.period)
		return false;
	for (unsigned i = 0; i < 2 * RATE; i++) {
		enum reason expected = i < RATE ? REASON_FORWARDED : REASON_SOURCE_RATE;

		more = *conv;
		more.talk.client_port += i;
		if (reasons[i] != expected)
			conversation_fail(&more, "number %u: %s", i, reason_name(reasons[i]));
		if (!!conversation_new(&more) != (i < RATE))
			conversation_fail(&more, "number %u: begun %d", i,
					  !!conversation_new(&more));
	}
	return true;
}

static void per_second(struct conversation *conv)
{
	struct conversation other, more = *conv;
	enum reason reason;
	int tries = 0;

	fixture_ruleset()->limits.new_per_s = RATE;
	while (!burst(conv) && ++tries < 20)
		conv->talk.client_port += 100;
	cr_assert(tries < 20, "every try fell into two seconds");
	conversation_init(&other, &ways[1], conv->use_xdp, conv->family, conv->proto);
	conversation_open(&other);
	source_pass(conv);
	more.talk.client_port = conv->talk.client_port + 50;
	reason = conversation_try(&more);
	if (reason != REASON_FORWARDED)
		conversation_fail(&more, "a second later: %s", reason_name(reason));
	flows_check();
}

Test(masquerade_limits, per_second)
{
	conversation_for_kinds(per_second);
}

/* No limit at all. */
static void unlimited(struct conversation *conv)
{
	for (unsigned i = 0; i < 300; i++) {
		struct conversation more = *conv;

		more.talk.client_port += i;
		if (conversation_try(&more) != REASON_FORWARDED)
			conversation_fail(&more, "number %u", i);
	}
	flows_check();
}

Test(masquerade_limits, unlimited)
{
	conversation_for_kinds(unlimited);
}
