// SPDX-License-Identifier: GPL-2.0-only
// The process that stays.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "agent.h"
#include "flows.h"
#include "host.h"
#include "log.h"
#include "maps.h"
#include "reload.h"
#include "state.h"

#define TICK_S 1

static void signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

void agent_block_signals(void)
{
	sigset_t set;

	signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void refresh_device(struct plan_device *device, const struct host *host)
{
	const struct host_link *link = host_link_by_index(host, device->ifindex);

	device->mtu = link && link->up ? link->mtu : 0;
	if (link)
		memcpy(device->mac, link->mac, sizeof(device->mac));
}

static void refresh_nexthop(struct plan *view, size_t index, const struct host *host)
{
	struct plan_nexthop *nexthop = &view->nexthops[index];
	const struct plan_device *device = &view->devices[nexthop->device];
	const struct host_neigh *neigh =
		host_neigh_find(host, device->ifindex, &nexthop->neighbour);

	if (device->mtu < nexthop->mtu)
		nexthop->mtu = device->mtu;
	nexthop->has_mac = device->mtu && neigh && neigh->usable;
	if (nexthop->has_mac)
		memcpy(nexthop->mac, neigh->mac, sizeof(nexthop->mac));
}

/* Sockets come and go: flows must not take the port of one. What cannot be read stays as it is. */
static void refresh_ports(struct plan *view, const struct state *state, struct host *host)
{
	if (!state->pool_count || host_read_ports(host))
		return;
	memcpy(view->masquerade_ports, state->masquerade_ports, sizeof(view->masquerade_ports));
	plan_free_ports(view, host, &host->reserved);
	view->limits.port_last = PORT_COUNT - 1;
}

/* Let the kernel probe the neighbours, which no traffic of the host itself would do. */
static void keep_warm(const struct plan *view)
{
	for (size_t i = 0; i < view->nexthop_count; i++) {
		const struct plan_nexthop *nexthop = &view->nexthops[i];
		const struct plan_device *device = &view->devices[nexthop->device];

		if (!device->is_l3 && !ip_addr_is_any(&nexthop->neighbour))
			host_neigh_resolve(device->ifindex, &nexthop->neighbour);
	}
}

/*
 * One look at the network: give the programs the MAC addresses, MTUs and default routes of this
 * moment.
 *
 * Return: 0, or -ENOENT when the interface is not loaded any more.
 */
static int refresh(const char *bpffs, const char *iface, struct exporter *exporter)
{
	struct state *state = state_read(bpffs, iface);
	struct plan *view;
	struct host host;
	int err;

	if (!state)
		return errno == ENOENT ? -ENOENT : -EPROTO;
	view = calloc(1, sizeof(*view));
	exporter_follow(exporter, state);
	err = view ? host_read_network(&host) : -ENOMEM;
	if (err)
		goto out;
	memcpy(view->devices, state->devices, sizeof(view->devices));
	memcpy(view->nexthops, state->nexthops, sizeof(view->nexthops));
	view->device_count = state->device_count;
	view->generation = state->generation;
	view->nexthop_count = state->nexthop_count;
	for (size_t i = 0; i < view->device_count; i++)
		refresh_device(&view->devices[i], &host);
	for (size_t i = PLAN_FIRST_BACKEND; i < view->nexthop_count; i++)
		refresh_nexthop(view, i, &host);
	plan_gateways(view, &host);
	refresh_ports(view, state, &host);
	keep_warm(view);
	err = maps_nexthops_refresh(bpffs, iface, view);
	host_free(&host);
out:
	free(view);
	state_free(state);
	return err;
}

/* Return: true when the agent is to end. */
static bool handle_signal(int fd, const char *bpffs, const char *iface)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo != SIGHUP)
		return true;
	reload_interface(bpffs, iface);
	return false;
}

int agent_run(const char *bpffs, const char *iface, int lock_fd, struct exporter *exporter)
{
	struct itimerspec tick = { .it_interval = { TICK_S, 0 }, .it_value = { TICK_S, 0 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), err = 0;
	struct flows_sweeper sweeper = {};
	sigset_t set;
	int sig;

	signals(&set);
	sig = signalfd(-1, &set, SFD_CLOEXEC);
	if (timer < 0 || sig < 0 || timerfd_settime(timer, 0, &tick, NULL))
		return -errno;
	for (bool done = false; !done;) {
		struct pollfd fds[] = { { .fd = sig, .events = POLLIN },
					{ .fd = timer, .events = POLLIN } };
		uint64_t ticks;

		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		if (fds[0].revents)
			done = handle_signal(sig, bpffs, iface);
		if (fds[1].revents && read(timer, &ticks, sizeof(ticks)) == sizeof(ticks)) {
			err = refresh(bpffs, iface, exporter);
			/* What fails now is swept at the next round, or by the next reload. */
			flows_sweeper_step(bpffs, iface, &sweeper);
			if (err == -ENOENT) {
				log_info("%s was unloaded; the agent ends", iface);
				err = 0;
				done = true;
			}
		}
	}
	close(timer);
	close(sig);
	close(lock_fd);
	return err;
}
