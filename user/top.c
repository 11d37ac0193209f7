// SPDX-License-Identifier: GPL-2.0-only
// Rates of forwards, drops and flows.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "top.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t since(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

double top_rate(const struct top *top, uint64_t now, uint64_t before)
{
	return top->seconds > 0 ? since(now, before) / top->seconds : 0;
}

static uint64_t carried(const struct top_flow *flow)
{
	return flow->bytes[DIR_IN] + flow->bytes[DIR_OUT];
}

/* Keep it among the busiest, if it is one of them. */
static void rank(struct top *top, const struct top_flow *flow)
{
	size_t place = top->busiest_count;

	while (place && carried(flow) > carried(&top->busiest[place - 1]))
		place--;
	if (place == TOP_FLOWS || !carried(flow))
		return;
	top->busiest_count += top->busiest_count < TOP_FLOWS;
	memmove(&top->busiest[place + 1], &top->busiest[place],
		(top->busiest_count - place - 1) * sizeof(*flow));
	top->busiest[place] = *flow;
}

/* A port that another flow has taken meanwhile has carried less, or is younger than the last look.
 */
static int on_flow(const struct flow_view *view, void *context)
{
	struct top *top = context;
	struct top_flow flow = { .view = *view };
	uint64_t *seen;

	if (!top->seen[view->pool])
		top->seen[view->pool] = calloc(1, sizeof(top_seen));
	if (!top->seen[view->pool])
		return -ENOMEM;
	seen = (*top->seen[view->pool])[view->masquerade_port];
	for (int dir = 0; dir < DIR_COUNT; dir++) {
		flow.bytes[dir] = view->age_s < top->seconds ? view->bytes[dir]
							     : since(view->bytes[dir], seen[dir]);
		seen[dir] = view->bytes[dir];
	}
	if (top->seconds > 0)
		rank(top, &flow);
	return 0;
}

int top_look(const char *bpffs, const char *iface, struct top *top)
{
	static const struct flow_filter all;
	uint64_t now = now_ns();
	int err;

	flows_close(&top->flows);
	memset(&top->flows, 0, sizeof(top->flows));
	top->busiest_count = 0;
	err = flows_open(bpffs, iface, &top->flows);
	if (err)
		return err;
	top->before = top->now;
	err = maps_counters_read(bpffs, iface, top->flows.state->counter_count, &top->now);
	top->seconds = top->at_ns ? (now - top->at_ns) / 1e9 : 0;
	top->at_ns = now;
	return err ?: flows_each(&top->flows, &all, on_flow, top);
}

void top_free(struct top *top)
{
	flows_close(&top->flows);
	for (size_t i = 0; i < POOLS_MAX; i++)
		free(top->seen[i]);
	memset(top, 0, sizeof(*top));
}
