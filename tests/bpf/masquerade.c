// SPDX-License-Identifier: GPL-2.0-only
// Both sides of masqueraded conversations, packet by packet, held against records and counters.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "masquerade.h"

#define CLIENT_PORT 40000

const struct way ways[] = {
	{ "pub-home", WORLD_PUB, DEV_PUB, DEV_HOME, FWD_PLAIN, PEER_REMOTE },
	{ "pub-home, neighbour", WORLD_PUB, DEV_PUB, DEV_HOME, FWD_PLAIN, PEER_CLIENT },
	{ "pub-home, port up", WORLD_PUB, DEV_PUB, DEV_HOME, FWD_UP, PEER_REMOTE },
	{ "pub-home, port down", WORLD_PUB, DEV_PUB, DEV_HOME, FWD_DOWN, PEER_REMOTE },
	{ "pub-home, range", WORLD_PUB, DEV_PUB, DEV_HOME, FWD_RANGE, PEER_REMOTE },
	{ "pub-home, gateway", WORLD_PUB, DEV_PUB, DEV_HOME, FWD_ROUTED, PEER_REMOTE },
	{ "pub-tun", WORLD_PUB, DEV_PUB, DEV_TUN, FWD_TUN, PEER_REMOTE },
	{ "wan-home", WORLD_WAN, DEV_WAN, DEV_HOME, FWD_UP, PEER_WAN_CLIENT },
	{ "wan-tun", WORLD_WAN, DEV_WAN, DEV_TUN, FWD_TUN, PEER_WAN_CLIENT },
	{ "one-armed", WORLD_PUB, DEV_PUB, DEV_PUB, FWD_ARM, PEER_REMOTE },
	{ "one-armed, neighbour", WORLD_PUB, DEV_PUB, DEV_PUB, FWD_ARM, PEER_CLIENT },
	{ "one-armed, itself", WORLD_PUB, DEV_PUB, DEV_PUB, FWD_ARM, PEER_ARM },
	{ "hairpin home, itself", WORLD_PUB, DEV_HOME, DEV_HOME, FWD_UP, PEER_HOME },
	{ "hairpin home, neighbour", WORLD_PUB, DEV_HOME, DEV_HOME, FWD_PLAIN, PEER_ROUTED },
	{ "hairpin tun, itself", WORLD_PUB, DEV_TUN, DEV_TUN, FWD_TUN, PEER_TUN },
};
const size_t way_count = sizeof(ways) / sizeof(ways[0]);

void conversation_init(struct conversation *conv, const struct way *way, bool use_xdp,
		       enum ip_family family, enum proto proto)
{
	const struct forward_spec *forward = &fixture_forwards[way->forward];

	*conv = (struct conversation){
		.way = way,
		.use_xdp = use_xdp,
		.family = family,
		.proto = proto,
		.talk = { .client = peer_addr(way->world, way->client, family),
			  .public_addr = peer_addr(way->world, PEER_PUBLIC, family),
			  .backend = peer_addr(way->world, forward->backend, family),
			  .client_port = CLIENT_PORT,
			  .public_port = forward->first,
			  .backend_port = forward->first + forward->shift },
		.shape = { .ttl = 64, .payload = 32, .head = 0xbeef },
		.seq = { [DIR_IN] = CLIENT_ISN, [DIR_OUT] = BACKEND_ISN },
		.ack = { [DIR_IN] = BACKEND_ISN + 1, [DIR_OUT] = CLIENT_ISN + 1 },
	};
}

struct conversation conversation_other(const struct conversation *conv, unsigned number)
{
	struct conversation other;

	conversation_init(&other, conv->way, conv->use_xdp, conv->family, conv->proto);
	other.talk.client.w[3] = htonl(ntohl(other.talk.client.w[3]) + number);
	return other;
}

static enum program first_program(const struct conversation *conv, enum dev ingress)
{
	if (dev_is_l3(ingress))
		return PROGRAM_TC_L3;
	return conv->use_xdp ? PROGRAM_XDP : PROGRAM_TC;
}

struct test_case conversation_case(struct conversation *conv, enum direction dir, uint8_t tcp)
{
	const struct way *way = conv->way;
	const struct path path = {
		.name = way->name,
		.world = way->world,
		.ingress = dir == DIR_IN ? way->ingress : way->egress,
		.egress = dir == DIR_IN ? way->egress : way->ingress,
		.in = dir == DIR_IN,
		.out = dir == DIR_OUT,
		.forward = way->forward,
		.from = way->client,
		.to = way->client,
	};
	const struct talk *talk = &conv->talk;
	struct packet_spec *packet;
	struct test_case test;

