// SPDX-License-Identifier: GPL-2.0-only
// What one packet costs in a loaded program, by BPF_PROG_TEST_RUN against an empty program.
//
//   cost PIN       PIN: a pinned map that the programs use
//
// Run in the namespace where they are attached. Each line read is one packet, and is answered by
// one line of JSON: the action, and ns and instructions over those of the empty program, by round.
//
//   PROGRAM DEVICE tcp|udp|arp SRC SPORT DST DPORT TTL ROUNDS CLIENTS
//
// PROGRAM is one of xdpfwd's, or redirect_xdp or rewrite_xdp, to which xdpfwd's can be compared.
// CLIENTS is 0 for the same packet as often as fits into a batch, or how many packets a round has,
// each from a client that has not been seen before.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ipaddr.h"
#include "../lib/packet.h"
#include "tests/perf/cost.skel.h"

#define BATCH_NS      10000000
#define PROBE	      100000 /* runs to find out how many fit into a batch */
#define PAYLOAD	      66     /* so that every packet is longer than the longest headers */
#define GROWING_RUNS  4	     /* what fits into the room a test run leaves in front */
#define GROWING_BATCH 20000
#define ROUNDS_MAX    64
#define ETHER_ARP     0x0806
#define SLOT_EMPTY    0
#define SLOT_MEASURE  1

struct packet {
	char program[16], device[16], proto[8];
	struct packet_spec spec;
	unsigned int rounds, clients, ifindex;
	bool is_tc, grows;
};

/* One batch: per run, nanoseconds and instructions (0 where they cannot be counted). */
struct batch {
	double ns, instructions;
	int action;
	bool grows;
};

static struct cost_bpf *skel;
static int instructions = -1;

static void die(const char *what)
{
	fprintf(stderr, "cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t pinned_map_id(const char *path)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		die(path);
	close(fd);
	return info.id;
}

static bool uses_map(int fd, const char *name, uint32_t map)
{
	uint32_t ids[64], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .map_ids = (uintptr_t)ids, .nr_map_ids = 64 };

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || strcmp(info.name, name))
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < 64; i++)
		if (ids[i] == map)
			return true;
	return false;
}

/* The newest loaded program of a name that uses a map: a reload may have replaced it. */
static int program_find(const char *name, uint32_t map)
{
	int found = -1;

	for (uint32_t id = 0; !bpf_prog_get_next_id(id, &id);) {
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && uses_map(fd, name, map)) {
			close(found);
			found = fd;
		} else if (fd >= 0) {
			close(fd);
		}
	}
	if (found < 0)
		die(name);
	return found;
}

static void slots_fill(const char *program, bool is_tc, uint32_t map)
{
	int programs = bpf_map__fd(is_tc ? skel->maps.tc_programs : skel->maps.xdp_programs);
	int empty = bpf_program__fd(is_tc ? skel->progs.empty_tc : skel->progs.empty_xdp);
	struct bpf_program *own = bpf_object__find_program_by_name(skel->obj, program);
	int measured = own ? dup(bpf_program__fd(own)) : program_find(program, map);
	uint32_t key = SLOT_EMPTY;

	if (bpf_map_update_elem(programs, &key, &empty, 0))
		die("empty program");
	key = SLOT_MEASURE;
	if (bpf_map_update_elem(programs, &key, &measured, 0))
		die(program);
	close(measured);
}

