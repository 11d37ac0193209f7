/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands. Each returns the exit code: 0 done, 1 the system refused, 2 used or configured
 * wrong. */
#ifndef XDPFWD_CMD_H
#define XDPFWD_CMD_H

#include "options.h"

int cmd_load(const struct options *options);
int cmd_reload(const struct options *options);
int cmd_unload(const struct options *options);
int cmd_status(const struct options *options);
int cmd_stats(const struct options *options);
int cmd_top(const struct options *options);
int cmd_metrics(const struct options *options);
int cmd_flows(const struct options *options);
int cmd_check(const struct options *options);
int cmd_presets(const struct options *options);

/* cmd_flows_report() - say why the flows of an interface cannot be looked at */
void cmd_flows_report(const char *iface, int err);

#endif
