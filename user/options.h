/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line as a struct, the same for every command. */
#ifndef XDPFWD_OPTIONS_H
#define XDPFWD_OPTIONS_H

#include <stdbool.h>
#include "log.h"
#include "plan.h"

/* Which options a command takes beyond those that all take. */
enum option_set {
	OPTION_CONFIG = 1 << 0,
	OPTION_DETACH = 1 << 1,
	OPTION_DRY_RUN = 1 << 2,
	OPTION_MODE = 1 << 3,
	OPTION_FORCE = 1 << 4,
	OPTION_ALL = 1 << 5,
	OPTION_PROTO = 1 << 6,
	OPTION_CLIENT = 1 << 7,
	OPTION_BACKEND = 1 << 8,
	OPTION_FORWARD = 1 << 9,
	OPTION_WATCH = 1 << 10,
	OPTION_LAST = OPTION_WATCH,
};

/**
 * struct options - what the user typed
 * @command: first word, or NULL
 * @args, @arg_count: the words after it
 * @given:   set of enum option_set
 * @config:  --config
 * @bpffs:   --bpffs, $XDPFWD_BPFFS or the default
 * @proto, @client, @backend, @forward: which flows are meant
 * @watch_s: --watch: seconds between two looks
 * @help, @version: asked for
 * @log_level, @log_format: -v, -q and --log-format
 */
struct options {
	const char *command;
	char **args;
	int arg_count;
	unsigned given;
	const char *config, *bpffs;
	enum plan_mode mode;
	enum proto proto;
	const char *client, *backend, *forward;
	unsigned watch_s;
	bool json, help, version;
	enum log_level log_level;
	enum log_format log_format;
};

#define OPTIONS_WATCH_S	    2
#define OPTIONS_WATCH_MAX_S 3600

/**
 * options_parse() - read the command line
 * @options: out
 *
 * Options may stand before or after the command. Errors are logged.
 *
 * Return: 0, or -EINVAL.
 */
int options_parse(int argc, char **argv, struct options *options);

/* options_name() - "--config" for OPTION_CONFIG */
const char *options_name(enum option_set option);

#endif
