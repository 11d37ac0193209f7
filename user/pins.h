/* SPDX-License-Identifier: GPL-2.0-only */
/* Where maps and links are pinned: BPFFS/xdpfwd/IFACE/, and the locks over them. */
#ifndef XDPFWD_PINS_H
#define XDPFWD_PINS_H

#include <limits.h>
#include <stddef.h>
#include "diag.h"

#define PINS_DEFAULT_BPFFS "/sys/fs/bpf"

/**
 * pins_lock() - keep other runs from changing anything
 * @bpffs: mount point of the BPF file system; mounted when it is not yet
 * @diags: out: why it cannot be used, as a system error
 *
 * Waits up to ten seconds for a run in progress.
 *
 * Return: a descriptor for pins_unlock(), or -errno.
 */
int pins_lock(const char *bpffs, struct diag_list *diags);

/* pins_unlock() - let others go on; leaves no directory behind when nothing is loaded */
void pins_unlock(const char *bpffs, int fd);

/**
 * pins_agent_lock() - become the agent of an interface
 *
 * The lock ends with the process, however it ends.
 *
 * Return: a descriptor to keep open, -EBUSY when another agent lives, or -errno.
 */
int pins_agent_lock(const char *bpffs, const char *iface);

/* pins_path() - BPFFS/xdpfwd/IFACE/NAME, or the directory itself when @name is NULL; returns @buf
 */
char *pins_path(char buf[PATH_MAX], const char *bpffs, const char *iface, const char *name);

/* pins_make() - make the directory of an interface; 0, or -errno (-EEXIST is not an error) */
int pins_make(const char *bpffs, const char *iface);

/* pins_remove() - unlink all pins of an interface and its directory; 0, or -errno */
int pins_remove(const char *bpffs, const char *iface);

/**
 * pins_interfaces() - the interfaces that are loaded
 * @count: out: how many
 *
 * Return: a malloc()ed array of malloc()ed names, sorted; NULL when there are none.
 */
char **pins_interfaces(const char *bpffs, size_t *count);

/* pins_interfaces_free() - free what pins_interfaces() returned */
void pins_interfaces_free(char **names, size_t count);

#endif
