// SPDX-License-Identifier: GPL-2.0-only
// How much work each program is for the running kernel's verifier.
//
//   verifier OBJECT...
//
// One line per program, the object named by its file without suffixes:
//
//   ok - clang-14 xdpfwd_xdp: 38645 instructions
//
// When the kernel refuses one: "not ok - …" with the end of the verifier's log, and the whole log
// on stderr.
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX   8
#define LOG_SIZE       (16 * 1024 * 1024)
#define LOG_TAIL_LINES 30

/* bpf_attr.log_level, a set of bits; their names are not in a header for programs. */
#define LOG_PATH  1
#define LOG_STATS 4

static char *logs[PROGRAMS_MAX];

/* "build/kernels/clang-14.bpf.o" is "clang-14" */
static const char *name_object(const char *path)
{
	static char name[64];
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(file, "."), file);
	return name;
}

/* The last lines of a log, as comments. */
static void print_tail(const char *log)
{
	const char *tail = log + strlen(log);
	int lines = 0;

	for (; tail > log && lines <= LOG_TAIL_LINES; tail--)
		lines += tail[-1] == '\n';
	while (*tail) {
		size_t len = strcspn(tail, "\n");

		printf("#   %.*s\n", (int)len, tail);
		tail += len + (tail[len] == '\n');
	}
}

/* Load an object with the logs at a level; 0 or -errno, the object for the caller to close. */
static int load(const char *path, int level, struct bpf_object **object)
{
	struct bpf_program *program;
	int i = 0;

	*object = bpf_object__open_file(path, NULL);
	if (!*object)
		return -errno;
	bpf_object__for_each_program(program, *object)
	{
		if (i == PROGRAMS_MAX)
			return -E2BIG;
		logs[i][0] = '\0';
		bpf_program__set_log_buf(program, logs[i++], LOG_SIZE);
		bpf_program__set_log_level(program, level);
	}
	return bpf_object__load(*object);
}

static void print_counts(const struct bpf_object *object, const char *name)
{
	struct bpf_program *program;
	int i = 0;

	bpf_object__for_each_program(program, object)
	{
		const char *count = strstr(logs[i++], "processed ");

		printf("ok - %s %s: %ld instructions\n", name, bpf_program__name(program),
		       count ? strtol(count + strlen("processed "), NULL, 10) : -1);
	}
}

/* Programs load in order: the last one with a log is the one that failed. */
static void print_refusal(const struct bpf_object *object, const char *name, int err)
{
	const char *program_name = "-", *log = "";
	struct bpf_program *program;
	int i = 0;

	bpf_object__for_each_program(program, object)
	{
		if (!logs[i][0])
			break;
		program_name = bpf_program__name(program);
		log = logs[i++];
	}
	printf("not ok - %s %s: %s\n", name, program_name, strerror(-err));
	print_tail(log);
	fputs(log, stderr);
}

static int verify(const char *path)
{
	const char *name = name_object(path);
	struct bpf_object *object;
	int err = load(path, LOG_STATS, &object);

	if (!err) {
		print_counts(object, name);
	} else {
		/* Once more, for the reason. */
		bpf_object__close(object);
		err = load(path, LOG_PATH | LOG_STATS, &object);
		print_refusal(object, name, err);
	}
	bpf_object__close(object);
	return err;
}

int main(int argc, char **argv)
{
	int status = argc > 1 ? 0 : 2;

	for (int i = 0; i < PROGRAMS_MAX; i++) {
		logs[i] = calloc(1, LOG_SIZE);
		if (!logs[i])
			return 1;
	}
	for (int i = 1; i < argc; i++)
		if (verify(argv[i]))
			status = 1;
	return status;
}
