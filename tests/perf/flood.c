// SPDX-License-Identifier: GPL-2.0-only
// Floods a forwarder from one side and counts what comes out of the other.
//
//   flood EDGE_NETNS PUBLIC_DEV BACKEND_DEV CLIENT_DEV HOME_DEV [bare]
//
// Run in the namespace that holds the far ends of the edge's two cables, CLIENT_DEV and HOME_DEV.
// With "bare" the edge is given a program that only redirects. Everything is detached on exit. Each
// line read is answered by one line of JSON. It is a flood:
//
//   in|out SIZE FIRST FLOWS PACKETS CPU SRC DST EXPECT WINDOW
//
// of flows FIRST to FIRST + FLOWS - 1. EXPECT is the address that the packet has to show when it
// arrives: its destination for "in" (client to home), its source for "out". CPU is the core to
// generate on. WINDOW is how many packets may be under way at once, 0 for any number. For "in" the
// last two bytes of SRC vary by flow. For "out" those of DST and the ports come from a table, which
// is filled before, for flows that keep their ports, or from the records of xdpfwd:
//
//   replies FIRST FLOWS DST VARY        VARY: 1 when DST is the client's address, which varies
//   flows 4|6 FIRST FLOWS BPFFS IFACE   the answer says how many are known, and confirmed
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdpfwd/abi.h>
#include "replies.h"
#include "tests/perf/flood.skel.h"

#define BATCH 64 /* packets handed over at a time: what a NAPI poll takes */

/* One end of a cable. */
struct port {
	unsigned int ifindex;
	uint8_t mac[ETH_ALEN];
};

/* The edge's own devices and the far ends of their cables, by the direction they take in. */
static struct port edge[DIR_COUNT], far[DIR_COUNT];

struct flood {
	enum direction dir;
	unsigned int size, first, flows, packets, cpu, window;
	int family;
	uint8_t src[16], dst[16], expect[16];
};

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct port port_read(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct port device = { .ifindex = if_nametoindex(name) };
	struct ifreq request = {};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (!device.ifindex || ioctl(fd, SIOCGIFHWADDR, &request))
		die(name);
	memcpy(device.mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
	return device;
}

static void attach(struct bpf_program *program, const struct port *device)
{
	struct bpf_link *link = bpf_program__attach_xdp(program, device->ifindex);

	if (!link)
		die(bpf_program__name(program)); /* held open until this process ends */
}

/* Runs in the edge's namespace; the other two devices are known. */
static void bare_set_up(struct flood_bpf *skel)
{
	struct flood_bpf__data_bare *bare = skel->data_bare;

	for (int dir = 0; dir < DIR_COUNT; dir++) {
		const struct port *egress = &edge[!dir];

		bare->bare[dir].ifindex = egress->ifindex;
		memcpy(bare->bare[dir].mac, far[!dir].mac, ETH_ALEN);
		memcpy((uint8_t *)bare->bare[dir].mac + ETH_ALEN, egress->mac, ETH_ALEN);
		attach(dir == DIR_IN ? skel->progs.bare_in : skel->progs.bare_out, &edge[dir]);
	}
}

static uint32_t sum16(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint16_t word;

	for (size_t i = 0; i + 1 < len; i += 2) {
		memcpy(&word, bytes + i, 2);
		sum += word;
	}
	return (sum & 0xffff) + (sum >> 16);
}

/*
 * Fill @frame with everything that is the same in all packets of a flood, and the sums over it;
 * what varies is zero. The payload is zero, too.
 */
static void template_make(const struct flood *flood, struct flood_bpf__data_gen *data,
			  uint8_t *frame)
{
	size_t addr_len = flood->family == AF_INET ? 4 : 16;
	size_t l3_len = flood->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct ethhdr *eth = (void *)frame;
	struct iphdr *ip4 = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct udphdr *udp = (void *)((uint8_t *)(eth + 1) + l3_len);

	memcpy(eth->h_dest, edge[flood->dir].mac, ETH_ALEN);
	memcpy(eth->h_source, far[flood->dir].mac, ETH_ALEN);
	udp->len = htons(flood->size - sizeof(*eth) - l3_len);
	data->gen.l4_sum = sum16(udp->len + udp->len + htons(IPPROTO_UDP), flood->src, addr_len);
	data->gen.l4_sum = sum16(data->gen.l4_sum, flood->dst, addr_len);
	if (flood->family == AF_INET) {
		eth->h_proto = htons(ETH_P_IP);
		*ip4 = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
		ip4->tot_len = htons(flood->size - sizeof(*eth));
		memcpy(&ip4->saddr, flood->src, 4);
		memcpy(&ip4->daddr, flood->dst, 4);
		data->gen.ip_sum = sum16(0, ip4, sizeof(*ip4));
		ip4->check = ~sum16(data->gen.ip_sum, NULL, 0);
	} else {
		eth->h_proto = htons(ETH_P_IPV6);
		*ip6 = (struct ipv6hdr){ .version = 6, .hop_limit = 64, .nexthdr = IPPROTO_UDP };
		ip6->payload_len = udp->len;
		memcpy(&ip6->saddr, flood->src, 16);
		memcpy(&ip6->daddr, flood->dst, 16);
	}
	memcpy(data->gen.template, frame, sizeof(data->gen.template));
}

static void sink_reset(const struct flood *flood, struct flood_bpf__data_sink *sink)
{
	size_t addr_len = flood->family == AF_INET ? 4 : 16;
	size_t src_off = ETH_HLEN + (flood->family == AF_INET ? 12 : 8);

	memset(&sink->sink_state, 0, sizeof(sink->sink_state));
	/* The last word of the address is enough to tell. */
	sink->sink_state.offset = src_off + addr_len - 4 + (flood->dir == DIR_IN ? addr_len : 0);
	memcpy(&sink->sink_state.word, flood->expect + addr_len - 4, 4);
}

/* Ahead of everything else on this core, so that what else runs here does not count. */
static void pin(unsigned int cpu)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("core to generate on");
	sched_setscheduler(0, SCHED_FIFO, &param); /* without it the figures are only noisier */
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static struct bpf_program *generator(struct flood_bpf *skel, const struct flood *flood)
{
	if (flood->family == AF_INET)
		return flood->dir == DIR_IN ? skel->progs.gen_v4_in : skel->progs.gen_v4_out;
	return flood->dir == DIR_IN ? skel->progs.gen_v6_in : skel->progs.gen_v6_out;
}

static void run(struct flood_bpf *skel, const struct flood *flood)
{
	static uint8_t frame[2048];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = flood->size,
		    .repeat = flood->packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = BATCH);
	struct flood_bpf__data_sink *sink = skel->data_sink;
	struct flood_bpf__data_gen *gen = skel->data_gen;
	double start, elapsed, rate = 0;

	memset(frame, 0, sizeof(frame));
	template_make(flood, gen, frame);
	sink_reset(flood, sink);
	skel->data_progress->progress.received = 0;
	gen->gen.ifindex = far[flood->dir].ifindex;
	gen->gen.sent = gen->gen.lost = 0;
	gen->gen.window = flood->window;
	if (gen->gen.flows != flood->flows || gen->gen.first_flow != flood->first)
		gen->gen.next_flow = 0;
	gen->gen.first_flow = flood->first;
	gen->gen.flows = flood->flows;
	pin(flood->cpu);
	start = seconds();
	if (bpf_prog_test_run_opts(bpf_program__fd(generator(skel, flood)), &opts))
		die("generating");
	elapsed = seconds() - start;
	if (sink->sink_state.last > sink->sink_state.first)
		rate = (sink->sink_state.last - sink->sink_state.first) * 1e9 /
		       (sink->sink_state.last_ns - sink->sink_state.first_ns);
	printf("{\"sent\": %u, \"seconds\": %.6f, \"received\": %llu, \"other\": %llu, "
	       "\"pps\": %.0f}\n",
	       flood->packets, elapsed, (unsigned long long)sink->sink_state.received,
	       (unsigned long long)sink->sink_state.other, rate);
	fflush(stdout);
}

