// SPDX-License-Identifier: GPL-2.0-only
// A wire between two tun devices in two network namespaces: what a VPN is without its cryptography.
//
//   tunnel NETNS DEVICE NETNS DEVICE    namespaces by path; until it is ended
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PACKET_MAX 65536

static int tun_open(const char *netns, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		return -1;
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, TUNSETIFF, &request) ? -1 : fd;
}

/* Carry one packet. A device that is down refuses it; a wire does not mind. */
static void carry(int from, int to)
{
	static char packet[PACKET_MAX];
	ssize_t len = read(from, packet, sizeof(packet));

	if (len > 0 && write(to, packet, len) < 0)
		return;
}

int main(int argc, char **argv)
{
	struct pollfd ends[2];

	if (argc != 5) {
		fprintf(stderr, "usage: tunnel NETNS DEVICE NETNS DEVICE\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		ends[i].fd = tun_open(argv[1 + 2 * i], argv[2 + 2 * i]);
		ends[i].events = POLLIN;
		if (ends[i].fd < 0) {
			perror(argv[2 + 2 * i]);
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	while (poll(ends, 2, -1) > 0) {
		/* POLLERR: the device is not up yet. */
		if (ends[0].revents & ends[1].revents & POLLERR)
			usleep(10000);
		if (ends[0].revents & POLLIN)
			carry(ends[0].fd, ends[1].fd);
		if (ends[1].revents & POLLIN)
			carry(ends[1].fd, ends[0].fd);
	}
	perror("poll");
	return 1;
}
