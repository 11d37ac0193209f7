// SPDX-License-Identifier: GPL-2.0-only
// The SSH session that somebody is sitting in while running this.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host_internal.h"

/* Deeper than any shell in a terminal multiplexer in a shell; ends a walk that races with exits. */
#define ANCESTORS_MAX 32

/* "client port server port" of SSH_CONNECTION or "client port port" of SSH_CLIENT; 0 if neither. */
static uint16_t variable_port(const char *variable)
{
	unsigned port = 0;

	if (sscanf(variable, "SSH_CONNECTION=%*s %*s %*s %5u", &port) != 1)
		sscanf(variable, "SSH_CLIENT=%*s %*s %5u", &port);
	return port <= UINT16_MAX ? port : 0;
}

static uint16_t environ_port(pid_t pid)
{
	char path[64], *variable = NULL;
	uint16_t port = 0;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!port && getdelim(&variable, &size, '\0', file) > 0)
		port = variable_port(variable);
	free(variable);
	fclose(file);
	return port;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512];
	const char *after_name;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* "pid (name) state parent ...", where the name may hold anything */
	if (fgets(line, sizeof(line), file)) {
		after_name = strrchr(line, ')');
		if (after_name && sscanf(after_name, ") %*c %d", &parent) != 1)
			parent = 0;
	}
	fclose(file);
	return parent;
}

uint16_t host_ssh_port(char *const *environment, pid_t parent)
{
	uint16_t port = 0;

	for (; *environment && !port; environment++)
		port = variable_port(*environment);
	for (int i = 0; i < ANCESTORS_MAX && parent > 1 && !port; i++) {
		port = environ_port(parent);
		parent = parent_of(parent);
	}
	return port;
}
