// SPDX-License-Identifier: GPL-2.0-only
// An XDP program that does nothing: before 5.13 a veth takes redirected frames only with one.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
