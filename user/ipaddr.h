/* SPDX-License-Identifier: GPL-2.0-only */
/* Text forms of addresses and endpoints, for humans, JSON and the config. */
#ifndef XDPFWD_IPADDR_H
#define XDPFWD_IPADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <xdpfwd/abi.h>

/* Longest text form of an address, and of "[address]:port", with the final NUL. */
#define IP_ADDR_STRLEN	   INET6_ADDRSTRLEN
#define IP_ENDPOINT_STRLEN (INET6_ADDRSTRLEN + sizeof("[]:65535"))

/**
 * ip_addr_family() - the family of an address, as an index
 * @addr: the address
 */
enum ip_family ip_addr_family(const struct ip_addr *addr);

/**
 * ip_addr_parse() - read an IPv4 or IPv6 literal
 * @text: the literal, without brackets or prefix length
 * @addr: out: the address
 *
 * Return: 0, or -EINVAL when @text is not a literal of either family.
 */
int ip_addr_parse(const char *text, struct ip_addr *addr);

/**
 * ip_addr_format() - write an address as text
 * @addr: the address
 * @buf:  at least IP_ADDR_STRLEN bytes
 *
 * Return: @buf.
 */
const char *ip_addr_format(const struct ip_addr *addr, char buf[IP_ADDR_STRLEN]);

/**
 * ip_endpoint_format() - write "192.0.2.1:80" or "[2001:db8::1]:80"
 * @addr: the address
 * @port: the port, host order
 * @buf:  at least IP_ENDPOINT_STRLEN bytes
 *
 * Return: @buf.
 */
const char *ip_endpoint_format(const struct ip_addr *addr, uint16_t port,
			       char buf[IP_ENDPOINT_STRLEN]);

/**
 * ip_endpoint_parse() - read "192.0.2.1:80" or "[2001:db8::1]:80"
 *
 * Return: 0, or -EINVAL.
 */
int ip_endpoint_parse(const char *text, struct ip_addr *addr, uint16_t *port);

/**
 * struct ip_prefix - an address and how many of its leading bits count
 * @addr: the address; bits past the length are zero
 * @len:  0-32 for IPv4, 0-128 for IPv6
 */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len;
};

/**
 * ip_prefix_parse() - read "192.0.2.0/24", "2001:db8::/32" or a single address
 *
 * Return: 0, -EINVAL when it is not a prefix, -ERANGE when host bits are set; @prefix is then the
 * network that was meant.
 */
int ip_prefix_parse(const char *text, struct ip_prefix *prefix);

/* ip_prefix_contains() - true when @addr lies in @prefix (same family) */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);

#endif
