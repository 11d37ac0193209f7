// SPDX-License-Identifier: GPL-2.0-only
// Which program goes on which device, and why there.
#include <stdio.h>
#include <string.h>
#include "plan_internal.h"

static void add_hook(struct planner *p, uint8_t device, enum attach_kind kind, const char *reason)
{
	struct plan_hook *hook = &p->plan->hooks[p->plan->hook_count++];

	hook->device = device;
	hook->kind = kind;
	snprintf(hook->reason, sizeof(hook->reason), "%s", reason);
}

static bool is_own_xdp(const struct planner *p, uint32_t id)
{
	for (size_t i = 0; i < p->in->own_xdp_count; i++)
		if (p->in->own_xdp[i] == id)
			return true;
	return false;
}

static bool xdp_is_foreign(const struct planner *p, const struct host_link *link)
{
	return link->xdp != HOST_XDP_NONE && !is_own_xdp(p, link->xdp_prog_id);
}

/* Somebody else's XDP program stays where it is, and the user decides. */
static bool refuse_foreign_xdp(struct planner *p, const struct host_link *link)
{
	if (!xdp_is_foreign(p, link))
		return false;
	diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
		 "%s already runs the XDP program \"%s\" (id %u), which is left alone; detach it "
		 "(ip "
		 "link set dev %s xdp off), or forward beside it with --mode tc",
		 link->name, link->xdp_name, link->xdp_prog_id, link->name);
	return true;
}

/* Why "auto" does not use native XDP on this device; NULL when it does. */
static const char *auto_avoids(const struct planner *p, const struct host_link *link, char *buf,
			       size_t len)
{
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
	else
		buf[0] = '\0';
	for (size_t i = 0; i < p->in->refusal_count && !buf[0]; i++)
		if (p->in->refusals[i].ifindex == link->ifindex)
			snprintf(buf, len, "%s refused native XDP: %s", link->name,
				 p->in->refusals[i].cause);
	return buf[0] ? buf : NULL;
}

/* "auto": XDP only where a packet can go both ways by it; @reason says which device decided. */
static bool auto_uses_xdp(struct planner *p, char *reason, size_t len)
{
	const struct plan *plan = p->plan;
	bool pair = plan->device_count == 1; /* back out of the same device */

	if (auto_avoids(p, host_link_by_index(p->in->host, plan->devices[0].ifindex), reason, len))
		return false;
	for (size_t i = 1; i < plan->device_count; i++)
		if (!auto_avoids(p, host_link_by_index(p->in->host, plan->devices[i].ifindex),
				 reason, len))
			pair = true;
	return pair;
}

/* XDP on device @i when it can carry weight there. */
static void xdp_device(struct planner *p, size_t i, enum attach_kind kind)
{
	const struct plan_device *device = &p->plan->devices[i];
	const struct host_link *link = host_link_by_index(p->in->host, device->ifindex);
	char why[160];

	if (device->is_l3)
		return;
	if (p->in->mode == MODE_AUTO &&
	    (auto_avoids(p, link, why, sizeof(why)) || (i && xdp_is_foreign(p, link))))
		return;
	if (refuse_foreign_xdp(p, link))
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

/* Decide on XDP; @reason is why TC is there, too or alone. */
static void plan_xdp(struct planner *p, char *reason, size_t len)
{
	const struct plan *plan = p->plan;
	const char *mode = plan_mode_name(p->in->mode);
	bool wanted = p->in->mode == MODE_NATIVE || p->in->mode == MODE_GENERIC;

	snprintf(reason, len, "complete path for what XDP leaves");
	if (p->in->mode == MODE_TC) {
		snprintf(reason, len, "--mode tc");
		return;
	}
	if (wanted && (plan->devices[0].is_l3 || !any_l2_backend(plan))) {
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "--mode %s: %s has no Ethernet header, so XDP cannot forward between it "
			 "and "
			 "%s; use --mode tc or auto",
			 mode,
			 plan->devices[plan->devices[0].is_l3 ? 0 : plan->device_count - 1].name,
			 plan->devices[plan->devices[0].is_l3 ? plan->device_count - 1 : 0].name);
		return;
	}
	if (p->in->mode == MODE_AUTO) {
		if (refuse_foreign_xdp(p,
				       host_link_by_index(p->in->host, plan->devices[0].ifindex)))
			return;
		if (!auto_uses_xdp(p, reason, len))
			return;
		snprintf(reason, len, "complete path for what XDP leaves");
	}
	for (size_t i = 0; i < plan->device_count; i++)
		xdp_device(p, i,
			   p->in->mode == MODE_GENERIC ? ATTACH_XDP_GENERIC : ATTACH_XDP_NATIVE);
}

void plan_hooks(struct planner *p)
{
	struct plan *plan = p->plan;
	char reason[160];

	plan_xdp(p, reason, sizeof(reason));
	for (size_t i = 0; i < plan->device_count; i++)
		add_hook(p, i, p->in->has_tcx ? ATTACH_TCX : ATTACH_CLSACT, reason);
	/* bpf_fib_lookup() answers only where forwarding is on; loopback harms nobody (hop_ask()).
	 */
	for (int family = 0; family < FAMILY_COUNT; family++) {
		static const char *const names[] = { "net.ipv4.conf.lo.forwarding",
						     "net.ipv6.conf.lo.forwarding" };

		plan->sysctls[plan->sysctl_count++] = (struct plan_sysctl){
			.name = names[family],
			.before = strdup(p->in->forwarding_before[family] ? "1" : "0"),
			.value = strdup("1"),
		};
	}
}
