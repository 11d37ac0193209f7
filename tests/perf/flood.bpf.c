// SPDX-License-Identifier: GPL-2.0-only
// Generator, bare redirect and counting sink: what a forwarder is put between and held against.
#include "kernel.h"
#include <xdpfwd/abi.h>
#include "flood.h"

#define HEADERS	    64 /* bytes rebuilt for every packet: Ethernet, IPv6, UDP and two of payload */
#define BATCH	    64 /* packets of one run of the generator */
#define WAIT_MAX    (1 << 16) /* looks at the sink, some nanoseconds each */
#define STAMP_EVERY 1024
#define WARM_UP	    8192 /* packets before the clock starts: caches, rings and page pool fill */

/* Generator and sink may run on different cores: each has pages of its own to write to. */
struct {
	__u64 template[HEADERS / 8];
	__u32 ip_sum, l4_sum;
	__u32 ifindex, first_flow, flows, next_flow;
	__u64 sent, lost, window; /* window: packets that may be under way, 0 for any number */
} gen SEC(".data.gen");

struct {
	__u32 offset, word;
	__u64 received, other;
	__u64 first, first_ns, last, last_ns;
} sink_state SEC(".data.sink");

/* What the sink tells the generator, rarely. */
struct {
	volatile __u64 received;
} progress SEC(".data.progress");

struct {
	__u32 mac[3];
	__u32 ifindex;
} bare[DIR_COUNT] SEC(".data.bare");

/* By reply_index(); filled by flood.c. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * FLOWS_MAX);
	__type(key, __u32);
	__type(value, struct reply);
} replies SEC(".maps");

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline __u64 under_way(void)
{
	return gen.sent - gen.lost - progress.received;
}

static long sink_has_caught_up(__u32 i, void *unused)
{
	(void)i;
	(void)unused;
	return under_way() <= gen.window; /* 1 ends the loop */
}

/*
 * wait_for_sink() - let the packets under way become fewer than the window
 *
 * A frame that finds the ring full is given back under the lock that the other core needs to give
 * back its own, and slows it down, which no network card would do. What does not arrive in good
 * time is taken for lost.
 */
static __always_inline void wait_for_sink(void)
{
	bpf_loop(WAIT_MAX, sink_has_caught_up, NULL, 0);
	if (under_way() > gen.window)
		gen.lost = gen.sent - progress.received;
}

/*
 * generate() - one packet of the next flow
 *
 * A page comes back the way the receiver left it, so all headers are written anew, in whole words.
 * A client's packet follows from the flow's number. Where home has to send its reply is looked up,
 * also for those ways to forward whose replies follow from the number as well.
 */
static __always_inline int generate(struct xdp_md *ctx, const int family, const enum direction dir)
{
	const int addr_off =
		family == AF_INET ? (dir == DIR_IN ? 26 : 30) : (dir == DIR_IN ? 34 : 50);
	const int ports_off = family == AF_INET ? 34 : 54;
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 next = gen.next_flow, flow = gen.first_flow + next, sum = gen.l4_sum;
	__u32 index = reply_index(family == AF_INET6, flow);
	__be16 low, *ports = data + ports_off;
	__u64 *words = data;

	if (data + HEADERS > data_end)
		return XDP_ABORTED;
	if (gen.window && gen.sent % BATCH == 0)
		wait_for_sink();
	gen.sent++;
	gen.next_flow = next + 1 < gen.flows ? next + 1 : 0;
	for (int i = 0; i < HEADERS / 8; i++)
		words[i] = gen.template[i];
	if (dir == DIR_IN) {
		low = bpf_htons(flow);
		ports[0] = bpf_htons(flow_client_port(flow));
		ports[1] = bpf_htons(flow_public_port(flow));
	} else {
		struct reply *reply = bpf_map_lookup_elem(&replies, &index);

		if (!reply)
			return XDP_ABORTED;
		low = reply->addr;
		ports[0] = reply->public;
		ports[1] = reply->port;
	}
	*(__be16 *)(data + addr_off + 2) = low;
	if (family == AF_INET)
		*(__sum16 *)(data + 24) = fold(gen.ip_sum + low);
	sum += ports[0] + ports[1] + low;
	ports[3] = fold(sum) ?: 0xffff; /* 0 would mean: no checksum */
	return bpf_redirect(gen.ifindex, 0);
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
	mac[0] = bare[dir].mac[0];
	mac[1] = bare[dir].mac[1];
	mac[2] = bare[dir].mac[2];
	return bpf_redirect(bare[dir].ifindex, 0);
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
	__u32 *word = data + (sink_state.offset & (HEADERS - 1));
	__u64 received, now;

	if ((void *)(word + 1) > data_end || *word != sink_state.word) {
		sink_state.other++;
		return XDP_DROP;
	}
	received = ++sink_state.received;
	if (received % (BATCH / 2) == 0)
		progress.received = received;
	if (received % STAMP_EVERY || received < WARM_UP)
		return XDP_DROP;
	now = bpf_ktime_get_ns();
	if (!sink_state.first) {
		sink_state.first = received;
		sink_state.first_ns = now;
	}
	sink_state.last = received;
	sink_state.last_ns = now;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
