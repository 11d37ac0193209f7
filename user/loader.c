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
#include "pins.h"
#include "xdpfwd.skel.h"

#define NOWHERE	       ((struct diag_place){ 0, 0 })
#define VERIFIER_LOG   (1024 * 1024)
#define LOG_TAIL_LINES 12

#define FLOWS_NEW_MIN 1024
#define FLOWS_NEW_MAX 65536

/* Pins are renamed into place, so that there is one at any moment. */
#define SWEEP_PIN_NEW LOADER_SWEEP_PIN "_new"

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

/* Size the flow table, unless it is there already: a table in use cannot grow. */
static int size_flows(struct loaded *loaded, uint32_t flows_max, struct diag_list *diags)
{
	struct bpf_map *confirmed = loaded->skel->maps.flows_confirmed;
	struct bpf_map *unconfirmed = loaded->skel->maps.flows_new;
	int err = 0;

	if (!is_reused(confirmed))
		err = bpf_map__set_max_entries(confirmed, flows_max);
	else if (bpf_map__max_entries(confirmed) != flows_max)
		diag_add(diags, DIAG_WARNING, NOWHERE,
			 "limits: flows = %u takes effect after unload and load; until then there "
			 "is room for %u",
			 flows_max, bpf_map__max_entries(confirmed));
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
	}
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

int loader_pin_sweep(const struct loaded *loaded, const char *bpffs, const char *iface)
{
	int fd = bpf_program__fd(loaded->skel->progs.xdpfwd_sweep);
	char path[PATH_MAX], new_path[PATH_MAX];

	pins_path(path, bpffs, iface, LOADER_SWEEP_PIN);
	pins_path(new_path, bpffs, iface, SWEEP_PIN_NEW);
	unlink(new_path); /* of a load that was cut off */
	if (bpf_obj_pin(fd, new_path) || rename(new_path, path))
		return -errno;
	return 0;
}

int loader_program(const struct loaded *loaded, enum attach_kind kind, bool is_l3)
{
	const struct bpf_program *program = kind == ATTACH_XDP_NATIVE || kind == ATTACH_XDP_GENERIC
						    ? loaded->skel->progs.xdpfwd_xdp
					    : is_l3 ? loaded->skel->progs.xdpfwd_tc_l3
						    : loaded->skel->progs.xdpfwd_tc;

	return bpf_program__fd(program);
}

int loader_rulesets(const struct loaded *loaded)
{
	return bpf_map__fd(loaded->skel->maps.rulesets);
}

int loader_pools(const struct loaded *loaded)
{
	return bpf_map__fd(loaded->skel->maps.pools);
}

void loader_close(struct loaded *loaded)
{
	xdpfwd_bpf__destroy(loaded->skel);
	free(loaded->verifier_log);
	memset(loaded, 0, sizeof(*loaded));
}
