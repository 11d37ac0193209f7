// SPDX-License-Identifier: GPL-2.0-only
// Plain packets of forwards and conversations, bent in their fields and then in their bytes.
#include <linux/if_ether.h>
#include <string.h>
#include "inspect.h"
#include "mutate.h"

#define CONVERSATIONS 64

static enum world world;
static struct conversation conversations[CONVERSATIONS];
static unsigned conversation_count; /* 0: preserve */

/* splitmix64, a public-domain generator: short, and good from any seed. */
uint32_t mutate_draw(uint64_t *state, uint32_t below)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return (z >> 32) * below >> 32;
}

static bool one_in(uint64_t *state, uint32_t n)
{
	return !mutate_draw(state, n);
}

static void open_conversations(void)
{
	conversation_count = 0;
	for (size_t i = 0; i < way_count; i++) {
		for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
			struct conversation *conv = &conversations[conversation_count];

			if (ways[i].world != world || conversation_count == CONVERSATIONS)
				continue;
			conversation_init(conv, &ways[i], false, n / PROTO_COUNT, n % PROTO_COUNT);
			conv->talk.client_port += n;
			if (conversation_count % 4)
				conversation_open(conv);
			else
				conversation_begin(conv);
			conversation_count++;
		}
	}
}

void mutate_world(uint64_t *state)
{
	static const uint32_t mtus[] = { 0, 68, 576, 1280, 1400, 1500, 9000 };
	uint64_t valid = one_in(state, 2) ? UINT64_MAX : 0;
	struct ruleset *rs;

	world = one_in(state, 3) ? WORLD_WAN : WORLD_PUB;
	if (one_in(state, 2)) {
		fixture_masquerade(world, UINT64_MAX, 1600);
		open_conversations();
	} else {
		fixture_apply(world, valid, 1600);
		conversation_count = 0;
	}
	rs = fixture_ruleset();
	if (one_in(state, 3)) /* whoever is new is refused */
		memset(rs->limits.ports, 0, sizeof(rs->limits.ports));
	rs->acls[1] = (struct acl){ .first = 0, .count = 1 };
	memset(&rs->acl_ranges[0].last, 0xff, sizeof(rs->acl_ranges[0].last));
	for (unsigned i = 1; i < RULES_MAX; i++) {
		struct rule *rule = &rs->rules[i];

		if (ip_addr_is_any(&rule->public_addr))
			continue;
		rule->clamp_mss = mutate_draw(state, 2);
		rule->acl = one_in(state, 8) ? 2 : mutate_draw(state, 2); /* nobody, or anybody */
		rule->reject = mutate_draw(state, 2);
		rule->mid_stream = mutate_draw(state, 2);
	}
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		rs->devices[i].mtu = mtus[mutate_draw(state, sizeof(mtus) / sizeof(mtus[0]))];
	for (unsigned i = 0; i < NEXTHOPS_MAX; i++)
		rs->nexthops[i].mtu = mtus[mutate_draw(state, sizeof(mtus) / sizeof(mtus[0]))];
}

/* A packet that would be forwarded. */
static struct test_case pick(uint64_t *state)
{
	const struct path *path;
	struct test_case test;

	if (conversation_count) {
		struct conversation *conv = &conversations[mutate_draw(state, conversation_count)];
		enum direction dir = mutate_draw(state, DIR_COUNT);

		test = conversation_case(conv, dir,
					 one_in(state, 4) ? mutate_draw(state, 256) : TCP_ACK);
		if (dir == DIR_IN && one_in(state, 8))
			test.packet.sport = mutate_draw(state, 65536); /* somebody new */
		return test;
	}
	do
		path = &paths[mutate_draw(state, path_count)];
	while (path->world != world);
	case_init(&test, path, dev_is_l3(path->ingress) ? PROGRAM_TC_L3 : PROGRAM_TC,
		  mutate_draw(state, FAMILY_COUNT), mutate_draw(state, PROTO_COUNT));
	test.packet.tcp.is_set = true;
	test.packet.tcp.flags = one_in(state, 2) ? TCP_SYN : mutate_draw(state, 256);
	return test;
}

static void bend_options(uint64_t *state, struct packet_spec *packet)
{
	unsigned offset;

	packet->tcp_words = mutate_draw(state, 11);
	if (!packet->tcp_words)
		return;
	offset = 20 + mutate_draw(state, packet->tcp_words * 4 - 3);
	packet->patches[0] = (struct packet_patch){ LAYER_L4, offset, 1, 2 };
	packet->patches[1] = (struct packet_patch){ LAYER_L4, offset + 1, 1, 4 };
	packet->patches[2] =
		(struct packet_patch){ LAYER_L4, offset + 2, 2, mutate_draw(state, 65536) };
}

