/* SPDX-License-Identifier: GPL-2.0-only */
/* What a piece of code, or the program that was built, writes to stdout and stderr. */
#ifndef XDPFWD_TESTS_CAPTURE_H
#define XDPFWD_TESTS_CAPTURE_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CAPTURE_ARGS_MAX     16
#define CAPTURE_TERMINAL_MAX 4096

/* capture_text() - the whole of a file as a malloc()ed string */
static inline char *capture_text(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, size + 1);

	cr_assert(text);
	cr_assert_eq(pread(fd, text, size, 0), size);
	return text;
}

/* capture() - what @code writes to @stream, which is a file meanwhile */
#define capture(stream, code)                                                                      \
	({                                                                                         \
		int capture_fd = memfd_create("capture", MFD_CLOEXEC), capture_old;                \
		char *capture_all;                                                                 \
		fflush(stream);                                                                    \
		capture_old = dup(fileno(stream));                                                 \
		dup2(capture_fd, fileno(stream));                                                  \
		code;                                                                              \
		fflush(stream);                                                                    \
		dup2(capture_old, fileno(stream));                                                 \
		capture_all = capture_text(capture_fd);                                            \
		close(capture_old);                                                                \
		close(capture_fd);                                                                 \
		capture_all;                                                                       \
	})

/* capture_open_terminal() - both ends of a terminal that changes nothing; returns the far end */
static inline int capture_open_terminal(int *near)
{
	int far = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios mode;

	cr_assert(far >= 0 && !grantpt(far) && !unlockpt(far), "%m");
	*near = open(ptsname(far), O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_eq(tcgetattr(*near, &mode), 0, "%m");
	cfmakeraw(&mode);
	cr_assert_eq(tcsetattr(*near, TCSANOW, &mode), 0, "%m");
	return far;
}

/* capture_read_terminal() - what comes up to a NUL; the kernel passes it on piece by piece */
static inline char *capture_read_terminal(int far)
{
	char *text = calloc(1, CAPTURE_TERMINAL_MAX);
	size_t len = 0;

	do {
		ssize_t more = read(far, text + len, CAPTURE_TERMINAL_MAX - len);

		cr_assert_gt(more, 0);
		len += more;
	} while (text[len - 1]);
	return text;
}

/* capture_terminal() - what @code writes to stdout when that is a terminal; at most 4 kB */
#define capture_terminal(code)                                                                     \
	({                                                                                         \
		int capture_near, capture_far = capture_open_terminal(&capture_near);              \
		int capture_old;                                                                   \
		char *capture_all;                                                                 \
		fflush(stdout);                                                                    \
		capture_old = dup(STDOUT_FILENO);                                                  \
		dup2(capture_near, STDOUT_FILENO);                                                 \
		code;                                                                              \
		fputc('\0', stdout);                                                               \
		fflush(stdout);                                                                    \
		dup2(capture_old, STDOUT_FILENO);                                                  \
		capture_all = capture_read_terminal(capture_far);                                  \
		close(capture_old);                                                                \
		close(capture_near);                                                               \
		close(capture_far);                                                                \
		capture_all;                                                                       \
	})

/* struct result - how a program ended, and what it wrote */
struct result {
	int code;
	char *out, *err;
};

/**
 * run_xdpfwd() - run the program that was built beside this one; ends with NULL
 * @out: file to write stdout to, or NULL to capture it
 */
__attribute__((sentinel)) static inline struct result run_xdpfwd(const char *out, ...)
{
	char path[PATH_MAX] = "", *args[CAPTURE_ARGS_MAX + 1] = { path };
	int out_fd = out ? open(out, O_WRONLY | O_CLOEXEC) : memfd_create("out", MFD_CLOEXEC);
	int err_fd = memfd_create("err", MFD_CLOEXEC), status, count = 1;
	posix_spawn_file_actions_t actions;
	struct result result;
	va_list list;
	pid_t pid;

	cr_assert(out_fd >= 0 && err_fd >= 0);
	cr_assert_gt(readlink("/proc/self/exe", path, sizeof(path) - sizeof("xdpfwd")), 0);
	strcpy(strrchr(path, '/'), "/xdpfwd");
	va_start(list, out);
	while ((args[count] = va_arg(list, char *)))
		cr_assert_lt(++count, CAPTURE_ARGS_MAX);
	va_end(list);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	cr_assert_eq(posix_spawn(&pid, path, &actions, NULL, args, environ), 0, "%s: %m", path);
	posix_spawn_file_actions_destroy(&actions);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "%s ended by signal %d", args[1] ?: path, WTERMSIG(status));
	result = (struct result){ WEXITSTATUS(status), out ? NULL : capture_text(out_fd),
				  capture_text(err_fd) };
	close(out_fd);
	close(err_fd);
	return result;
}

static inline void result_free(struct result *result)
{
	free(result->out);
	free(result->err);
}

#endif
