/* SPDX-License-Identifier: GPL-2.0-only */
/* Where home has to send its replies: by the number of a flow, or from the records of xdpfwd. */
#ifndef XDPFWD_TESTS_REPLIES_H
#define XDPFWD_TESTS_REPLIES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <xdpfwd/abi.h>
#include "flood.h"

/**
 * struct replies - which part of the table to fill, and how
 * @is_v6: the family
 * @first, @flows: numbers of the flows
 * @addr, @varies: by number: the last two bytes of the destination, or that those of the client
 * @bpffs, @iface: from the records of an interface; @bpffs is empty for by number
 */
struct replies {
	bool is_v6, varies;
	uint32_t first, flows;
	__be16 addr;
	char bpffs[PATH_MAX], iface[16];
};

/* struct replies_known - flows that are in the table now, and those of them that are confirmed */
struct replies_known {
	uint32_t flows, confirmed;
};

/* replies_parse() - read a line, see flood.c; false when it is about something else */
bool replies_parse(const char *line, struct replies *replies);

/* replies_map() - the table of a map, until the process ends; NULL with errno */
struct reply *replies_map(int map_fd);

/* replies_fill() - fill part of the table; entries of unknown flows are zeros, which nobody takes
 */
struct replies_known replies_fill(const struct replies *replies, struct reply *table);

#endif
