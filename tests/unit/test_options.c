// SPDX-License-Identifier: GPL-2.0-only
// The command line: what is understood of it, and the exit codes of what is not.
#include <errno.h>
#include <getopt.h>
#include "capture.h"
#include "options.h"

TestSuite(options);

/* Parse words; @said is what was written to stderr. */
static int parse(struct options *options, char **said, const char *const *words)
{
	static char *args[CAPTURE_ARGS_MAX + 1];
	int count = 0, err = 0;

	args[count++] = "xdpfwd";
	for (; words[count - 1]; count++)
		args[count] = (char *)words[count - 1];
	args[count] = NULL;
	optind = 0; /* getopt_long() starts anew */
	*said = capture(stderr, err = options_parse(count, args, options));
	return err;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static struct options parse_good(const char *const *words)
{
	struct options options;
	char *said;

	cr_assert_eq(parse(&options, &said, words), 0, "%s", said);
	cr_expect_str_empty(said);
	free(said);
	return options;
}

static void parse_bad(const char *const *words, const char *expected)
{
	struct options options;
	char *said;

	cr_expect_eq(parse(&options, &said, words), -EINVAL);
	cr_expect_str_eq(said, expected, "%snot %s", said, expected);
	free(said);
}

/* The seconds may be left out, or be a word of their own that is a number. */
Test(options, watch)
{
	struct options options = parse_good(WORDS("stats"));

	cr_expect_not(options.given & OPTION_WATCH);
	options = parse_good(WORDS("stats", "--watch"));
	cr_expect(options.given & OPTION_WATCH);
	cr_expect_eq(options.watch_s, 2);
	options = parse_good(WORDS("stats", "--watch", "eth0"));
	cr_expect_eq(options.watch_s, 2);
	cr_expect_eq(options.arg_count, 1);
	options = parse_good(WORDS("stats", "--watch", "5", "eth0"));
	cr_expect_eq(options.watch_s, 5);
	cr_assert_eq(options.arg_count, 1);
	cr_expect_str_eq(options.args[0], "eth0");
	cr_expect_eq(parse_good(WORDS("stats", "eth0", "--watch=3600")).watch_s, 3600);
	parse_bad(WORDS("stats", "--watch=fast"),
		  "xdpfwd: --watch fast: give seconds, from 1 to 3600\n");
	parse_bad(WORDS("stats", "--watch=0"), "xdpfwd: --watch 0: give seconds, from 1 to 3600\n");
	parse_bad(WORDS("stats", "--watch", "3601"),
		  "xdpfwd: --watch 3601: give seconds, from 1 to 3600\n");
	parse_bad(WORDS("stats", "--watch=99999999999999999999"),
		  "xdpfwd: --watch 99999999999999999999: give seconds, from 1 to 3600\n");
}

Test(options, nothing_at_all)
{
	struct options options;

	unsetenv("XDPFWD_BPFFS");
	options = parse_good(WORDS());
	cr_expect_null(options.command);
	cr_expect_eq(options.arg_count, 0);
	cr_expect_eq(options.given, 0);
	cr_expect_null(options.config);
	cr_expect_str_eq(options.bpffs, "/sys/fs/bpf");
	cr_expect_eq(options.mode, MODE_AUTO);
	cr_expect_eq(options.log_level, LOG_LEVEL_INFO);
	cr_expect_not(options.json || options.help || options.version);
}

static void expect_load(struct options options)
{
	cr_expect_str_eq(options.command, "load");
	cr_assert_eq(options.arg_count, 1);
	cr_expect_str_eq(options.args[0], "eth0");
	cr_expect_str_eq(options.config, "ports.toml");
	cr_expect_eq(options.mode, MODE_TC);
	cr_expect_eq(options.given,
		     OPTION_CONFIG | OPTION_DETACH | OPTION_DRY_RUN | OPTION_MODE | OPTION_FORCE);
	cr_expect(options.json);
	cr_expect_eq(options.log_level, LOG_LEVEL_DEBUG);
	cr_expect_str_eq(options.bpffs, "/tmp/bpf");
}

Test(options, before_and_after_the_command)
{
	expect_load(parse_good(WORDS("load", "eth0", "--config", "ports.toml", "--mode", "tc",
				     "--detach", "--dry-run", "--force", "--json", "--verbose",
				     "--bpffs", "/tmp/bpf")));
	expect_load(
		parse_good(WORDS("--config=ports.toml", "--mode=tc", "--detach", "--dry-run",
				 "--force", "--json", "-v", "--bpffs=/tmp/bpf", "load", "eth0")));
	expect_load(parse_good(WORDS("-vc", "ports.toml", "load", "--mode=tc", "--det", "--dry-run",
				     "--force", "eth0", "--json", "--bpffs", "/tmp/bpf")));
	expect_load(parse_good(WORDS("-v", "-cports.toml", "--mode=tc", "--detach", "--dry-run",
				     "--force", "--json", "--bpffs", "/tmp/bpf", "--", "load",
				     "eth0")));
}

Test(options, the_others)
{
	cr_expect_eq(parse_good(WORDS("unload", "--all")).given, OPTION_ALL);
	cr_expect_eq(parse_good(WORDS("status", "-q")).log_level, LOG_LEVEL_ERROR);
	cr_expect_eq(parse_good(WORDS("status", "--quiet")).log_level, LOG_LEVEL_ERROR);
	cr_expect(parse_good(WORDS("status", "-h")).help);
	cr_expect(parse_good(WORDS("--help")).help);
	cr_expect(parse_good(WORDS("--version")).version);
	cr_expect_eq(parse_good(WORDS("a", "b", "c", "d")).arg_count, 3);
}

Test(options, words_after_two_dashes_are_no_options)
{
	struct options options = parse_good(WORDS("status", "--", "--json"));

	cr_expect_not(options.json);
	cr_assert_eq(options.arg_count, 1);
	cr_expect_str_eq(options.args[0], "--json");
}

Test(options, bpffs_of_the_environment)
{
	setenv("XDPFWD_BPFFS", "/run/bpf", 1);
	cr_expect_str_eq(parse_good(WORDS("status")).bpffs, "/run/bpf");
	cr_expect_str_eq(parse_good(WORDS("status", "--bpffs", "/tmp/bpf")).bpffs, "/tmp/bpf");
	setenv("XDPFWD_BPFFS", "", 1);
	cr_expect_str_eq(parse_good(WORDS("status")).bpffs, "/sys/fs/bpf");
}

Test(options, modes)
{
	cr_expect_eq(parse_good(WORDS("--mode", "auto")).mode, MODE_AUTO);
	cr_expect_eq(parse_good(WORDS("--mode", "native")).mode, MODE_NATIVE);
	cr_expect_eq(parse_good(WORDS("--mode", "generic")).mode, MODE_GENERIC);
	parse_bad(WORDS("load", "eth0", "--mode", "fast"),
		  "xdpfwd: --mode fast: use auto, native, generic or tc\n");
}

Test(options, unknown_ones)
{
	parse_bad(WORDS("load", "--frobnicate"),
		  "xdpfwd: unknown option --frobnicate; see xdpfwd --help\n");
	parse_bad(WORDS("load", "--frobnicate=7", "eth0"),
		  "xdpfwd: unknown option --frobnicate=7; see xdpfwd --help\n");
	/* --verbose or --version */
	parse_bad(WORDS("--ver"), "xdpfwd: unknown option --ver; see xdpfwd --help\n");
	parse_bad(WORDS("load", "-x", "eth0"), "xdpfwd: unknown option -x; see xdpfwd --help\n");
	parse_bad(WORDS("load", "-vxq", "eth0"), "xdpfwd: unknown option -x; see xdpfwd --help\n");
	parse_bad(WORDS("--json", "-xv"), "xdpfwd: unknown option -x; see xdpfwd --help\n");
	/* A letter that stands for a long option within. */
	parse_bad(WORDS("load", "-d", "eth0"), "xdpfwd: unknown option -d; see xdpfwd --help\n");
}

Test(options, values_that_are_missing)
{
	parse_bad(WORDS("load", "eth0", "--config"),
		  "xdpfwd: --config needs a value; see xdpfwd --help\n");
	parse_bad(WORDS("load", "eth0", "-c"),
		  "xdpfwd: --config needs a value; see xdpfwd --help\n");
	parse_bad(WORDS("load", "eth0", "-vc"),
		  "xdpfwd: --config needs a value; see xdpfwd --help\n");
	parse_bad(WORDS("load", "--mode"), "xdpfwd: --mode needs a value; see xdpfwd --help\n");
}

Test(options, values_that_are_too_much)
{
	parse_bad(WORDS("load", "--detach=yes"),
		  "xdpfwd: --detach takes no value; see xdpfwd --help\n");
	parse_bad(WORDS("load", "--verbose=2"),
		  "xdpfwd: --verbose takes no value; see xdpfwd --help\n");
}

Test(options, names)
{
	cr_expect_str_eq(options_name(OPTION_CONFIG), "--config");
	cr_expect_str_eq(options_name(OPTION_DETACH), "--detach");
	cr_expect_str_eq(options_name(OPTION_DRY_RUN), "--dry-run");
	cr_expect_str_eq(options_name(OPTION_MODE), "--mode");
	cr_expect_str_eq(options_name(OPTION_FORCE), "--force");
	cr_expect_str_eq(options_name(OPTION_ALL), "--all");
}

/* Run the program, which ends with this code and says nothing else on stderr. */
static void expect_run(struct result ended, int code, const char *err)
{
	cr_expect_eq(ended.code, code, "%d: %s%s", ended.code, ended.out, ended.err);
	cr_expect_str_eq(ended.err, err, "%snot %s", ended.err, err);
	result_free(&ended);
}

#define EXPECT_RUN(code, err, ...)                                                                 \
	expect_run(run_xdpfwd(NULL, __VA_ARGS__ __VA_OPT__(, ) NULL), code, err)

Test(options, help_and_version)
{
	struct result r = run_xdpfwd(NULL, "--version", NULL);

	cr_expect_eq(r.code, 0);
	cr_expect_eq(strncmp(r.out, "xdpfwd " VERSION " (", strlen("xdpfwd " VERSION " (")), 0);
	result_free(&r);
	r = run_xdpfwd(NULL, "--help", NULL);
	cr_expect_eq(r.code, 0);
	cr_expect(strstr(r.out, "usage: xdpfwd COMMAND [OPTIONS]\n"));
	cr_expect(strstr(r.out, "\n  unload "));
	result_free(&r);
	r = run_xdpfwd(NULL, "load", "--help", NULL);
	cr_expect_eq(r.code, 0);
	cr_expect(strstr(r.out, "usage: xdpfwd load IFACE --config FILE "));
	result_free(&r);
}

Test(options, commands)
{
	EXPECT_RUN(2, "xdpfwd: which command; xdpfwd --help lists the commands\n");
	EXPECT_RUN(2, "xdpfwd: no command laod; xdpfwd --help lists the commands\n", "laod",
		   "eth0");
	EXPECT_RUN(2, "xdpfwd: no command laod; xdpfwd --help lists the commands\n", "laod",
		   "--help");
	EXPECT_RUN(2, "xdpfwd: unknown option --frobnicate; see xdpfwd --help\n", "status",
		   "--frobnicate");
}

Test(options, options_that_a_command_does_not_take)
{
	EXPECT_RUN(2,
		   "xdpfwd: status does not take --config; usage: xdpfwd status [IFACE] [--watch "
		   "[SECONDS]]\n",
		   "status", "--config", "ports.toml");
	EXPECT_RUN(2, "xdpfwd: unload does not take --force; usage: xdpfwd unload IFACE | --all\n",
		   "unload", "eth0", "--force");
	EXPECT_RUN(2, "xdpfwd: check does not take --mode; usage: xdpfwd check --config FILE\n",
		   "check", "--config", "f", "--mode", "tc");
	EXPECT_RUN(2, "xdpfwd: presets does not take --all; usage: xdpfwd presets [NAME]\n",
		   "presets", "--all");
}

Test(options, numbers_of_arguments)
{
	EXPECT_RUN(2,
		   "xdpfwd: too many arguments; usage: xdpfwd status [IFACE] [--watch [SECONDS]]\n",
		   "status", "eth0", "eth1");
	EXPECT_RUN(2, "xdpfwd: too many arguments; usage: xdpfwd check --config FILE\n", "check",
		   "ports.toml");
	EXPECT_RUN(2,
		   "xdpfwd: missing arguments; usage: xdpfwd load IFACE --config FILE [--detach] "
		   "[--dry-run] [--mode auto|native|generic|tc] [--force]\n",
		   "load", "--config", "ports.toml");
	EXPECT_RUN(2, "xdpfwd: load eth0: which config? give --config FILE\n", "load", "eth0");
	EXPECT_RUN(2, "xdpfwd: check what? give --config FILE\n", "check");
	EXPECT_RUN(2, "xdpfwd: unload what? give an interface, or --all\n", "unload");
	EXPECT_RUN(2, "xdpfwd: unload what? give an interface, or --all\n", "unload", "eth0",
		   "--all");
	EXPECT_RUN(2, "xdpfwd: no preset \"sniket\"; `xdpfwd presets` lists them\n", "presets",
		   "sniket");
}

/* A file with this text, which ends with the test's process. */
static const char *file_of(const char *text)
{
	static char path[64];
	int fd = memfd_create("ports.toml", 0);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

#define GOOD                                                                                       \
	"[backend.home]\naddress = \"198.18.9.2\"\n[[forward]]\nprotocol = \"tcp\"\n"              \
	"ports = 80\nbackend = \"home\"\nsource = \"preserve\"\n"

Test(options, what_the_config_ends_in)
{
	const char *path = file_of(GOOD);
	struct result r = run_xdpfwd(NULL, "check", "--config", path, NULL);
	char expected[512];

	cr_expect_eq(r.code, 0);
	snprintf(expected, sizeof(expected), "%s: 1 forward to 1 backend, no errors\n", path);
	cr_expect_str_eq(r.out, expected);
	result_free(&r);
	EXPECT_RUN(1, "no interface nope0; `ip -br link` lists them\n", "load", "nope0", "--config",
		   path, "--dry-run");
	path = file_of("[backend.home]\naddress = \"198.18.9.2\"\nports = 0\n");
	snprintf(expected, sizeof(expected),
		 "%s:1:1: no [[forward]]: nothing to forward\n"
		 "%s:3:1: backend \"home\": unknown key \"ports\"; known: address, device, "
		 "masquerade_address\n",
		 path, path);
	EXPECT_RUN(2, expected, "check", "--config", path);
	EXPECT_RUN(2, "cannot read /nowhere/ports.toml: No such file or directory\n", "check",
		   "--config", "/nowhere/ports.toml");
}

Test(options, what_is_not_loaded)
{
	EXPECT_RUN(1, "xdpfwd: eth0 is not loaded; `xdpfwd load eth0 --config FILE` loads it\n",
		   "status", "eth0", "--bpffs", "/nowhere");
	EXPECT_RUN(1, "xdpfwd: eth0 is not loaded; `xdpfwd load eth0 --config FILE` loads it\n",
		   "stats", "eth0", "--json", "--bpffs", "/nowhere");
}

Test(options, quiet_leaves_errors)
{
	EXPECT_RUN(2, "xdpfwd: no command laod; xdpfwd --help lists the commands\n", "-q", "laod");
}

Test(options, results_that_cannot_be_written)
{
	struct result r = run_xdpfwd("/dev/full", "presets", NULL);

	cr_expect_eq(r.code, 1);
	cr_expect_str_eq(r.err, "xdpfwd: cannot write to stdout\n");
	result_free(&r);
	r = run_xdpfwd("/dev/full", "presets", "--json", NULL);
	cr_expect_eq(r.code, 1);
	cr_expect_str_eq(r.err, "xdpfwd: cannot write to stdout\n");
	result_free(&r);
	r = run_xdpfwd("/dev/full", "--help", NULL);
	cr_expect_eq(r.code, 1);
	result_free(&r);
}