static bool parse(const char *line, struct flood *flood)
{
	char dir[4], src[64], dst[64], expect[64];
	uint8_t *varies;

	if (sscanf(line, "%3s %u %u %u %u %u %63s %63s %63s %u", dir, &flood->size, &flood->first,
		   &flood->flows, &flood->packets, &flood->cpu, src, dst, expect,
		   &flood->window) != 10)
		return false;
	flood->dir = strcmp(dir, "out") ? DIR_IN : DIR_OUT;
	flood->family = strchr(src, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(flood->family, src, flood->src) != 1 ||
	    inet_pton(flood->family, dst, flood->dst) != 1 ||
	    inet_pton(flood->family, expect, flood->expect) != 1)
		return false;
	varies = flood->dir == DIR_IN ? flood->src : flood->dst;
	memset(varies + (flood->family == AF_INET ? 2 : 14), 0, 2);
	return flood->size >= 64 && flood->size <= 1514 && flood->flows &&
	       (uint64_t)flood->first + flood->flows <= FLOWS_MAX;
}

/* Return: false for a line that is not about the table of replies. */
static bool fill(struct flood_bpf *skel, const char *line)
{
	static struct reply *table;
	struct replies replies;
	struct replies_known known;

	if (!replies_parse(line, &replies))
		return false;
	if (!table)
		table = replies_map(bpf_map__fd(skel->maps.replies));
	if (!table)
		die("table of replies");
	known = replies_fill(&replies, table);
	printf("{\"known\": %u, \"confirmed\": %u}\n", known.flows, known.confirmed);
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;
	struct flood_bpf *skel;
	char line[512];

	if (argc < 6) {
		fprintf(stderr, "usage: flood EDGE_NETNS PUBLIC_DEV BACKEND_DEV CLIENT_DEV "
				"HOME_DEV [bare]\n");
		return 2;
	}
	skel = flood_bpf__open_and_load();
	if (!skel)
		die("loading");
	there = open(argv[1], O_RDONLY | O_CLOEXEC);
	far[DIR_IN] = port_read(argv[4]);
	far[DIR_OUT] = port_read(argv[5]);
	if (setns(there, CLONE_NEWNET))
		die(argv[1]);
	edge[DIR_IN] = port_read(argv[2]);
	edge[DIR_OUT] = port_read(argv[3]);
	if (argc > 6)
		bare_set_up(skel);
	if (setns(here, CLONE_NEWNET))
		die("coming back");
	attach(skel->progs.sink, &far[DIR_IN]);
	attach(skel->progs.sink, &far[DIR_OUT]);
	while (fgets(line, sizeof(line), stdin)) {
		struct flood flood = {};

		if (fill(skel, line))
			continue;
		if (!parse(line, &flood)) {
			fprintf(stderr, "flood: not understood: %s", line);
			return 2;
		}
		run(skel, &flood);
	}
	return 0;
}
