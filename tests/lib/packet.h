/* SPDX-License-Identifier: GPL-2.0-only */
/* The one packet builder of the tests: a description in, all bytes and checksums out. */
#ifndef XDPFWD_TESTS_PACKET_H
#define XDPFWD_TESTS_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xdpfwd/addr.h>

#define PACKET_MAX	 12288 /* a super-packet; a test run takes about 3500 */
#define PACKET_TAGS_MAX	 2
#define PACKET_EXT_MAX	 8
#define PACKET_PATCH_MAX 4

/* How a packet starts. */
enum packet_frame {
	PACKET_ETHERNET,
	PACKET_BARE,  /* with the IP header */
	PACKET_BLANK, /* with an Ethernet header of zeros, to be filled in by the kernel */
};

/**
 * struct packet_ext - an IPv6 extension header
 * @type: its protocol number
 * @len:  whole length in bytes, a multiple of 8; the options are padding
 * @frag: of a fragment header: offset and flags as they stand in the header
 */
struct packet_ext {
	uint8_t type;
	uint16_t len;
	uint16_t frag;
};

enum packet_layer { LAYER_NONE, LAYER_L3, LAYER_L4 };

/**
 * struct packet_patch - a field that is to be wrong
 * @layer:  the header
 * @offset: from its start
 * @width:  1 or 2 bytes
 * @value:  host order
 *
 * Patches come before the checksums, which thus are right for a wrong packet.
 */
struct packet_patch {
	enum packet_layer layer;
	uint8_t offset, width;
	uint16_t value;
};

/**
 * struct packet_spec - a packet in words
 * @ethertype: not IP: a frame of this type, with @payload bytes
 * @tags:      VLAN tags, outermost first
 * @src, @dst: addresses, both of the family that makes the packet IPv4 or IPv6
 * @force_v6:  an IPv6 packet even though its addresses are mapped IPv4 ones
 * @options:   IPv4 options, in words of four bytes
 * @frag:      IPv4 fragment field, host order
 * @proto:     IPPROTO_TCP, IPPROTO_UDP, or another, which gets four zero bytes and @payload
 * @payload:   bytes behind the L4 header, a fixed pattern
 * @head:      the first two bytes of the payload, host order
 * @no_checksum: UDP without a checksum
 * @partial:   the sender left the L4 checksum to the hardware: only the pseudo header is in it
 * @tcp_words: options of TCP, in words of four bytes
 * @tcp:       flags and numbers of TCP, unless @is_set is false: then some of a packet in the
 * middle
 * @padding:   bytes behind the IP packet
 */
struct packet_spec {
	enum packet_frame frame;
	uint8_t dst_mac[6], src_mac[6];
	uint16_t ethertype;
	struct {
		uint16_t tpid, tci;
	} tags[PACKET_TAGS_MAX];
	unsigned tag_count;
	struct ip_addr src, dst;
	bool force_v6;
	uint8_t ttl;
	unsigned options;
	uint16_t frag;
	struct packet_ext ext[PACKET_EXT_MAX];
	unsigned ext_count;
	uint8_t proto;
	uint16_t sport, dport;
	size_t payload;
	uint16_t head;
	bool no_checksum, partial;
	unsigned tcp_words;
	struct {
		bool is_set;
		uint8_t flags;
		uint32_t seq, ack;
	} tcp;
	size_t padding;
	struct packet_patch patches[PACKET_PATCH_MAX];
};

/**
 * struct packet_buf - a packet in bytes
 * @l3, @l4: offsets of the IP and of the TCP or UDP header
 * @end:     offset of the end of the IP packet; @len without padding
 */
struct packet_buf {
	uint8_t data[PACKET_MAX];
	size_t len, l3, l4, end;
};

/* packet_build() - the bytes of a packet; aborts when it would not fit into PACKET_MAX */
void packet_build(const struct packet_spec *spec, struct packet_buf *buf);

/* packet_checksum() - the L4 checksum field of a built packet, host order */
uint16_t packet_checksum(const struct packet_spec *spec, const struct packet_buf *buf);

/* packet_sum() - 16-bit words in network order, carries not yet brought round; packet_fold() does
 */
uint32_t packet_sum(const uint8_t *bytes, size_t len);
uint16_t packet_fold(uint32_t total);

/**
 * packet_diff() - where two packets differ
 * @text: out: "byte 24 is 3f, not 40 (L3+10)" and both packets in hexadecimal, or "" when equal
 *
 * Return: true when they differ.
 */
bool packet_diff(const struct packet_buf *expected, const uint8_t *actual, size_t actual_len,
		 char *text, size_t size);

#endif
