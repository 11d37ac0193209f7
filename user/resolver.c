// SPDX-License-Identifier: GPL-2.0-only
// The thread that looks names up, and what it found.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "host.h"
#include "resolver.h"

/* The resolver library keeps its answers on the stack. */
#define STACK_BYTES (256 * 1024)

/**
 * struct resolver - shared by its owner and its thread, under @lock
 * @users:   owner and thread; the last one frees it
 * @stop:    the owner is gone
 * @round:   counts calls of resolver_watch(): a lookup that began before is out of date
 * @event_fd: see resolver_fd()
 */
struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct resolver_name *names;
	size_t count;
	unsigned users, round, interval_s;
	bool running, stop;
	int event_fd;
};

/* Tests have no time to wait for half a minute. */
static unsigned read_interval(void)
{
	const char *text = getenv("XDPFWD_RESOLVE_INTERVAL");
	int interval = text ? atoi(text) : 0;

	return interval > 0 ? interval : RESOLVER_INTERVAL_S;
}

struct resolver *resolver_new(void)
{
	struct resolver *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return NULL;
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->event_fd < 0) {
		free(r);
		return NULL;
	}
	r->users = 1;
	r->interval_s = read_interval();
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	return r;
}

/* Called with the lock, which it gives back. */
static void leave(struct resolver *r)
{
	bool last = !--r->users;

	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	close(r->event_fd);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r->names);
	free(r);
}

static bool same_answer(const struct resolver_name *a, const struct resolver_name *b)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		if (a->has[family] != b->has[family] ||
		    (a->has[family] && !ip_addr_equal(&a->addr[family], &b->addr[family])))
			return false;
	return a->failed == b->failed;
}

/* One name, without the lock while the name server thinks. */
static void look_up(struct resolver *r, size_t index)
{
	struct resolver_name name = r->names[index];
	unsigned round = r->round;
	const char *cause;

	pthread_mutex_unlock(&r->lock);
	name.failed = host_resolve(name.name, name.has, name.addr, &cause) != 0;
	pthread_mutex_lock(&r->lock);
	if (r->round != round || r->stop || same_answer(&name, &r->names[index]))
		return;
	r->names[index] = name;
	eventfd_write(r->event_fd, 1);
}

/* Until the interval is over, or there are other names. */
static void pause_between(struct resolver *r)
{
	unsigned round = r->round;
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += r->interval_s;
	while (!r->stop && r->round == round && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&r->wake, &r->lock, &until);
}

static void *resolver_run(void *data)
{
	struct resolver *r = data;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		unsigned round;

		pause_between(r);
		round = r->round;
		for (size_t i = 0; i < r->count && !r->stop && r->round == round; i++)
			look_up(r, i);
	}
	leave(r);
	return NULL;
}

/* Signals are the main thread's. */
static int start(struct resolver *r)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, &attr, resolver_run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int resolver_watch(struct resolver *r, const struct resolver_name *names, size_t count)
{
	struct resolver_name *copy = calloc(count + 1, sizeof(*copy));
	int err = 0;

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, names, count * sizeof(*copy));
	pthread_mutex_lock(&r->lock);
	free(r->names);
	r->names = copy;
	r->count = count;
	r->round++;
	if (count && !r->running) {
		err = start(r);
		r->running = !err;
		r->users += r->running;
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	return err;
}

int resolver_fd(const struct resolver *r)
{
	return r->event_fd;
}

void resolver_clear(struct resolver *r)
{
	eventfd_t count;

	eventfd_read(r->event_fd, &count);
}

bool resolver_get(struct resolver *r, struct resolver_name *name)
{
	bool found = false;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->count && !found; i++) {
		found = !strcmp(r->names[i].name, name->name);
		if (found)
			*name = r->names[i];
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->wake);
	leave(r);
}
