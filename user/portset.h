/* SPDX-License-Identifier: GPL-2.0-only */
/* A set of ports as 65,536 bits: union, difference and overlap without range arithmetic. */
#ifndef XDPFWD_PORTSET_H
#define XDPFWD_PORTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_COUNT 65536

struct port_range {
	uint16_t first, last;
};

/* struct port_set - @bits: bit n of the whole is port n; port 0 is never a member */
struct port_set {
	uint64_t bits[PORT_COUNT / 64];
};

bool port_set_has(const struct port_set *set, unsigned port);
bool port_set_is_empty(const struct port_set *set);
unsigned port_set_count(const struct port_set *set);
void port_set_add(struct port_set *set, struct port_range range);
void port_set_remove(struct port_set *set, struct port_range range);
void port_set_union(struct port_set *set, const struct port_set *other);
void port_set_subtract(struct port_set *set, const struct port_set *other);
void port_set_intersect(struct port_set *set, const struct port_set *other);
bool port_set_equal(const struct port_set *a, const struct port_set *b);

/**
 * port_set_next() - walk the set as maximal runs
 * @set:   the set
 * @range: in: where to go on (start with { 0, 0 }); out: the next run
 *
 * Return: true when a run was found, false at the end.
 *
 *	for (struct port_range r = { 0, 0 }; port_set_next(&set, &r);)
 */
bool port_set_next(const struct port_set *set, struct port_range *range);

/**
 * port_set_shifted() - every member moved by the same distance
 * @set:   the set
 * @shift: distance in ports, may be negative
 * @out:   the moved set; members that leave 1-65535 are lost
 *
 * Return: false when a member was lost.
 */
bool port_set_shifted(const struct port_set *set, int shift, struct port_set *out);

/**
 * port_set_common() - the first port that two sets share after each was moved
 * @a, @b: the sets
 * @a_shift, @b_shift: distances in ports, by which no member leaves 1-65535
 *
 * Return: the port as moved, or 0 when there is none.
 */
unsigned port_set_common(const struct port_set *a, int a_shift, const struct port_set *b,
			 int b_shift);

/**
 * port_set_parse() - read the kernel's list format, "22,80-90"
 *
 * Return: 0, or -EINVAL and an unchanged set. An empty or blank text is the empty set.
 */
int port_set_parse(const char *text, struct port_set *set);

/**
 * port_set_format() - write the kernel's list format, "22,80-90"
 *
 * Return: a malloc()ed string, "" for the empty set; NULL when out of memory.
 */
char *port_set_format(const struct port_set *set);

#endif