	case_init(&test, &path, first_program(conv, path.ingress), conv->family, conv->proto);
	packet = &test.packet;
	memcpy(conv->shape.dst_mac, packet->dst_mac, 6);
	memcpy(conv->shape.src_mac, packet->src_mac, 6);
	conv->shape.frame = packet->frame;
	conv->shape.proto = packet->proto;
	*packet = conv->shape;
	packet->src = dir == DIR_IN ? talk->client : talk->backend;
	packet->dst = dir == DIR_IN ? talk->public_addr : talk->masquerade;
	packet->sport = dir == DIR_IN ? talk->client_port : talk->backend_port;
	packet->dport = dir == DIR_IN ? talk->public_port : talk->port;
	packet->tcp.is_set = true;
	packet->tcp.flags = tcp;
	packet->tcp.seq = conv->seq[dir];
	packet->tcp.ack = tcp & TCP_ACK ? conv->ack[dir] : 0;
	test.talk = &conv->talk;
	return test;
}

void conversation_fail(struct conversation *conv, const char *fmt, ...)
{
	struct test_case test = conversation_case(conv, DIR_IN, 0);
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	case_fail(&test, "client %08x:%u, masquerade port %u: %s", ntohl(conv->talk.client.w[3]),
		  conv->talk.client_port, conv->talk.port, text);
}

/* Only this direction's counters move, and only when the packet was forwarded. */
static void check_record(struct conversation *conv, enum direction dir, const struct flow *before,
			 enum reason reason, size_t bytes, const char *detail)
{
	const struct flow *flow = conversation_flow(conv);
	const struct flow_key key = conversation_key(conv);

	for (int i = 0; i < DIR_COUNT; i++) {
		bool moves = reason == REASON_FORWARDED && i == (int)dir;

		if (flow_packets(&flow->half[i]) - flow_packets(&before->half[i]) != moves ||
		    flow_bytes(&flow->half[i]) - flow_bytes(&before->half[i]) !=
			    (moves ? bytes : 0))
			conversation_fail(conv, "%s: the flow's counters %s: %llu, %llu", detail,
					  i == DIR_IN ? "in" : "out", flow_packets(&flow->half[i]),
					  flow_bytes(&flow->half[i]));
	}
	if (reason != REASON_FORWARDED)
		return;
	if (flow->state != FLOW_LIVE || !ip_addr_equal(&flow->client, &key.client) ||
	    flow->client_port != key.client_port || flow->public_port != key.public_port ||
	    flow->rule != key.rule)
		conversation_fail(conv, "%s: state %u, the record is another's", detail,
				  flow->state);
	if ((int32_t)(flow->half[dir].seen_at - before->half[dir].seen_at) < 0)
		conversation_fail(conv, "%s: seen earlier than before", detail);
}

void conversation_send(struct conversation *conv, enum direction dir, uint8_t tcp,
		       enum reason reason, const char *fmt, ...)
{
	struct test_case test = conversation_case(conv, dir, tcp);
	struct flow before = {};
	struct packet_buf bytes;
	char detail[64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (conv->talk.port)
		before = *conversation_flow(conv);
	packet_build(&test.packet, &bytes);
	if (reason != REASON_FORWARDED) {
		test.reason = reason;
	} else if (test.reason == REASON_LEFT_TO_TC) {
		case_run(&test, "%s", detail);
		test.program = PROGRAM_TC;
		test.reason = REASON_FORWARDED;
	}
	case_run(&test, "%s", detail);
	if (conv->talk.port)
		check_record(conv, dir, &before, reason, bytes.end - bytes.l3, detail);
}

void conversation_begin(struct conversation *conv)
{
	conv->seq[DIR_IN] = CLIENT_ISN;
	conv->seq[DIR_OUT] = BACKEND_ISN;
	conversation_send(conv, DIR_IN, TCP_SYN, REASON_FORWARDED, "first");
	cr_assert(conv->talk.port, "the first packet was not forwarded");
}

void conversation_open(struct conversation *conv)
{
	conversation_begin(conv);
	conversation_send(conv, DIR_OUT, TCP_SYN | TCP_ACK, REASON_FORWARDED, "reply");
	conv->seq[DIR_IN]++;
	conv->seq[DIR_OUT]++;
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "answer");
}

void conversation_close(struct conversation *conv)
{
	conversation_send(conv, DIR_IN, TCP_FIN | TCP_ACK, REASON_FORWARDED, "client's FIN");
	conversation_send(conv, DIR_OUT, TCP_FIN | TCP_ACK, REASON_FORWARDED, "backend's FIN");
	conversation_send(conv, DIR_IN, TCP_ACK, REASON_FORWARDED, "last acknowledgement");
}

enum reason conversation_try(struct conversation *conv)
{
	struct test_case test = conversation_case(conv, DIR_IN, TCP_SYN);
	struct packet_buf in, out;
	enum reason reason;

	packet_build(&test.packet, &in);
	case_try(&test, &in, &out, &reason);
	return reason;
}

struct flow *conversation_flow(const struct conversation *conv)
{
	return &fixture_flows(fixture_pool(&conv->talk.masquerade, conv->proto))[conv->talk.port];
}

uint32_t ticks_of(double seconds)
{
	return seconds * 1e9 / (1 << FLOW_TICK_SHIFT) + 1;
}

void conversation_age(const struct conversation *conv, double seconds)
{
	uint32_t ticks = ticks_of(seconds);
	struct flow *flow = conversation_flow(conv);

	flow->half[DIR_IN].seen_at -= ticks;
	flow->half[DIR_OUT].seen_at -= ticks;
	flow->created_at -= ticks;
}

