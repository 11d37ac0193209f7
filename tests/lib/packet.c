// SPDX-License-Identifier: GPL-2.0-only
// The packet builder. Shares no code with what it tests: bytes one by one, sums from scratch.
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "packet.h"

static void put(struct packet_buf *buf, const void *bytes, size_t len)
{
	if (buf->len + len > sizeof(buf->data))
		abort();
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
}

static void put8(struct packet_buf *buf, uint8_t value)
{
	put(buf, &value, 1);
}

static void put16(struct packet_buf *buf, uint16_t value)
{
	put8(buf, value >> 8);
	put8(buf, value & 0xff);
}

static void put32(struct packet_buf *buf, uint32_t value)
{
	put16(buf, value >> 16);
	put16(buf, value & 0xffff);
}

static void put_zeros(struct packet_buf *buf, size_t len)
{
	while (len--)
		put8(buf, 0);
}

static void set16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

uint32_t packet_sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += i % 2 ? bytes[i] : bytes[i] << 8;
	return total;
}

uint16_t packet_fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

static bool is_v4(const struct packet_spec *spec)
{
	return ip_addr_is_v4(&spec->dst) && !spec->force_v6;
}

/* The pseudo header of RFC 768, RFC 9293 and RFC 8200, 8.1. */
static uint32_t pseudo_sum(const struct packet_spec *spec, size_t len)
{
	size_t skip = is_v4(spec) ? 12 : 0;

	return packet_sum((const uint8_t *)&spec->src + skip, 16 - skip) +
	       packet_sum((const uint8_t *)&spec->dst + skip, 16 - skip) + spec->proto + len;
}

static void put_ethernet(const struct packet_spec *spec, struct packet_buf *buf)
{
	if (spec->frame == PACKET_BARE)
		return;
	if (spec->frame == PACKET_BLANK) {
		put_zeros(buf, ETH_HLEN);
		return;
	}
	put(buf, spec->dst_mac, ETH_ALEN);
	put(buf, spec->src_mac, ETH_ALEN);
	for (unsigned i = 0; i < spec->tag_count; i++) {
		put16(buf, spec->tags[i].tpid);
		put16(buf, spec->tags[i].tci);
	}
	put16(buf, spec->ethertype ? spec->ethertype : is_v4(spec) ? ETH_P_IP : ETH_P_IPV6);
}

static void put_ipv4(const struct packet_spec *spec, struct packet_buf *buf)
{
	put8(buf, 4 << 4 | (5 + spec->options));
	put8(buf, 0);
	put16(buf, 0); /* total length: set_lengths() */
	put16(buf, 0x1234);
	put16(buf, spec->frag);
	put8(buf, spec->ttl);
	put8(buf, spec->proto);
	put16(buf, 0); /* checksum: set_checksums() */
	put(buf, &spec->src.w[3], 4);
	put(buf, &spec->dst.w[3], 4);
	for (unsigned i = 0; i < spec->options * 4; i++)
		put8(buf, 1); /* no operation */
}

static void put_extension(const struct packet_ext *ext, uint8_t next, struct packet_buf *buf)
{
	put8(buf, next);
	if (ext->type == IPPROTO_FRAGMENT) {
		put8(buf, 0);
		put16(buf, ext->frag);
		put16(buf, 0x1234);
		put16(buf, 0x5678);
		return;
	}
	put8(buf, ext->len / 8 - 1);
	for (unsigned left = ext->len - 2; left;) { /* PadN holds up to 257 bytes */
		unsigned chunk = left > 250 ? 250 : left;

		put8(buf, chunk > 1 ? 1 : 0);
		if (chunk > 1) {
			put8(buf, chunk - 2);
			put_zeros(buf, chunk - 2);
		}
		left -= chunk;
	}
}

static void put_ipv6(const struct packet_spec *spec, struct packet_buf *buf)
{
	put16(buf, 6 << 12 | 0x0b8);
	put16(buf, 0xcdef); /* flow label */
	put16(buf, 0);	    /* payload length: set_lengths() */
	put8(buf, spec->ext_count ? spec->ext[0].type : spec->proto);
	put8(buf, spec->ttl);
	put(buf, &spec->src, 16);
	put(buf, &spec->dst, 16);
	for (unsigned i = 0; i < spec->ext_count; i++)
		put_extension(&spec->ext[i],
			      i + 1 < spec->ext_count ? spec->ext[i + 1].type : spec->proto, buf);
}

