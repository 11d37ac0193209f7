/* SPDX-License-Identifier: GPL-2.0-only */
/* From a config file and this host to a plan: the part of planning that reads the world. */
#ifndef XDPFWD_PLANNING_H
#define XDPFWD_PLANNING_H

#include "config.h"
#include "host.h"
#include "plan.h"
#include "resolver.h"
#include "state.h"

/**
 * struct planning - a plan with what it was made from
 * @bpffs, @iface, @config_path, @mode, @force: in: from the command line or the state
 * @config_text: in: the config in force, to plan with that instead of the file; or NULL
 * @resolver: in: what knows the names of backends, so that nobody waits; NULL to look them up
 * @following: in: as in struct plan_input
 * @refusals, @refusal_count: in: devices that refused native XDP in an earlier try
 * @config, @host, @plan: out
 */
struct planning {
	const char *bpffs, *iface, *config_path;
	enum plan_mode mode;
	bool force, following;
	const char *config_text;
	struct resolver *resolver;
	struct plan_refusal refusals[DEVICES_MAX];
	size_t refusal_count;
	struct config *config;
	struct host host;
	struct plan *plan;
};

/**
 * planning_make() - read config and host, resolve names, decide
 * @planning: in and out; free with planning_free()
 * @old:      state in force on the interface, or NULL
 * @diags:    out: errors, warnings, notes; its file name, when it has one, is that of the config as
 *            the user wrote it
 *
 * Changes nothing on the host.
 *
 * Return: 0, or -EINVAL when @diags holds an error.
 */
int planning_make(struct planning *planning, const struct state *old, struct diag_list *diags);

/* planning_resolve_neighbours() - ask the kernel to look for next hops that are not known yet */
void planning_resolve_neighbours(const struct planning *planning);

/* planning_free() - free what planning_make() made; may be made again afterwards */
void planning_free(struct planning *planning);

#endif
