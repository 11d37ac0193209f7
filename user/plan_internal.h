/* SPDX-License-Identifier: GPL-2.0-only */
/* The steps of a plan: one file each, called in this order by plan_make(). */
#ifndef XDPFWD_PLAN_INTERNAL_H
#define XDPFWD_PLAN_INTERNAL_H

#include "plan.h"

#define NOWHERE ((struct diag_place){ 0, 0 })

/* What the steps share. */
struct planner {
	const struct plan_input *in;
	struct plan *plan;
	struct diag_list *diags;
};

/* plan_backends() - devices and next hops towards each backend that a forward uses */
void plan_backends(struct planner *p);

/* plan_nexthop_find() - index of the next hop to a backend address of that family, or -1 */
int plan_nexthop_find(const struct plan *plan, size_t backend, enum ip_family family);

/* plan_rules() - one rule for each forward, protocol and public address */
void plan_rules(struct planner *p);

/* plan_safety() - take out or refuse ports that this host uses itself; what to reserve */
void plan_safety(struct planner *p);

/* plan_all_reserved() - all ports that will be reserved: before, by this interface, by others */
struct port_set plan_all_reserved(const struct planner *p);

/* plan_masquerade() - which addresses and ports flows get, when the rules have their final ports */
void plan_masquerade(struct planner *p);

/* plan_clients() - which clients each rule is for */
void plan_clients(struct planner *p);

/* plan_hooks() - which program goes where, and why */
void plan_hooks(struct planner *p);

#endif
