// SPDX-License-Identifier: GPL-2.0-only
// Sets of ports as bitmaps, and the kernel's text form of them.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "portset.h"

#define WORD_BITS  64
#define WORD_COUNT (PORT_COUNT / WORD_BITS)

/* The bits of word @w that lie in @range; none when it is reversed. */
static uint64_t word_mask(unsigned w, struct port_range range)
{
	unsigned low = w * WORD_BITS, high = low + WORD_BITS - 1;
	uint64_t mask = ~0ULL;

	if (range.first > low)
		mask &= ~0ULL << (range.first - low);
	if (range.last < high)
		mask &= ~0ULL >> (high - range.last);
	return mask;
}

bool port_set_has(const struct port_set *set, unsigned port)
{
	return port < PORT_COUNT && (set->bits[port / WORD_BITS] >> (port % WORD_BITS) & 1);
}

bool port_set_is_empty(const struct port_set *set)
{
	for (unsigned w = 0; w < WORD_COUNT; w++)
		if (set->bits[w])
			return false;
	return true;
}

unsigned port_set_count(const struct port_set *set)
{
	unsigned count = 0;

	for (unsigned w = 0; w < WORD_COUNT; w++)
		count += (unsigned)__builtin_popcountll(set->bits[w]);
	return count;
}

void port_set_add(struct port_set *set, struct port_range range)
{
	for (unsigned w = range.first / WORD_BITS; w <= range.last / WORD_BITS; w++)
		set->bits[w] |= word_mask(w, range);
	set->bits[0] &= ~1ULL; /* port 0 is never a member */
}

void port_set_remove(struct port_set *set, struct port_range range)
{
	for (unsigned w = range.first / WORD_BITS; w <= range.last / WORD_BITS; w++)
		set->bits[w] &= ~word_mask(w, range);
}

void port_set_union(struct port_set *set, const struct port_set *other)
{
	for (unsigned w = 0; w < WORD_COUNT; w++)
		set->bits[w] |= other->bits[w];
}

void port_set_subtract(struct port_set *set, const struct port_set *other)
{
	for (unsigned w = 0; w < WORD_COUNT; w++)
		set->bits[w] &= ~other->bits[w];
}

void port_set_intersect(struct port_set *set, const struct port_set *other)
{
	for (unsigned w = 0; w < WORD_COUNT; w++)
		set->bits[w] &= other->bits[w];
}

bool port_set_equal(const struct port_set *a, const struct port_set *b)
{
	return !memcmp(a->bits, b->bits, sizeof(a->bits));
}

/* The first port from @from on that is (or is not) a member; PORT_COUNT when there is none. */
static unsigned find_port(const struct port_set *set, unsigned from, bool member)
{
	for (unsigned w = from / WORD_BITS; w < WORD_COUNT; w++) {
		uint64_t bits = member ? set->bits[w] : ~set->bits[w];

		if (w == from / WORD_BITS)
			bits &= ~0ULL << (from % WORD_BITS);
		if (bits)
			return w * WORD_BITS + (unsigned)__builtin_ctzll(bits);
	}
	return PORT_COUNT;
}

bool port_set_next(const struct port_set *set, struct port_range *range)
{
	unsigned first = find_port(set, range->last + 1U, true);

	if (first == PORT_COUNT)
		return false;
	range->first = (uint16_t)first;
	range->last = (uint16_t)(find_port(set, first, false) - 1);
	return true;
}

bool port_set_shifted(const struct port_set *set, int shift, struct port_set *out)
{
	bool whole = true;

	memset(out, 0, sizeof(*out));
	for (struct port_range r = { 0, 0 }; port_set_next(set, &r);) {
		long first = (long)r.first + shift, last = (long)r.last + shift;

		whole = whole && first >= 1 && last < PORT_COUNT;
		if (first < 1)
			first = 1;
		if (last >= PORT_COUNT)
			last = PORT_COUNT - 1;
		if (first <= last)
			port_set_add(out, (struct port_range){ (uint16_t)first, (uint16_t)last });
	}
	return whole;
}

/* The 64 ports from @first on, as bits; ports that do not exist are no members. */
static uint64_t window(const struct port_set *set, long first)
{
	uint64_t bits = 0;

	for (int part = 0; part < 2; part++) {
		long word = (first + (first < 0 ? 1 - WORD_BITS : 0)) / WORD_BITS + part;
		long distance = word * WORD_BITS - first;

		if (word < 0 || word >= WORD_COUNT)
			continue;
		if (distance <= 0)
			bits |= set->bits[word] >> -distance;
		else if (distance < WORD_BITS)
			bits |= set->bits[word] << distance;
	}
	return bits;
}

/* Words that are looked at in one go: most sets are empty in most places. */
#define BLOCK_WORDS 16

static bool block_is_empty(const uint64_t *words)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		any |= words[i];
	return !any;
}

unsigned port_set_common(const struct port_set *a, int a_shift, const struct port_set *b,
			 int b_shift)
{
	for (unsigned w = 0; w < WORD_COUNT; w++) {
		long first = (long)w * WORD_BITS;
		uint64_t both = a->bits[w];

		if (w % BLOCK_WORDS == 0 && block_is_empty(&a->bits[w])) {
			w += BLOCK_WORDS - 1;
			continue;
		}
		if (both)
			both &= window(b, first + a_shift - b_shift);
		if (both)
			return (unsigned)(first + __builtin_ctzll(both) + a_shift);
	}
	return 0;
}

/* One port at *@text, which moves behind it. */
static bool parse_port(const char **text, uint16_t *port)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	value = strtoul(*text, &end, 10);
	if (value >= PORT_COUNT)
		return false;
	*text = end;
	*port = (uint16_t)value;
	return true;
}

int port_set_parse(const char *text, struct port_set *set)
{
	struct port_set found = { 0 };

	text += strspn(text, " \t\n");
	while (*text) {
		struct port_range range;

		if (!parse_port(&text, &range.first))
			return -EINVAL;
		range.last = range.first;
		if (*text == '-') {
			text++;
			if (!parse_port(&text, &range.last) || range.first > range.last)
				return -EINVAL;
		}
		port_set_add(&found, range);
		if (*text == ',' && isdigit((unsigned char)text[1]))
			text++;
		else if (text[strspn(text, " \t\n")])
			return -EINVAL;
		else
			break;
	}
	*set = found;
	return 0;
}

char *port_set_format(const struct port_set *set)
{
	const char *comma = "";
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (struct port_range r = { 0, 0 }; port_set_next(set, &r); comma = ",") {
		fprintf(out, "%s%u", comma, r.first);
		if (r.last > r.first)
			fprintf(out, "-%u", r.last);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
