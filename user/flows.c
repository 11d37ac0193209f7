// SPDX-License-Identifier: GPL-2.0-only
// Looking at the pinned flows of an interface, and ending some.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "flows.h"
#include "maps.h"

/*
 * Ports, rule and state of a record: one aligned word, by which the programs and we agree on whose
 * it is. Whoever changes it does so in one piece.
 */
typedef uint64_t __attribute__((may_alias)) flow_word;
_Static_assert(offsetof(struct flow, client_port) % sizeof(flow_word) == 0 &&
		       offsetof(struct flow, pad) - offsetof(struct flow, client_port) == 7,
	       "ports, rule and state are one aligned word");

static flow_word *word_of(struct flow *flow)
{
	return (flow_word *)&flow->client_port;
}

/* Copy a record that packets may be changing. Return: false when it is not in use. */
static bool record_copy(struct flow *flow, struct flow *copy)
{
	flow_word before, after;

	if (__atomic_load_n(&flow->state, __ATOMIC_ACQUIRE) != FLOW_LIVE)
		return false;
	before = __atomic_load_n(word_of(flow), __ATOMIC_ACQUIRE);
	memcpy(copy, flow, sizeof(*copy));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = __atomic_load_n(word_of(flow), __ATOMIC_RELAXED);
	return before == after && copy->state == FLOW_LIVE;
}

/* Take a record out of service, unless it is not the same any more. */
static bool record_end(struct flow *flow, struct flow *copy)
{
	flow_word before = *word_of(copy);

	copy->state = FLOW_ENDED;
	return __atomic_compare_exchange_n(word_of(flow), &before, *word_of(copy), false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static struct flow *pool_map(int pool_fd, int protection)
{
	void *records =
		mmap(NULL, POOL_PORTS * sizeof(struct flow), protection, MAP_SHARED, pool_fd, 0);

	return records == MAP_FAILED ? NULL : records;
}

static void pool_unmap(struct flow *records)
{
	munmap(records, POOL_PORTS * sizeof(struct flow));
}

int64_t flows_pool_end(int pool_fd, flows_ends_fn *ends, const void *context)
{
	struct flow *records = pool_map(pool_fd, PROT_READ | PROT_WRITE), copy;
	int64_t ended = 0;

	if (!records)
		return -errno;
	for (uint32_t port = 0; port < POOL_PORTS; port++)
		if (record_copy(&records[port], &copy) && ends(&copy, context))
			ended += record_end(&records[port], &copy);
	pool_unmap(records);
	return ended;
}

static int open_maps(const char *bpffs, const char *iface, struct flows *flows)
{
	if (flows->state->abi != XDPFWD_ABI_VERSION)
		return -EPROTONOSUPPORT;
	flows->rs = maps_ruleset_read(bpffs, iface);
	if (!flows->rs)
		return errno == EINVAL || errno == ENOENT ? -EPROTO : -errno;
	if (flows->rs->version != XDPFWD_ABI_VERSION)
		return -EPROTONOSUPPORT;
	flows->pools_fd = maps_pools_open(bpffs, iface);
	return flows->pools_fd == -ENOENT ? -EPROTO : flows->pools_fd < 0 ? flows->pools_fd : 0;
}

int flows_open(const char *bpffs, const char *iface, struct flows *flows)
{
	int err;

	*flows = (struct flows){ .state = state_read(bpffs, iface), .pools_fd = -1 };
	err = flows->state ? open_maps(bpffs, iface, flows) : -errno;
	if (err)
		flows_close(flows);
	return err;
}

void flows_close(struct flows *flows)
{
	if (flows->rs) {
		maps_ruleset_forget(flows->rs);
		if (flows->pools_fd >= 0)
			close(flows->pools_fd);
	}
	state_free(flows->state);
	*flows = (struct flows){ .pools_fd = -1 };
}

static uint32_t ticks_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec * 1000000000ULL + now.tv_nsec) >> FLOW_TICK_SHIFT;
}

/* struct walk - one pass over all pools; @ended counts when there is no @fn */
struct walk {
	const struct flows *flows;
	const struct flow_filter *filter;
	flows_fn *fn;
	void *context;
	int64_t ended;
};

static int walk_record(struct walk *walk, uint32_t pool, uint32_t port, struct flow *flow)
{
	struct flow_view view;
	struct flow copy;

	if (!record_copy(flow, &copy) ||
	    !flow_view_make(walk->flows->rs, walk->flows->state, pool, port, &copy, ticks_now(),
			    &view) ||
	    !flow_filter_matches(walk->filter, &view))
		return 0;
	if (walk->fn)
		return walk->fn(&view, walk->context);
	walk->ended += record_end(flow, &copy);
	return 0;
}

static int walk_pool(struct walk *walk, uint32_t pool)
{
	int fd = maps_pool_get(walk->flows->pools_fd, pool), err = 0;
	struct flow *records;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	records = pool_map(fd, walk->fn ? PROT_READ : PROT_READ | PROT_WRITE);
	close(fd);
	if (!records)
		return errno == ENOMEM ? -ENOMEM : -EPROTO; /* a map of another size */
	for (uint32_t port = 0; port < POOL_PORTS && !err; port++)
		err = walk_record(walk, pool, port, &records[port]);
	pool_unmap(records);
	return err;
}

static int walk_pools(struct walk *walk)
{
	int err = 0;

	for (uint32_t pool = 1; pool < POOLS_MAX && !err; pool++)
		if (!ip_addr_is_any(&walk->flows->rs->pools[pool].addr))
			err = walk_pool(walk, pool);
	return err;
}

int flows_each(const struct flows *flows, const struct flow_filter *filter, flows_fn *fn,
	       void *context)
{
	struct walk walk = { .flows = flows, .filter = filter, .fn = fn, .context = context };

	return walk_pools(&walk);
}

int64_t flows_end(const struct flows *flows, const struct flow_filter *filter)
{
	struct walk walk = { .flows = flows, .filter = filter };
	int err = walk_pools(&walk);

	return err ?: walk.ended;
}
