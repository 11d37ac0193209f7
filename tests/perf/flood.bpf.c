// SPDX-License-Identifier: GPL-2.0-only
// Generator, bare redirect and counting sink: what a forwarder is put between and held against.
#include "kernel.h"
#include <xdpfwd/abi.h>

#define HEADERS	    64 /* bytes rebuilt for every packet: Ethernet, IPv6, UDP and two of payload */
#define FLOW_PORTS  64 /* forwarded ports that the flows are spread over */
#define STAMP_EVERY 1024
#define WARM_UP	    8192 /* packets before the clock starts: caches, rings and page pool fill */

/* Written by flood.c before each run. */
__u64 gen_template[HEADERS / 8];
__u32 gen_ip_sum, gen_l4_sum;
__u32 gen_ifindex, gen_flows, gen_flow;
__u32 gen_vary_address;
__u16 gen_public_port;

__u32 bare_mac[DIR_COUNT][3];
__u32 bare_ifindex[DIR_COUNT];

__u32 sink_offset, sink_word;
__u64 sink_received, sink_other;
__u64 sink_first, sink_first_ns, sink_last, sink_last_ns;

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/*
 * generate() - one packet of the next flow
 *
 * A page comes back the way the receiver left it, so all headers are written anew, in whole words.
 * Within one public port no two flows share a client port: a masquerade can keep them all, and a
 * reply to it can be made up without knowing its table.
 */
static __always_inline int generate(struct xdp_md *ctx, const int family, const enum direction dir)
{
	const int addr_off =
		family == AF_INET ? (dir == DIR_IN ? 26 : 30) : (dir == DIR_IN ? 34 : 50);
	const int ports_off = family == AF_INET ? 34 : 54;
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 flow = gen_flow, sum = gen_l4_sum;
	__be16 client, public, *ports = data + ports_off;
	__u64 *words = data;

	if (data + HEADERS > data_end)
		return XDP_ABORTED;
	gen_flow = flow + 1 < gen_flows ? flow + 1 : 0;
	for (int i = 0; i < HEADERS / 8; i++)
		words[i] = gen_template[i];
	client = bpf_htons(1024 + flow / FLOW_PORTS * 3);
	public = bpf_htons(gen_public_port + flow % FLOW_PORTS);
	ports[0] = dir == DIR_IN ? client : public;
	ports[1] = dir == DIR_IN ? public : client;
	sum += client + public;
	if (gen_vary_address) {
		__be16 low = bpf_htons(flow);

		*(__be16 *)(data + addr_off + 2) = low;
		sum += low;
		if (family == AF_INET)
			*(__sum16 *)(data + 24) = fold(gen_ip_sum + low);
	}
	ports[3] = fold(sum);
	return bpf_redirect(gen_ifindex, 0);
}

SEC("xdp")
int gen_v4_in(struct xdp_md *ctx)
{
	return generate(ctx, AF_INET, DIR_IN);
}

SEC("xdp")
int gen_v4_out(struct xdp_md *ctx)
{
	return generate(ctx, AF_INET, DIR_OUT);
}

SEC("xdp")
int gen_v6_in(struct xdp_md *ctx)
{
	return generate(ctx, AF_INET6, DIR_IN);
}

SEC("xdp")
int gen_v6_out(struct xdp_md *ctx)
{
	return generate(ctx, AF_INET6, DIR_OUT);
}

/* The least a forwarder in XDP can do: new link-layer addresses, and out of the other device. */
static __always_inline int redirect(struct xdp_md *ctx, const enum direction dir)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 *mac = data;

	if (data + ETH_HLEN > data_end)
		return XDP_ABORTED;
	mac[0] = bare_mac[dir][0];
	mac[1] = bare_mac[dir][1];
	mac[2] = bare_mac[dir][2];
	return bpf_redirect(bare_ifindex[dir], 0);
}

SEC("xdp")
int bare_in(struct xdp_md *ctx)
{
	return redirect(ctx, DIR_IN);
}

SEC("xdp")
int bare_out(struct xdp_md *ctx)
{
	return redirect(ctx, DIR_OUT);
}

/* Counts what arrives rewritten as expected, apart from everything else, and drops it all. */
SEC("xdp")
int sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 *word = data + (sink_offset & (HEADERS - 1));
	__u64 received, now;

	if ((void *)(word + 1) > data_end || *word != sink_word) {
		sink_other++;
		return XDP_DROP;
	}
	received = ++sink_received;
	if (received % STAMP_EVERY || received < WARM_UP)
		return XDP_DROP;
	now = bpf_ktime_get_ns();
	if (!sink_first) {
		sink_first = received;
		sink_first_ns = now;
	}
	sink_last = received;
	sink_last_ns = now;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