static unsigned rule_index(const struct conversation *conv)
{
	const struct ruleset *rs = fixture_ruleset();
	const struct address *entry =
		&rs->addresses[address_slot(&conv->talk.public_addr, rs->seed)];
	uint16_t port = conv->talk.public_port;

	return rs->pages[rs->tables[entry->table[DIR_IN][conv->proto]][port / PAGE_PORTS]]
			[port % PAGE_PORTS];
}

struct rule *conversation_rule(const struct conversation *conv)
{
	return &fixture_ruleset()->rules[rule_index(conv)];
}

struct flow_key conversation_key(const struct conversation *conv)
{
	return (struct flow_key){ .client = conv->talk.client,
				  .client_port = htons(conv->talk.client_port),
				  .public_port = htons(conv->talk.public_port),
				  .rule = rule_index(conv) };
}

uint32_t conversation_slot(const struct conversation *conv)
{
	return flow_slot(fixture_pool(&conv->talk.masquerade, conv->proto), conv->talk.port);
}

static uint32_t index_find(const struct bpf_map *index, const struct conversation *conv)
{
	struct flow_key key = conversation_key(conv);
	uint32_t slot = 0;

	return bpf_map_lookup_elem(bpf_map__fd(index), &key, &slot) ? 0 : slot;
}

uint32_t conversation_confirmed(const struct conversation *conv)
{
	return index_find(fixture_skel()->maps.flows_confirmed, conv);
}

uint32_t conversation_new(const struct conversation *conv)
{
	return index_find(fixture_skel()->maps.flows_new, conv);
}

void conversation_expect(struct conversation *conv, bool confirmed, const char *detail)
{
	uint32_t slot = conversation_slot(conv), in_confirmed = conversation_confirmed(conv),
		 in_new = conversation_new(conv);
	bool flag = conversation_flow(conv)->flags[DIR_IN] & FLOW_CONFIRMED;

	if (flag != confirmed || in_confirmed != (confirmed ? slot : 0) ||
	    in_new != (confirmed ? 0 : slot))
		conversation_fail(conv, "%s: confirmed %d, slot %x; found %x and among new %x",
				  detail, flag, slot, in_confirmed, in_new);
}

int conversation_source_flows(const struct conversation *conv)
{
	const bool v4 = conv->family == FAMILY_V4;
	const struct flow_limits *limits = &fixture_ruleset()->limits;
	struct {
		uint64_t net, family;
	} key = { near_key(&conv->talk.client, conv->family) & limits->source_mask[conv->family],
		  v4 ? FAMILY_V4 : FAMILY_V6 };
	struct {
		uint32_t flows, began, period, pad;
	} source;

	if (bpf_map_lookup_elem(bpf_map__fd(fixture_skel()->maps.sources), &key, &source))
		return -1;
	return source.flows;
}

void ports_allow(uint16_t first, uint16_t last)
{
	struct flow_limits *limits = &fixture_ruleset()->limits;

	memset(limits->ports, 0, sizeof(limits->ports));
	limits->port_first = first;
	limits->port_last = last;
	for (unsigned port = first; port <= last; port++)
		for (int proto = 0; proto < PROTO_COUNT; proto++)
			limits->ports[proto][port / 64] |= 1ULL << port % 64;
}

/* The number of a combination of program, family and protocol; false when @way has no such. */
static bool init_kind(struct conversation *conv, const struct way *way, unsigned n)
{
	bool use_xdp = n / (FAMILY_COUNT * PROTO_COUNT);

	if (use_xdp && dev_is_l3(way->ingress) && dev_is_l3(way->egress))
		return false;
	conversation_init(conv, way, use_xdp, n / PROTO_COUNT % FAMILY_COUNT, n % PROTO_COUNT);
	return true;
}

#define KINDS (2 * FAMILY_COUNT * PROTO_COUNT)

void conversation_for_each(void (*body)(struct conversation *conv))
{
	struct conversation conv;

	for (size_t i = 0; i < way_count; i++) {
		fixture_masquerade(ways[i].world, UINT64_MAX, 1600);
		for (unsigned n = 0; n < KINDS; n++) {
			if (!init_kind(&conv, &ways[i], n))
				continue;
			conv.talk.client_port += n; /* all these flows live next to each other */
			body(&conv);
		}
	}
}

void conversation_for_kinds(void (*body)(struct conversation *conv))
{
	struct conversation conv;

	for (unsigned n = 0; n < KINDS; n++) {
		fixture_masquerade(ways[0].world, UINT64_MAX, 1600);
		init_kind(&conv, &ways[0], n);
		body(&conv);
	}
}

void conversation_for_tcp(void (*body)(struct conversation *conv))
{
	struct conversation conv;

	for (unsigned n = PROTO_TCP; n < KINDS; n += PROTO_COUNT) {
		fixture_masquerade(ways[0].world, UINT64_MAX, 1600);
		init_kind(&conv, &ways[0], n);
		body(&conv);
	}
}
