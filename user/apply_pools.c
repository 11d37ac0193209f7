// SPDX-License-Identifier: GPL-2.0-only
// The flows' part of a change of rule sets.
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "apply_pools.h"
#include "clients.h"
#include "flows.h"

#define NOWHERE ((struct diag_place){ 0, 0 })

static bool pool_is_used(const struct ruleset *rs, uint32_t pool)
{
	return rs && !ip_addr_is_any(&rs->pools[pool].addr);
}

static bool pool_is_same(const struct apply_pools *pools, uint32_t pool)
{
	return pools->old &&
	       !memcmp(&pools->old->pools[pool], &pools->new->pools[pool], sizeof(struct pool));
}

/* A place that goes from one rule to another; the protocol is the counter's. */
static bool rule_is_replaced(const struct apply_pools *pools, uint32_t index)
{
	const struct rule *old = &pools->old->rules[index], *new = &pools->new->rules[index];

	return old->shares && new->shares &&
	       (!ip_addr_equal(&old->public_addr, &new->public_addr) ||
		!ip_addr_equal(&old->backend_addr, &new->backend_addr) ||
		old->shift != new->shift || old->counter != new->counter);
}

static bool is_of_replaced_rule(const struct flow *flow, const void *context)
{
	return rule_is_replaced(context, flow->rule % RULES_MAX);
}

static bool is_any(const struct flow *flow, const void *context)
{
	(void)flow;
	(void)context;
	return true;
}

/* struct keeper - what decides over the flows of one pool */
struct keeper {
	const struct ruleset *rs;
	uint32_t pool;
};

/* Its rule is gone, has left the pool, or is not for its client any more. */
static bool is_unwanted(const struct flow *flow, const void *context)
{
	const struct keeper *keeper = context;
	const struct rule *rule = &keeper->rs->rules[flow->rule % RULES_MAX];
	const struct acl *acl = &keeper->rs->acls[rule->acl % ACLS_MAX];

	if (rule->acl &&
	    !clients_include(&keeper->rs->acl_ranges[acl->first], acl->count, &flow->client))
		return true;
	for (unsigned i = rule->share; i < rule->share + rule->shares && i < SHARES_MAX; i++)
		if (keeper->rs->shares[i] == keeper->pool)
			return false;
	return true;
}

/* End flows of one pool that is there. */
static int end_in_pool(int pool_fd, flows_ends_fn *ends, const void *context)
{
	int64_t ended = flows_pool_end(pool_fd, ends, context);

	return ended < 0 ? ended : 0;
}

/* @rs: a rule set that knows the pool; NULL when none does */
static int sweep_pool(const struct apply_pools *pools, uint32_t pool, const struct ruleset *rs)
{
	return flows_sweep_pool(pools->bpffs, pools->iface, pool,
				rs ? rs->pools[pool].proto : PROTO_TCP);
}

static int end_replaced_rules(const struct apply_pools *pools)
{
	bool any = false;
	int err = 0;

	for (uint32_t rule = 1; pools->old && rule < RULES_MAX; rule++)
		any |= rule_is_replaced(pools, rule);
	for (uint32_t pool = 1; any && pool < POOLS_MAX && !err; pool++) {
		int fd = maps_pool_get(pools->pools_fd, pool);

		if (fd == -ENOENT)
			continue;
		err = fd < 0 ? fd : end_in_pool(fd, is_of_replaced_rule, pools);
		if (fd >= 0)
			close(fd);
	}
	return err;
}

/*
 * An empty pool; the flows of whatever was there end with it, their index entries included. Without
 * a rule set there are none: the load that put it there was cut off before anything was forwarded.
 */
static int put_pool(struct apply_pools *pools, uint32_t pool)
{
	int before = maps_pool_get(pools->pools_fd, pool), fd, err;

	if (before >= 0 && pool_is_same(pools, pool)) {
		close(before);
		return 0;
	}
	if (before < 0 && before != -ENOENT)
		return before;
	fd = maps_pool_make();
	err = fd < 0 ? fd : 0;
	if (!err && before >= 0 && pools->old)
		err = end_in_pool(before, is_any, NULL) ?: sweep_pool(pools, pool, pools->old);
	err = err ?: maps_pool_put(pools->pools_fd, pool, fd);
	if (fd >= 0)
		close(fd);
	if (err) {
		if (before >= 0)
			close(before);
		return err;
	}
	pools->put[pool] = true;
	pools->before[pool] = before >= 0 ? before : -1;
	return 0;
}

int apply_pools_begin(struct apply_pools *pools, struct diag_list *diags)
{
	char addr[IP_ADDR_STRLEN];
	int err = 0;

	for (uint32_t pool = 1; pool < POOLS_MAX && !err; pool++) {
		if (!pool_is_used(pools->new, pool))
			continue;
		err = put_pool(pools, pool);
		if (err)
			diag_add(
				diags, DIAG_SYSTEM_ERROR, NOWHERE,
				"cannot make room for the flows of masquerade address %s (5 MB for "
				"each and protocol): %s",
				ip_addr_format(&pools->new->pools[pool].addr, addr),
				strerror(-err));
	}
	if (!err) {
		err = end_replaced_rules(pools);
		if (err)
			diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
				 "cannot end the flows of changed forwards: %s", strerror(-err));
	}
	if (err)
		apply_pools_undo(pools);
	return err;
}

static void forget_before(struct apply_pools *pools)
{
	for (uint32_t pool = 1; pool < POOLS_MAX; pool++)
		if (pools->put[pool] && pools->before[pool] >= 0)
			close(pools->before[pool]);
	memset(pools->put, 0, sizeof(pools->put));
}

void apply_pools_undo(struct apply_pools *pools)
{
	for (uint32_t pool = 1; pool < POOLS_MAX; pool++) {
		if (!pools->put[pool])
			continue;
		if (pools->before[pool] >= 0)
			maps_pool_put(pools->pools_fd, pool, pools->before[pool]);
		else
			maps_pool_remove(pools->pools_fd, pool);
	}
	forget_before(pools);
}

static int finish_pool(const struct apply_pools *pools, uint32_t pool)
{
	struct keeper keeper = { pools->new, pool };
	bool used = pool_is_used(pools->new, pool);
	int fd = maps_pool_get(pools->pools_fd, pool), err;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	err = end_in_pool(fd, is_unwanted, &keeper)
		      ?: sweep_pool(pools, pool, used ? pools->new : pools->old);
	close(fd);
	return err || used ? err : maps_pool_remove(pools->pools_fd, pool);
}

void apply_pools_finish(struct apply_pools *pools, struct diag_list *diags)
{
	int err = 0;

	for (uint32_t pool = 1; pool < POOLS_MAX && !err; pool++)
		err = finish_pool(pools, pool);
	if (err)
		diag_add(diags, DIAG_WARNING, NOWHERE,
			 "cannot end the flows of forwards that are gone: %s; reload to try again",
			 strerror(-err));
	forget_before(pools);
}
