// SPDX-License-Identifier: GPL-2.0-only
// The BPF object in the kernel.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "features.h"
#include "loader.h"
#include "maps.h"
#include "pins.h"
#include "xdpfwd.skel.h"

#define NOWHERE	       ((struct diag_place){ 0, 0 })
#define VERIFIER_LOG   (1024 * 1024)
#define LOG_TAIL_LINES 12

#define FLOWS_NEW_MIN 1024
#define FLOWS_NEW_MAX 65536

/* What the programs are pinned by. */
static const char *const pin_names[] = {
	[LOADER_XDP] = "prog_xdp",
	[LOADER_TC] = "prog_tc",
	[LOADER_TC_L3] = "prog_tc_l3",
	[LOADER_SWEEP] = LOADER_SWEEP_PIN,
};
_Static_assert(sizeof(pin_names) / sizeof(pin_names[0]) == LOADER_PROGRAM_COUNT,
	       "each program has a pin");

/* Go on using a pinned map. Its layout is known to fit: the state's ABI version was checked. */
static int reuse_pinned(struct bpf_map *map, const char *bpffs, const char *iface)
{
	char path[PATH_MAX];
	int err, fd = bpf_obj_get(pins_path(path, bpffs, iface, bpf_map__name(map)));

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}

static bool is_reused(const struct bpf_map *map)
{
	return bpf_map__fd(map) >= 0;
}

/* Unconfirmed flows are short-lived: half as many, but enough to ride out a burst. */
static uint32_t flows_new_size(uint32_t flows_max)
{
	uint32_t half = flows_max / 2;

	return half < FLOWS_NEW_MIN ? FLOWS_NEW_MIN : half > FLOWS_NEW_MAX ? FLOWS_NEW_MAX : half;
}

/* A table in use cannot grow. */
static void check_size(uint32_t is, uint32_t wanted, struct diag_list *diags)
{
	if (is != wanted)
		diag_add(diags, DIAG_WARNING, NOWHERE,
			 "limits: flows = %u takes effect after unload and load; until then there "
			 "is room for %u",
			 wanted, is);
}

static int size_flows(struct loaded *loaded, uint32_t flows_max, struct diag_list *diags)
{
	struct bpf_map *confirmed = loaded->skel->maps.flows_confirmed;
	struct bpf_map *unconfirmed = loaded->skel->maps.flows_new;
	int err = 0;

	if (!is_reused(confirmed))
		err = bpf_map__set_max_entries(confirmed, flows_max);
	else
		check_size(bpf_map__max_entries(confirmed), flows_max, diags);
	if (!err && !is_reused(unconfirmed))
		err = bpf_map__set_max_entries(unconfirmed, flows_new_size(flows_max));
	return err;
}

/* The last lines of the verifier's log hold the cause. */
static void report_verifier(const char *log, struct diag_list *diags)
{
	const char *tail = log + strlen(log);

	for (int lines = 0; tail > log && lines <= LOG_TAIL_LINES; tail--)
		lines += tail[-1] == '\n';
	if (*log)
		diag_add(diags, DIAG_NOTE, NOWHERE, "the verifier said:\n%s", tail);
}

static void report_failure(const struct loaded *loaded, int err, struct diag_list *diags)
{
	const char *mend = err == -EPERM ? "a container or a locked-down kernel may forbid it"
			   : err == -ENOMEM || err == -E2BIG ? "free memory or raise its limit"
							     : "report it with the output of -v";

	report_verifier(loaded->verifier_log, diags);
	diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
		 "the kernel does not take the BPF programs: %s; %s", strerror(-err), mend);
}

const char *loader_object(void)
{
	return XDPFWD_OBJECT_ID;
}

static void take_fds(struct loaded *loaded)
{
	const struct xdpfwd_bpf *skel = loaded->skel;

	loaded->programs[LOADER_XDP] = bpf_program__fd(skel->progs.xdpfwd_xdp);
	loaded->programs[LOADER_TC] = bpf_program__fd(skel->progs.xdpfwd_tc);
	loaded->programs[LOADER_TC_L3] = bpf_program__fd(skel->progs.xdpfwd_tc_l3);
	loaded->programs[LOADER_SWEEP] = bpf_program__fd(skel->progs.xdpfwd_sweep);
	loaded->rulesets = bpf_map__fd(skel->maps.rulesets);
	loaded->pools = bpf_map__fd(skel->maps.pools);
}

