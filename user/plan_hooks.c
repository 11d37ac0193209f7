// SPDX-License-Identifier: GPL-2.0-only
// Which program goes on which device, and why there.
#include <stdio.h>
#include <string.h>
#include "plan_internal.h"

#define REASON_LEN sizeof(((struct plan_hook *)0)->reason)

static void add_hook(struct planner *p, uint8_t device, enum attach_kind kind, const char *reason)
{
	struct plan_hook *hook = &p->plan->hooks[p->plan->hook_count++];

	hook->device = device;
	hook->kind = kind;
	snprintf(hook->reason, sizeof(hook->reason), "%s", reason);
}

static bool holds(const uint32_t *ids, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* The device runs the XDP program of another interface that forwards to it, too. */
static bool xdp_is_siblings(const struct planner *p, const struct host_link *link)
{
	return link->xdp != HOST_XDP_NONE &&
	       holds(p->in->siblings_xdp, p->in->siblings_xdp_count, link->xdp_prog_id);
}

static bool xdp_is_foreign(const struct planner *p, const struct host_link *link)
{
	return link->xdp != HOST_XDP_NONE && !xdp_is_siblings(p, link) &&
	       !holds(p->in->own_xdp, p->in->own_xdp_count, link->xdp_prog_id);
}

/* Somebody else's XDP program stays where it is, and the user decides. */
static bool refuse_foreign_xdp(struct planner *p, const struct host_link *link)
{
	if (!xdp_is_foreign(p, link))
		return false;
	diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
		 "%s already runs the XDP program \"%s\" (id %u), which is left alone; detach it "
		 "(ip link set dev %s xdp off), or forward beside it with --mode tc",
		 link->name, link->xdp_name, link->xdp_prog_id, link->name);
	return true;
}

/* Why "auto" does not use native XDP on this device, in @buf; NULL when it does. */
static const char *auto_avoids(const struct planner *p, size_t device, char buf[REASON_LEN])
{
	const struct host_link *link =
		host_link_by_index(p->in->host, p->plan->devices[device].ifindex);
	size_t len = REASON_LEN;

	if (!link->is_l2)
		snprintf(buf, len, "%s has no Ethernet header: XDP cannot redirect into it",
			 link->name);
	else if (!strcmp(link->kind, "veth"))
		snprintf(buf, len,
			 "%s is a veth: native XDP would see unfinished checksums of local senders",
			 link->name);
	else if (link->kind[0])
		snprintf(buf, len, "%s is a %s device: native XDP belongs on hardware", link->name,
			 link->kind);
	else if (link->mtu > 3498)
		snprintf(buf, len, "%s has an MTU of %u: a frame does not fit one page", link->name,
			 link->mtu);
	else if (xdp_is_foreign(p, link))
		snprintf(buf, len, "%s already runs the XDP program \"%s\" (id %u)", link->name,
			 link->xdp_name, link->xdp_prog_id);
	else
		buf[0] = '\0';
	for (size_t i = 0; i < p->in->refusal_count && !buf[0]; i++)
		if (p->in->refusals[i].ifindex == link->ifindex)
			snprintf(buf, len, "%s refused native XDP: %s", link->name,
				 p->in->refusals[i].cause);
	return buf[0] ? buf : NULL;
}

/* "auto": XDP only where a packet can go both ways by it. */
static bool auto_uses_xdp(const struct planner *p)
{
	const struct plan *plan = p->plan;
	bool pair = false;
	char why[REASON_LEN];

	if (auto_avoids(p, 0, why))
		return false;
	for (size_t i = 1; i < plan->device_count; i++)
		if (!auto_avoids(p, i, why))
			pair = true;
	for (size_t i = PLAN_FIRST_BACKEND; i < plan->nexthop_count; i++)
		if (!plan->nexthops[i].device) /* back out of the same device */
			pair = true;
	return pair;
}

