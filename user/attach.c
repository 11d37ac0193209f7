// SPDX-License-Identifier: GPL-2.0-only
// Programs on hooks.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "attach.h"
#include "features.h"
#include "pins.h"

/* Our place in a clsact qdisc; several interfaces differ in the handle, their public ifindex. */
#define TC_PRIORITY 120

static bool is_xdp(enum attach_kind kind)
{
	return kind == ATTACH_XDP_NATIVE || kind == ATTACH_XDP_GENERIC;
}

static char *link_path(char buf[PATH_MAX], const char *bpffs, const char *iface,
		       const struct state_hook *hook)
{
	char name[64];

	snprintf(name, sizeof(name), "link_%s_%s", attach_kind_hook(hook->kind), hook->device);
	return pins_path(buf, bpffs, iface, name);
}

/* The pinned link of a hook if it still holds on to that device; -1 otherwise. */
static int link_open(const char *path, int ifindex, uint32_t *prog_id)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);

	if (fd < 0)
		return -1;
	/* The ifindex comes first for XDP and TCX alike, and is 0 once the device is gone. */
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || (int)info.xdp.ifindex != ifindex) {
		close(fd);
		return -1;
	}
	*prog_id = info.prog_id;
	return fd;
}

static uint32_t program_id(int prog_fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(prog_fd, &info, &len) ? 0 : info.id;
}

static int link_create(const char *path, const struct state_hook *hook, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd, err = 0;

	if (is_xdp(hook->kind))
		opts.flags =
			hook->kind == ATTACH_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	fd = bpf_link_create(prog_fd, hook->ifindex,
			     is_xdp(hook->kind) ? BPF_XDP : FEATURES_BPF_TCX_INGRESS, &opts);
	if (fd < 0)
		return -errno;
	unlink(path); /* of a device that is gone */
	if (bpf_obj_pin(fd, path))
		err = -errno;
	close(fd);
	return err;
}

static int link_put(const char *path, const struct state_hook *hook, int prog_fd, int *old_prog_fd)
{
	uint32_t old_id = 0;
	int err, fd = link_open(path, hook->ifindex, &old_id);

	if (fd < 0)
		return link_create(path, hook, prog_fd);
	*old_prog_fd = bpf_prog_get_fd_by_id(old_id);
	/* A driver may wait for all CPUs, 20 ms, even when the program stays the same. */
	err = old_id != program_id(prog_fd) && bpf_link_update(fd, prog_fd, NULL) ? -errno : 0;
	close(fd);
	return err;
}

static int filter_put(int public_ifindex, struct state_hook *hook, int prog_fd, int *old_prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, tc, .ifindex = hook->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, old, .handle = public_ifindex, .priority = TC_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, new, .handle = public_ifindex, .priority = TC_PRIORITY,
		    .prog_fd = prog_fd);
	int err = bpf_tc_hook_create(&tc);

	if (err && err != -EEXIST)
		return err;
	if (!err)
		hook->made_qdisc = true;
	if (!bpf_tc_query(&tc, &old)) {
		*old_prog_fd = bpf_prog_get_fd_by_id(old.prog_id);
		if (old.prog_id == program_id(prog_fd))
			return 0;
		new.flags = BPF_TC_F_REPLACE;
	}
	return bpf_tc_attach(&tc, &new);
}

static int filter_remove(int public_ifindex, const struct state_hook *hook, bool drop_qdisc)
{
	LIBBPF_OPTS(bpf_tc_hook, tc, .ifindex = hook->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = public_ifindex, .priority = TC_PRIORITY);
	int err = bpf_tc_detach(&tc, &opts);

	if (err && err != -ENOENT && err != -ENODEV && err != -EINVAL)
		return err;
	if (drop_qdisc && hook->made_qdisc && !host_tc_has_filters(hook->ifindex)) {
		tc.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		bpf_tc_hook_destroy(&tc);
	}
	return 0;
}

int attach_put(const char *bpffs, const char *iface, int public_ifindex, struct state_hook *hook,
	       int prog_fd, int *old_prog_fd)
{
	char path[PATH_MAX];

	*old_prog_fd = -1;
	if (hook->kind == ATTACH_CLSACT)
		return filter_put(public_ifindex, hook, prog_fd, old_prog_fd);
	return link_put(link_path(path, bpffs, iface, hook), hook, prog_fd, old_prog_fd);
}

int attach_remove(const char *bpffs, const char *iface, int public_ifindex,
		  const struct state_hook *hook, bool drop_qdisc)
{
	char path[PATH_MAX];

	if (hook->kind == ATTACH_CLSACT)
		return filter_remove(public_ifindex, hook, drop_qdisc);
	/* The pin is the last reference: the kernel detaches the program with it. */
	return unlink(link_path(path, bpffs, iface, hook)) && errno != ENOENT ? -errno : 0;
}

size_t attach_own_xdp(const char *bpffs, const struct state *state, uint32_t ids[DEVICES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < state->hook_count && count < DEVICES_MAX; i++) {
		char path[PATH_MAX];
		int fd;

		if (!is_xdp(state->hooks[i].kind))
			continue;
		fd = link_open(link_path(path, bpffs, state->iface, &state->hooks[i]),
			       state->hooks[i].ifindex, &ids[count]);
		if (fd < 0)
			continue;
		count++;
		close(fd);
	}
	return count;
}

void attach_name_foreign(struct host *host)
{
	for (size_t i = 0; i < host->link_count; i++) {
		struct host_link *link = &host->links[i];
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);
		int fd;

		snprintf(link->xdp_name, sizeof(link->xdp_name), "?");
		if (link->xdp == HOST_XDP_NONE)
			continue;
		fd = bpf_prog_get_fd_by_id(link->xdp_prog_id);
		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.name[0])
			snprintf(link->xdp_name, sizeof(link->xdp_name), "%s", info.name);
		close(fd);
	}
}
