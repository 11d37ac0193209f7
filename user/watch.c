// SPDX-License-Identifier: GPL-2.0-only
// A screen that is drawn again and again.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "watch.h"

#define COLUMNS_WITHOUT 80
#define LINES_WITHOUT	24

/* Another screen without a cursor, and the way back. */
#define SCREEN_BEGIN "\033[?1049h\033[?25l"
#define SCREEN_END   "\033[?25h\033[?1049l"

/**
 * struct screen - a terminal that is written to
 * @signals: a descriptor; -1 without
 * @before:  how keys were read, if @has_keys
 */
struct screen {
	int signals;
	bool has_keys;
	struct termios before;
	sigset_t blocked;
};

int watch_is_live(void)
{
	return isatty(STDOUT_FILENO);
}

static struct winsize window(void)
{
	struct winsize size = {};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		size = (struct winsize){ .ws_row = LINES_WITHOUT, .ws_col = COLUMNS_WITHOUT };
	return size;
}

int watch_width(void)
{
	return window().ws_col;
}

void watch_cut(char *line, int columns)
{
	char *to = line;

	for (const char *from = line; *from;) {
		size_t escape = *from == '\033' ? strcspn(from, "m") + 1 : 0;

		if (escape > strlen(from))
			break;
		if (!escape && columns-- <= 0) {
			from++;
			continue;
		}
		memmove(to, from, escape ?: 1);
		to += escape ?: 1;
		from += escape ?: 1;
	}
	*to = '\0';
}

/* No key waits for a newline, and none is echoed. */
static void read_keys(struct screen *screen)
{
	struct termios mode;

	screen->has_keys = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &screen->before);
	if (!screen->has_keys)
		return;
	mode = screen->before;
	mode.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

static void screen_open(struct screen *screen)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, &screen->blocked);
	screen->signals = signalfd(-1, &set, SFD_CLOEXEC);
	read_keys(screen);
	fputs(SCREEN_BEGIN, stdout);
}

static void screen_close(struct screen *screen)
{
	if (screen->has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
	fputs(SCREEN_END, stdout);
	fflush(stdout);
	if (screen->signals >= 0)
		close(screen->signals);
	sigprocmask(SIG_SETMASK, &screen->blocked, NULL);
}

/* Over what is there, so that nothing flickers. */
static void draw(char *text)
{
	struct winsize size = window();
	char *line;

	fputs("\033[H", stdout);
	for (int row = 0; row < size.ws_row - 1 && (line = strsep(&text, "\n")); row++) {
		watch_cut(line, size.ws_col);
		printf("%s\033[K\n", line);
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* What @print writes to stdout, as text. */
static int print_to_text(watch_fn *print, void *context, char **text)
{
	FILE *terminal = stdout;
	size_t len;
	int code;

	stdout = open_memstream(text, &len);
	if (!stdout) {
		stdout = terminal;
		return 1;
	}
	code = print(context);
	fclose(stdout);
	stdout = terminal;
	return code;
}

/* Return: was it `q`? A terminal that is gone counts as well. */
static bool key_ends(void)
{
	char key;

	return read(STDIN_FILENO, &key, 1) != 1 || key == 'q';
}

static bool signal_ends(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return true;
	return info.ssi_signo != SIGWINCH && info.ssi_signo != SIGTSTP;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Until it is time, or somebody ends it. Return: go on? */
static bool wait_until(const struct screen *screen, int64_t at_ms)
{
	int64_t left;

	while ((left = at_ms - now_ms()) > 0) {
		struct pollfd fds[] = { { .fd = screen->signals, .events = POLLIN },
					{ .fd = screen->has_keys ? STDIN_FILENO : -1,
					  .events = POLLIN } };

		if (poll(fds, 2, left) < 0 && errno != EINTR)
			return false;
		if ((fds[0].revents && signal_ends(screen->signals)) ||
		    (fds[1].revents && key_ends()))
			return false;
		if (fds[0].revents)
			return true; /* another size */
	}
	return true;
}

int watch_run(unsigned interval_s, watch_fn *print, void *context)
{
	struct screen screen;
	char *text = NULL;
	int code;

	if (!watch_is_live())
		return print(context);
	code = print_to_text(print, context, &text);
	if (!code) {
		int64_t at = now_ms();

		screen_open(&screen);
		do {
			draw(text);
			free(text);
			text = NULL;
			at += 1000LL * interval_s;
			if (!wait_until(&screen, at))
				break;
			code = print_to_text(print, context, &text);
		} while (!code);
		screen_close(&screen);
		/* What it had to say of that went to the screen that is gone. */
		if (code)
			code = print(context);
	}
	free(text);
	return code;
}