/* XDP on device @i when it can carry weight there. */
static void xdp_device(struct planner *p, size_t i, enum attach_kind kind)
{
	const struct plan_device *device = &p->plan->devices[i];
	const struct host_link *link = host_link_by_index(p->in->host, device->ifindex);
	char why[REASON_LEN];

	if (device->is_l3)
		return;
	if (p->in->mode == MODE_AUTO && auto_avoids(p, i, why))
		return;
	if (xdp_is_siblings(p, link) || refuse_foreign_xdp(p, link))
		return;
	add_hook(p, i, kind,
		 p->in->mode == MODE_AUTO    ? "Ethernet on both sides"
		 : kind == ATTACH_XDP_NATIVE ? "--mode native"
					     : "--mode generic");
}

static bool any_l2_backend(const struct plan *plan)
{
	for (size_t i = PLAN_FIRST_BACKEND; i < plan->nexthop_count; i++)
		if (!plan->devices[plan->nexthops[i].device].is_l3)
			return true;
	return false;
}

/* Decide on XDP for all devices. */
static void plan_xdp(struct planner *p)
{
	const struct plan *plan = p->plan;
	bool wanted = p->in->mode == MODE_NATIVE || p->in->mode == MODE_GENERIC;

	if (p->in->mode == MODE_TC)
		return;
	if (wanted && (plan->devices[0].is_l3 || !any_l2_backend(plan))) {
		const struct plan_device *last = &plan->devices[plan->device_count - 1];
		bool public_is_l3 = plan->devices[0].is_l3;

		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "--mode %s: %s has no Ethernet header, so XDP cannot forward between it "
			 "and "
			 "%s; use --mode tc or auto",
			 plan_mode_name(p->in->mode),
			 public_is_l3 ? plan->devices[0].name : last->name,
			 public_is_l3 ? last->name : plan->devices[0].name);
		return;
	}
	if (p->in->mode == MODE_AUTO) {
		if (refuse_foreign_xdp(p,
				       host_link_by_index(p->in->host, plan->devices[0].ifindex)))
			return;
		if (!auto_uses_xdp(p))
			return;
	}
	for (size_t i = 0; i < plan->device_count; i++)
		xdp_device(p, i,
			   p->in->mode == MODE_GENERIC ? ATTACH_XDP_GENERIC : ATTACH_XDP_NATIVE);
}

/* Why TC is there, beside XDP or alone. */
static void tc_reason(const struct planner *p, size_t device, bool any_xdp, char reason[REASON_LEN])
{
	if (p->in->mode == MODE_TC) {
		snprintf(reason, REASON_LEN, "--mode tc");
		return;
	}
	if (p->in->mode == MODE_AUTO && auto_avoids(p, device, reason))
		return;
	if (xdp_is_siblings(p, host_link_by_index(p->in->host, p->plan->devices[device].ifindex))) {
		snprintf(reason, REASON_LEN, "XDP there belongs to another interface's forwards");
		return;
	}
	if (any_xdp) {
		snprintf(reason, REASON_LEN, "complete path for what XDP leaves");
		return;
	}
	/* The device could do better, the other end could not. */
	for (size_t i = 0; i < p->plan->device_count; i++)
		if (auto_avoids(p, i, reason))
			return;
}

/* bpf_fib_lookup() answers only where forwarding is on; on loopback that harms nobody (hop_ask()).
 */
static void plan_forwarding(struct planner *p)
{
	static const char *const names[FAMILY_COUNT] = { "net.ipv4.conf.lo.forwarding",
							 "net.ipv6.conf.lo.forwarding" };

	for (int family = 0; family < FAMILY_COUNT; family++)
		p->plan->sysctls[p->plan->sysctl_count++] = (struct plan_sysctl){
			.name = names[family],
			.before = strdup(p->in->forwarding_before[family] ? "1" : "0"),
			.value = strdup("1"),
		};
}

void plan_hooks(struct planner *p)
{
	struct plan *plan = p->plan;
	char reason[REASON_LEN] = "";
	bool any_xdp;

	plan_xdp(p);
	any_xdp = plan->hook_count > 0;
	for (size_t i = 0; i < plan->device_count; i++) {
		tc_reason(p, i, any_xdp, reason);
		add_hook(p, i, p->in->has_tcx ? ATTACH_TCX : ATTACH_CLSACT, reason);
	}
	plan_forwarding(p);
}
