// SPDX-License-Identifier: GPL-2.0-only
// Addresses, endpoints and prefixes from and to text, by way of inet_pton() and inet_ntop().
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ipaddr.h"

enum ip_family ip_addr_family(const struct ip_addr *addr)
{
	return ip_addr_is_v4(addr) ? FAMILY_V4 : FAMILY_V6;
}

int ip_addr_parse(const char *text, struct ip_addr *addr)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*addr = ip_addr_from_v4(v4.s_addr);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		memcpy(addr, &v6, sizeof(*addr));
		return 0;
	}
	return -EINVAL;
}

const char *ip_addr_format(const struct ip_addr *addr, char buf[IP_ADDR_STRLEN])
{
	if (ip_addr_is_v4(addr))
		inet_ntop(AF_INET, &addr->w[3], buf, IP_ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, addr, buf, IP_ADDR_STRLEN);
	return buf;
}

const char *ip_endpoint_format(const struct ip_addr *addr, uint16_t port,
			       char buf[IP_ENDPOINT_STRLEN])
{
	char text[IP_ADDR_STRLEN];

	ip_addr_format(addr, text);
	snprintf(buf, IP_ENDPOINT_STRLEN, ip_addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", text, port);
	return buf;
}

/* Digits only, no sign, no space: what strtoul() would let through is not an endpoint. */
static int parse_number(const char *text, unsigned max, unsigned *value)
{
	unsigned n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (unsigned)(*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*value = n;
	return 0;
}

int ip_endpoint_parse(const char *text, struct ip_addr *addr, uint16_t *port)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	bool bracketed = *text == '[';
	char host[IP_ADDR_STRLEN];
	struct ip_addr found;
	unsigned number;

	if (!colon)
		return -EINVAL;
	if (bracketed) {
		if (*--end != ']')
			return -EINVAL;
		text++;
	}
	if (end < text || (size_t)(end - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	/* Brackets are for IPv6 and only for it: "2001:db8::1:80" could be either. */
	if (bracketed != !!strchr(host, ':'))
		return -EINVAL;
	if (ip_addr_parse(host, &found) || parse_number(colon + 1, 65535, &number) || !number)
		return -EINVAL;
	*addr = found;
	*port = (uint16_t)number;
	return 0;
}

/* Leading bits that count in the 16-byte form, where IPv4 sits behind 96 fixed ones. */
static unsigned mapped_bits(const struct ip_prefix *prefix)
{
	return prefix->len + (ip_addr_is_v4(&prefix->addr) ? 96 : 0);
}

static struct ip_addr mask_addr(const struct ip_addr *addr, unsigned bits)
{
	struct ip_addr masked = *addr;
	uint8_t *bytes = (uint8_t *)&masked;

	for (unsigned i = 0; i < sizeof(masked); i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * i : 0;

		if (keep < 8)
			bytes[i] &= (uint8_t)(0xff00 >> keep);
	}
	return masked;
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
	const char *slash = strchr(text, '/');
	size_t host_len = slash ? (size_t)(slash - text) : strlen(text);
	char host[IP_ADDR_STRLEN];
	struct ip_prefix found;
	struct ip_addr given;
	unsigned max, len;

	if (host_len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (ip_addr_parse(host, &given))
		return -EINVAL;
	max = strchr(host, ':') ? 128 : 32;
	len = max;
	if (slash && parse_number(slash + 1, max, &len))
		return -EINVAL;
	/* "::ffff:192.0.2.0/120" would mean IPv4 with a length that IPv4 does not have. */
	if (max == 128 && ip_addr_is_v4(&given))
		return -EINVAL;
	found = (struct ip_prefix){ given, (uint8_t)len };
	found.addr = mask_addr(&given, mapped_bits(&found));
	*prefix = found;
	return ip_addr_equal(&found.addr, &given) ? 0 : -ERANGE;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	struct ip_addr masked = mask_addr(addr, mapped_bits(prefix));

	return ip_addr_is_v4(addr) == ip_addr_is_v4(&prefix->addr) &&
	       ip_addr_equal(&masked, &prefix->addr);
}