static void instructions_open(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_HW_INSTRUCTIONS,
					.exclude_user = 1 };

	instructions = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t instructions_read(void)
{
	uint64_t count = 0;

	if (instructions >= 0 && read(instructions, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* @repeat runs in one call */
static struct batch call(const struct packet *packet, struct packet_buf *buf, uint32_t slot,
			 int repeat)
{
	struct xdp_md xdp = { .data_end = buf->len, .ingress_ifindex = packet->ifindex };
	struct __sk_buff skb = { .ifindex = packet->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = buf->data, .data_size_in = buf->len,
		    .ctx_in = packet->is_tc ? (void *)&skb : (void *)&xdp,
		    .ctx_size_in = packet->is_tc ? sizeof(skb) : sizeof(xdp), .repeat = repeat);
	int program = bpf_program__fd(packet->is_tc ? skel->progs.again_tc : skel->progs.again_xdp);

	skel->bss->slot = slot;
	skel->bss->runs_left = repeat;
	skel->bss->first_ns = 0;
	if (bpf_prog_test_run_opts(program, &opts))
		die("test run");
	return (struct batch){ .ns = repeat > GROWING_RUNS
					     ? (double)(skel->bss->last_ns - skel->bss->first_ns) /
						       (repeat - 1)
					     : opts.duration,
			       .action = opts.retval,
			       .grows = opts.data_size_out > buf->len };
}

/*
 * @repeat runs, in as few calls as can be. A program that puts a header in front of the packet does
 * so in every run, so that only some fit into the buffer.
 */
static struct batch run(const struct packet *packet, struct packet_buf *buf, uint32_t slot,
			int repeat)
{
	int each = packet->grows ? GROWING_RUNS : repeat;
	uint64_t counted = instructions_read();
	struct batch sum = {};

	for (int i = 0; i < repeat / each; i++) {
		struct batch one = call(packet, buf, slot, each);

		sum.ns += one.ns;
		sum.action = one.action;
	}
	sum.ns = sum.ns * each / repeat;
	sum.instructions = (double)(instructions_read() - counted) / repeat;
	return sum;
}

/* Let each packet, which starts with an Ethernet header, come from another client. */
static void vary(const struct packet *packet)
{
	size_t l3_len = ip_addr_is_v4(&packet->spec.src) ? 20 : 40;

	skel->bss->vary_addr = packet->clients ? 14 + (l3_len == 20 ? 12 + 2 : 8 + 14) : 0;
	skel->bss->vary_port = 14 + l3_len;
}

static void measure(struct packet *packet)
{
	struct batch empty[ROUNDS_MAX], full[ROUNDS_MAX];
	int empty_repeat = GROWING_BATCH, full_repeat = GROWING_BATCH;
	struct packet_buf buf;

	packet_build(&packet->spec, &buf);
	memcpy(skel->bss->template, buf.data, sizeof(skel->bss->template));
	vary(packet);
	packet->grows = call(packet, &buf, SLOT_MEASURE, 1).grows;
	if (packet->clients) {
		empty_repeat = full_repeat = packet->clients;
	} else if (!packet->grows) {
		empty_repeat = BATCH_NS / run(packet, &buf, SLOT_EMPTY, PROBE).ns;
		full_repeat = BATCH_NS / run(packet, &buf, SLOT_MEASURE, PROBE).ns;
	}
	for (unsigned int i = 0; i < packet->rounds; i++) {
		empty[i] = run(packet, &buf, SLOT_EMPTY, empty_repeat);
		full[i] = run(packet, &buf, SLOT_MEASURE, full_repeat);
	}
	printf("{\"action\": %d, \"ns\": [", full[0].action);
	for (unsigned int i = 0; i < packet->rounds; i++)
		printf("%s%.2f", i ? ", " : "", full[i].ns - empty[i].ns);
	printf("], \"instructions\": [");
	for (unsigned int i = 0; instructions >= 0 && i < packet->rounds; i++)
		printf("%s%.1f", i ? ", " : "", full[i].instructions - empty[i].instructions);
	printf("]}\n");
	fflush(stdout);
}

static bool mac_read(const char *name, uint8_t mac[6])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};
	bool good;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	good = !ioctl(fd, SIOCGIFHWADDR, &request);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
	return good;
}

static bool parse(const char *line, struct packet *packet)
{
	struct packet_spec *spec = &packet->spec;
	char src[64], dst[64];
	unsigned int ttl;

	if (sscanf(line, "%15s %15s %7s %63s %hu %63s %hu %u %u %u", packet->program,
		   packet->device, packet->proto, src, &spec->sport, dst, &spec->dport, &ttl,
		   &packet->rounds, &packet->clients) != 10)
		return false;
	packet->ifindex = if_nametoindex(packet->device);
	packet->is_tc = !strstr(packet->program, "_xdp");
	spec->ttl = ttl;
	spec->payload = PAYLOAD;
	spec->proto = strcmp(packet->proto, "tcp") ? IPPROTO_UDP : IPPROTO_TCP;
	spec->ethertype = strcmp(packet->proto, "arp") ? 0 : ETHER_ARP;
	spec->frame = strstr(packet->program, "_l3") ? PACKET_BARE : PACKET_ETHERNET;
	return packet->rounds && packet->rounds <= ROUNDS_MAX && !ip_addr_parse(src, &spec->src) &&
	       !ip_addr_parse(dst, &spec->dst) && mac_read(packet->device, spec->dst_mac);
}

int main(int argc, char **argv)
{
	struct sched_param param = { .sched_priority = 1 };
	char line[512];

	if (argc != 2) {
		fprintf(stderr, "usage: cost PIN\n");
		return 2;
	}
	sched_setscheduler(0, SCHED_FIFO, &param); /* without it the figures are only noisier */
	skel = cost_bpf__open_and_load();
	if (!skel)
		die("loading");
	instructions_open();
	while (fgets(line, sizeof(line), stdin)) {
		struct packet packet = {};

		if (!parse(line, &packet)) {
			fprintf(stderr, "cost: not understood: %s", line);
			return 2;
		}
		slots_fill(packet.program, packet.is_tc, pinned_map_id(argv[1]));
		measure(&packet);
	}
	return 0;
}
