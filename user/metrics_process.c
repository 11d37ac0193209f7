// SPDX-License-Identifier: GPL-2.0-only
// This process in /proc.
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "metrics.h"

/* When the system booted, in seconds since 1970. */
static double read_boot_time(void)
{
	FILE *file = fopen("/proc/stat", "re");
	char line[256];
	unsigned long long btime = 0;

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "btime %llu", &btime) != 1)
		;
	if (file)
		fclose(file);
	return btime;
}

/* proc(5): fields 14 and 15 are CPU times, 22 is the start, in clock ticks; 23 and 24 are sizes. */
static void read_stat(struct metrics_process *process)
{
	double ticks_per_s = sysconf(_SC_CLK_TCK);
	unsigned long long utime, stime, start, size;
	FILE *file = fopen("/proc/self/stat", "re");
	char text[1024] = "", *rest;
	long long pages;

	if (!file)
		return;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	rest = strrchr(text, ')'); /* the name before it may hold anything */
	if (!rest || sscanf(rest,
			    ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu %*s %*s %*s "
			    "%*s %*s %*s %llu %llu %lld",
			    &utime, &stime, &start, &size, &pages) != 5)
		return;
	process->cpu_s = (utime + stime) / ticks_per_s;
	process->start_time_s = read_boot_time() + start / ticks_per_s;
	process->virtual_bytes = size;
	process->resident_bytes = pages * sysconf(_SC_PAGESIZE);
}

static uint64_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t count = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count - 1; /* less the one that looks */
}

void metrics_read_process(struct metrics_process *process)
{
	struct rlimit limit = {};

	memset(process, 0, sizeof(*process));
	read_stat(process);
	process->open_fds = count_fds();
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		process->max_fds = limit.rlim_cur;
}
