// SPDX-License-Identifier: GPL-2.0-only
// ICMP errors in bytes, and what has to come out of the programs for them.
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "errors.h"

#define INNER_TTL 3 /* of a packet that has come some way */

const struct error_kind error_kinds[FAMILY_COUNT][5] = {
	[FAMILY_V4] = { { 3, 16 }, { 11, 2 }, { 12, 3 } },
	[FAMILY_V6] = { { 1, 9 }, { 2, 1 }, { 3, 2 }, { 4, 4 } },
};

static uint32_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += i % 2 ? bytes[i] : bytes[i] << 8;
	return total;
}

void icmp_sum(struct packet_buf *buf, bool is_v6)
{
	uint8_t *icmp = buf->data + buf->l4;
	size_t len = buf->end - buf->l4;
	uint32_t total;

	icmp[2] = icmp[3] = 0;
	total = sum(icmp, len);
	if (is_v6) /* RFC 4443, 2.3 */
		total += sum(buf->data + buf->l3 + 8, 32) + len + IPPROTO_ICMPV6;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	icmp[2] = ~total >> 8 & 0xff;
	icmp[3] = ~total & 0xff;
}

void icmp_build(const struct packet_spec *outer, uint8_t type, uint8_t code, uint32_t rest,
		const void *data, size_t len, struct packet_buf *buf)
{
	const bool is_v6 = !ip_addr_is_v4(&outer->dst);
	struct packet_spec spec = *outer;
	uint8_t *icmp;

	spec.proto = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	spec.payload = 4 + len;
	packet_build(&spec, buf);
	icmp = buf->data + buf->l4;
	icmp[0] = type;
	icmp[1] = code;
	for (int i = 0; i < 4; i++)
		icmp[4 + i] = rest >> (24 - 8 * i);
	memcpy(icmp + 8, data, len);
	icmp_sum(buf, is_v6);
}

struct error_spec error_init(const struct test_case *twin)
{
	const bool is_v4 = twin->family == FAMILY_V4;

	return (struct error_spec){ .type = is_v4 ? 3 : 1,
				    .code = is_v4 ? 3 : 4,
				    .reporter = twin->packet.src };
}

void error_build(const struct packet_spec *twin, const struct error_spec *error,
		 struct packet_buf *buf)
{
	struct packet_spec inner = *twin, outer = *twin;
	struct packet_buf bytes;
	size_t len;

	inner.frame = PACKET_BARE;
	inner.src = twin->dst;
	inner.dst = twin->src;
	inner.sport = twin->dport;
	inner.dport = twin->sport;
	inner.ttl = INNER_TTL;
	inner.options = error->inner_options;
	inner.tag_count = inner.padding = 0;
	packet_build(&inner, &bytes);
	len = error->is_cut ? bytes.l4 + error->keep : bytes.len;
	for (size_t i = 0; i < error->extension; i++)
		bytes.data[len++] = i * 11 + 1;
	outer.src = error->reporter;
	if (error->plain_outside)
		outer.ext_count = outer.frag = 0;
	icmp_build(&outer, error->type, error->code, error->rest, bytes.data, len, buf);
}

/* Only reasons are counted: an error is no traffic of a forward. */
static void check_counts(const struct test_case *twin, const struct counts *before,
			 const struct counts *after)
{
	if (memcmp(before->forwards, after->forwards, sizeof(before->forwards)) != 0)
		case_fail(twin, "counted as traffic of a forward");
}

/* What the programs know of the conversation stays to the last bit. */
static struct flow flow_of(const struct test_case *twin)
{
	struct flow *flows;

	if (!twin->talk || !twin->talk->port)
		return (struct flow){};
	flows = fixture_flows(fixture_pool(&twin->talk->masquerade, twin->proto));
	return flows[twin->talk->port];
}

static void run_bytes(struct test_case *twin, const struct packet_buf *in,
		      const struct packet_buf *expected, enum reason wanted)
{
	const bool is_xdp = twin->program == PROGRAM_XDP;
	const struct flow flow_before = flow_of(twin);
	struct flow_counters flows_before, flows_after;
	struct counts before, after;
	int action, wanted_action;
	struct flow flow_after;
	struct packet_buf out;
	enum reason reason;
	char diff[1024];

	if (reason_is_drop(wanted))
		wanted_action = is_xdp ? XDP_DROP : TC_ACT_SHOT;
	else if (wanted == REASON_FORWARDED)
		wanted_action = TC_ACT_REDIRECT;
	else
		wanted_action = is_xdp ? XDP_PASS : TC_ACT_UNSPEC;
	fixture_flow_counts(&flows_before);
	fixture_counts(&before);
	action = case_try(twin, in, &out, &reason);
	fixture_counts(&after);
	fixture_flow_counts(&flows_after);
	flow_after = flow_of(twin);
	packet_diff(expected, out.data, out.len, diff, sizeof(diff));
	if (reason != wanted)
		case_fail(twin, "counted %s, not %s; %s", reason_name(reason), reason_name(wanted),
			  diff);
	else if (action != wanted_action)
		case_fail(twin, "action %d, not %d", action, wanted_action);
	else if (diff[0])
		case_fail(twin, "%s: %s", reason_name(reason), diff);
	check_counts(twin, &before, &after);
	if (memcmp(&flow_before, &flow_after, sizeof(flow_before)) != 0 ||
	    memcmp(&flows_before, &flows_after, sizeof(flows_before)) != 0)
		case_fail(twin, "the error has changed a flow");
}

void error_run_bytes(struct test_case *twin, const struct packet_buf *in, enum reason reason)
{
	run_bytes(twin, in, in, reason);
}

void error_run(struct test_case *twin, const struct error_spec *error, enum reason reason,
	       const char *detail, ...)
{
	const struct packet_spec out = case_output(twin);
	struct error_spec after = *error;
	struct packet_buf in, expected;
	va_list args;

	va_start(args, detail);
	vsnprintf(twin->detail, sizeof(twin->detail), detail, args);
	va_end(args);
	error_build(&twin->packet, error, &in);
	if (!ip_addr_equal(&out.src, &twin->packet.src)) /* it is on the side that is hidden */
		after.reporter = out.src;
	error_build(&out, &after, &expected);
	run_bytes(twin, &in, reason == REASON_FORWARDED ? &expected : &in, reason);
}

static void (*each_body)(struct test_case *twin);

static void each_preserved(struct test_case *twin)
{
	if (twin->program != PROGRAM_XDP)
		each_body(twin);
}

static void each_masqueraded(struct conversation *conv)
{
	if (conv->use_xdp)
		return;
	conversation_open(conv);
	conversation_age(conv, 2); /* else it could not be seen that an error refreshes the flow */
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		struct test_case twin = conversation_case(conv, dir, TCP_ACK);

		each_body(&twin);
	}
	conversation_expect(conv, true, "after errors");
	conversation_send(conv, DIR_OUT, TCP_ACK, REASON_FORWARDED, "after errors");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "after errors");
}

void error_for_each(void (*body)(struct test_case *twin))
{
	each_body = body;
	case_for_each(each_preserved);
	conversation_for_each(each_masqueraded);
}
