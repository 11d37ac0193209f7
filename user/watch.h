/* SPDX-License-Identifier: GPL-2.0-only */
/* Showing something again and again on a terminal. */
#ifndef XDPFWD_WATCH_H
#define XDPFWD_WATCH_H

/* watch_fn() - print once; anything but 0 is an exit code that ends it */
typedef int watch_fn(void *context);

/* watch_is_live() - is there somebody to watch: is stdout a terminal? */
int watch_is_live(void);

/* watch_width() - columns of the terminal, 80 when stdout is none */
int watch_width(void);

/**
 * watch_run() - call @print every @interval_s seconds, until `q` or a signal ends it
 *
 * The screen is that of before when it is over. What does not fit on it is cut off. Where stdout is
 * no terminal, once is enough.
 *
 * Return: exit code, 0 when a person or a signal has ended it.
 */
int watch_run(unsigned interval_s, watch_fn *print, void *context);

/* watch_cut() - the first @columns columns of a line; escape sequences take none. Changes @line */
void watch_cut(char *line, int columns);

#endif
