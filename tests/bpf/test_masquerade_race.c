// SPDX-License-Identifier: GPL-2.0-only
// Two CPUs that handle packets of one flow at the same moment.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "masquerade.h"

TestSuite(masquerade_race, .init = fixture_init);

#define RACES 6000
#define CPUS  2

/* One CPU's part; both wait for each other before each packet. */
struct racer {
	struct conversation *conv; /* RACES of them */
	enum direction dir;
	uint8_t tcp;
	int cpu;
	unsigned bad;
	struct race *race;
};

struct race {
	atomic_uint arrived;
	struct racer racers[CPUS];
};

/* Both are here, or nearly so. */
static void meet(struct race *race, unsigned number)
{
	atomic_fetch_add(&race->arrived, 1);
	for (unsigned spins = 1; atomic_load(&race->arrived) < CPUS * (number + 1); spins++)
		if (spins % 4096 == 0)
			sched_yield(); /* the other one has lost its CPU */
}

static void *racer_run(void *argument)
{
	struct racer *racer = argument;
	int fd = bpf_program__fd(fixture_skel()->progs.xdpfwd_xdp);
	struct xdp_md context = { .ingress_ifindex =
					  dev_ifindex(racer->dir == DIR_IN ? DEV_PUB : DEV_HOME) };
	struct packet_buf in, out;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(racer->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		racer->bad = RACES;
	for (unsigned i = 0; i < RACES; i++) {
		struct test_case test = conversation_case(&racer->conv[i], racer->dir, racer->tcp);
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in.data, .data_out = out.data,
			    .data_size_out = sizeof(out.data), .ctx_in = &context,
			    .ctx_size_in = sizeof(context));

		packet_build(&test.packet, &in);
		opts.data_size_in = context.data_end = in.len;
		meet(racer->race, i);
		racer->bad += bpf_prog_test_run_opts(fd, &opts) || opts.retval != XDP_REDIRECT;
	}
	return NULL;
}

/* The same packets, on both CPUs at once; all of them have to be forwarded. */
static void race_run(struct conversation *convs, enum direction dir, uint8_t tcp)
{
	struct conversation *mine[CPUS];
	struct race race = {};
	pthread_t threads[CPUS];
	struct counts counts;

	for (int cpu = 0; cpu < CPUS; cpu++) {
		mine[cpu] = malloc(RACES * sizeof(*convs));
		cr_assert(mine[cpu]);
		memcpy(mine[cpu], convs, RACES * sizeof(*convs));
		race.racers[cpu] = (struct racer){ mine[cpu], dir, tcp, cpu, 0, &race };
	}
	for (int cpu = 0; cpu < CPUS; cpu++)
		cr_assert_eq(pthread_create(&threads[cpu], NULL, racer_run, &race.racers[cpu]), 0);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		pthread_join(threads[cpu], NULL);
		if (race.racers[cpu].bad)
			cr_expect_fail(
				"CPU %d: %u of the packets with flags %02x were not forwarded", cpu,
				race.racers[cpu].bad, tcp);
		free(mine[cpu]);
	}
	fixture_counts(&counts);
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (reason != REASON_FORWARDED && counts.reasons[HOOK_XDP][reason])
			cr_expect_fail("%s: %lu times", reason_name(reason),
				       counts.reasons[HOOK_XDP][reason]);
}

/* Where the flows are that have begun; exactly one for each. */
static void find_flows(struct conversation *convs)
{
	unsigned none = 0;

	for (unsigned i = 0; i < RACES; i++) {
		uint32_t slot = conversation_new(&convs[i]);

		none += !slot;
		convs[i].talk.masquerade = fixture_ruleset()->pools[slot >> 16].addr;
		convs[i].talk.port = slot;
	}
	cr_expect_eq(none, 0, "%u flows are unknown", none);
}

/* Both have what the other end has; the sequence numbers of all are the same. */
static void race_open(struct conversation *convs)
{
	race_run(convs, DIR_OUT, TCP_SYN | TCP_ACK);
	race_run(convs, DIR_IN, TCP_ACK);
}

/* How many flows each source has by the books of the limits. */
static void check_sources(const struct conversation *convs, int flows)
{
	for (unsigned i = 0; i < RACES; i += 500)
		cr_expect_eq(conversation_source_flows(&convs[i]), flows, "source %u has %d flows",
			     i, conversation_source_flows(&convs[i]));
}

/* Each connection is closed and begins again, once. */
static void race_again(struct conversation *convs, int flows)
{
	struct flow_counters counts;
	uint32_t tcp = PROTO_TCP;
	uint64_t confirmed;

	race_run(convs, DIR_IN, TCP_FIN | TCP_ACK);
	race_run(convs, DIR_OUT, TCP_FIN | TCP_ACK);
	cr_expect(flows_check(), "after the last packets");
	race_run(convs, DIR_IN, TCP_SYN);
	cr_expect(flows_check(), "begun again");
	check_sources(convs, 0);
	cr_assert_eq(
		bpf_map_lookup_elem(bpf_map__fd(fixture_skel()->maps.confirmed), &tcp, &confirmed),
		0);
	cr_expect_eq(confirmed, 0, "%lu confirmed", confirmed);
	race_open(convs);
	cr_expect(flows_check(), "open again");
	check_sources(convs, flows);
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[PROTO_TCP] - counts.ended[PROTO_TCP], RACES);
	cr_expect_eq(counts.confirmed[PROTO_TCP], 2 * RACES);
}

/* @first_port: of the clients; low ones cannot be kept, so that each CPU draws its own port. */
static void race(enum ip_family family, enum proto proto, uint16_t first_port)
{
	struct conversation *convs = calloc(RACES, sizeof(*convs));
	struct flow_counters counts;

	cr_assert(convs);
	fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
	for (unsigned i = 0; i < RACES; i++) {
		conversation_init(&convs[i], &ways[0], true, family, proto);
		convs[i].talk.client_port = first_port + i % 500;
		convs[i].talk.client.w[3] = htonl(ntohl(convs[i].talk.client.w[3]) + i / 500);
	}
	race_run(convs, DIR_IN, TCP_SYN);
	cr_expect(flows_check(), "after the first packets");
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.created[proto] - counts.ended[proto], RACES);
	find_flows(convs);
	race_open(convs);
	cr_expect(flows_check(), "after the answers");
	fixture_flow_counts(&counts);
	cr_expect_eq(counts.confirmed[proto], RACES, "%llu confirmed", counts.confirmed[proto]);
	check_sources(convs, family == FAMILY_V4 ? 500 : RACES);
	if (proto == PROTO_TCP)
		race_again(convs, family == FAMILY_V4 ? 500 : RACES);
	free(convs);
}

#define RACE(name, family, proto, port)                                                            \
	Test(masquerade_race, name)                                                                \
	{                                                                                          \
		if (sysconf(_SC_NPROCESSORS_ONLN) < CPUS)                                          \
			cr_skip_test("needs two CPUs");                                            \
		race(family, proto, port);                                                         \
	}

RACE(tcp_port_kept, FAMILY_V4, PROTO_TCP, 20000)
RACE(tcp_port_drawn, FAMILY_V6, PROTO_TCP, 100)
RACE(udp_port_kept, FAMILY_V6, PROTO_UDP, 20000)
RACE(udp_port_drawn, FAMILY_V4, PROTO_UDP, 100)
