// SPDX-License-Identifier: GPL-2.0-only
// Programs on the hooks of the devices, and packet sockets or tun files at the other end.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "live.h"

/* How long to wait for a packet: a failure waits so long once, and then hardly. */
static int patience_ms = 10000;

static int files[DEV_COUNT];

static int open_packet(enum dev dev)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	char peer[32];

	snprintf(peer, sizeof(peer), "%s-peer", dev_name(dev));
	at.sll_ifindex = if_nametoindex(peer);
	cr_assert(fd >= 0, "packet socket: %m");
	cr_assert(!setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) &&
			  !setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) &&
			  !setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) &&
			  !bind(fd, (struct sockaddr *)&at, sizeof(at)),
		  "packet socket: %m");
	return fd;
}

static int open_tun(enum dev dev)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR);

	strcpy(request.ifr_name, dev_name(dev));
	cr_assert(fd >= 0, "/dev/net/tun: %m");
	cr_assert_eq(ioctl(fd, TUNSETIFF, &request), 0, "tun: %m");
	cr_assert_eq(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), 0, "tun: %m");
	return fd;
}

static void attach_tc(enum dev dev)
{
	struct xdpfwd_bpf *skel = fixture_skel();
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = dev_ifindex(dev), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts,
		    .prog_fd = bpf_program__fd(dev_is_l3(dev) ? skel->progs.xdpfwd_tc_l3
							      : skel->progs.xdpfwd_tc));

	cr_assert_eq(bpf_tc_hook_create(&hook), 0, "clsact on %s", dev_name(dev));
	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0, "attaching to %s", dev_name(dev));
}

void live_init(void)
{
	static const enum dev devs[] = { DEV_PUB, DEV_HOME, DEV_TUN, DEV_WAN };

	fixture_init();
	for (size_t i = 0; i < sizeof(devs) / sizeof(devs[0]); i++) {
		files[devs[i]] = dev_is_l3(devs[i]) ? open_tun(devs[i]) : open_packet(devs[i]);
		attach_tc(devs[i]);
	}
}

/* A veth takes frames from XDP only when its peer has a program too. */
void live_attach_xdp(void)
{
	struct bpf_insn pass[] = { { .code = 0xb7, .imm = XDP_PASS }, { .code = 0x95 } };
	int peer = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, 2, NULL);
	int program = bpf_program__fd(fixture_skel()->progs.xdpfwd_xdp);

	cr_assert(peer >= 0, "%m");
	for (int dev = DEV_PUB; dev <= DEV_HOME; dev++) {
		char name[32];

		snprintf(name, sizeof(name), "%s-peer", dev_name(dev));
		cr_assert_eq(bpf_xdp_attach(if_nametoindex(name), peer, XDP_FLAGS_DRV_MODE, NULL),
			     0);
		cr_assert_eq(bpf_xdp_attach(dev_ifindex(dev), program, XDP_FLAGS_DRV_MODE, NULL),
			     0);
	}
	close(peer);
}

