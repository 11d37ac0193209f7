/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel as the programs see it: types, helpers, and what differs between versions. */
#ifndef XDPFWD_BPF_KERNEL_H
#define XDPFWD_BPF_KERNEL_H

/* Only wire formats and stable context structs are used, so field relocations are not wanted. */
#define BPF_NO_PRESERVE_ACCESS_INDEX
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

/* Macros of the kernel's headers, which BTF does not carry. */
#define ETH_P_IP	 0x0800
#define ETH_P_IPV6	 0x86dd
#define ETH_P_8021Q	 0x8100
#define ETH_P_8021AD	 0x88a8
#define ETH_HLEN	 14
#define AF_INET		 2
#define AF_INET6	 10
#define IPPROTO_HOPOPTS	 0
#define IPPROTO_ICMP	 1
#define IPPROTO_TCP	 6
#define IPPROTO_UDP	 17
#define IPPROTO_ROUTING	 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH	 51
#define IPPROTO_ICMPV6	 58
#define IPPROTO_DSTOPTS	 60
#define IPPROTO_MH	 135
#define IPPROTO_HIP	 139
#define IPPROTO_SHIM6	 140
#define TCP_FIN		 0x01
#define TCP_SYN		 0x02
#define TCP_RST		 0x04
#define TCP_ACK		 0x10
#define LOOPBACK_IFINDEX 1
#define TC_ACT_UNSPEC	 (-1)
#define TC_ACT_SHOT	 2
#define PACKET_HOST	 0

/*
 * clock_now_ns() - CLOCK_MONOTONIC, good to a few milliseconds
 *
 * Before 5.11 there is no coarse clock; reading the exact one is right, only dearer.
 */
static __always_inline __u64 clock_now_ns(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_coarse_ns))
		return bpf_ktime_get_coarse_ns();
	return bpf_ktime_get_ns();
}

/* To move bytes in words whatever type they have; packets may be read unaligned. */
typedef __u16 __attribute__((may_alias)) any16;
typedef __u32 __attribute__((may_alias)) any32;
typedef __u64 __attribute__((may_alias)) any64;

/*
 * bound() - @value & @mask where the compiler must not prove the mask away
 *
 * Verifiers before 5.16 forget the range of a 32-bit value that was spilled to the stack, so an
 * offset is masked again right where it is added to a packet pointer.
 */
#define bound(value, mask)                                                                         \
	({                                                                                         \
		__u64 bound_ = (value);                                                            \
		asm volatile("" : "+r"(bound_));                                                   \
		bound_ &= (mask);                                                                  \
		bound_;                                                                            \
	})

/*
 * aside() - a reason that is given on a way out that few packets take
 *
 * Left alone, the compiler has the reason ready before each test, for those that pass it as well.
 */
#define aside(reason)                                                                              \
	({                                                                                         \
		asm volatile("");                                                                  \
		reason;                                                                            \
	})

/*
 * reason_of() - what a global function has returned, which is a reason or 0
 *
 * The verifier knows nothing of it. Without the mask it is tested as a shifted copy, and the
 * verifier takes for possible that it is zero on one side of a test and not on the other.
 */
#define reason_of(returned) ((enum reason)bound(returned, 63))

#endif
