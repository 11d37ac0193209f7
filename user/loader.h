/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF object in the kernel: programs, and maps shared with what is already pinned. */
#ifndef XDPFWD_LOADER_H
#define XDPFWD_LOADER_H

#include <stdbool.h>
#include <stdint.h>
#include "diag.h"
#include "plan.h"

struct xdpfwd_bpf;

/* The name that the program which frees flows is pinned by, for agents of other loads, too. */
#define LOADER_SWEEP_PIN "sweep"

/* struct loaded - file descriptors stay valid until loader_close() */
struct loaded {
	struct xdpfwd_bpf *skel;
	char *verifier_log;
};

/**
 * loader_open() - load the programs
 * @bpffs, @iface: whose pinned maps to go on using when there are any
 * @flows_max: confirmed flows to have room for; a warning when pinned maps have another size
 * @diags: out: why the kernel refuses, as a system error
 *
 * Return: 0, or -errno.
 */
int loader_open(const char *bpffs, const char *iface, uint32_t flows_max, struct loaded *loaded,
		struct diag_list *diags);

/* loader_pin() - pin the maps that are not pinned yet; 0 or -errno */
int loader_pin(const struct loaded *loaded, const char *bpffs, const char *iface);

/* loader_pin_sweep() - pin the program that frees flows, in place of an older one; 0 or -errno */
int loader_pin_sweep(const struct loaded *loaded, const char *bpffs, const char *iface);

/* loader_program() - file descriptor of the program for a kind of hook on a device */
int loader_program(const struct loaded *loaded, enum attach_kind kind, bool is_l3);

/* loader_rulesets() - file descriptor of the map that holds the rule set in force */
int loader_rulesets(const struct loaded *loaded);

/* loader_pools() - file descriptor of the map that holds the pools of flows */
int loader_pools(const struct loaded *loaded);

/* loader_close() - let go of everything that is not pinned or attached */
void loader_close(struct loaded *loaded);

#endif
