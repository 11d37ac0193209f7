// SPDX-License-Identifier: GPL-2.0-only
// Load, and load again what is loaded.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "apply.h"
#include "log.h"
#include "pins.h"
#include "reload.h"

#define NOWHERE ((struct diag_place){ 0, 0 })

int reload_lock(const char *bpffs)
{
	struct diag_list diags = {};
	int fd;

	if (geteuid()) {
		log_error("only root may change what the kernel forwards; use sudo");
		return -EPERM;
	}
	fd = pins_lock(bpffs, &diags);
	log_diags(&diags);
	diag_free(&diags);
	return fd;
}

/* A state that this binary must not build upon. */
static bool state_is_usable(const struct state *old, struct diag_list *diags)
{
	if (old && old->abi != XDPFWD_ABI_VERSION) {
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "%s was loaded by a version with other map layouts (%u, here %u); run "
			 "`xdpfwd unload %s` first",
			 old->iface, old->abi, XDPFWD_ABI_VERSION, old->iface);
		return false;
	}
	if (old && old->netns != state_netns()) {
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "an interface %s of another network namespace is loaded there; name "
			 "another place with --bpffs",
			 old->iface);
		return false;
	}
	return true;
}

int reload_apply(struct planning *planning, const struct state *old, pid_t agent_pid,
		 struct diag_list *diags)
{
	struct plan_refusal refusal = {};
	int err;

	if (!state_is_usable(old, diags))
		return -EPROTO;
	for (;;) {
		struct apply_request request = { .bpffs = planning->bpffs,
						 .config_path = planning->config_path,
						 .force = planning->force,
						 .following = planning->following,
						 .agent_pid = agent_pid };

		err = planning_make(planning, old, diags);
		if (err)
			break;
		planning_resolve_neighbours(planning);
		request.plan = planning->plan;
		request.config = planning->config;
		err = apply_plan(&request, old, &refusal, diags);
		if (!err || !refusal.ifindex || planning->refusal_count == DEVICES_MAX)
			break;
		planning->refusals[planning->refusal_count++] = refusal;
		planning_free(planning);
		diag_free(diags); /* the next try finds the same warnings */
	}
	planning_free(planning);
	return err;
}

/* For metrics; what another version wrote is left alone. */
static void note_failure(const char *bpffs, struct state *state)
{
	if (state->abi != XDPFWD_ABI_VERSION)
		return;
	state->reload_failed = true;
	state_write(bpffs, state);
}

int reload_interface(const char *bpffs, const char *iface)
{
	struct diag_list diags = {};
	struct planning planning = { .bpffs = bpffs, .iface = iface };
	struct state *state;
	int err, code, lock = reload_lock(bpffs);

	if (lock < 0)
		return 1;
	state = state_read(bpffs, iface);
	if (!state) {
		if (errno == ENOENT)
			log_error("%s is not loaded; `xdpfwd load %s --config FILE` loads it",
				  iface, iface);
		else
			log_error("cannot read the state of %s: %s; `xdpfwd unload %s` clears it",
				  iface, strerror(errno), iface);
		pins_unlock(bpffs, lock);
		return 1;
	}
	planning.config_path = state->config;
	planning.mode = state->mode;
	planning.force = state->force;
	diags.file = state->config;
	err = reload_apply(&planning, state, state_agent_alive(bpffs, state), &diags);
	log_diags(&diags);
	code = err ? diag_exit_code(&diags) ?: 1 : 0;
	if (err) {
		log_error("%s was not reloaded: the configuration in force stays", iface);
		note_failure(bpffs, state);
	} else {
		log_info("%s reloaded from %s", iface, state->config);
	}
	diag_free(&diags);
	state_free(state);
	pins_unlock(bpffs, lock);
	return code;
}
