// SPDX-License-Identifier: GPL-2.0-only
// Calls another program again and again, each time with the packet as it was at first.
#include "kernel.h"
#include <xdpfwd/csum.h>

#define HEADERS	    80 /* bytes restored: Ethernet, IPv6, TCP */
#define OFFSET_MASK 62

/* Written by cost.c. */
__u64 template[HEADERS / 8];
__u32 slot, runs_left;
__u64 first_ns, last_ns;

/* Offsets of the address's end and the port that tell one client from the next; 0 for the same. */
__u32 vary_addr, vary_port, client;

/* For each hook the empty program and the one to be measured. */
struct programs {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
};
struct programs xdp_programs SEC(".maps"), tc_programs SEC(".maps");

/* A call also takes the time to set it up, milliseconds for XDP: the clock runs inside of it. */
static __always_inline void stamp(void)
{
	if (!first_ns)
		first_ns = bpf_ktime_get_ns();
	if (!--runs_left)
		last_ns = bpf_ktime_get_ns();
}

/* next_client() - the next packet is from somebody else, at some port from 1024 on */
static __always_inline void next_client(void)
{
	__u8 *bytes = (void *)template;
	__be16 *addr = (__be16 *)(bytes + (vary_addr & OFFSET_MASK));
	struct ethhdr *eth = (void *)bytes;
	struct iphdr *ip = (void *)(eth + 1);

	if (eth->h_proto == bpf_htons(ETH_P_IP))
		ip->check = csum_apply(ip->check, csum_delta(*addr, bpf_htons(client)));
	*addr = bpf_htons(client);
	*(__be16 *)(bytes + (vary_port & OFFSET_MASK)) =
		bpf_htons(1024 + client * 40503 % (65536 - 1024));
	client++;
}

/* restore() - undo what the program did to the headers in the last round */
static __always_inline bool restore(void *data, void *data_end)
{
	__u64 *words = data;

	if (data + HEADERS > data_end)
		return false;
	stamp();
	if (vary_addr)
		next_client();
	for (int i = 0; i < HEADERS / 8; i++)
		words[i] = template[i];
	return true;
}

SEC("xdp")
int again_xdp(struct xdp_md *ctx)
{
	if (restore((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		bpf_tail_call(ctx, &xdp_programs, slot);
	return XDP_ABORTED;
}

SEC("xdp")
int empty_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

/* macs_write() - what each frame needs that leaves by another device */
static __always_inline void macs_write(void *data)
{
	any32 *mac = data;

	mac[0] = 0x00000002;
	mac[1] = 0x00020000;
	mac[2] = 0x01000000;
}

/* The least that any forwarder does: new MAC addresses, and out of a device. */
SEC("xdp")
int redirect_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	macs_write(data);
	return bpf_redirect(LOOPBACK_IFINDEX, 0);
}

/*
 * The least that one that translates does: the same, and for IPv4 and UDP to one address a new one
 * that is known beforehand, with TTL and both checksums. No ports, no next hop, no counters, and
 * nothing that can be configured.
 */
SEC("xdp")
int rewrite_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct iphdr *ip = data + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);
	__u32 delta;

	if ((void *)(udp + 1) > (void *)(long)ctx->data_end || ip->version != 4 || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_UDP || ip->ttl <= 1)
		return XDP_PASS;
	delta = csum_delta(ip->daddr, ip->daddr ^ 0x01010101);
	ip->daddr ^= 0x01010101;
	ip->ttl--;
	ip->check = csum_apply(ip->check, csum_add(delta, ~(__u32)bpf_htons(0x0100)));
	udp->check = csum_apply(udp->check, delta);
	macs_write(data);
	return bpf_redirect(LOOPBACK_IFINDEX, 0);
}

SEC("tc")
int again_tc(struct __sk_buff *skb)
{
	if (restore((void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &tc_programs, slot);
	return TC_ACT_SHOT;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
