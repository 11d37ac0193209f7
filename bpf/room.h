/* SPDX-License-Identifier: GPL-2.0-only */
/* Room outside the buffer for a copy of a packet: to keep it, to sum it up, to make another of it.
 */
#ifndef XDPFWD_BPF_ROOM_H
#define XDPFWD_BPF_ROOM_H

#include "emit_tc.h"

#define ROOM_BYTES 2048
#define SUM_BYTES  512 /* that bpf_csum_diff() takes at a time */

/**
 * struct room - a packet, or a part of one
 * @len:     bytes of it
 * @ttl, @seen_at: of a fragment that is kept
 */
struct room {
	__u32 len, ttl, seen_at, pad;
	__u8 bytes[ROOM_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct room);
} rooms SEC(".maps");

static __always_inline struct room *room_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&rooms, &zero);
}

/* room_take() - copy @len bytes of the packet from @off; 0, or an error when that is too much */
static __always_inline long room_take(struct __sk_buff *skb, __u32 off, __u32 len,
				      struct room *room)
{
	if (!len || len > ROOM_BYTES)
		return -1;
	room->len = len;
	/* The last word is summed up whole. */
	*(any32 *)(room->bytes + bound((len - 1) & ~3U, ROOM_BYTES - 4)) = 0;
	return bpf_skb_load_bytes(skb, off, room->bytes, bound(len - 1, ROOM_BYTES - 1) + 1);
}

/* room_put() - make a packet of the copy, with @off bytes in front; 0 or an error */
static __always_inline long room_put(struct __sk_buff *skb, __u32 off, struct room *room)
{
	__u32 len = bound(room->len - 1, ROOM_BYTES - 1) + 1;

	return bpf_skb_change_tail(skb, off + len, 0)
		       ?: bpf_skb_store_bytes(skb, off, room->bytes, len, BPF_F_RECOMPUTE_CSUM);
}

/*
 * packet_pull() - take @len bytes out of the packet behind its IP header, whose first 20 or 40
 * bytes stay; packet_push() - put as many in. 0 or an error
 *
 * Between the two, its length must not change: before 6.13, and the stable kernels of that time,
 * bpf_skb_change_tail() fails where the TCP or UDP header has been pulled off.
 */
static __always_inline long packet_pull(struct __sk_buff *skb, __u32 len)
{
	return bpf_skb_adjust_room(skb, -(__s32)len, BPF_ADJ_ROOM_NET, 0);
}

static __always_inline long packet_push(struct __sk_buff *skb, __u32 len)
{
	return bpf_skb_adjust_room(skb, len, BPF_ADJ_ROOM_NET, 0);
}

/*
 * room_sum() - partial sum of the first @len bytes in the room
 *
 * Global, as packet_sum(), so that the verifier sees it once.
 */
__noinline int room_sum(__u32 len)
{
	struct room *room = room_get();
	__s64 sum = 0;

	if (!room)
		return 0;
	for (__u32 i = 0; i < ROOM_BYTES / SUM_BYTES; i++) {
		__u32 at = i * SUM_BYTES, piece;

		if (at >= len)
			break;
		piece = len - at < SUM_BYTES ? (len - at + 3) & ~3U : SUM_BYTES;
		piece = bound(piece - 4, SUM_BYTES - 4) + 4;
		sum = bpf_csum_diff(NULL, 0, (__be32 *)(room->bytes + at), piece, sum);
	}
	return sum;
}

/* packet_sum() - sum of @len bytes of the packet from @off, in 16 bits; -1 when they are too many
 */
__noinline int packet_sum(struct __sk_buff *skb, __u32 off, __u32 len)
{
	struct room *room = room_get();

	if (!room || room_take(skb, off, len, room))
		return -1;
	return csum_fold(room_sum(len));
}

/* check_header() - the checksum of what has it inside, an IPv4 header or ICMP; 0, or the reason */
static __always_inline enum reason check_header(struct __sk_buff *skb, __u32 l3_off, __u32 len)
{
	return packet_sum(skb, l3_off, len) == 0xffff ? 0 : REASON_BAD_CHECKSUM;
}

#endif
