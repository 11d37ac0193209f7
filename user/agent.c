// SPDX-License-Identifier: GPL-2.0-only
// The process that stays: one loop over signals, a tick, the network and names.
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "agent_refresh.h"
#include "agent.h"
#include "flows.h"
#include "follow.h"
#include "host.h"
#include "log.h"
#include "reload.h"
#include "service.h"

#define TICK_S 1

/* The kernel tells of changes; a whole look now and then finds what it does not tell. */
#define LOOK_TICKS 10

/* Changes come in groups: a tunnel that starts is a link, its addresses and its routes. */
#define SETTLE_MS 50

/* A network that changes all the time is followed ever more slowly. */
#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS 30000

/* What cannot be applied is tried again ever more slowly, or at once when the network changes. */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000

/* What the loop waits for. */
enum { FD_SIGNAL, FD_TICK, FD_NETWORK, FD_NAMES, FD_COUNT };

/**
 * struct task - something to be done now and then; times are CLOCK_MONOTONIC in ms
 * @at:       when it is due, 0 for never
 * @earliest: not before that
 * @pause_ms: after it was done the last time
 * @retry_ms: after it failed the last time; 0 when it did not
 */
struct task {
	uint64_t at, earliest;
	unsigned pause_ms, retry_ms;
};

/**
 * struct agent - the interface it looks after, and what is due
 * @state:   what is in force, and @mark, which one that is
 * @map_id:  the state's map, which lives as long as the interface is loaded
 * @known:   next hops that are in force
 * @ticks:   since the last whole look at the network
 * @follow:  a new look at the host
 * @refresh: fresh next hops
 */
