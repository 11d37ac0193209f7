// SPDX-License-Identifier: GPL-2.0-only
// The table of commands, and the way from the command line to one of them.
#include <stdio.h>
#include <string.h>
#include "cmd.h"

struct command {
	const char *name;
	int (*run)(const struct options *options);
	unsigned options; /* of enum option_set */
	int min_args, max_args;
	const char *synopsis, *help;
};

static const struct command commands[] = {
	{ "load", cmd_load,
	  OPTION_CONFIG | OPTION_DETACH | OPTION_DRY_RUN | OPTION_MODE | OPTION_FORCE, 1, 1,
	  "IFACE --config FILE [--detach] [--dry-run] [--mode auto|native|generic|tc] [--force]",
	  "forward what FILE says; stay as the agent until SIGINT or SIGTERM" },
	{ "reload", cmd_reload, 0, 0, 1, "[IFACE]",
	  "read the config again and apply it atomically" },
	{ "unload", cmd_unload, OPTION_ALL, 0, 1, "IFACE | --all",
	  "stop forwarding, restore the host" },
	{ "status", cmd_status, OPTION_WATCH, 0, 1, "[IFACE] [--watch [SECONDS]]",
	  "hooks and why, backends and next hops" },
	{ "stats", cmd_stats, OPTION_WATCH, 0, 1, "[IFACE] [--watch [SECONDS]]",
	  "packets and bytes by forward, drops by reason" },
	{ "top", cmd_top, OPTION_WATCH, 0, 1, "[IFACE] [--watch [SECONDS]]",
	  "what forwards and flows carry, as it happens" },
	{ "flows", cmd_flows, OPTION_PROTO | OPTION_CLIENT | OPTION_BACKEND | OPTION_FORWARD, 0, 2,
	  "[list|count|flush] [IFACE] [--proto tcp|udp] [--client ADDR[/LEN]] "
	  "[--backend NAME|ADDR] [--forward NAME]",
	  "the masqueraded flows: list, count or end them" },
	{ "metrics", cmd_metrics, 0, 0, 1, "[IFACE]",
	  "all numbers, in the text format of Prometheus" },
	{ "check", cmd_check, OPTION_CONFIG, 0, 0, "--config FILE",
	  "errors and warnings of a config" },
	{ "presets", cmd_presets, 0, 0, 1, "[NAME]", "built-in port sets, or one of them as TOML" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_help(const struct command *command)
{
	if (command) {
		printf("usage: xdpfwd %s %s\n\n%s\n", command->name, command->synopsis,
		       command->help);
	} else {
		printf("usage: xdpfwd COMMAND [OPTIONS]\n\nForward TCP and UDP ports in the "
		       "kernel, "
		       "by XDP and TC.\n\n");
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			printf("  %-8s %s\n", commands[i].name, commands[i].help);
	}
	printf("\nOptions of every command:\n"
	       "  --json        one JSON document on stdout\n"
	       "  --bpffs DIR   BPF file system (default $XDPFWD_BPFFS or /sys/fs/bpf)\n"
	       "  --log-format text|json\n"
	       "                how messages on stderr look\n"
	       "  -v, -q        say more, say only errors\n"
	       "  --help, --version\n\nSee man xdpfwd.\n");
}

/* Options and arguments that the command does not take are errors, not noise. */
static bool usage_is_right(const struct command *command, const struct options *options)
{
	for (unsigned option = 1; option <= OPTION_LAST; option <<= 1) {
		if (options->given & option & ~command->options) {
			log_error("%s does not take %s; usage: xdpfwd %s %s", command->name,
				  options_name(option), command->name, command->synopsis);
			return false;
		}
	}
	if (options->arg_count < command->min_args || options->arg_count > command->max_args) {
		log_error("%s arguments; usage: xdpfwd %s %s",
			  options->arg_count < command->min_args ? "missing" : "too many",
			  command->name, command->synopsis);
		return false;
	}
	return true;
}

/* A result that nobody can read is a failure, too: a full disk, a closed pipe. */
static int finish(int code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	log_error("cannot write to stdout");
	return code ?: 1;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct options options;

	log_init(LOG_LEVEL_INFO);
	if (options_parse(argc, argv, &options))
		return 2;
	log_init(options.log_level);
	log_set_format(options.log_format);
	if (options.version) {
		printf("xdpfwd %s (%s)\n", VERSION, REVISION);
		return finish(0);
	}
	command = options.command ? command_find(options.command) : NULL;
	if (options.help && (command || !options.command)) {
		print_help(command);
		return finish(0);
	}
	if (!command) {
		log_error("%s%s; xdpfwd --help lists the commands",
			  options.command ? "no command " : "which command", options.command ?: "");
		return 2;
	}
	return usage_is_right(command, &options) ? finish(command->run(&options)) : 2;
}
