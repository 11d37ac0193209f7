// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd metrics: what the exporter tells, once, on stdout.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "metrics.h"
#include "output.h"
#include "pins.h"

static int print(const struct options *options, struct metrics_snapshot *snapshot)
{
	char *text;

	if (options->json)
		return output_json(metrics_json(snapshot));
	text = metrics_text(snapshot, METRICS_TEXT);
	if (!text)
		return 1;
	fputs(text, stdout);
	free(text);
	return 0;
}

int cmd_metrics(const struct options *options)
{
	size_t count = 1;
	char **names = options->arg_count ? NULL : pins_interfaces(options->bpffs, &count);
	struct metrics_snapshot snapshot;
	const char *failed;
	int err, code = 1;

	if (!options->arg_count && !count && geteuid()) {
		log_error("cannot see what is loaded without privilege; use sudo");
		return 1;
	}
	err = metrics_read(options->bpffs, options->arg_count ? options->args : names, count,
			   &snapshot, &failed);
	if (!err)
		code = print(options, &snapshot);
	else if (err == -ENOENT)
		log_error("%s is not loaded; `xdpfwd load %s --config FILE` loads it", failed,
			  failed);
	else if (err == -EACCES || err == -EPERM)
		log_error("cannot read the state of %s: %s; use sudo", failed, strerror(-err));
	else
		log_error("cannot read the state of %s: %s; `xdpfwd unload %s` clears it", failed,
			  strerror(-err), failed);
	if (!err)
		metrics_free(&snapshot);
	pins_interfaces_free(names, names ? count : 0);
	return code;
}
