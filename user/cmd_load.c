// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd load: plan, apply, show, and stay as the agent.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agent.h"
#include "apply.h"
#include "cmd.h"
#include "exporter.h"
#include "output.h"
#include "pins.h"
#include "privileges.h"
#include "reload.h"
#include "show.h"

/* Print a state the way `status` does. */
static int print_state(const struct options *options, const struct state *state, pid_t agent_pid)
{
	struct host host;
	int err = host_read_network(&host);

	if (err)
		return 1;
	if (options->json)
		err = output_json(json_pack("{s:[o]}", "interfaces",
					    show_status_json(state, &host, agent_pid)));
	else
		show_status(state, &host, agent_pid);
	host_free(&host);
	return err;
}

static int finish(struct diag_list *diags, int err)
{
	int code = err ? diag_exit_code(diags) ?: 1 : 0;

	log_diags(diags);
	diag_free(diags);
	return code;
}

static int dry_run(const struct options *options, struct planning *planning,
		   struct diag_list *diags)
{
	struct state *old = state_read(options->bpffs, planning->iface), *new = NULL;
	int err = planning_make(planning, old, diags), code;

	if (!err)
		new = state_from_plan(planning->plan, planning->config, planning->config_path,
				      planning->force, 0);
	code = finish(diags, err);
	if (!code)
		code = new ? print_state(options, new, -1) : 1;
	if (!code && !options->json)
		printf("\nNothing was changed.\n");
	planning_free(planning);
	state_free(new);
	state_free(old);
	return code;
}

/*
 * What cannot listen must not load, so the listener comes first. A config that cannot be read is
 * not reported here: whoever plans with it says all that is wrong.
 *
 * Return: an exporter, listening or not; NULL after an error, and when there will be no agent.
 */
static struct exporter *start_exporter(const struct options *options,
				       const struct planning *planning, bool *failed)
{
	struct diag_list unsaid = {};
	struct config *config = config_load(planning->config_path, &unsaid);
	const char *listen = config ? config->metrics.listen : NULL;
	struct exporter *exporter = NULL;

	*failed = false;
	if (!(options->given & OPTION_DETACH)) {
		exporter = exporter_new(options->bpffs, planning->iface);
		*failed = !exporter || (config && exporter_listen(exporter, &config->metrics));
	} else if (listen) {
		log_warning("metrics: with --detach there is no agent, and nothing listens on %s; "
			    "`xdpfwd metrics` prints them",
			    listen);
	}
	if (*failed) {
		exporter_free(exporter);
		exporter = NULL;
	}
	config_free(config);
	diag_free(&unsaid);
	return exporter;
}

/* struct agent - what outlives the load: our agent lock, or -1, and the exporter, or NULL */
struct agent {
	int lock_fd;
	struct exporter *exporter;
};

/* Under the lock: refuse a second agent, apply, show. @self: out. */
static int load_locked(const struct options *options, struct planning *planning,
		       struct diag_list *diags, struct agent *self)
{
	struct state *old = state_read(options->bpffs, planning->iface), *new;
	pid_t agent = old ? state_agent_alive(options->bpffs, old) : 0; /* errno stays */
	pid_t pid = options->given & OPTION_DETACH ? 0 : getpid();
	bool failed;
	int err;

	if (!old && errno != ENOENT) {
		log_error("cannot read the state of %s: %s; `xdpfwd unload %s` clears it",
			  planning->iface, strerror(errno), planning->iface);
		return 1;
	}
	if (agent) {
		log_error("an agent (pid %d) already looks after %s; `xdpfwd reload %s` applies a "
			  "changed config, or end that one first",
			  agent, planning->iface, planning->iface);
		state_free(old);
		return 1;
	}
	self->exporter = start_exporter(options, planning, &failed);
	if (failed) {
		state_free(old);
		return 1;
	}
	err = reload_apply(planning, old, pid, diags);
	state_free(old);
	if (err)
		return finish(diags, err);
	finish(diags, 0);
	if (pid)
		self->lock_fd = pins_agent_lock(options->bpffs, planning->iface);
	new = state_read(options->bpffs, planning->iface);
	if (new)
		exporter_follow(self->exporter, new);
	err = new ? print_state(options, new, pid) : 1;
	state_free(new);
	return err;
}

int cmd_load(const struct options *options)
{
	char path[PATH_MAX];
	struct diag_list diags = { .file = options->config };
	struct planning planning = { .bpffs = options->bpffs,
				     .iface = options->args[0],
				     .config_path = path,
				     .mode = options->mode,
				     .force = options->given & OPTION_FORCE };
	struct agent self = { .lock_fd = -1 };
	int lock, code;

	if (!options->config) {
		log_error("load %s: which config? give --config FILE", planning.iface);
		return 2;
	}
	if (!realpath(options->config, path))
		snprintf(path, sizeof(path), "%s", options->config);
	if (options->given & OPTION_DRY_RUN)
		return dry_run(options, &planning, &diags);
	agent_block_signals();
	if (!(options->given & OPTION_DETACH) && privileges_drop())
		log_warning("cannot give up privileges; the agent keeps them");
	lock = reload_lock(options->bpffs);
	if (lock < 0)
		return 1;
	code = load_locked(options, &planning, &diags, &self);
	pins_unlock(options->bpffs, lock);
	if (!code && !(options->given & OPTION_DETACH)) {
		fflush(stdout);
		if (agent_run(options->bpffs, planning.iface, self.lock_fd, self.exporter))
			code = 1;
	}
	exporter_free(self.exporter);
	return code;
}
