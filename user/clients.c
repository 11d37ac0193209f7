// SPDX-License-Identifier: GPL-2.0-only
// Which clients a forward is for.
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "clients.h"

/* Ranges that a message names before it only counts them. */
#define NAMED_MAX 3

/* An address as a number, in the order that network byte order makes. */
typedef unsigned __int128 number;

/* struct span - a range as numbers */
struct span {
	number first, last;
};

static number number_of(const struct ip_addr *addr)
{
	return (number)be64toh(addr->d[0]) << 64 | be64toh(addr->d[1]);
}

static struct ip_addr addr_of(number n)
{
	return (struct ip_addr){ .d = { htobe64(n >> 64), htobe64((uint64_t)n) } };
}

static struct span span_of(const struct ip_prefix *prefix)
{
	unsigned bits = prefix->len + (ip_addr_is_v4(&prefix->addr) ? 96 : 0);
	number first = number_of(&prefix->addr);

	return (struct span){ first, bits < 128 ? first | ~(number)0 >> bits : first };
}

static struct span whole(enum ip_family family)
{
	struct ip_prefix all = { family == FAMILY_V4 ? ip_addr_from_v4(0) : (struct ip_addr){}, 0 };

	return span_of(&all);
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Join what overlaps or touches; returns how many are left. */
static size_t merge(struct span *spans, size_t count)
{
	size_t kept = 0;

	qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t i = 0; i < count; i++) {
		struct span *before = kept ? &spans[kept - 1] : NULL;

		if (!before || (before->last != ~(number)0 && spans[i].first > before->last + 1))
			spans[kept++] = spans[i];
		else if (spans[i].last > before->last)
			before->last = spans[i].last;
	}
	return kept;
}

/* The prefixes of one family as spans, merged; returns how many. */
static size_t collect(const struct ip_prefix *prefixes, size_t count, enum ip_family family,
		      struct span *spans)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		if (ip_addr_family(&prefixes[i].addr) == family)
			spans[used++] = span_of(&prefixes[i]);
	return merge(spans, used);
}

static void put_range(struct acl_range *ranges, size_t *count, number first, number last)
{
	ranges[(*count)++] = (struct acl_range){ addr_of(first), addr_of(last) };
}

/* Each hole adds at most one range to what there is. */
static size_t subtract(const struct span *from, size_t from_count, const struct span *holes,
		       size_t hole_count, struct acl_range *ranges)
{
	size_t count = 0, h = 0;

	for (size_t i = 0; i < from_count; i++) {
		number first = from[i].first;
		bool left = true;

		while (h < hole_count && holes[h].last < first)
			h++;
		for (size_t k = h; left && k < hole_count && holes[k].first <= from[i].last; k++) {
			if (holes[k].first > first)
				put_range(ranges, &count, first, holes[k].first - 1);
			left = holes[k].last < from[i].last;
			first = holes[k].last + 1;
		}
		if (left)
			put_range(ranges, &count, first, from[i].last);
	}
	return count;
}

int clients_make(const struct client_lists *lists, enum ip_family family, struct acl_range **ranges)
{
	struct span *allow = calloc(lists->allow_count + 1, sizeof(*allow));
	struct span *deny = calloc(lists->deny_count + 1, sizeof(*deny));
	size_t allowed, denied;
	int count = -ENOMEM;

	*ranges = calloc(lists->allow_count + lists->deny_count + 1, sizeof(**ranges));
	if (allow && deny && *ranges) {
		allowed = collect(lists->allow, lists->allow_count, family, allow);
		denied = collect(lists->deny, lists->deny_count, family, deny);
		if (!lists->allow_count)
			allow[allowed++] = whole(family);
		count = subtract(allow, allowed, deny, denied, *ranges);
	}
	free(allow);
	free(deny);
	if (count <= 0) {
		free(*ranges);
		*ranges = NULL;
	}
	return count;
}

bool clients_are_all(const struct acl_range *ranges, size_t count, enum ip_family family)
{
	struct span all = whole(family);

	return count == 1 && number_of(&ranges->first) == all.first &&
	       number_of(&ranges->last) == all.last;
}

bool clients_include(const struct acl_range *ranges, size_t count, const struct ip_addr *addr)
{
	number n = number_of(addr);
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (number_of(&ranges[middle].last) < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && number_of(&ranges[low].first) <= n;
}

const char *clients_format_range(const struct acl_range *range, char buf[CLIENTS_RANGE_STRLEN])
{
	number first = number_of(&range->first), last = number_of(&range->last);
	number differ = first ^ last; /* of a prefix: the host bits, and all of them */
	unsigned len = ip_addr_is_v4(&range->first) ? 32 : 128;
	char one[IP_ADDR_STRLEN], other[IP_ADDR_STRLEN];

	ip_addr_format(&range->first, one);
	for (number bits = differ; bits; bits >>= 1)
		len--;
	if (!differ)
		snprintf(buf, CLIENTS_RANGE_STRLEN, "%s", one);
	else if (differ & (differ + 1) || first & differ)
		snprintf(buf, CLIENTS_RANGE_STRLEN, "%s-%s", one,
			 ip_addr_format(&range->last, other));
	else
		snprintf(buf, CLIENTS_RANGE_STRLEN, "%s/%u", one, len);
	return buf;
}

const char *clients_format(const struct acl_range *ranges, size_t count, char buf[CLIENTS_STRLEN])
{
	char one[CLIENTS_RANGE_STRLEN];
	int len = snprintf(buf, CLIENTS_STRLEN, "%s", count ? "" : "nobody");

	for (size_t i = 0; i < count && i < NAMED_MAX; i++)
		len += snprintf(buf + len, CLIENTS_STRLEN - len, "%s%s", i ? ", " : "",
				clients_format_range(&ranges[i], one));
	if (count > NAMED_MAX)
		snprintf(buf + len, CLIENTS_STRLEN - len, " and %zu more", count - NAMED_MAX);
	return buf;
}
