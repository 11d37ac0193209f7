// SPDX-License-Identifier: GPL-2.0-only
// Filling the table of replies.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "maps.h"
#include "replies.h"

/* The last two bytes, which are all that varies. */
static __be16 addr_end(const struct ip_addr *addr)
{
	__be16 end;

	memcpy(&end, (const uint8_t *)addr + sizeof(*addr) - sizeof(end), sizeof(end));
	return end;
}

bool replies_parse(const char *line, struct replies *replies)
{
	unsigned int family, varies;
	char dst[64];
	uint8_t addr[16];

	memset(replies, 0, sizeof(*replies));
	if (sscanf(line, "flows %u %u %u %4095s %15s", &family, &replies->first, &replies->flows,
		   replies->bpffs, replies->iface) == 5) {
		replies->is_v6 = family == 6;
	} else if (sscanf(line, "replies %u %u %63s %u", &replies->first, &replies->flows, dst,
			  &varies) == 4) {
		replies->is_v6 = strchr(dst, ':');
		replies->varies = varies;
		if (inet_pton(replies->is_v6 ? AF_INET6 : AF_INET, dst, addr) != 1)
			return false;
		memcpy(&replies->addr, addr + (replies->is_v6 ? 14 : 2), 2);
	} else {
		return false;
	}
	return (uint64_t)replies->first + replies->flows <= FLOWS_MAX;
}

struct reply *replies_map(int map_fd)
{
	void *table = mmap(NULL, 2 * FLOWS_MAX * sizeof(struct reply), PROT_READ | PROT_WRITE,
			   MAP_SHARED, map_fd, 0);

	return table == MAP_FAILED ? NULL : table;
}

static void fill_by_number(const struct replies *replies, struct reply *table)
{
	for (uint32_t flow = replies->first; flow < replies->first + replies->flows; flow++)
		table[reply_index(replies->is_v6, flow)] = (struct reply){
			.addr = replies->varies ? htons(flow) : replies->addr,
			.port = htons(flow_client_port(flow)),
			.public = htons(flow_public_port(flow)),
		};
}

/* The number of the flow that a record is of; FLOWS_MAX for one that is not of a flood. */
static uint32_t flow_number(const struct flow *flow)
{
	uint32_t client = ntohs(flow->client_port), public = ntohs(flow->public_port), number;

	for (number = ntohs(addr_end(&flow->client)); number < FLOWS_MAX; number += 1 << 16)
		if (flow_client_port(number) == client && flow_public_port(number) == public)
			return number;
	return FLOWS_MAX;
}

static void fill_from_pool(const struct replies *replies, const struct ip_addr *addr,
			   const struct flow *flows, struct reply *table,
			   struct replies_known *known)
{
	for (uint32_t port = 0; port < POOL_PORTS; port++) {
		const struct flow *flow = &flows[port];
		uint32_t number;

		if (flow->state != FLOW_LIVE)
			continue;
		number = flow_number(flow);
		if (number - replies->first >= replies->flows)
			continue;
		table[reply_index(replies->is_v6, number)] = (struct reply){
			.addr = addr_end(addr), .port = htons(port), .public = flow->public_port
		};
		known->flows++;
		known->confirmed += !!(flow->flags[DIR_IN] & FLOW_CONFIRMED);
	}
}

static struct replies_known fill_from_records(const struct replies *replies, struct reply *table)
{
	const struct ruleset *rs = maps_ruleset_read(replies->bpffs, replies->iface);
	int pools_fd = maps_pools_open(replies->bpffs, replies->iface);
	size_t size = POOL_PORTS * sizeof(struct flow);
	struct replies_known known = {};

	memset(&table[reply_index(replies->is_v6, replies->first)], 0,
	       replies->flows * sizeof(*table));
	for (uint32_t pool = 1; rs && pools_fd >= 0 && pool < POOLS_MAX; pool++) {
		const struct ip_addr *addr = &rs->pools[pool].addr;
		void *flows;
		int fd;

		if (ip_addr_is_v4(addr) == replies->is_v6 || rs->pools[pool].proto != PROTO_UDP)
			continue;
		fd = maps_pool_get(pools_fd, pool);
		if (fd < 0)
			continue;
		flows = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
		if (flows == MAP_FAILED)
			continue;
		fill_from_pool(replies, addr, flows, table, &known);
		munmap(flows, size);
	}
	if (pools_fd >= 0)
		close(pools_fd);
	maps_ruleset_forget(rs);
	return known;
}

struct replies_known replies_fill(const struct replies *replies, struct reply *table)
{
	if (*replies->bpffs)
		return fill_from_records(replies, table);
	fill_by_number(replies, table);
	return (struct replies_known){ .flows = replies->flows };
}
