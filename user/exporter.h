/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's HTTP listener for Prometheus, in a thread of its own. */
#ifndef XDPFWD_EXPORTER_H
#define XDPFWD_EXPORTER_H

#include "config.h"
#include "state.h"

/*
 * What is asked over HTTP is read from pinned maps by the listener's thread: it shares no lock with
 * the agent's loop, and a client can keep neither that nor the forwarding waiting.
 */
struct exporter;

/**
 * exporter_new() - an exporter that does not listen yet
 * @bpffs, @iface: whose numbers it tells
 *
 * Return: free with exporter_free(); NULL when out of memory.
 */
struct exporter *exporter_new(const char *bpffs, const char *iface);

/**
 * exporter_listen() - listen as [metrics] says, or not at all when it does not say where
 *
 * What cannot be had (an address in use, a key that does not fit) is logged, and the listener that
 * was there stays.
 *
 * Return: 0, or -errno.
 */
int exporter_listen(struct exporter *exporter, const struct config_metrics *metrics);

/**
 * exporter_follow() - called by the agent's loop, at least every few seconds
 * @state: what is in force; when that is another load than the last time, the config is read again
 *
 * NULL for @exporter is allowed.
 */
void exporter_follow(struct exporter *exporter, const struct state *state);

/* exporter_free() - stop listening; NULL is allowed */
void exporter_free(struct exporter *exporter);

#endif
