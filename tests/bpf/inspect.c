// SPDX-License-Identifier: GPL-2.0-only
// Packets taken apart byte by byte, for tests that do not know what they have made.
#include <netinet/in.h>
#include <string.h>
#include "inspect.h"
#include "../lib/packet.h"

#define ICMP_HEADER 8

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static bool view_v4(const uint8_t *data, size_t len, bool is_quoted, struct view *view,
		    bool *is_fragment)
{
	const uint8_t *ip = data + view->l3;
	size_t header, total;

	if (view->l3 + 20 > len || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return false;
	header = (ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (total < header || view->l3 + header > len || (view->l3 + total > len && !is_quoted))
		return false;
	view->l4 = view->l3 + header;
	view->end = view->l3 + total;
	view->proto = ip[9];
	view->ttl = ip[8];
	view->l3_sum = packet_fold(packet_sum(ip, header)) == 0xffff ? SUM_RIGHT : SUM_WRONG;
	*is_fragment = get16(ip + 6) & 0x3fff;
	return true;
}

static bool view_v6(const uint8_t *data, size_t len, bool is_quoted, struct view *view,
		    bool *is_fragment)
{
	const uint8_t *ip = data + view->l3;

	if (view->l3 + 40 > len || ip[0] >> 4 != 6)
		return false;
	view->l4 = view->l3 + 40;
	view->end = view->l4 + get16(ip + 4);
	view->is_v6 = true;
	view->proto = ip[6];
	view->ttl = ip[7];
	if (view->end > len && !is_quoted)
		return false;
	while (view->proto == IPPROTO_HOPOPTS || view->proto == IPPROTO_DSTOPTS ||
	       view->proto == IPPROTO_FRAGMENT) {
		const uint8_t *ext = data + view->l4;

		if (view->l4 + 8 > len)
			return false;
		if (view->proto == IPPROTO_FRAGMENT && get16(ext + 2) & 0xfff9)
			*is_fragment = true;
		view->l4 += view->proto == IPPROTO_FRAGMENT ? 8 : (ext[1] + 1) * 8;
		view->proto = ext[0];
		if (*is_fragment)
			break; /* what follows may be from the middle */
	}
	return true;
}

static size_t header_of(const uint8_t *l4, uint8_t proto)
{
	return proto == IPPROTO_TCP ? (size_t)(l4[12] >> 4) * 4 : ICMP_HEADER;
}

/* The offset of the checksum in TCP, UDP and ICMP. */
static size_t check_at(uint8_t proto)
{
	return proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;
}

/* The sum over pseudo header, header and data; @len is what it covers. */
static uint16_t l4_total(const uint8_t *data, const struct view *view, size_t len)
{
	const uint8_t *ip = data + view->l3;
	uint32_t total = packet_sum(data + view->l4, len);

	if (view->proto == IPPROTO_ICMP)
		return packet_fold(total);
	total += view->is_v6 ? packet_sum(ip + 8, 32) : packet_sum(ip + 12, 8);
	return packet_fold(total + view->proto + len);
}

/* How much the checksum covers; 0 when the header contradicts the packet. */
static size_t l4_covered(const uint8_t *data, const struct view *view)
{
	size_t len = view->end - view->l4, claimed;

	if (view->proto != IPPROTO_UDP)
		return len;
	claimed = get16(data + view->l4 + 4);
	return claimed < 8 || claimed > len ? 0 : claimed;
}

static enum sum_state l4_state(const uint8_t *data, const struct view *view)
{
	size_t covered = l4_covered(data, view);

	if (view->proto == IPPROTO_UDP && !get16(data + view->l4 + 6))
		return SUM_NONE;
	if (!covered)
		return SUM_UNKNOWN;
	return l4_total(data, view, covered) == 0xffff ? SUM_RIGHT : SUM_WRONG;
}

bool view_packet(const uint8_t *data, size_t len, size_t l3, bool is_quoted, struct view *view)
{
	bool is_fragment = false;
	size_t least;

	*view = (struct view){ .l3 = l3 };
	if (l3 >= len)
		return false;
	if (data[l3] >> 4 == 4 ? !view_v4(data, len, is_quoted, view, &is_fragment)
			       : !view_v6(data, len, is_quoted, view, &is_fragment))
		return false;
	if (!is_fragment && view->proto != IPPROTO_TCP && view->proto != IPPROTO_UDP &&
	    view->proto != (view->is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return false;
	if (is_fragment || (is_quoted && view->end > len)) {
		view->payload = view->l4;
		if (view->proto == IPPROTO_UDP && !is_fragment && view->l4 + 8 <= len &&
		    !get16(data + view->l4 + 6))
			view->l4_sum = SUM_NONE;
		return true;
	}
	least = view->proto == IPPROTO_TCP ? 20 : 8;
	if (view->l4 + least > view->end)
		return false;
	view->payload = view->l4 + header_of(data + view->l4, view->proto);
	if (view->payload > view->end || view->payload < view->l4 + least)
		return false;
	view->l4_sum = l4_state(data, view);
	return true;
}

bool view_quoted(const uint8_t *data, const struct view *view, struct view *quoted)
{
	uint8_t type = data[view->l4];

	if (view->payload == view->l4) /* a fragment */
		return false;
	if (view->proto == IPPROTO_ICMP ? type != 3 && type != 11 && type != 12
					: view->proto != IPPROTO_ICMPV6 || !type || type > 4)
		return false;
	return view_packet(data, view->end, view->payload, true, quoted) &&
	       quoted->is_v6 == view->is_v6;
}

int view_fragment(const uint8_t *data, size_t l3)
{
	const uint8_t *ip = data + l3, *ext = ip + 40;
	uint16_t offset = 0, more = 0;

	if (ip[0] >> 4 == 4) {
		offset = get16(ip + 6) & 0x1fff;
		more = get16(ip + 6) & 0x2000;
	} else if (ip[6] == IPPROTO_FRAGMENT) {
		offset = get16(ext + 2) & 0xfff8;
		more = get16(ext + 2) & 1;
	}
	return offset ? 2 : more ? 1 : 0;
}

size_t view_l3(const uint8_t *data, size_t len)
{
	size_t at = 12;

	if (len >= 18 && (get16(data + at) == 0x8100 || get16(data + at) == 0x88a8))
		at += 4;
	if (len < at + 2 || (get16(data + at) != 0x0800 && get16(data + at) != 0x86dd))
		return 0;
	return at + 2;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void mend(uint8_t *data, const struct view *view)
{
	uint8_t *ip = data + view->l3, *check = data + view->l4 + check_at(view->proto);
	size_t covered;

	if (!view->is_v6) {
		put16(ip + 10, 0);
		put16(ip + 10, ~packet_fold(packet_sum(ip, view->l4 - view->l3)));
	}
	if (view->l4_sum == SUM_UNKNOWN || view->l4_sum == SUM_NONE)
		return;
	covered = l4_covered(data, view);
	put16(check, 0);
	put16(check, ~l4_total(data, view, covered));
	if (view->proto == IPPROTO_UDP && !get16(check))
		put16(check, 0xffff);
}

void view_mend(uint8_t *data, size_t len, size_t l3)
{
	struct view view, quoted;

	if (!view_packet(data, len, l3, false, &view))
		return;
	if (view_quoted(data, &view, &quoted))
		mend(data, &quoted);
	mend(data, &view);
}
