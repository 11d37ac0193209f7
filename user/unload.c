// SPDX-License-Identifier: GPL-2.0-only
// Take back what apply_plan() did, minding other interfaces that are still loaded.
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include "apply.h"
#include "attach.h"
#include "pins.h"

#define NOWHERE ((struct diag_place){ 0, 0 })

static void add_pools(struct apply_siblings *siblings, const struct state *state)
{
	const size_t room = sizeof(siblings->pools) / sizeof(siblings->pools[0]);

	for (size_t i = 0; i < state->pool_count && siblings->pool_count < room; i++) {
		struct plan_sibling *sibling = &siblings->pools[siblings->pool_count++];

		memcpy(sibling->iface, state->iface, sizeof(sibling->iface));
		sibling->pool = state->pools[i];
	}
}

void apply_siblings_read(const char *bpffs, const char *iface, struct apply_siblings *siblings)
{
	size_t count;
	char **names = pins_interfaces(bpffs, &count);

	memset(siblings, 0, sizeof(*siblings));
	for (size_t i = 0; i < count; i++) {
		struct state *state;

		if (!strcmp(names[i], iface))
			continue;
		state = state_read(bpffs, names[i]);
		if (!state || state->netns != state_netns()) {
			state_free(state);
			continue;
		}
		siblings->any = true;
		if (siblings->xdp_count <= DEVICES_MAX)
			siblings->xdp_count +=
				attach_own_xdp(bpffs, state, siblings->xdp + siblings->xdp_count);
		add_pools(siblings, state);
		port_set_union(&siblings->reserved, &state->reserved);
		siblings->reserved_before = state->reserved_before;
		memcpy(siblings->forwarding_before, state->forwarding_before,
		       sizeof(siblings->forwarding_before));
		state_free(state);
	}
	pins_interfaces_free(names, count);
}

static int restore(const char *name, const char *value, struct diag_list *diags)
{
	char *now = host_sysctl_read(name);
	int err = 0;

	if (now && strcmp(now, value))
		err = host_sysctl_write(name, value);
	if (err)
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot set %s back to \"%s\": %s",
			 name, value, strerror(-err));
	free(now);
	return err;
}

/* Take our ports out, but not those that were there before or that another interface needs. */
static int restore_reserved(const struct state *state, const struct apply_siblings *siblings,
			    struct diag_list *diags)
{
	const char *name = "net.ipv4.ip_local_reserved_ports";
	struct port_set ours = state->reserved, now;
	char *text = host_sysctl_read(name);
	int err = text ? port_set_parse(text, &now) : -errno;

	free(text);
	if (err)
		return err;
	port_set_subtract(&ours, &state->reserved_before);
	port_set_subtract(&ours, &siblings->reserved);
	port_set_subtract(&now, &ours);
	text = port_set_format(&now);
	err = text ? restore(name, text, diags) : -ENOMEM;
	free(text);
	return err;
}

static int restore_host(const char *bpffs, const struct state *state, struct diag_list *diags)
{
	struct apply_siblings siblings;
	int err;

	apply_siblings_read(bpffs, state->iface, &siblings);
	err = restore_reserved(state, &siblings, diags);
	if (siblings.any)
		return err;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		static const char *const names[] = { "net.ipv4.conf.lo.forwarding",
						     "net.ipv6.conf.lo.forwarding" };
		int failed =
			restore(names[family], state->forwarding_before[family] ? "1" : "0", diags);

		err = err ?: failed;
	}
	return err;
}

int apply_unload(const char *bpffs, const char *iface, const struct state *state,
		 struct diag_list *diags)
{
	int err = 0, failed;

	/* The way in first, so that no packet is forwarded that cannot come back. */
	for (size_t i = 0; state && i < state->hook_count; i++) {
		failed = attach_remove(bpffs, iface, state->devices[0].ifindex, &state->hooks[i],
				       true);
		if (failed)
			diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE,
				 "cannot detach from %s (%s): %s", state->hooks[i].device,
				 attach_kind_hook(state->hooks[i].kind), strerror(-failed));
		err = err ?: failed;
	}
	if (state) {
		failed = restore_host(bpffs, state, diags);
		err = err ?: failed;
	}
	failed = pins_remove(bpffs, iface);
	if (failed)
		diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot remove the pins of %s: %s",
			 iface, strerror(-failed));
	return err ?: failed;
}
