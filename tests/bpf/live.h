/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs on real hooks: frames are put onto the cable of a device and taken from it. For what
 * a test run does not have: the kernel's own VLAN handling, checksum and segmentation offloads, and
 * what bpf_redirect_neigh() and XDP_REDIRECT make of a packet in the end.
 */
#ifndef XDPFWD_TESTS_LIVE_H
#define XDPFWD_TESTS_LIVE_H

#include <linux/virtio_net.h>
#include "case.h"

/* live_init() - for TestSuite(.init): fixture_init(), and the TC programs on every device */
void live_init(void);

/* live_attach_xdp() - put the XDP program in front of them on PUB and HOME, in native mode */
void live_attach_xdp(void);

/* live_send() - let a packet arrive on @dev; @offload may be NULL */
void live_send(enum dev dev, const struct packet_buf *packet, const struct virtio_net_hdr *offload);

/**
 * live_receive() - wait for a packet that leaves @dev
 * @packet:  out: it, VLAN tag put back; everything but TCP, UDP, fragments and ICMP errors is
 *           passed over
 * @offload: out: what is left to the hardware
 *
 * Return: false when none came in a long time.
 */
bool live_receive(enum dev dev, struct packet_buf *packet, struct virtio_net_hdr *offload);

/* live_output() - the packet of a case as it has to be on the cable of its egress */
struct packet_spec live_output(const struct test_case *test);

/* live_run() - send, receive, compare bytes and counters */
__attribute__((format(printf, 2, 3))) void live_run(struct test_case *test, const char *detail,
						    ...);

/* live_for_each() - as case_for_each(), with live_run() for every path, family and protocol */
void live_for_each(void (*body)(struct test_case *test));

#endif
