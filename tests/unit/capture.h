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

#define CAPTURE_ARGS_MAX 16

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

/* capture_terminal() - what @code writes to stdout when that is a terminal; at most 4 kB */
#define capture_terminal(code)                                                                     \
	({                                                                                         \
		int capture_pty = posix_openpt(O_RDWR | O_NOCTTY), capture_tty, capture_out;       \
		char *capture_all = calloc(1, 4097);                                               \
		struct termios capture_mode;                                                       \
		cr_assert(capture_pty >= 0 && !grantpt(capture_pty) && !unlockpt(capture_pty));    \
		capture_tty = open(ptsname(capture_pty), O_RDWR | O_NOCTTY);                       \
		cr_assert_eq(tcgetattr(capture_tty, &capture_mode), 0);                            \
		cfmakeraw(&capture_mode);                                                          \
		tcsetattr(capture_tty, TCSANOW, &capture_mode);                                    \
		fflush(stdout);                                                                    \
		capture_out = dup(STDOUT_FILENO);                                                  \
		dup2(capture_tty, STDOUT_FILENO);                                                  \
		code;                                                                              \
		fputc('\0', stdout); /* so that there is something to read */                      \
		fflush(stdout);                                                                    \
		dup2(capture_out, STDOUT_FILENO);                                                  \
		cr_assert_gt(read(capture_pty, capture_all, 4096), 0);                             \
		close(capture_out);                                                                \
		close(capture_tty);                                                                \
		close(capture_pty);                                                                \
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
