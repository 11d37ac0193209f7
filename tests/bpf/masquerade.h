/* SPDX-License-Identifier: GPL-2.0-only */
/* Masqueraded conversations: packets of both sides, and what the programs have written down. */
#ifndef XDPFWD_TESTS_MASQUERADE_H
#define XDPFWD_TESTS_MASQUERADE_H

#include "case.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

/* Sequence numbers that each side starts at; the backend's soon wrap. */
#define CLIENT_ISN  0x1000U
#define BACKEND_ISN 0xfffffff0U

/**
 * struct way - between a client and a backend through the host, and back
 * @ingress, @egress: devices of the client's packets; of the backend's the other way round
 * @forward: which forward takes them
 * @client:  who it is
 */
struct way {
	const char *name;
	enum world world;
	enum dev ingress, egress;
	enum forward forward;
	enum peer client;
};

/* All of them: between any two devices, one-armed, hairpins. The first is from "pub" to "home". */
extern const struct way ways[];
extern const size_t way_count;

/**
 * struct conversation - a client and a backend that talk to each other
 * @use_xdp: XDP where there is Ethernet, else TC
 * @talk:    tuples, to be changed at will before the first packet
 * @shape:   packets look like this, apart from addresses and ports
 * @seq:     TCP: sequence numbers of the next packets, by direction
 * @ack:     TCP: acknowledgement numbers of the next packets
 */
struct conversation {
	const struct way *way;
	bool use_xdp;
	enum ip_family family;
	enum proto proto;
	struct talk talk;
	struct packet_spec shape;
	uint32_t seq[DIR_COUNT], ack[DIR_COUNT];
};

/* conversation_init() - one that has not begun */
void conversation_init(struct conversation *conv, const struct way *way, bool use_xdp,
		       enum ip_family family, enum proto proto);

/* conversation_other() - another client's, with the same address and port plus @number */
struct conversation conversation_other(const struct conversation *conv, unsigned number);

/* conversation_case() - a packet of one side; the program is the first one on its way */
struct test_case conversation_case(struct conversation *conv, enum direction dir, uint8_t tcp);

/**
 * conversation_send() - a packet of one side through all programs on its way
 * @tcp:    flags; without a meaning for UDP
 * @reason: what is to become of it
 *
 * Fails unless bytes, action, reason, the forward's counters and the flow's are right. The first
 * packet that is forwarded tells masquerade address and port; later ones have to keep to them.
 */
__attribute__((format(printf, 5, 6))) void conversation_send(struct conversation *conv,
							     enum direction dir, uint8_t tcp,
							     enum reason reason, const char *detail,
							     ...);

/* struct step - one packet of a conversation that is told as a list of them, such as { SYN_IN,
 * ACK_IN } */
struct step {
	enum direction dir;
	uint8_t tcp;
};

#define SYN_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_SYN                                                                    \
	}
#define SYN_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_SYN | TCP_ACK                                                         \
	}
#define ACK_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_ACK                                                                    \
	}
#define ACK_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_ACK                                                                   \
	}
#define FIN_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_FIN | TCP_ACK                                                          \
	}
#define FIN_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_FIN | TCP_ACK                                                         \
	}
#define RST_IN                                                                                     \
	{                                                                                          \
		DIR_IN, TCP_RST                                                                    \
	}
#define RST_OUT                                                                                    \
	{                                                                                          \
		DIR_OUT, TCP_RST | TCP_ACK                                                         \
	}

/* conversation_begin() - the client's first packet; conversation_open() - up to a confirmed flow */
void conversation_begin(struct conversation *conv);
void conversation_open(struct conversation *conv);

/* conversation_close() - FINs of both sides and the last acknowledgement */
void conversation_close(struct conversation *conv);

/* conversation_try() - the client's first packet, whatever comes of it */
enum reason conversation_try(struct conversation *conv);

/* conversation_fail() - fail the test with the name of the conversation */
__attribute__((format(printf, 2, 3))) void conversation_fail(struct conversation *conv,
							     const char *fmt, ...);

/* conversation_flow() - its record, by masquerade address and port */
struct flow *conversation_flow(const struct conversation *conv);

/* conversation_age() - as if nothing had happened for so long */
void conversation_age(const struct conversation *conv, double seconds);

/* conversation_rule() - the rule it belongs to, in the rule set in force */
struct rule *conversation_rule(const struct conversation *conv);

/* conversation_key() - what the indices know it by */
struct flow_key conversation_key(const struct conversation *conv);

/* conversation_slot() - where its flow is */
uint32_t conversation_slot(const struct conversation *conv);

/* Where an index says that the flow is, 0 for nowhere. */
uint32_t conversation_confirmed(const struct conversation *conv);
uint32_t conversation_new(const struct conversation *conv);

/* conversation_expect() - its flow is confirmed or is not, and in that index alone */
void conversation_expect(struct conversation *conv, bool confirmed, const char *detail);

/* conversation_source_flows() - how many flows the limits count for its client; -1: not known */
int conversation_source_flows(const struct conversation *conv);

/* ports_allow() - masquerade may take these ports and no others */
void ports_allow(uint16_t first, uint16_t last);

/* sweep() - all of a pool; what came of it. sweep_port() - only the part with @port in it */
struct sweep_run sweep(unsigned pool, enum proto proto);
struct sweep_run sweep_port(unsigned pool, enum proto proto, uint16_t port);

/*
 * flows_check() - all records, indices and counters fit together: each flow has one entry in one
 * index, no entry stands for anything else, and as many are live as were created and not ended.
 * Fails the test and returns false when they do not.
 */
bool flows_check(void);

/* ticks_of() - a time in ticks, rounded up */
uint32_t ticks_of(double seconds);

/* For each way that starts on a device of @world's, program, family and protocol. */
void conversation_for_each(void (*body)(struct conversation *conv));

/* conversation_for_kinds() - the same, by the first way alone; each begins without flows */
void conversation_for_kinds(void (*body)(struct conversation *conv));

/* conversation_for_tcp() - of these, those that are TCP */
void conversation_for_tcp(void (*body)(struct conversation *conv));

#endif
