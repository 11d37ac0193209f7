/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel can do beyond the floor of 5.10, found by asking it. */
#ifndef XDPFWD_FEATURES_H
#define XDPFWD_FEATURES_H

#include <stdbool.h>

/* Attach type of TCX ingress links (6.6), which libbpf 1.1's headers do not have yet. */
#define FEATURES_BPF_TCX_INGRESS 46

/**
 * features_has_btf() - the kernel carries its BTF, without which no program can be loaded
 */
bool features_has_btf(void);

/**
 * features_has_tcx() - TC programs can be attached by links that outlive us (6.6)
 *
 * The fallback is a filter on a clsact qdisc. $XDPFWD_WITHOUT=tcx takes it, for tests.
 */
bool features_has_tcx(void);

#endif
