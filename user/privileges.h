/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent is allowed to do. */
#ifndef XDPFWD_PRIVILEGES_H
#define XDPFWD_PRIVILEGES_H

/**
 * privileges_drop() - keep only the capabilities that loading, following and reloading take
 *
 * Of the calling thread and those that it starts from now on, so it comes before any other. No
 * program that is executed gets more again.
 *
 * Return: 0, or -EPERM.
 */
int privileges_drop(void);

#endif
