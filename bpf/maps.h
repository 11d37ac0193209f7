/* SPDX-License-Identifier: GPL-2.0-only */
/* Every map. The loader pins them by these names. */
#ifndef XDPFWD_BPF_MAPS_H
#define XDPFWD_BPF_MAPS_H

#include "kernel.h"
#include <xdpfwd/abi.h>

/* One rule set; mmap()ed by the loader, which fills it before any packet can see it. */
struct ruleset_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, sizeof(struct ruleset));
};

/* The rule set in force: a packet sees the old one whole or the new one whole. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ruleset_map);
} rulesets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS_MAX);
	__type(key, __u32);
	__type(value, struct forward_counters);
} forward_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_COUNT);
	__type(key, __u32);
	__type(value, struct reason_counters);
} reason_counters SEC(".maps");

/* The flows of one pool, by masquerade port; the loader makes it when a pool comes into use. */
struct pool_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, POOL_PORTS);
	__type(key, __u32);
	__uint(value_size, sizeof(struct flow));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, POOLS_MAX);
	__type(key, __u32);
	__array(values, struct pool_map);
} pools SEC(".maps");

/* Where a client's flow is. Sizes are the loader's: [limits] flows, and a share of that. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, struct flow_key);
	__type(value, __u32);
} flows_confirmed SEC(".maps");

/* The same for flows that the client has not confirmed yet: the oldest give way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, __u32);
} flows_new SEC(".maps");

/* Held while a flow changes hands, by its slot. Maps in maps cannot hold locks before 6.1. */
struct flow_lock {
	struct bpf_spin_lock lock;
};

#define FLOW_LOCKS 256

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_LOCKS);
	__type(key, __u32);
	__type(value, struct flow_lock);
} flow_locks SEC(".maps");

/* What one source, an address or a prefix, has and does; forgotten in time. */
struct source_key {
	__u64 net;
	__u64 family;
};

struct source {
	__u32 flows;  /* confirmed */
	__u32 began;  /* flows in this period */
	__u32 period; /* ticks / SOURCE_PERIOD */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct source_key);
	__type(value, struct source);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_counters);
} flow_counters SEC(".maps");

/* How many flows are confirmed now, by protocol. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROTO_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} confirmed SEC(".maps");

static __always_inline struct ruleset *ruleset_get(void)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&rulesets, &zero);

	return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

/* flow_at() - the record in a slot, or NULL when there is no such pool */
static __always_inline struct flow *flow_at(__u32 slot)
{
	__u32 pool = slot >> 16, port = slot & (POOL_PORTS - 1);
	void *inner = bpf_map_lookup_elem(&pools, &pool);

	return inner ? bpf_map_lookup_elem(inner, &port) : NULL;
}

static __always_inline void count_reason(enum hook hook, enum reason reason)
{
	__u32 key = hook;
	struct reason_counters *counters = bpf_map_lookup_elem(&reason_counters, &key);

	if (counters)
		counters->packets[reason & 63]++;
}

/* flow_counters_get() - this CPU's, or NULL */
static __always_inline struct flow_counters *flow_counters_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flow_counters, &zero);
}

/* confirmed_get() - the number of confirmed flows of a protocol, or NULL */
static __always_inline __u64 *confirmed_get(__u8 proto)
{
	__u32 key = proto;

	return bpf_map_lookup_elem(&confirmed, &key);
}

/* count_forward() - add to one direction of a forward; @bytes counts whole IP packets */
static __always_inline void count_forward(__u32 counter, enum direction dir, __u32 packets,
					  __u32 bytes)
{
	struct forward_counters *counters = bpf_map_lookup_elem(&forward_counters, &counter);

	if (!counters)
		return;
	counters->packets[dir] += packets;
	counters->bytes[dir] += bytes;
}

#endif
