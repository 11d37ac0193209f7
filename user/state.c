// SPDX-License-Identifier: GPL-2.0-only
// The pinned map that a state is kept in.
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pins.h"
#include "state_internal.h"

/* Room for as many rules and counters as there can be, with names as long as they can be. */
#define TEXT_MAX (1024 * 1024)

/*
 * Two texts, of which the one of the last bit of @current is valid: a writer fills the other one
 * and then counts on, so that a reader or a kill in between finds a whole text. A reader that sees
 * the same count before and after has read nothing that was written meanwhile.
 */
struct state_block {
	uint32_t current;
	char text[2][TEXT_MAX];
};

static struct state_block *map_block(int fd, int protection)
{
	struct state_block *block = mmap(NULL, sizeof(*block), protection, MAP_SHARED, fd, 0);

	return block == MAP_FAILED ? NULL : block;
}

/* The text in force, copied before anything looks at it; NULL when out of memory. */
static char *copy_text(const struct state_block *block)
{
	uint32_t current;
	char *text = NULL;

	do {
		free(text);
		current = __atomic_load_n(&block->current, __ATOMIC_SEQ_CST);
		text = strndup(block->text[current & 1], sizeof(block->text[0]));
	} while (text && current != __atomic_load_n(&block->current, __ATOMIC_SEQ_CST));
	return text;
}

static struct state *read_map(int fd)
{
	struct state_block *block = map_block(fd, PROT_READ);
	struct state *state;
	char *text;

	if (!block) {
		errno = errno == EINVAL ? EPROTO : errno; /* a map of another size */
		return NULL;
	}
	text = copy_text(block);
	munmap(block, sizeof(*block));
	state = text ? state_from_text(text) : NULL;
	free(text);
	return state;
}

struct state *state_read(const char *bpffs, const char *iface)
{
	char path[PATH_MAX];
	int fd = bpf_obj_get(pins_path(path, bpffs, iface, "state"));
	struct state *state;

	if (fd < 0)
		return NULL;
	state = read_map(fd);
	close(fd);
	return state;
}

/* Which map it is, and which text in it is in force. */
static int read_mark(int fd, struct state_mark *mark)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	const uint32_t *current = mmap(NULL, sizeof(*current), PROT_READ, MAP_SHARED, fd, 0);

	if (current == MAP_FAILED)
		return errno == EINVAL ? -EPROTO : -errno;
	mark->current = __atomic_load_n(current, __ATOMIC_SEQ_CST);
	munmap((void *)current, sizeof(*current));
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	mark->map_id = info.id;
	return 0;
}

/* Return: 0 with *state as it is now, or -errno. */
static int read_newer(int fd, struct state_mark *mark, struct state **state)
{
	struct state_mark now = {};
	int err = read_mark(fd, &now);

	if (err || (*state && now.map_id == mark->map_id && now.current == mark->current))
		return err;
	state_free(*state);
	*state = read_map(fd);
	*mark = now;
	return *state ? 0 : -errno;
}

int state_follow(const char *bpffs, const char *iface, struct state_mark *mark,
		 struct state **state)
{
	char path[PATH_MAX];
	int err, fd = bpf_obj_get(pins_path(path, bpffs, iface, "state"));

	err = fd < 0 ? -errno : read_newer(fd, mark, state);
	if (fd >= 0)
		close(fd);
	if (err) {
		state_free(*state);
		*state = NULL;
	}
	return err;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < state->rule_count; i++)
		free(state->rules[i].ports);
	free(state->rules);
	free(state->config_text);
	free(state);
}

struct config *state_config(const struct state *state, struct diag_list *diags)
{
	if (!state->config_text)
		return config_load(state->config, diags);
	diags->file = state->config;
	return config_parse(state->config_text, strlen(state->config_text), diags);
}

bool state_counter_in_use(const struct state *state, size_t counter)
{
	const struct plan_counter *c = &state->counters[counter];

	for (size_t i = 0; i < state->rule_count; i++)
		if (state->rules[i].proto == c->proto &&
		    !strcmp(state->rules[i].forward, c->forward))
			return true;
	return false;
}

uint64_t state_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

/* The pinned map, made when it is not there. */
static int state_map(const char *bpffs, const char *iface)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	char path[PATH_MAX];
	int fd = bpf_obj_get(pins_path(path, bpffs, iface, "state"));

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdpfwd_state", sizeof(uint32_t),
			    sizeof(struct state_block), 1, &opts);
	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int state_write(const char *bpffs, const struct state *state)
{
	struct state_block *block;
	char *text = state_to_text(state);
	uint32_t next;
	int fd;

	if (!text)
		return -ENOMEM;
	if (strlen(text) >= sizeof(block->text[0])) {
		free(text);
		return -E2BIG;
	}
	fd = state_map(bpffs, state->iface);
	if (fd < 0) {
		free(text);
		return fd;
	}
	block = map_block(fd, PROT_READ | PROT_WRITE);
	close(fd);
	if (!block) {
		free(text);
		return -errno;
	}
	next = block->current + 1;
	strcpy(block->text[next & 1], text);
	__atomic_store_n(&block->current, next, __ATOMIC_SEQ_CST);
	munmap(block, sizeof(*block));
	free(text);
	return 0;
}

pid_t state_agent_alive(const char *bpffs, const struct state *state)
{
	int fd = pins_agent_lock(bpffs, state->iface);

	if (fd >= 0)
		close(fd);
	return fd == -EBUSY ? state->agent_pid : 0;
}