static void put_l4(const struct packet_spec *spec, struct packet_buf *buf)
{
	if (spec->proto == IPPROTO_TCP || spec->proto == IPPROTO_UDP) {
		put16(buf, spec->sport);
		put16(buf, spec->dport);
	}
	if (spec->proto == IPPROTO_TCP) {
		put32(buf, spec->tcp.is_set ? spec->tcp.seq : 0x01020304);
		put32(buf, spec->tcp.is_set ? spec->tcp.ack : 0x05060708);
		put8(buf, (5 + spec->tcp_words) << 4);
		put8(buf, spec->tcp.is_set ? spec->tcp.flags : 0x18); /* PSH, ACK */
		put16(buf, 0x7210);
		put16(buf, 0); /* checksum */
		put16(buf, 0);
		for (unsigned i = 0; i < spec->tcp_words * 4; i++)
			put8(buf, 1);
	} else {
		put16(buf, 0); /* UDP: length; ICMP: type and code */
		put16(buf, 0); /* checksum */
	}
	for (size_t i = 0; i < spec->payload; i++)
		put8(buf, i == 0 ? spec->head >> 8 : i == 1 ? spec->head & 0xff : i * 7 + 3);
}

static void set_lengths(const struct packet_spec *spec, struct packet_buf *buf)
{
	if (is_v4(spec))
		set16(buf->data + buf->l3 + 2, buf->end - buf->l3);
	else
		set16(buf->data + buf->l3 + 4, buf->end - buf->l3 - 40);
	if (spec->proto == IPPROTO_UDP)
		set16(buf->data + buf->l4 + 4, buf->end - buf->l4);
}

static void set_patches(const struct packet_spec *spec, struct packet_buf *buf)
{
	for (unsigned i = 0; i < PACKET_PATCH_MAX; i++) {
		const struct packet_patch *patch = &spec->patches[i];
		uint8_t *at = buf->data + patch->offset;

		if (patch->layer == LAYER_NONE)
			continue;
		at += patch->layer == LAYER_L3 ? buf->l3 : buf->l4;
		if (patch->width == 2)
			set16(at, patch->value);
		else
			*at = patch->value;
	}
}

/* Where the checksum of the L4 header stands. */
static size_t checksum_offset(const struct packet_spec *spec, const struct packet_buf *buf)
{
	return buf->l4 + (spec->proto == IPPROTO_TCP ? 16 : spec->proto == IPPROTO_UDP ? 6 : 2);
}

static void set_checksums(const struct packet_spec *spec, struct packet_buf *buf)
{
	uint8_t *l3 = buf->data + buf->l3, *l4 = buf->data + buf->l4;
	uint8_t *check = buf->data + checksum_offset(spec, buf);
	size_t len = buf->end - buf->l4;
	bool is_udp = spec->proto == IPPROTO_UDP;
	uint16_t value;

	if (is_v4(spec))
		set16(l3 + 10, ~packet_fold(packet_sum(l3, 20 + spec->options * 4)));
	if (spec->no_checksum)
		return;
	if (is_udp && get16(l4 + 4) < len)
		len = get16(l4 + 4); /* a sum covers what the UDP header claims */
	if (spec->partial) {
		set16(check, packet_fold(pseudo_sum(spec, len)));
		return;
	}
	value = ~packet_fold(pseudo_sum(spec, len) + packet_sum(l4, len));
	set16(check, is_udp && !value ? 0xffff : value);
}

void packet_build(const struct packet_spec *spec, struct packet_buf *buf)
{
	memset(buf, 0, sizeof(*buf));
	put_ethernet(spec, buf);
	buf->l3 = buf->l4 = buf->len;
	if (spec->ethertype) {
		put_zeros(buf, spec->payload);
		buf->end = buf->len;
		return;
	}
	if (is_v4(spec))
		put_ipv4(spec, buf);
	else
		put_ipv6(spec, buf);
	buf->l4 = buf->len;
	put_l4(spec, buf);
	buf->end = buf->len;
	set_lengths(spec, buf);
	set_patches(spec, buf);
	set_checksums(spec, buf);
	for (size_t i = 0; i < spec->padding; i++)
		put8(buf, 0xee);
}

uint16_t packet_checksum(const struct packet_spec *spec, const struct packet_buf *buf)
{
	return get16(buf->data + checksum_offset(spec, buf));
}

static void print_bytes(FILE *out, const char *title, const uint8_t *bytes, size_t len)
{
	fprintf(out, "\n    %s %4zu:", title, len);
	for (size_t i = 0; i < len && i < 128; i++)
		fprintf(out, "%s%02x", i % 4 ? "" : " ", bytes[i]);
	if (len > 128)
		fprintf(out, " ...");
}

bool packet_diff(const struct packet_buf *expected, const uint8_t *actual, size_t actual_len,
		 char *text, size_t size)
{
	size_t at = 0;
	FILE *out;

	text[0] = '\0';
	while (at < expected->len && at < actual_len && expected->data[at] == actual[at])
		at++;
	if (at == expected->len && at == actual_len)
		return false;
	out = fmemopen(text, size, "w");
	if (!out)
		abort();
	if (at < expected->len && at < actual_len)
		fprintf(out, "byte %zu is %02x, not %02x (L3%+zd, L4%+zd)", at, actual[at],
			expected->data[at], at - expected->l3, at - expected->l4);
	else
		fprintf(out, "%zu bytes, not %zu", actual_len, expected->len);
	print_bytes(out, "expected", expected->data, expected->len);
	print_bytes(out, "actual  ", actual, actual_len);
	fclose(out);
	return true;
}
