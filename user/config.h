/* SPDX-License-Identifier: GPL-2.0-only */
/* ports.toml as a struct: what the user wants, with the place of everything in the file. */
#ifndef XDPFWD_CONFIG_H
#define XDPFWD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xdpfwd/abi.h>
#include "diag.h"
#include "ipaddr.h"
#include "portset.h"

enum source_mode { SOURCE_MASQUERADE, SOURCE_PRESERVE };

/* proto_name() - "tcp" or "udp" */
const char *proto_name(enum proto proto);

/**
 * struct config_backend - one [backend.NAME]
 * @name:     NAME
 * @place:    where the table starts
 * @has:      by family: a literal address was given
 * @address:  by family: that literal
 * @hostname: DNS name to resolve, or NULL; never together with literals
 * @device:   egress device, or NULL for the kernel's route
 * @masquerade: addresses of this host that it sees clients behind; none of a family means the one
 *              that the kernel would use
 */
struct config_backend {
	char *name;
	struct diag_place place;
	bool has[FAMILY_COUNT];
	struct ip_addr address[FAMILY_COUNT];
	char *hostname;
	char *device;
	struct ip_addr *masquerade;
	size_t masquerade_count;
	struct diag_place address_place, device_place, masquerade_place;
};

/* Idle times in seconds after which a tracked flow ends; defaults are filled in. */
struct config_timeouts {
	uint32_t udp_s, tcp_established_s, tcp_transitory_s, icmp_s;
};

/**
 * struct config_forward - one [[forward]], presets already expanded
 * @name:      unique; the label in metrics and messages
 * @place:     where the table starts
 * @ports:     by protocol: the public ports, @exclude already taken out
 * @named:     by protocol: the subset of @ports written as single ports rather than in a range
 * @excluded:  ports of the ranges that stay with the host
 * @shift:     backend port minus public port (from to_port), 0 when absent
 * @backend:   index into config.backends
 * @addresses: public addresses; none means the default of the source mode
 * @source:    preserve or masquerade
 * @source_given: false when @source is the default
 * @allow, @deny: source prefixes
 * @timeouts:  how long idle flows are remembered
 * @mid_stream: masquerade: a TCP connection may be taken up in the middle
 * @mss_clamp:  TCP connections are told what the devices can carry
 * @preset:    name of the preset it came from, or NULL
 *
 * The place of a key that is absent is the place of its table.
 */
struct config_forward {
	char *name;
	struct diag_place place;
	struct port_set ports[PROTO_COUNT];
	struct port_set named[PROTO_COUNT];
	struct port_set excluded;
	int shift;
	size_t backend;
	struct ip_addr *addresses;
	size_t address_count;
	enum source_mode source;
	bool source_given;
	struct ip_prefix *allow, *deny;
	size_t allow_count, deny_count;
	struct config_timeouts timeouts;
	bool mid_stream, mss_clamp;
	char *preset;
	struct diag_place ports_place, source_place, allow_place, deny_place, timeout_place,
		mid_stream_place, address_place, to_port_place, backend_place;
};

/**
 * struct config_limits - what new masqueraded flows have to keep to; defaults are filled in
 * @flows_per_source:     that one source may have at once, 0 for any number
 * @new_flows_per_second: that one source may begin, 0 for any number
 * @source_prefix_v6:     leading bits by which IPv6 sources are told apart
 * @masquerade_ports:     what source ports are taken from
 * @reject:               who is refused is told, rather than left waiting
 */
struct config_limits {
	uint32_t flows_per_source, new_flows_per_second, source_prefix_v6;
	struct port_range masquerade_ports;
	bool reject;
	struct diag_place masquerade_ports_place;
};

/**
 * struct config_metrics - [metrics]; what is absent is NULL
 * @listen: "127.0.0.1:9743", or NULL without an HTTP listener
 * @tls_certificate, @tls_key: absolute paths of PEM files, both or none
 * @username, @password_hash:  for basic authentication, both or none; the hash is crypt(3)'s
 */
struct config_metrics {
	char *listen, *tls_certificate, *tls_key, *username, *password_hash;
	struct diag_place listen_place;
};

/**
 * struct config - the whole of ports.toml
 * @text:           the whole of it as it was parsed
 * @flows_max:      [limits] flows, 131072 when absent
 * @limits:         the other keys of [limits]
 */
struct config {
	char *text;
	struct config_metrics metrics;
	uint32_t flows_max;
	struct config_limits limits;
	struct config_backend *backends;
	size_t backend_count;
	struct config_forward *forwards;
	size_t forward_count;
};

/**
 * config_parse() - text to struct, reporting every error of the file
 * @text:  the file's content
 * @len:   its length in bytes
 * @diags: out: errors and warnings, appended
 *
 * Pure: reads nothing but its arguments. Finds unknown keys (naming the nearest known one), ports
 * out of 1-65535, reversed ranges, overlapping forwards, unknown backends, duplicate names and
 * preserve rules whose way back would be ambiguous.
 *
 * Return: the config, to be freed with config_free(), or NULL when @diags holds an error.
 */
struct config *config_parse(const char *text, size_t len, struct diag_list *diags);

/**
 * config_load() - read and parse a file
 * @path:  the file; also the prefix of messages
 * @diags: as for config_parse()
 *
 * A file that cannot be read is a DIAG_CONFIG_ERROR with the cause.
 *
 * Return: as config_parse().
 */
struct config *config_load(const char *path, struct diag_list *diags);

/* config_free() - free a config; NULL is allowed */
void config_free(struct config *config);

#endif
