/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that nearly are what the programs wait for. Everything follows from a number. */
#ifndef XDPFWD_TESTS_MUTATE_H
#define XDPFWD_TESTS_MUTATE_H

#include "errors.h"

/**
 * struct mutant - a packet and where it arrives
 * @is_bare: it starts with the IP header
 */
struct mutant {
	struct packet_buf bytes;
	enum dev ingress;
	bool is_bare;
};

/* mutate_draw() - the next number of a sequence, below @below */
uint32_t mutate_draw(uint64_t *state, uint32_t below);

/*
 * mutate_world() - put a rule set in force: preserve or masquerade, with open conversations; MTUs,
 * clamping and access lists as it happens
 */
void mutate_world(uint64_t *state);

/* mutate_make() - a packet for the rule set in force */
void mutate_make(uint64_t *state, struct mutant *mutant);

#endif
