// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd status and xdpfwd stats: what is in force, and what it has done.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "output.h"
#include "pins.h"
#include "show.h"
#include "watch.h"

/* Show one interface: add it to @array, or print it when that is NULL. Returns 0 or -errno. */
typedef int show_fn(const struct options *options, const struct state *state, json_t *array);

static int show_one(const struct options *options, const char *iface, json_t *array, show_fn *show)
{
	struct state *state = state_read(options->bpffs, iface);
	int err = state ? show(options, state, array) : -errno;

	state_free(state);
	if (err == -ENOENT)
		log_error("%s is not loaded; `xdpfwd load %s --config FILE` loads it", iface,
			  iface);
	else if (err == -EPROTONOSUPPORT)
		log_error("%s was loaded by a version with other map layouts; look at its counters "
			  "with that one, or run `xdpfwd unload %s` and load again",
			  iface, iface);
	else if (err == -EACCES || err == -EPERM)
		log_error("cannot read the state of %s: %s; use sudo", iface, strerror(-err));
	else if (err)
		log_error("cannot read the state of %s: %s; `xdpfwd unload %s` clears it", iface,
			  strerror(-err), iface);
	return err ? 1 : 0;
}

/* struct view - what is shown */
struct view {
	const struct options *options;
	show_fn *show;
};

/* All loaded interfaces, or the one that was named. */
static int show_all(void *context)
{
	const struct view *view = context;
	const struct options *options = view->options;
	json_t *array = options->json ? json_array() : NULL;
	size_t count = 1;
	char **names = options->arg_count ? NULL : pins_interfaces(options->bpffs, &count);
	int code = 0;

	if (!options->arg_count && !count && geteuid()) {
		log_error("cannot see what is loaded without privilege; use sudo");
		code = 1;
	} else if (!count && !options->json) {
		printf("nothing is loaded\n");
	}
	for (size_t i = 0; i < count; i++) {
		int one = show_one(options, names ? names[i] : options->args[0], array, view->show);

		if (i + 1 < count && !options->json)
			putchar('\n');
		code = code ?: one;
	}
	pins_interfaces_free(names, names ? count : 0);
	if (array && !code)
		return output_json(json_pack("{s:o}", "interfaces", array));
	json_decref(array);
	return code;
}

static int status_one(const struct options *options, const struct state *state, json_t *array)
{
	pid_t agent = state_agent_alive(options->bpffs, state);
	struct host host;
	int err = host_read_network(&host);

	if (err)
		return err;
	if (array)
		json_array_append_new(array, show_status_json(state, &host, agent));
	else
		show_status(state, &host, agent);
	host_free(&host);
	return 0;
}

static int stats_one(const struct options *options, const struct state *state, json_t *array)
{
	struct maps_counters counters;
	int err = -EPROTONOSUPPORT; /* maps of another size than here */

	if (state->abi == XDPFWD_ABI_VERSION)
		err = maps_counters_read(options->bpffs, state->iface, state->counter_count,
					 &counters);
	if (err)
		return err;
	if (array)
		json_array_append_new(array, show_stats_json(state, &counters));
	else
		show_stats(state, &counters);
	return 0;
}

/* A document is one, and not one after the other. */
static int show_once_or_more(const struct options *options, show_fn *show)
{
	struct view view = { options, show };

	if (options->given & OPTION_WATCH && !options->json)
		return watch_run(options->watch_s, show_all, &view);
	return show_all(&view);
}

int cmd_status(const struct options *options)
{
	return show_once_or_more(options, status_one);
}

int cmd_stats(const struct options *options)
{
	return show_once_or_more(options, stats_one);
}
