/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF object in the kernel: programs, and maps shared with what is already pinned. */
#ifndef XDPFWD_LOADER_H
#define XDPFWD_LOADER_H

#include <stdbool.h>
#include <stdint.h>
#include "diag.h"
#include "plan.h"

struct xdpfwd_bpf;

/* The programs of the object, by what they are for. */
enum loader_program { LOADER_XDP, LOADER_TC, LOADER_TC_L3, LOADER_SWEEP, LOADER_PROGRAM_COUNT };

/* The name that the program which frees flows is pinned by, for agents of other loads, too. */
#define LOADER_SWEEP_PIN "sweep"

/**
 * struct loaded - programs and maps; file descriptors stay valid until loader_close()
 * @skel, @verifier_log: of programs that were loaded just now; NULL when they are pinned ones
 */
struct loaded {
	struct xdpfwd_bpf *skel;
	char *verifier_log;
	int programs[LOADER_PROGRAM_COUNT];
	int rulesets, pools;
};

/* loader_object() - names the programs in this executable: others have another name */
const char *loader_object(void);

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

/**
 * loader_reopen() - go on using pinned programs, which takes no verifier's time
 * @object: loader_object() of whoever pinned them
 * Others: as for loader_open()
 *
 * Return: 0; -ESTALE when they are other programs than loader_open() would load; -errno when they
 * cannot be opened. Then loader_open() can do without them.
 */
int loader_reopen(const char *bpffs, const char *iface, const char *object, uint32_t flows_max,
		  struct loaded *loaded, struct diag_list *diags);

/* loader_pin() - pin the maps that are not pinned yet; 0 or -errno */
int loader_pin(const struct loaded *loaded, const char *bpffs, const char *iface);

/* loader_pin_programs() - pin the programs, each in place of an older one; 0 or -errno */
int loader_pin_programs(const struct loaded *loaded, const char *bpffs, const char *iface);

/* loader_program() - file descriptor of the program for a kind of hook on a device */
int loader_program(const struct loaded *loaded, enum attach_kind kind, bool is_l3);

/* loader_rulesets() - file descriptor of the map that holds the rule set in force */
int loader_rulesets(const struct loaded *loaded);

/* loader_pools() - file descriptor of the map that holds the pools of flows */
int loader_pools(const struct loaded *loaded);

/* loader_close() - let go of everything that is not pinned or attached */
void loader_close(struct loaded *loaded);

#endif
