/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs on hooks: pinned links where the kernel has them, clsact filters otherwise. */
#ifndef XDPFWD_ATTACH_H
#define XDPFWD_ATTACH_H

#include "host.h"
#include "plan.h"
#include "state.h"

/**
 * attach_put() - attach a program, or replace ours atomically where one is attached already
 * @bpffs, @iface: whose pins
 * @public_ifindex: of @iface; tells apart filters of several interfaces on one device
 * @hook:    where and how; made_qdisc is set when a clsact qdisc was made
 * @prog_fd: the program
 * @old_prog_fd: out: the program that was replaced, to be closed; -1 when there was none
 *
 * Return: 0, or -errno from the kernel (-EBUSY: somebody else's program is there).
 */
int attach_put(const char *bpffs, const char *iface, int public_ifindex, struct state_hook *hook,
	       int prog_fd, int *old_prog_fd);

/**
 * attach_remove() - detach our program from a hook
 * @drop_qdisc: also remove the clsact qdisc if we made it and nobody else uses it
 *
 * A device that is gone is no error.
 *
 * Return: 0, or -errno.
 */
int attach_remove(const char *bpffs, const char *iface, int public_ifindex,
		  const struct state_hook *hook, bool drop_qdisc);

/**
 * attach_own_xdp() - ids of the XDP programs attached by our pinned links of an interface
 * @ids: out: room for DEVICES_MAX
 *
 * Return: how many.
 */
size_t attach_own_xdp(const char *bpffs, const struct state *state, uint32_t ids[DEVICES_MAX]);

/* attach_name_foreign() - fill in xdp_name of every link that has an XDP program */
void attach_name_foreign(struct host *host);

#endif
