// SPDX-License-Identifier: GPL-2.0-only
// Which process holds a socket: one walk over the descriptors of every process.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host_internal.h"

/* One socket by its inode. */
struct wanted_socket {
	uint32_t inode;
	struct host_socket *socket;
};

/**
 * struct wanted - sockets without a process name yet
 * @sockets: those with an inode, in order of it
 * @count:   how many
 * @unnamed: how many still lack a name; the walk ends at 0
 * @blind:   some process did not let itself be looked into
 */
struct wanted {
	struct wanted_socket *sockets;
	size_t count, unnamed;
	bool blind;
};

static int by_inode(const void *a, const void *b)
{
	const struct wanted_socket *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* A process or descriptor that is gone by now is no refusal. */
static void note_refusal(struct wanted *wanted)
{
	if (errno == EACCES || errno == EPERM)
		wanted->blind = true;
}

/* The descriptor's socket when it is a wanted one, else NULL. */
static struct host_socket *find_socket(struct wanted *wanted, int fd_dir, const char *fd)
{
	struct wanted_socket key, *found;
	char target[32];
	ssize_t len = readlinkat(fd_dir, fd, target, sizeof(target) - 1);

	if (len < 0) {
		note_refusal(wanted);
		return NULL;
	}
	target[len] = '\0';
	if (sscanf(target, "socket:[%" SCNu32 "]", &key.inode) != 1)
		return NULL;
	found = bsearch(&key, wanted->sockets, wanted->count, sizeof(key), by_inode);
	return found ? found->socket : NULL;
}

static void read_name(const char *pid, char name[static 16])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, 16, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}

static void walk_process(struct wanted *wanted, const char *pid)
{
	char path[64], name[16] = "";
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir) {
		note_refusal(wanted);
		return;
	}
	while (wanted->unnamed && (entry = readdir(dir))) {
		struct host_socket *sock = find_socket(wanted, dirfd(dir), entry->d_name);

		if (!sock || sock->process[0])
			continue;
		if (!name[0])
			read_name(pid, name);
		if (!name[0])
			break;
		memcpy(sock->process, name, sizeof(name));
		wanted->unnamed--;
	}
	closedir(dir);
}

static void walk_all(struct wanted *wanted)
{
	const struct dirent *entry;
	DIR *dir = opendir("/proc");

	if (!dir) {
		wanted->blind = true;
		return;
	}
	while (wanted->unnamed && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			walk_process(wanted, entry->d_name);
	}
	closedir(dir);
}

void host_process_name_sockets(struct host_socket *sockets, size_t count)
{
	struct wanted wanted = { 0 };

	if (!count)
		return;
	wanted.sockets = calloc(count, sizeof(struct wanted_socket));
	if (!wanted.sockets)
		return; /* names are a courtesy */
	for (size_t i = 0; i < count; i++) {
		if (sockets[i].inode)
			wanted.sockets[wanted.count++] =
				(struct wanted_socket){ sockets[i].inode, &sockets[i] };
	}
	qsort(wanted.sockets, wanted.count, sizeof(struct wanted_socket), by_inode);
	wanted.unnamed = wanted.count;
	walk_all(&wanted);
	/* The kernel's own have an inode as well, but are in nobody's hands. */
	for (size_t i = 0; i < wanted.count && !wanted.blind; i++) {
		struct host_socket *sock = wanted.sockets[i].socket;

		if (!sock->process[0])
			sock->inode = 0;
	}
	free(wanted.sockets);
}
