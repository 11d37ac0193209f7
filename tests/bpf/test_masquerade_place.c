// SPDX-License-Identifier: GPL-2.0-only
// The place that a flow would prefer, where it is found without an index.
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include "masquerade.h"

TestSuite(masquerade_place, .init = fixture_init);

/* Open a connection and make both indices forget it. */
static void open_unindexed(struct conversation *conv)
{
	struct flow_key key;

	conversation_open(conv);
	key = conversation_key(conv);
	cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(fixture_skel()->maps.flows_confirmed), &key),
		     0);
}

static void found(struct conversation *conv)
{
	struct conversation own = conversation_other(conv, 0), kept = conversation_other(conv, 1);

	ports_allow(20000, 29999);
	own.talk.client_port = 21000;
	open_unindexed(&own);
	cr_expect_eq(own.talk.port, 21000);
	conversation_send(&own, DIR_IN, TCP_ACK, REASON_FORWARDED, "with its own port");
	kept.talk.client_port = 40000;
	open_unindexed(&kept);
	conversation_send(&kept, DIR_IN, TCP_ACK, REASON_FORWARDED, "with another port");
	conversation_send(&kept, DIR_OUT, TCP_ACK, REASON_FORWARDED, "home's packet");
}

Test(masquerade_place, is_found_without_index)
{
	conversation_for_kinds(found);
}

/* Who comes second to a port is elsewhere, and only the index knows where. */
static void second(struct conversation *conv)
{
	struct conversation other = conversation_other(conv, 1);

	other.talk.client_port = conv->talk.client_port;
	conversation_open(conv);
	conversation_open(&other);
	cr_assert_neq(other.talk.port, conv->talk.port);
	for (int i = 0; i < 3; i++) {
		conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "first");
		conversation_send(&other, DIR_IN, TCP_ACK, REASON_FORWARDED, "second");
	}
	flows_check();
}

Test(masquerade_place, second_to_a_port)
{
	conversation_for_kinds(second);
}

#define FLOWS 40

/* All that a client begins comes from one address, whatever its ports (RFC 4787, REQ-2). */
static void one_address(struct conversation *conv)
{
	struct conversation first = conversation_other(conv, 7);

	conversation_rule(conv)->shares = 2;
	first.talk.client_port = 1024;
	conversation_open(&first);
	for (unsigned i = 1; i < FLOWS; i++) {
		struct conversation other = conversation_other(conv, 7);

		other.talk.client_port = 1024 + i;
		conversation_open(&other);
		if (!ip_addr_equal(&other.talk.masquerade, &first.talk.masquerade))
			conversation_fail(&other, "another address than before");
	}
}

Test(masquerade_place, one_address_for_a_client)
{
	conversation_for_kinds(one_address);
}

/* The same when the port it would have is taken there. */
static void one_address_other_port(struct conversation *conv)
{
	unsigned drawn = 0;

	conversation_rule(conv)->shares = 2;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct conversation own = conversation_other(conv, i), same = own;

		own.talk.client_port = 2000 + i;
		conversation_open(&own);
		same.talk.client_port = 40000;
		conversation_open(&same);
		drawn += same.talk.port != 40000;
		if (!ip_addr_equal(&own.talk.masquerade, &same.talk.masquerade))
			conversation_fail(&same, "another address than before");
	}
	cr_expect_eq(drawn, FLOWS - 2, "%u", drawn);
}

Test(masquerade_place, one_address_when_the_port_is_taken)
{
	conversation_for_kinds(one_address_other_port);
}