int loader_open(const char *bpffs, const char *iface, uint32_t flows_max, struct loaded *loaded,
		struct diag_list *diags)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_map *map;
	int err = 0;

	memset(loaded, 0, sizeof(*loaded));
	if (!features_has_btf()) {
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "this kernel has no BTF (/sys/kernel/btf/vmlinux); use one built with "
			 "CONFIG_DEBUG_INFO_BTF=y, as Debian 11 and later ship");
		return -ENOENT;
	}
	loaded->verifier_log = calloc(1, VERIFIER_LOG);
	if (!loaded->verifier_log)
		return -ENOMEM;
	opts.kernel_log_buf = loaded->verifier_log;
	opts.kernel_log_size = VERIFIER_LOG;
	loaded->skel = xdpfwd_bpf__open_opts(&opts);
	if (!loaded->skel)
		return -errno;
	bpf_object__for_each_map(map, loaded->skel->obj)
	{
		if (!bpf_map__is_internal(map))
			err = err ?: reuse_pinned(map, bpffs, iface);
	}
	err = err ?: size_flows(loaded, flows_max, diags);
	err = err ?: xdpfwd_bpf__load(loaded->skel);
	if (err) {
		report_failure(loaded, err, diags);
		loader_close(loaded);
		return err;
	}
	take_fds(loaded);
	return 0;
}

static int get_pinned(const char *bpffs, const char *iface, const char *name, int *err)
{
	char path[PATH_MAX];
	int fd = bpf_obj_get(pins_path(path, bpffs, iface, name));

	if (fd < 0)
		*err = -errno;
	return fd;
}

int loader_reopen(const char *bpffs, const char *iface, const char *object, uint32_t flows_max,
		  struct loaded *loaded, struct diag_list *diags)
{
	int64_t room = maps_flows_max(bpffs, iface);
	int err = room < 0 ? room : 0;

	memset(loaded, 0, sizeof(*loaded));
	if (strcmp(object, loader_object()) != 0)
		return -ESTALE;
	for (int i = 0; i < LOADER_PROGRAM_COUNT; i++)
		loaded->programs[i] = get_pinned(bpffs, iface, pin_names[i], &err);
	loaded->rulesets = get_pinned(bpffs, iface, "rulesets", &err);
	loaded->pools = get_pinned(bpffs, iface, "pools", &err);
	if (err)
		loader_close(loaded);
	else
		check_size(room, flows_max, diags);
	return err;
}

int loader_pin(const struct loaded *loaded, const char *bpffs, const char *iface)
{
	char path[PATH_MAX];
	struct bpf_map *map;

	bpf_object__for_each_map(map, loaded->skel->obj)
	{
		if (bpf_map__is_internal(map))
			continue;
		if (bpf_obj_pin(bpf_map__fd(map),
				pins_path(path, bpffs, iface, bpf_map__name(map))) &&
		    errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Renamed into place, so that there is a pin at any moment. */
static int pin_program(int fd, const char *bpffs, const char *iface, const char *name)
{
	char path[PATH_MAX], new_path[PATH_MAX], new_name[32];

	snprintf(new_name, sizeof(new_name), "%s_new", name);
	pins_path(path, bpffs, iface, name);
	pins_path(new_path, bpffs, iface, new_name);
	unlink(new_path); /* of a load that was cut off */
	return bpf_obj_pin(fd, new_path) || rename(new_path, path) ? -errno : 0;
}

int loader_pin_programs(const struct loaded *loaded, const char *bpffs, const char *iface)
{
	int err = 0;

	for (int i = 0; i < LOADER_PROGRAM_COUNT && !err; i++)
		err = pin_program(loaded->programs[i], bpffs, iface, pin_names[i]);
	return err;
}

int loader_program(const struct loaded *loaded, enum attach_kind kind, bool is_l3)
{
	if (kind == ATTACH_XDP_NATIVE || kind == ATTACH_XDP_GENERIC)
		return loaded->programs[LOADER_XDP];
	return loaded->programs[is_l3 ? LOADER_TC_L3 : LOADER_TC];
}

int loader_rulesets(const struct loaded *loaded)
{
	return loaded->rulesets;
}

int loader_pools(const struct loaded *loaded)
{
	return loaded->pools;
}

static void close_fd(int fd)
{
	if (fd > 0)
		close(fd);
}

void loader_close(struct loaded *loaded)
{
	if (!loaded->skel) { /* the descriptors are our own */
		for (int i = 0; i < LOADER_PROGRAM_COUNT; i++)
			close_fd(loaded->programs[i]);
		close_fd(loaded->rulesets);
		close_fd(loaded->pools);
	}
	xdpfwd_bpf__destroy(loaded->skel);
	free(loaded->verifier_log);
	memset(loaded, 0, sizeof(*loaded));
}
