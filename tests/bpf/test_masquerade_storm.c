// SPDX-License-Identifier: GPL-2.0-only
// Two CPUs with packets, two sweeps and somebody who ends flows, all at once: the books still fit.
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "masquerade.h"

TestSuite(masquerade_storm, .init = fixture_init);

#define CPUS	   2
#define CLIENTS	   12
#define FIRST_PORT 20000
#define PORTS	   16
#define PACKETS	   150000 /* of each CPU */
#define ROUNDS	   3

static const uint8_t kinds[] = { TCP_SYN, TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_SYN | TCP_ACK };

#define KINDS sizeof(kinds)

/* struct storm - packets made beforehand, of clients and of the backend to each port */
struct storm {
	struct packet_buf in[CLIENTS][KINDS], out[PORTS][KINDS];
	unsigned pool, seed, forwarded[CPUS];
	enum proto proto;
	atomic_bool over;
};

/* One thread of a storm. */
struct wind {
	struct storm *storm;
	unsigned number;
	pthread_t thread;
};

static void *blow_packets(void *argument)
{
	const struct wind *wind = argument;
	struct storm *storm = wind->storm;
	unsigned seed = storm->seed + wind->number, forwarded = 0;
	int fd = bpf_program__fd(fixture_skel()->progs.xdpfwd_xdp);
	struct packet_buf got;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(wind->number, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return NULL;
	for (unsigned i = 0; i < PACKETS; i++) {
		bool in = rand_r(&seed) % 8 < 5;
		struct packet_buf *packet =
			in ? &storm->in[rand_r(&seed) % CLIENTS][rand_r(&seed) % KINDS]
			   : &storm->out[rand_r(&seed) % PORTS][rand_r(&seed) % KINDS];
		struct xdp_md context = { .ingress_ifindex = dev_ifindex(in ? DEV_PUB : DEV_HOME),
					  .data_end = packet->len };
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->data,
			    .data_size_in = packet->len, .data_out = got.data,
			    .data_size_out = sizeof(got.data), .ctx_in = &context,
			    .ctx_size_in = sizeof(context));

		forwarded += !bpf_prog_test_run_opts(fd, &opts) && opts.retval == XDP_REDIRECT;
	}
	storm->forwarded[wind->number] = forwarded;
	return NULL;
}

/* What time does, all too fast, and what `flows flush` does. */
static void meddle(struct flow *flow, unsigned *seed)
{
	uint64_t *word = (void *)&flow->client_port,
		 before = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	union {
		uint64_t word;
		struct {
			__be16 client_port, public_port;
			__u16 rule;
			__u8 state, pad;
		};
	} ended = { .word = before };

	if (rand_r(seed) % 4) {
		uint32_t ticks = ticks_of((const int[]){ 130, 310, 7500 }[rand_r(seed) % 3]);

		flow->half[DIR_IN].seen_at -= ticks;
		flow->half[DIR_OUT].seen_at -= ticks;
	} else if (ended.state == FLOW_LIVE) {
		ended.state = FLOW_ENDED;
		__atomic_compare_exchange_n(word, &before, ended.word, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
	}
}

static void *blow_sweep(void *argument)
{
	const struct wind *wind = argument;
	struct storm *storm = wind->storm;
	unsigned seed = storm->seed + wind->number;

	while (!atomic_load(&storm->over)) {
		unsigned port = FIRST_PORT + rand_r(&seed) % PORTS;

		if (wind->number == CPUS)
			meddle(&fixture_flows(storm->pool)[port], &seed);
		sweep_port(storm->pool, storm->proto, port);
	}
	return NULL;
}

static void storm_make(struct storm *storm, enum ip_family family, enum proto proto)
{
	struct conversation conv, other;
	struct test_case test;

	fixture_masquerade(WORLD_PUB, UINT64_MAX, 1600);
	ports_allow(FIRST_PORT, FIRST_PORT + PORTS - 1);
	conversation_init(&conv, &ways[0], true, family, proto);
	conv.talk.masquerade = peer_addr(WORLD_PUB, PEER_HOST_IN, family);
	storm->pool = fixture_pool(&conv.talk.masquerade, proto);
	storm->proto = proto;
	for (unsigned i = 0; i < KINDS; i++) {
		for (unsigned client = 0; client < CLIENTS; client++) {
			other = conversation_other(&conv, client);
			other.talk.client_port = client % 3 ? FIRST_PORT + client : 100 + client;
			test = conversation_case(&other, DIR_IN, kinds[i]);
			packet_build(&test.packet, &storm->in[client][i]);
		}
		for (unsigned port = 0; port < PORTS; port++) {
			conv.talk.port = FIRST_PORT + port;
			test = conversation_case(&conv, DIR_OUT, kinds[i]);
			packet_build(&test.packet, &storm->out[port][i]);
		}
	}
}

static void storm_blow(struct storm *storm)
{
	struct wind winds[CPUS + 2];

	atomic_store(&storm->over, false);
	for (unsigned i = 0; i < CPUS + 2; i++) {
		winds[i] = (struct wind){ storm, i, 0 };
		cr_assert_eq(pthread_create(&winds[i].thread, NULL,
					    i < CPUS ? blow_packets : blow_sweep, &winds[i]),
			     0);
	}
	for (unsigned i = 0; i < CPUS + 2; i++) {
		if (i == CPUS)
			atomic_store(&storm->over, true);
		pthread_join(winds[i].thread, NULL);
	}
	storm->seed += CPUS + 2;
}

static void storm(enum ip_family family, enum proto proto)
{
	struct storm *storm = calloc(1, sizeof(*storm));
	const char *given = getenv("SEED");
	unsigned seed = given ? atoi(given) : time(NULL);

	cr_assert(storm);
	storm->seed = seed;
	storm_make(storm, family, proto);
	for (int round = 0; round < ROUNDS; round++) {
		struct flow_counters counts;

		storm_blow(storm);
		fixture_flow_counts(&counts);
		cr_expect(flows_check(), "SEED=%u, round %d, %llu created, %llu confirmed", seed,
			  round, counts.created[proto], counts.confirmed[proto]);
		/* It was a storm. */
		for (int cpu = 0; cpu < CPUS; cpu++)
			cr_expect_gt(storm->forwarded[cpu], PACKETS / 20, "%u forwarded",
				     storm->forwarded[cpu]);
		cr_expect_gt(counts.confirmed[proto], 100);
	}
	/* Nobody is left when all has been swept. */
	for (unsigned port = FIRST_PORT; port < FIRST_PORT + PORTS; port++)
		if (fixture_flows(storm->pool)[port].state == FLOW_LIVE)
			fixture_flows(storm->pool)[port].state = FLOW_ENDED;
	cr_expect_eq(sweep(storm->pool, proto).live, 0);
	cr_expect(flows_check(), "SEED=%u, in the end", seed);
	free(storm);
}

#define STORM(name, family, proto)                                                                 \
	Test(masquerade_storm, name)                                                               \
	{                                                                                          \
		if (sysconf(_SC_NPROCESSORS_ONLN) < CPUS)                                          \
			cr_skip_test("needs two CPUs");                                            \
		storm(family, proto);                                                              \
	}

STORM(tcp, FAMILY_V4, PROTO_TCP)
STORM(udp, FAMILY_V6, PROTO_UDP)
