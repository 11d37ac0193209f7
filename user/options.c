// SPDX-License-Identifier: GPL-2.0-only
// The command line as a struct.
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "pins.h"

/* Options without a letter; beyond all letters, so that getopt_long()'s optopt tells them apart. */
enum {
	LONG_DETACH = 256,
	LONG_DRY_RUN,
	LONG_MODE,
	LONG_FORCE,
	LONG_ALL,
	LONG_PROTO,
	LONG_CLIENT,
	LONG_BACKEND,
	LONG_FORWARD,
	LONG_WATCH,
	LONG_JSON,
	LONG_BPFFS,
	LONG_LOG_FORMAT,
	LONG_VERSION
};

static const struct option long_options[] = { { "config", required_argument, NULL, 'c' },
					      { "detach", no_argument, NULL, LONG_DETACH },
					      { "dry-run", no_argument, NULL, LONG_DRY_RUN },
					      { "mode", required_argument, NULL, LONG_MODE },
					      { "force", no_argument, NULL, LONG_FORCE },
					      { "all", no_argument, NULL, LONG_ALL },
					      { "proto", required_argument, NULL, LONG_PROTO },
					      { "client", required_argument, NULL, LONG_CLIENT },
					      { "backend", required_argument, NULL, LONG_BACKEND },
					      { "forward", required_argument, NULL, LONG_FORWARD },
					      { "watch", optional_argument, NULL, LONG_WATCH },
					      { "json", no_argument, NULL, LONG_JSON },
					      { "bpffs", required_argument, NULL, LONG_BPFFS },
					      { "log-format", required_argument, NULL,
						LONG_LOG_FORMAT },
					      { "verbose", no_argument, NULL, 'v' },
					      { "quiet", no_argument, NULL, 'q' },
					      { "help", no_argument, NULL, 'h' },
					      { "version", no_argument, NULL, LONG_VERSION },
					      {} };

const char *options_name(enum option_set option)
{
	switch (option) {
	case OPTION_CONFIG:
		return "--config";
	case OPTION_DETACH:
		return "--detach";
	case OPTION_DRY_RUN:
		return "--dry-run";
	case OPTION_MODE:
		return "--mode";
	case OPTION_FORCE:
		return "--force";
	case OPTION_ALL:
		return "--all";
	case OPTION_PROTO:
		return "--proto";
	case OPTION_CLIENT:
		return "--client";
	case OPTION_BACKEND:
		return "--backend";
	case OPTION_FORWARD:
		return "--forward";
	case OPTION_WATCH:
		return "--watch";
	}
	return "";
}

/* "config" for 'c', or NULL */
static const char *long_name(int option)
{
	for (const struct option *o = long_options; o->name; o++)
		if (o->val == option)
			return o->name;
	return NULL;
}

/* What getopt_long() could not take; @last is the word it has moved past. */
static void report_option(int option, const char *last)
{
	if (option == ':')
		log_error("--%s needs a value; see xdpfwd --help", long_name(optopt));
	else if (!optopt)
		log_error("unknown option %s; see xdpfwd --help", last);
	else if (long_name(optopt))
		log_error("--%s takes no value; see xdpfwd --help", long_name(optopt));
	else
		log_error("unknown option -%c; see xdpfwd --help", optopt);
}

/* Which flows are meant. Return: false for other options. */
static bool take_filter(int option, struct options *options)
{
	switch (option) {
	case LONG_CLIENT:
		options->given |= OPTION_CLIENT;
		options->client = optarg;
		return true;
	case LONG_BACKEND:
		options->given |= OPTION_BACKEND;
		options->backend = optarg;
		return true;
	case LONG_FORWARD:
		options->given |= OPTION_FORWARD;
		options->forward = optarg;
		return true;
	}
	return false;
}

static int take_proto(struct options *options)
{
	options->given |= OPTION_PROTO;
	for (options->proto = 0; options->proto < PROTO_COUNT; options->proto++)
		if (!strcmp(optarg, proto_name(options->proto)))
			return 0;
	log_error("--proto %s: use tcp or udp", optarg);
	return -EINVAL;
}

/* "5" or "05"; nothing that an interface is likely to be called */
static bool is_number(const char *text)
{
	return text && *text && text[strspn(text, "0123456789")] == '\0';
}

/* The seconds may be left out, and stand in a word of their own. */
static int take_watch(char **argv, struct options *options)
{
	const char *text = optarg ?: is_number(argv[optind]) ? argv[optind++] : NULL;
	unsigned long seconds;

	options->given |= OPTION_WATCH;
	if (!text)
		return 0;
	seconds = is_number(text) ? strtoul(text, NULL, 10) : 0;
	options->watch_s = seconds;
	if (seconds && seconds <= OPTIONS_WATCH_MAX_S)
		return 0;
	log_error("--watch %s: give seconds, from 1 to %d", text, OPTIONS_WATCH_MAX_S);
	return -EINVAL;
}

static int take_option(int option, char **argv, struct options *options)
{
	switch (option) {
	case 'c':
		options->given |= OPTION_CONFIG;
		options->config = optarg;
		break;
	case LONG_DETACH:
		options->given |= OPTION_DETACH;
		break;
	case LONG_DRY_RUN:
		options->given |= OPTION_DRY_RUN;
		break;
	case LONG_MODE:
		options->given |= OPTION_MODE;
		if (!plan_mode_parse(optarg, &options->mode))
			break;
		log_error("--mode %s: use auto, native, generic or tc", optarg);
		return -EINVAL;
	case LONG_FORCE:
		options->given |= OPTION_FORCE;
		break;
	case LONG_ALL:
		options->given |= OPTION_ALL;
		break;
	case LONG_PROTO:
		return take_proto(options);
	case LONG_WATCH:
		return take_watch(argv, options);
	case LONG_JSON:
		options->json = true;
		break;
	case LONG_BPFFS:
		options->bpffs = optarg;
		break;
	case LONG_LOG_FORMAT:
		if (!log_format_parse(optarg, &options->log_format))
			break;
		log_error("--log-format %s: use text or json", optarg);
		return -EINVAL;
	case 'v':
		options->log_level = LOG_LEVEL_DEBUG;
		break;
	case 'q':
		options->log_level = LOG_LEVEL_ERROR;
		break;
	case 'h':
		options->help = true;
		break;
	case LONG_VERSION:
		options->version = true;
		break;
	default:
		if (take_filter(option, options))
			break;
		report_option(option, argv[optind - 1]);
		return -EINVAL;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){ .bpffs = getenv("XDPFWD_BPFFS"),
				     .log_level = LOG_LEVEL_INFO,
				     .watch_s = OPTIONS_WATCH_S };
	if (!options->bpffs || !*options->bpffs)
		options->bpffs = PINS_DEFAULT_BPFFS;
	while ((option = getopt_long(argc, argv, ":c:vqh", long_options, NULL)) != -1)
		if (take_option(option, argv, options))
			return -EINVAL;
	if (optind < argc)
		options->command = argv[optind++];
	options->args = argv + optind;
	options->arg_count = argc - optind;
	return 0;
}
