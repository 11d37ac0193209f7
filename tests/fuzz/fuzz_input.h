/* SPDX-License-Identifier: GPL-2.0-only */
/* A config and a host out of the bytes that a fuzzer comes up with. */
#ifndef XDPFWD_TESTS_FUZZ_INPUT_H
#define XDPFWD_TESTS_FUZZ_INPUT_H

#include <stdio.h>
#include <stdlib.h>
#include "plan.h"

#define MUST(that)                                                                                 \
	do {                                                                                       \
		if (!(that)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #that);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What is left of the input; zeroes past its end. */
struct input {
	const uint8_t *data;
	size_t size;
};

/* input_below() - a number below @limit; input_addr() - one of the few addresses there are */
unsigned input_below(struct input *in, unsigned limit);
struct ip_addr input_addr(struct input *in);

/**
 * input_config() - a malloc()ed text; either what is there up to a NUL, or put together from it, as
 * random bytes are hardly ever a good config
 */
char *input_config(struct input *in, size_t *len);

#define INPUT_MAX 16

/* struct input_world - the memory behind a struct plan_input */
struct input_world {
	struct plan_input plan;
	struct host host;
	struct host_link links[INPUT_MAX];
	struct host_addr addrs[INPUT_MAX];
	struct host_neigh neighs[INPUT_MAX];
	struct host_socket sockets[INPUT_MAX];
	struct ip_prefix destinations[4 * INPUT_MAX];
	struct plan_refusal refusals[2];
	uint32_t own_xdp[2];
	struct plan_counter counters[COUNTERS_MAX];
	struct port_set reserved_before, reserved_others;
};

/* input_world() - any host for this config; free with input_world_free() */
void input_world(struct input *in, const struct config *config, struct input_world *world);
void input_world_free(struct input_world *world);

#endif
