// SPDX-License-Identifier: GPL-2.0-only
// What this kernel can do beyond the floor of 5.10, found by asking it.
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "features.h"

#define LOOPBACK_IFINDEX 1

bool features_has_btf(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}

bool features_has_tcx(void)
{
	const char *without = getenv("XDPFWD_WITHOUT");
	__u32 count = 0;

	if (without && strstr(without, "tcx"))
		return false;
	return !bpf_prog_query(LOOPBACK_IFINDEX, FEATURES_BPF_TCX_INGRESS, 0, NULL, NULL, &count);
}
