/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that stays: keeps next hops fresh, reloads on SIGHUP, ends on SIGINT or SIGTERM. */
#ifndef XDPFWD_AGENT_H
#define XDPFWD_AGENT_H

#include "exporter.h"

/**
 * agent_run() - look after a loaded interface until told to stop
 * @bpffs, @iface: the interface
 * @lock_fd:       its agent lock, held while this runs
 * @exporter:      told of every reload, or NULL
 *
 * Forwarding does not depend on it, and goes on when it ends.
 *
 * Return: 0 after SIGINT or SIGTERM, or when the interface was unloaded; -errno otherwise.
 */
int agent_run(const char *bpffs, const char *iface, int lock_fd, struct exporter *exporter);

/* agent_block_signals() - call before loading, so that a signal meanwhile is not lost */
void agent_block_signals(void);

#endif
