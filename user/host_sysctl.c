// SPDX-License-Identifier: GPL-2.0-only
// Sysctls of the network namespace this process is in.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host_internal.h"

#define ROOT "/proc/sys/"

/*
 * The longest value is a port list that names every other port, about 190 kB. It has to come in
 * one read: the kernel answers a second one with the end of the file, wherever the first stopped.
 */
#define VALUE_BYTES (256 * 1024)

static int open_sysctl(const char *name, int flags)
{
	char path[256];
	int len = snprintf(path, sizeof(path), ROOT "%s", name);

	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* With slashes in the name its dots are those of an interface, "eth0.100". */
	if (!strchr(name, '/')) {
		for (char *c = path + strlen(ROOT); (c = strchr(c, '.'));)
			*c = '/';
	}
	return open(path, flags | O_CLOEXEC);
}

char *host_sysctl_read(const char *name)
{
	char *buf, *value = NULL;
	int fd, saved_errno;
	ssize_t len;

	fd = open_sysctl(name, O_RDONLY);
	if (fd < 0)
		return NULL;
	buf = malloc(VALUE_BYTES);
	if (buf) {
		len = read(fd, buf, VALUE_BYTES);
		if (len > 0 && buf[len - 1] == '\n')
			len--;
		if (len >= 0)
			value = strndup(buf, len);
	}
	saved_errno = errno;
	free(buf);
	close(fd);
	errno = saved_errno;
	return value;
}

static int write_all(int fd, const char *text, size_t len)
{
	/* The kernel takes a long port list a page at a time. */
	while (len) {
		ssize_t written = write(fd, text, len);

		if (written < 0)
			return -errno;
		if (!written)
			return -EIO;
		text += written;
		len -= written;
	}
	return 0;
}

int host_sysctl_write(const char *name, const char *value)
{
	char *line;
	int fd, len, err;

	fd = open_sysctl(name, O_WRONLY);
	if (fd < 0)
		return -errno;
	/* The newline makes an empty value a write at all. */
	len = asprintf(&line, "%s\n", value);
	if (len < 0) {
		close(fd);
		return -ENOMEM;
	}
	err = write_all(fd, line, len);
	free(line);
	close(fd);
	return err;
}
