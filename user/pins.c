// SPDX-License-Identifier: GPL-2.0-only
// Where maps and links are pinned, and the locks over them.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "pins.h"

#define LOCK_TRIES	    100
#define LOCK_PAUSE_US	    100000
#define AGENT_LOCK_TRIES    3
#define AGENT_LOCK_PAUSE_US 10000

#define NOWHERE ((struct diag_place){ 0, 0 })

/* BPFFS reserves dots in names; ':' cannot be in an interface name, so it stands for them. */
static void swap_chars(char *text, char from, char to)
{
	for (; *text; text++)
		if (*text == from)
			*text = to;
}

char *pins_path(char buf[PATH_MAX], const char *bpffs, const char *iface, const char *name)
{
	int len = snprintf(buf, PATH_MAX, "%s/xdpfwd/", bpffs);

	snprintf(buf + len, PATH_MAX - len, "%s%s%s", iface, name ? "/" : "", name ?: "");
	swap_chars(buf + len, '.', ':');
	return buf;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

int pins_open(const char *bpffs, struct diag_list *diags)
{
	char path[PATH_MAX];
	int fd;

	if (!is_bpffs(bpffs)) {
		if ((mkdir(bpffs, 0700) && errno != EEXIST) ||
		    mount("bpf", bpffs, "bpf", 0, "mode=0700")) {
			int err = errno;

			diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
				 "cannot mount the BPF file system on %s: %s; name another place "
				 "with --bpffs",
				 bpffs, strerror(err));
			return -err;
		}
	}
	snprintf(path, sizeof(path), "%s/xdpfwd", bpffs);
	if (mkdir(path, 0700) && errno != EEXIST)
		goto fail;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
fail:
	fd = -errno;
	diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot use %s: %s", path, strerror(-fd));
	return fd;
}

int pins_lock(int fd)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return 0;
		usleep(LOCK_PAUSE_US);
	}
	return -EBUSY;
}

int pins_agent_lock(const char *bpffs, const char *iface)
{
	char path[PATH_MAX];
	int fd = open(pins_path(path, bpffs, iface, NULL), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* A `status` elsewhere holds it for a moment to see whether an agent lives. */
	for (int i = 0; i < AGENT_LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		usleep(AGENT_LOCK_PAUSE_US);
	}
	close(fd);
	return -EBUSY;
}

int pins_make(const char *bpffs, const char *iface)
{
	char path[PATH_MAX];

	return mkdir(pins_path(path, bpffs, iface, NULL), 0700) && errno != EEXIST ? -errno : 0;
}

int pins_remove(const char *bpffs, const char *iface)
{
	char path[PATH_MAX], file[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(pins_path(path, bpffs, iface, NULL));
	int err = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && unlink(pins_path(file, bpffs, iface, entry->d_name)))
			err = -errno;
	closedir(dir);
	if (rmdir(path) && !err)
		err = -errno;
	snprintf(path, sizeof(path), "%s/xdpfwd", bpffs);
	rmdir(path); /* stays when another interface is loaded */
	return err;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **pins_interfaces(const char *bpffs, size_t *count)
{
	char path[PATH_MAX], **names = NULL, **more;
	struct dirent *entry;
	DIR *dir;

	*count = 0;
	snprintf(path, sizeof(path), "%s/xdpfwd", bpffs);
	dir = opendir(path);
	if (!dir)
		return NULL;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		more = reallocarray(names, *count + 1, sizeof(*names));
		if (!more)
			break;
		names = more;
		names[*count] = strdup(entry->d_name);
		if (!names[*count])
			break;
		swap_chars(names[(*count)++], ':', '.');
	}
	closedir(dir);
	if (*count)
		qsort(names, *count, sizeof(*names), compare_names);
	return names;
}

void pins_interfaces_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