/* Rare, but right. */
static void bend(uint64_t *state, struct packet_spec *packet)
{
	static const uint16_t payloads[] = { 0, 1, 2, 8, 9, 33, 100, 536, 1232, 1400, 1472 };
	static const uint8_t ttls[] = { 0, 1, 2, 255 };
	static const uint8_t types[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT };
	const bool is_v4 = ip_addr_is_v4(&packet->dst);

	packet->payload = payloads[mutate_draw(state, sizeof(payloads) / sizeof(payloads[0]))];
	packet->head = mutate_draw(state, 65536);
	if (one_in(state, 8))
		packet->ttl = ttls[mutate_draw(state, sizeof(ttls))];
	if (is_v4 && one_in(state, 2))
		packet->frag = 0x4000;
	if (is_v4 && one_in(state, 32))
		packet->frag = mutate_draw(state, 65536);
	if (is_v4 && one_in(state, 8))
		packet->options = mutate_draw(state, 11);
	while (!is_v4 && packet->ext_count < 6 && one_in(state, 6))
		packet->ext[packet->ext_count++] =
			(struct packet_ext){ types[mutate_draw(state, sizeof(types))],
					     8 + 8 * mutate_draw(state, 3),
					     one_in(state, 4) ? mutate_draw(state, 65536) : 0 };
	if (packet->proto == IPPROTO_TCP && one_in(state, 2))
		bend_options(state, packet);
	if (packet->proto == IPPROTO_UDP && one_in(state, 8))
		packet->no_checksum = true;
	if (packet->frame == PACKET_ETHERNET && one_in(state, 8)) {
		packet->tag_count = 1;
		packet->tags[0].tpid = one_in(state, 4) ? 0x88a8 : 0x8100;
	}
	if (one_in(state, 8))
		packet->padding = mutate_draw(state, 60);
}

static void make_error(uint64_t *state, const struct test_case *twin, struct packet_buf *buf)
{
	struct error_spec error = error_init(twin);
	struct packet_spec packet = twin->packet;
	const struct error_kind *kind = &error_kinds[twin->family][mutate_draw(state, 3)];

	error.type = kind->type;
	error.code = mutate_draw(state, kind->codes);
	error.rest = one_in(state, 2) ? 0 : mutate_draw(state, 65536);
	error.is_cut = one_in(state, 2);
	error.keep = mutate_draw(state, 40);
	error.extension = one_in(state, 4) ? mutate_draw(state, 60) : 0;
	error.inner_options = one_in(state, 4) ? mutate_draw(state, 11) : 0;
	packet.options = 0;
	error.plain_outside = one_in(state, 2);
	if (!one_in(state, 4))
		packet.ext_count = 0;
	if (one_in(state, 4))
		packet.options = ip_addr_is_v4(&packet.dst) ? mutate_draw(state, 11) : 0;
	if (packet.payload + packet.tcp_words * 4 < error.keep)
		error.keep = 8;
	error_build(&packet, &error, buf);
}

/* A byte, a field or the length, mostly among the headers. */
static void mutate(uint64_t *state, struct packet_buf *buf)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff, 4, 6, 17, 44, 58, 60 };
	size_t reach = one_in(state, 4) || buf->len < 90 ? buf->len : 90;
	uint8_t *at = buf->data + mutate_draw(state, reach);

	switch (mutate_draw(state, 8)) {
	case 0:
	case 1:
		*at ^= 1 << mutate_draw(state, 8);
		break;
	case 2:
		*at = values[mutate_draw(state, sizeof(values))];
		break;
	case 3:
		*at = mutate_draw(state, 256);
		break;
	case 4:
		*at += mutate_draw(state, 2) ? 1 : -1;
		break;
	case 5: /* a length, some more or less */
		at = buf->data + buf->l3 + (buf->data[buf->l3] >> 4 == 4 ? 3 : 5);
		*at += mutate_draw(state, 33) - 16;
		break;
	case 6:
		buf->len = 14 + mutate_draw(state, buf->len - 13);
		break;
	case 7:
		memmove(at, buf->data + mutate_draw(state, reach), mutate_draw(state, 8));
		break;
	}
	if (buf->len < 15)
		buf->len = 15;
}

void mutate_make(uint64_t *state, struct mutant *mutant)
{
	struct test_case test = pick(state);
	struct packet_buf *buf = &mutant->bytes;

	bend(state, &test.packet);
	if (one_in(state, 4))
		make_error(state, &test, buf);
	else
		packet_build(&test.packet, buf);
	for (unsigned n = one_in(state, 4) ? 0 : 1 + mutate_draw(state, 3); n; n--)
		mutate(state, buf);
	mutant->ingress = test.path.ingress;
	mutant->is_bare = dev_is_l3(mutant->ingress);
	if (!one_in(state, 4)) { /* else the sums tell at once that something is wrong */
		size_t l3 = mutant->is_bare ? 0 : view_l3(buf->data, buf->len);

		if (mutant->is_bare || l3)
			view_mend(buf->data, buf->len, l3);
	}
}
