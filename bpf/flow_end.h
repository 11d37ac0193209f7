/* SPDX-License-Identifier: GPL-2.0-only */
/* How a flow comes to an end: taken out of the indices and the books. */
#ifndef XDPFWD_BPF_FLOW_END_H
#define XDPFWD_BPF_FLOW_END_H

#include "flow.h"

/* A source is counted in periods of 8 ticks, about a second. */
#define SOURCE_PERIOD 8

/* source_of() - the key of what limits count as one source */
static __always_inline struct source_key source_of(struct ruleset *rs, const struct ip_addr *client)
{
	const enum ip_family family = ip_addr_is_v4(client) ? FAMILY_V4 : FAMILY_V6;
	__u64 mask = rs->limits.source_mask[family == FAMILY_V4 ? FAMILY_V4 : FAMILY_V6];
	struct source_key key = { .family = family };

	key.net = (family == FAMILY_V4 ? client->w[3] : client->d[0]) & mask;
	return key;
}

/* index_remove() - take a key out of an index where it stands for this slot */
static __always_inline void index_remove(void *index, const struct flow_key *key, __u32 slot)
{
	__u32 *found = bpf_map_lookup_elem(index, key);

	if (found && *found == slot)
		bpf_map_delete_elem(index, key);
}

/* flow_unconfirm() - one confirmed flow fewer, of its source and of its protocol */
static __always_inline void flow_unconfirm(struct ruleset *rs, const struct ip_addr *client,
					   __u8 proto)
{
	__u64 *count = confirmed_get(proto);
	struct source_key from = source_of(rs, client);
	struct source *source = bpf_map_lookup_elem(&sources, &from);

	if (source && source->flows)
		__sync_fetch_and_add(&source->flows, -1);
	if (count && *count)
		__sync_fetch_and_add(count, -1);
}

/*
 * flow_forget() - the books of a flow whose record is FLOW_LEAVING, by the hand of the caller
 * @key, @slot:  which flow it was, and where
 * @confirmed:   it was
 * @expired:     its time was over, rather than it having been ended
 */
static __always_inline void flow_forget(struct ruleset *rs, const struct flow_key *key, __u32 slot,
					__u8 proto, bool confirmed, bool expired)
{
	struct flow_counters *counters = flow_counters_get();

	index_remove(&flows_confirmed, key, slot);
	index_remove(&flows_new, key, slot);
	if (counters) { /* a sweep may be interrupted by packets on its own CPU */
		__sync_fetch_and_add(&counters->ended[proto & 1], 1);
		if (expired)
			__sync_fetch_and_add(&counters->expired[proto & 1], 1);
	}
	if (confirmed)
		flow_unconfirm(rs, &key->client, proto);
}

/* flow_lock_get() - the lock of a slot; never NULL, but the verifier does not know */
static __always_inline struct flow_lock *flow_lock_get(__u32 slot)
{
	__u32 key = slot & (FLOW_LOCKS - 1);

	return bpf_map_lookup_elem(&flow_locks, &key);
}

#endif
