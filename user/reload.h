/* SPDX-License-Identifier: GPL-2.0-only */
/* Load, and load again what is loaded: the one path behind load, reload and SIGHUP. */
#ifndef XDPFWD_RELOAD_H
#define XDPFWD_RELOAD_H

#include <sys/types.h>
#include "planning.h"

/**
 * reload_apply() - plan and apply, falling back to TC where "auto" meets a driver without XDP
 * @planning:  as for planning_make(); freed before this returns
 * @old:       state in force, or NULL
 * @agent_pid: as for apply_plan()
 * @diags:     out
 *
 * The caller holds the lock of the BPF file system.
 *
 * Return: 0, or -errno with an error in @diags and the old state still in force.
 */
int reload_apply(struct planning *planning, const struct state *old, pid_t agent_pid,
		 struct diag_list *diags);

/**
 * reload_interface() - read the config of a loaded interface again and apply it
 *
 * Takes the lock, logs what happened.
 *
 * Return: exit code: 0, 1 or 2.
 */
int reload_interface(const char *bpffs, const char *iface);

/**
 * reload_lock() - open and lock the BPF file system, logging why not
 *
 * Return: a descriptor for pins_unlock(), or -errno.
 */
int reload_lock(const char *bpffs);

#endif