struct agent {
	const char *bpffs, *iface;
	struct exporter *exporter;
	struct follower *follower;
	struct flows_sweeper sweeper;
	struct mnl_socket *network;
	struct state_mark mark;
	struct state *state;
	uint32_t map_id;
	struct agent_nexthops known;
	unsigned ticks;
	struct task follow, refresh;
	int fds[FD_COUNT];
	int err;
	bool done;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static void task_ask(struct task *task)
{
	uint64_t at = now_ms() + SETTLE_MS;

	if (at < task->earliest)
		at = task->earliest;
	if (!task->at || at < task->at)
		task->at = at;
}

static bool task_is_due(const struct task *task)
{
	return task->at && now_ms() >= task->at;
}

/* @result: 0 when there was nothing to do, 1 when there was, or -errno */
static void task_done(struct task *task, int result)
{
	uint64_t now = now_ms();

	task->pause_ms = result > 0 && task->pause_ms ? 2 * task->pause_ms : PAUSE_MIN_MS;
	if (task->pause_ms > PAUSE_MAX_MS)
		task->pause_ms = PAUSE_MAX_MS;
	task->retry_ms = result >= 0 ? 0 : task->retry_ms ? 2 * task->retry_ms : RETRY_MIN_MS;
	if (task->retry_ms > RETRY_MAX_MS)
		task->retry_ms = RETRY_MAX_MS;
	task->earliest = now + task->pause_ms;
	task->at = task->retry_ms ? now + task->retry_ms : 0;
}

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

static void refresh(struct agent *a, const struct state *state, bool warm)
{
	if (!agent_refresh(a->bpffs, a->iface, state, warm, &a->known))
		a->ticks = 0;
	task_done(&a->refresh, 0);
}

static void on_signal(struct agent *a)
{
	struct signalfd_siginfo info;

	if (read(a->fds[FD_SIGNAL], &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		service_reloading();
		reload_interface(a->bpffs, a->iface);
		service_ready(a->iface);
	} else {
		a->done = true;
	}
}

static void on_tick(struct agent *a)
{
	uint64_t ticks;
	unsigned due;
	int err;

	if (read(a->fds[FD_TICK], &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	service_alive();
	err = state_follow(a->bpffs, a->iface, &a->mark, &a->state);
	if (!err && !a->map_id)
		a->map_id = a->mark.map_id;
	/* Loaded again meanwhile, it is not for this agent to look after. */
	if (err == -ENOENT || (!err && a->mark.map_id != a->map_id)) {
		log_info("%s was unloaded; the agent ends", a->iface);
		a->done = true;
	}
	if (err || a->done)
		return;
	exporter_follow(a->exporter, a->state);
	due = follow_tick(a->follower, a->state);
	if (due & FOLLOW_DUE_HOST)
		task_ask(&a->follow);
	if (due & FOLLOW_DUE_PORTS || ++a->ticks >= LOOK_TICKS)
		refresh(a, a->state, true);
	else
		agent_keep(a->bpffs, a->iface, a->state, &a->known);
	/* What fails now is swept at the next round, or by the next reload. */
	flows_sweeper_step(a->bpffs, a->iface, &a->sweeper);
}

static void on_network(struct agent *a)
{
	unsigned seen = host_watch_read(a->network, agent_nexthops_have, &a->known);

	if (seen & HOST_WATCH_NETWORK)
		task_ask(&a->follow);
	if (seen)
		task_ask(&a->refresh);
}

static void on_names(struct agent *a)
{
	follow_names(a->follower);
	task_ask(&a->follow);
}

static void do_tasks(struct agent *a)
{
	struct state *state;

	if (task_is_due(&a->follow)) {
		int result = follow_host(a->follower);

		task_done(&a->follow, result);
		if (result > 0)
			task_ask(&a->refresh);
		malloc_trim(0); /* a plan is large, and the next one may be years away */
	}
	if (!task_is_due(&a->refresh))
		return;
	state = state_read(a->bpffs, a->iface);
	if (state)
		refresh(a, state, false);
	state_free(state);
}

/* How long poll() may wait for the next task. */
static int wait_ms(const struct agent *a)
{
	uint64_t now = now_ms(), at = a->follow.at;

	if (!at || (a->refresh.at && a->refresh.at < at))
		at = a->refresh.at;
	return !at ? -1 : at > now ? (int)(at - now) : 0;
}

static int agent_open(struct agent *a)
{
	struct itimerspec tick = { .it_interval = { TICK_S, 0 }, .it_value = { TICK_S, 0 } };
	sigset_t set;

	signals(&set);
	a->fds[FD_SIGNAL] = signalfd(-1, &set, SFD_CLOEXEC);
	a->fds[FD_TICK] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (a->fds[FD_SIGNAL] < 0 || a->fds[FD_TICK] < 0 ||
	    timerfd_settime(a->fds[FD_TICK], 0, &tick, NULL))
		return -errno;
	a->network = host_watch_open();
	a->follower = follow_new(a->bpffs, a->iface);
	if (!a->network || !a->follower)
		return -errno;
	a->fds[FD_NETWORK] = host_watch_fd(a->network);
	a->fds[FD_NAMES] = follow_fd(a->follower);
	return 0;
}

static void agent_close(struct agent *a)
{
	state_free(a->state);
	follow_free(a->follower);
	host_watch_close(a->network);
	if (a->fds[FD_SIGNAL] >= 0)
		close(a->fds[FD_SIGNAL]);
	if (a->fds[FD_TICK] >= 0)
		close(a->fds[FD_TICK]);
}

static void run_once(struct agent *a)
{
	static void (*const handlers[FD_COUNT])(struct agent * a) = {
		[FD_SIGNAL] = on_signal,
		[FD_TICK] = on_tick,
		[FD_NETWORK] = on_network,
		[FD_NAMES] = on_names,
	};
	struct pollfd fds[FD_COUNT];

	for (int i = 0; i < FD_COUNT; i++)
		fds[i] = (struct pollfd){ .fd = a->fds[i], .events = POLLIN };
	if (poll(fds, FD_COUNT, wait_ms(a)) < 0) {
		a->err = errno == EINTR ? 0 : -errno;
		return;
	}
	for (int i = 0; i < FD_COUNT && !a->done; i++)
		if (fds[i].revents)
			handlers[i](a);
	if (!a->done)
		do_tasks(a);
}

int agent_run(const char *bpffs, const char *iface, int lock_fd, struct exporter *exporter)
{
	struct agent a = {
		.bpffs = bpffs, .iface = iface, .exporter = exporter, .fds = { -1, -1, -1, -1 }
	};

	a.err = agent_open(&a);
	if (!a.err) {
		service_ready(iface);
		log_info("%s is looked after", iface);
	}
	while (!a.err && !a.done)
		run_once(&a);
	service_stopping();
	agent_close(&a);
	close(lock_fd);
	return a.err;
}