void live_send(enum dev dev, const struct packet_buf *packet, const struct virtio_net_hdr *offload)
{
	struct virtio_net_hdr none = {};
	struct iovec parts[2] = { { (void *)(offload ?: &none), sizeof(none) },
				  { (void *)packet->data, packet->len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent =
		dev_is_l3(dev) ? writev(files[dev], parts, 2) : sendmsg(files[dev], &message, 0);

	cr_assert_eq(sent, (ssize_t)(sizeof(none) + packet->len), "sending to %s: %m",
		     dev_name(dev));
}

/* The tag that the kernel has taken from the frame comes back to where it was. */
static void restore_tag(struct msghdr *message, struct packet_buf *packet)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct tpacket_auxdata aux;

	if (!control || control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
		return;
	memcpy(&aux, CMSG_DATA(control), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(packet->data + 16, packet->data + 12, packet->len - 12);
	packet->data[12] = aux.tp_vlan_tpid >> 8;
	packet->data[13] = aux.tp_vlan_tpid & 0xff;
	packet->data[14] = aux.tp_vlan_tci >> 8;
	packet->data[15] = aux.tp_vlan_tci & 0xff;
	packet->len += 4;
}

/* TCP, UDP, fragments and ICMP errors: what else the host has to say (ND, MLD, ARP) is not of
 * interest. */
static bool is_ours(const struct packet_buf *packet, bool is_l3)
{
	const uint8_t *ip = packet->data;
	uint8_t proto;

	if (!is_l3) {
		ip += 12;
		while (ip[0] == 0x81 || ip[0] == 0x88)
			ip += 4;
		if (memcmp(ip, "\x08\0", 2) && memcmp(ip, "\x86\xdd", 2))
			return false;
		ip += 2;
	}
	proto = ip[0] >> 4 == 4 ? ip[9] : ip[6];
	if (proto == IPPROTO_ICMP)
		return ip[20] == 3 || ip[20] == 11 || ip[20] == 12;
	if (proto == IPPROTO_ICMPV6)
		return ip[40] >= 1 && ip[40] <= 4;
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_FRAGMENT;
}

bool live_receive(enum dev dev, struct packet_buf *packet, struct virtio_net_hdr *offload)
{
	struct pollfd wait = { .fd = files[dev], .events = POLLIN };
	struct iovec parts[2] = { { offload, sizeof(*offload) },
				  { packet->data, sizeof(packet->data) - 4 } };
	char control[256];

	while (poll(&wait, 1, patience_ms) == 1) {
		struct msghdr message = { .msg_iov = parts,
					  .msg_iovlen = 2,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t got = dev_is_l3(dev) ? readv(files[dev], parts, 2)
					     : recvmsg(files[dev], &message, 0);

		cr_assert(got > (ssize_t)sizeof(*offload), "receiving from %s: %m", dev_name(dev));
		packet->len = got - sizeof(*offload);
		if (!dev_is_l3(dev))
			restore_tag(&message, packet);
		if (is_ours(packet, dev_is_l3(dev)))
			return true;
	}
	patience_ms = 50;
	return false;
}

struct packet_spec live_output(const struct test_case *test)
{
	const struct path *path = &test->path;
	struct packet_spec out = case_output(test);

	if (dev_is_l3(path->egress)) {
		out.frame = PACKET_BARE;
	} else {
		out.frame = PACKET_ETHERNET;
		memcpy(out.dst_mac,
		       case_by_cache(test)
			       ? fixture_cached_mac
			       : peer_mac(path->in ? fixture_forwards[path->forward].backend
						   : path->to),
		       6);
		memcpy(out.src_mac, dev_mac(path->egress), 6);
	}
	return out;
}

/* Counters of one packet that was forwarded by the TC program. */
static void check_counters(const struct test_case *test, const struct counts *before,
			   const struct counts *after, size_t bytes)
{
	unsigned key = test->path.forward * PROTO_COUNT + test->proto;
	bool moves[DIR_COUNT] = { test->path.in, test->path.out };

	for (int dir = 0; dir < DIR_COUNT; dir++)
		if (after->forwards[key].bytes[dir] - before->forwards[key].bytes[dir] !=
		    (moves[dir] ? bytes : 0))
			case_fail(test, "bytes %s", dir == DIR_IN ? "in" : "out");
	if (after->reasons[HOOK_TC][REASON_FORWARDED] -
		    before->reasons[HOOK_TC][REASON_FORWARDED] !=
	    (test->program != PROGRAM_XDP))
		case_fail(test, "not forwarded by the TC program");
}

void live_run(struct test_case *test, const char *detail, ...)
{
	struct packet_spec out = live_output(test);
	struct packet_buf in, expected, actual;
	struct virtio_net_hdr offload;
	struct counts before, after;
	char diff[1024];
	va_list args;

	va_start(args, detail);
	vsnprintf(test->detail, sizeof(test->detail), detail, args);
	va_end(args);
	packet_build(&test->packet, &in);
	packet_build(&out, &expected);
	fixture_counts(&before);
	live_send(test->path.ingress, &in, NULL);
	if (!live_receive(test->path.egress, &actual, &offload)) {
		case_fail(test, "live: nothing came");
		return;
	}
	fixture_counts(&after);
	if (packet_diff(&expected, actual.data, actual.len, diff, sizeof(diff)))
		case_fail(test, "live: %s", diff);
	check_counters(test, &before, &after, in.end - in.l3);
}

void live_for_each(void (*body)(struct test_case *test))
{
	struct test_case test;

	for (size_t i = 0; i < path_count; i++) {
		fixture_apply(paths[i].world, UINT64_MAX, 1600);
		for (int n = 0; n < FAMILY_COUNT * PROTO_COUNT; n++) {
			case_init(&test, &paths[i],
				  dev_is_l3(paths[i].ingress) ? PROGRAM_TC_L3 : PROGRAM_TC,
				  n / PROTO_COUNT, n % PROTO_COUNT);
			body(&test);
		}
	}
}
