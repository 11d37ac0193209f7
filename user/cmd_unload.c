// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd unload: stop forwarding, restore the host, end the agent.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "apply.h"
#include "cmd.h"
#include "pins.h"
#include "reload.h"

static bool is_loaded(const char *bpffs, const char *iface)
{
	char path[PATH_MAX];

	return !access(pins_path(path, bpffs, iface, NULL), F_OK);
}

static int unload_one(const char *bpffs, const char *iface)
{
	struct diag_list diags = {};
	struct state *state;
	pid_t agent;
	int err;

	if (!is_loaded(bpffs, iface)) {
		log_error("%s is not loaded", iface);
		return 1;
	}
	state = state_read(bpffs, iface);
	agent = state ? state_agent_alive(bpffs, state) : 0;
	err = apply_unload(bpffs, iface, state, &diags);
	if (agent > 0)
		kill(agent, SIGTERM);
	log_diags(&diags);
	diag_free(&diags);
	state_free(state);
	if (err)
		log_error("%s was not unloaded completely", iface);
	else
		log_info("%s unloaded", iface);
	return err ? 1 : 0;
}

int cmd_unload(const struct options *options)
{
	bool all = options->given & OPTION_ALL;
	int lock, code = 0;

	if (all == !!options->arg_count) {
		log_error("unload what? give an interface, or --all");
		return 2;
	}
	lock = reload_lock(options->bpffs);
	if (lock < 0)
		return 1;
	if (all) {
		size_t count;
		char **names = pins_interfaces(options->bpffs, &count);

		for (size_t i = 0; i < count; i++) {
			int one = unload_one(options->bpffs, names[i]);

			code = code ?: one;
		}
		pins_interfaces_free(names, count);
	} else {
		code = unload_one(options->bpffs, options->args[0]);
	}
	pins_unlock(options->bpffs, lock);
	return code;
}
