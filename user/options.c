// SPDX-License-Identifier: GPL-2.0-only
// The command line as a struct.
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "pins.h"

static const struct option long_options[] = { { "config", required_argument, NULL, 'c' },
					      { "detach", no_argument, NULL, 'd' },
					      { "dry-run", no_argument, NULL, 'n' },
					      { "mode", required_argument, NULL, 'm' },
					      { "force", no_argument, NULL, 'f' },
					      { "all", no_argument, NULL, 'a' },
					      { "json", no_argument, NULL, 'j' },
					      { "bpffs", required_argument, NULL, 'b' },
					      { "verbose", no_argument, NULL, 'v' },
					      { "quiet", no_argument, NULL, 'q' },
					      { "help", no_argument, NULL, 'h' },
					      { "version", no_argument, NULL, 'V' },
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
	}
	return "";
}

static int take_option(int option, char **argv, struct options *options)
{
	switch (option) {
	case 'c':
		options->given |= OPTION_CONFIG;
		options->config = optarg;
		break;
	case 'd':
		options->given |= OPTION_DETACH;
		break;
	case 'n':
		options->given |= OPTION_DRY_RUN;
		break;
	case 'm':
		options->given |= OPTION_MODE;
		if (!plan_mode_parse(optarg, &options->mode))
			break;
		log_error("--mode %s: use auto, native, generic or tc", optarg);
		return -EINVAL;
	case 'f':
		options->given |= OPTION_FORCE;
		break;
	case 'a':
		options->given |= OPTION_ALL;
		break;
	case 'j':
		options->json = true;
		break;
	case 'b':
		options->bpffs = optarg;
		break;
	case 'v':
		options->log_level = LOG_LEVEL_DEBUG;
		break;
	case 'q':
		options->log_level = LOG_LEVEL_ERROR;
		break;
	case 'h':
		options->help = true;
		break;
	case 'V':
		options->version = true;
		break;
	case ':':
		log_error("%s needs a value; see xdpfwd --help", argv[optind - 1]);
		return -EINVAL;
	default:
		log_error("unknown option %s; see xdpfwd --help", argv[optind - 1]);
		return -EINVAL;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){ .bpffs = getenv("XDPFWD_BPFFS"), .log_level = LOG_LEVEL_INFO };
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
