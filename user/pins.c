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

static int mount_bpffs(const char *bpffs, struct diag_list *diags)
{
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
	return 0;
}

/* Open our directory, made when it is not there, and wait for its lock. */
static int lock_directory(const char *path)
{
	struct stat locked, present;
	int fd;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (i == LOCK_TRIES) {
			close(fd);
			return -EBUSY;
		}
		usleep(LOCK_PAUSE_US);
	}
	/* The run that had the lock may have removed the directory, and a third made it anew. */
	if (!fstat(fd, &locked) && !stat(path, &present) && locked.st_ino == present.st_ino)
		return fd;
	close(fd);
	return -EAGAIN;
}

int pins_lock(const char *bpffs, struct diag_list *diags)
{
	char path[PATH_MAX];
	int fd = mount_bpffs(bpffs, diags);

	if (fd)
		return fd;
	snprintf(path, sizeof(path), "%s/xdpfwd", bpffs);
	do
		fd = lock_directory(path);
	while (fd == -EAGAIN);
	if (fd == -EBUSY)
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "another xdpfwd is changing %s; try again when it is done", path);
	else if (fd < 0)
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot use %s: %s", path,
			 strerror(-fd));
	return fd;
}

void pins_unlock(const char *bpffs, int fd)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/xdpfwd", bpffs);
	rmdir(path); /* stays while an interface is loaded */
	close(fd);
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
	/* First, so that nobody who finds it half done builds upon what is left. */
	unlink(pins_path(file, bpffs, iface, "state"));
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && unlink(pins_path(file, bpffs, iface, entry->d_name)))
			err = -errno;
	closedir(dir);
	if (rmdir(path) && !err)
		err = -errno;
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
