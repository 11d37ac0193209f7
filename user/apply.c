// SPDX-License-Identifier: GPL-2.0-only
// Make a plan true, whole or not at all.
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "apply.h"
#include "apply_pools.h"
#include "attach.h"
#include "loader.h"
#include "maps.h"
#include "pins.h"

#define NOWHERE ((struct diag_place){ 0, 0 })

/* One step that was taken, and what brings back the state before it. */
struct undo {
	enum { UNDO_HOOK_NEW, UNDO_HOOK_REPLACED, UNDO_SYSCTL } what;
	struct state_hook hook;
	int old_prog_fd;
	const char *sysctl;
	char *value;
};

/* struct transaction - an apply under way */
struct transaction {
	const struct apply_request *request;
	const struct state *old;
	struct state *new;
	struct loaded loaded;
	struct undo undo[6 * DEVICES_MAX];
	size_t undo_count;
	const struct ruleset *old_ruleset, *new_ruleset;
	struct apply_pools pools;
	int old_ruleset_fd, new_ruleset_fd;
	bool made_pins;
	struct diag_list *diags;
};

static int public_ifindex(const struct transaction *t)
{
	return t->request->plan->devices[0].ifindex;
}

static bool same_hook(const struct state_hook *a, const struct state_hook *b)
{
	return a->ifindex == b->ifindex && a->kind == b->kind && !strcmp(a->device, b->device);
}

static const struct state_hook *find_hook(const struct state *state, const struct state_hook *hook)
{
	for (size_t i = 0; state && i < state->hook_count; i++)
		if (same_hook(&state->hooks[i], hook))
			return &state->hooks[i];
	return NULL;
}

/* Does the new state pin a link under the same name, for a device that was made anew? */
static bool pin_is_taken(const struct state *state, const struct state_hook *hook)
{
	for (size_t i = 0; i < state->hook_count; i++)
		if (!strcmp(state->hooks[i].device, hook->device) &&
		    !strcmp(attach_kind_hook(state->hooks[i].kind), attach_kind_hook(hook->kind)) &&
		    state->hooks[i].kind != ATTACH_CLSACT && hook->kind != ATTACH_CLSACT)
			return true;
	return false;
}

static struct undo *add_undo(struct transaction *t)
{
	return &t->undo[t->undo_count++];
}

static int set_sysctls(struct transaction *t)
{
	const struct plan *plan = t->request->plan;

	for (size_t i = 0; i < plan->sysctl_count; i++) {
		const struct plan_sysctl *sysctl = &plan->sysctls[i];
		char *now = host_sysctl_read(sysctl->name);
		struct undo *undo;
		int err;

		if (!now) /* a host without IPv6 */
			continue;
		if (!strcmp(now, sysctl->value)) {
			free(now);
			continue;
		}
		err = host_sysctl_write(sysctl->name, sysctl->value);
		if (err) {
			free(now);
			diag_add(t->diags, DIAG_SYSTEM_ERROR, NOWHERE,
				 "cannot set %s to \"%s\": %s", sysctl->name, sysctl->value,
				 strerror(-err));
			return err;
		}
		undo = add_undo(t);
		*undo = (struct undo){ .what = UNDO_SYSCTL, .sysctl = sysctl->name, .value = now };
	}
	return 0;
}

/* The old state; but the programs beside it may not be those that it names any more. */
static void restore_state(const struct transaction *t)
{
	struct state *old = malloc(sizeof(*old));

	if (!old)
		return;
	*old = *t->old;
	if (t->loaded.skel)
		old->object[0] = '\0';
	state_write(t->request->bpffs, old);
	free(old);
}

/*
 * What every process that dies from here on leaves behind must be enough for the next load or
 * unload: so the state names all hooks, old and new, before the first of them changes.
 */
static int write_intent(struct transaction *t)
{
	struct state *intent = malloc(sizeof(*intent));
	int err;

	if (!intent)
		return -ENOMEM;
	*intent = *t->new;
	for (size_t i = 0; t->old && i < t->old->hook_count; i++)
		if (!find_hook(t->new, &t->old->hooks[i]) && intent->hook_count < 4 * DEVICES_MAX)
			intent->hooks[intent->hook_count++] = t->old->hooks[i];
	err = state_write(t->request->bpffs, intent);
	free(intent);
	return err;
}

static void report_attach(struct transaction *t, const struct state_hook *hook, int err,
			  struct plan_refusal *refusal)
{
	const char *cause = err == -EBUSY	 ? "another program is attached there"
			    : err == -EOPNOTSUPP ? "the driver has no support for it"
			    : err == -EINVAL	 ? "the driver refuses (queues, MTU or offloads)"
						 : strerror(-err);

	if (hook->kind == ATTACH_XDP_NATIVE && t->request->plan->mode == MODE_AUTO) {
		refusal->ifindex = hook->ifindex;
		snprintf(refusal->cause, sizeof(refusal->cause), "%s", cause);
		return;
	}
	diag_add(t->diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot attach to %s (%s, %s): %s%s",
		 hook->device, attach_kind_hook(hook->kind), attach_kind_mode(hook->kind), cause,
		 hook->kind == ATTACH_XDP_NATIVE ? "; use --mode auto or tc" : "");
}

/* XDP cannot change between native and generic in place; TC carries the traffic meanwhile. */
static void remove_other_xdp(struct transaction *t, const struct state_hook *hook)
{
	for (size_t i = 0; t->old && i < t->old->hook_count; i++) {
		const struct state_hook *old = &t->old->hooks[i];

		if (old->ifindex == hook->ifindex && old->kind != hook->kind &&
		    !strcmp(attach_kind_hook(old->kind), "xdp"))
			attach_remove(t->request->bpffs, t->new->iface, public_ifindex(t), old,
				      false);
	}
}

static int put_hook(struct transaction *t, struct state_hook *hook, struct plan_refusal *refusal)
{
	const struct state_hook *before = find_hook(t->old, hook);
	struct undo *undo;
	bool is_l3 = false;
	int err, old_prog_fd;

	for (size_t i = 0; i < t->new->device_count; i++)
		if (t->new->devices[i].ifindex == hook->ifindex)
			is_l3 = t->new->devices[i].is_l3;
	if (before)
		hook->made_qdisc = before->made_qdisc;
	if (!strcmp(attach_kind_hook(hook->kind), "xdp"))
		remove_other_xdp(t, hook);
	err = attach_put(t->request->bpffs, t->new->iface, public_ifindex(t), hook,
			 loader_program(&t->loaded, hook->kind, is_l3), &old_prog_fd);
	if (err) {
		report_attach(t, hook, err, refusal);
		return err;
	}
	undo = add_undo(t);
	*undo = (struct undo){ .what = old_prog_fd < 0 ? UNDO_HOOK_NEW : UNDO_HOOK_REPLACED,
			       .hook = *hook,
			       .old_prog_fd = old_prog_fd };
	return 0;
}

/* TC first, backends before the public device: the way back is open before the way in. */
static int put_hooks(struct transaction *t, struct plan_refusal *refusal)
{
	for (size_t i = t->new->hook_count; i-- > 0;) {
		int err = put_hook(t, &t->new->hooks[i], refusal);

		if (err)
			return err;
	}
	return 0;
}

static void remove_old_hooks(struct transaction *t)
{
	for (size_t i = 0; t->old && i < t->old->hook_count; i++) {
		const struct state_hook *hook = &t->old->hooks[i];
		int err;

		if (find_hook(t->new, hook) || pin_is_taken(t->new, hook))
			continue;
		err = attach_remove(t->request->bpffs, t->new->iface, public_ifindex(t), hook,
				    true);
		if (err)
			diag_add(t->diags, DIAG_WARNING, NOWHERE, "cannot detach from %s (%s): %s",
				 hook->device, attach_kind_hook(hook->kind), strerror(-err));
	}
}

static void take_back(struct transaction *t)
{
	while (t->undo_count) {
		struct undo *undo = &t->undo[--t->undo_count];
		int dummy;

		switch (undo->what) {
		case UNDO_HOOK_NEW:
			attach_remove(t->request->bpffs, t->new->iface, public_ifindex(t),
				      &undo->hook, true);
			break;
		case UNDO_HOOK_REPLACED:
			attach_put(t->request->bpffs, t->new->iface, public_ifindex(t), &undo->hook,
				   undo->old_prog_fd, &dummy);
			if (dummy >= 0)
				close(dummy);
			break;
		case UNDO_SYSCTL:
			host_sysctl_write(undo->sysctl, undo->value);
			break;
		}
	}
	if (t->old_ruleset_fd >= 0)
		maps_ruleset_put(loader_rulesets(&t->loaded), t->old_ruleset_fd);
	apply_pools_undo(&t->pools);
	if (t->old)
		restore_state(t);
	else if (t->made_pins)
		pins_remove(t->request->bpffs, t->new->iface);
}

static void forget_undo(struct transaction *t)
{
	for (size_t i = 0; i < t->undo_count; i++) {
		if (t->undo[i].what == UNDO_HOOK_REPLACED)
			close(t->undo[i].old_prog_fd);
		free(t->undo[i].value);
	}
}

/* A rule set that no packet sees yet, beside the one in force if there is any. */
static int make_ruleset(struct transaction *t)
{
	uint64_t valid_until_ns = t->request->agent_pid ? maps_valid_until_ns() : 0;

	if (t->old)
		t->old_ruleset = maps_ruleset_read(t->request->bpffs, t->new->iface);
	t->new_ruleset_fd =
		maps_ruleset_make(t->request->plan, valid_until_ns, t->old_ruleset, t->diags);
	if (t->new_ruleset_fd < 0)
		return t->new_ruleset_fd;
	t->new_ruleset = maps_ruleset_view(t->new_ruleset_fd);
	return t->new_ruleset ? 0 : -errno;
}

/* From here on packets go by the new rules, and find the pools that these need. */
static int put_ruleset(struct transaction *t)
{
	int err;

	t->pools = (struct apply_pools){ .bpffs = t->request->bpffs,
					 .iface = t->new->iface,
					 .pools_fd = loader_pools(&t->loaded),
					 .old = t->old_ruleset,
					 .new = t->new_ruleset };
	err = apply_pools_begin(&t->pools, t->diags);
	if (!err && t->old)
		t->old_ruleset_fd = maps_ruleset_get(loader_rulesets(&t->loaded));
	return err ?: maps_ruleset_put(loader_rulesets(&t->loaded), t->new_ruleset_fd);
}

static int make_pins(struct transaction *t)
{
	const char *bpffs = t->request->bpffs, *iface = t->new->iface;
	int err;

	t->made_pins = !t->old;
	if (t->loaded.skel) /* the state says which programs are pinned only when all of them are */
		err = pins_make(bpffs, iface) ?: loader_pin(&t->loaded, bpffs, iface) ?:
			write_intent(t) ?: loader_pin_programs(&t->loaded, bpffs, iface);
	else
		err = write_intent(t);
	snprintf(t->new->object, sizeof(t->new->object), "%s", loader_object());
	if (err)
		diag_add(t->diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot pin in %s/xdpfwd: %s", bpffs,
			 strerror(-err));
	return err;
}

/* Everything that can fail without a trace on the host comes before everything that cannot. */
static int run(struct transaction *t, struct plan_refusal *refusal)
{
	int err = make_ruleset(t) ?: make_pins(t) ?: set_sysctls(t);

	/* A new interface sees its rules with the first program; a loaded one gets programs first,
	 * so that no rule points at a device without one. */
	if (!err && !t->old)
		err = put_ruleset(t);
	err = err ?: put_hooks(t, refusal);
	if (!err && t->old)
		err = put_ruleset(t);
	return err ?: state_write(t->request->bpffs, t->new);
}

/* The programs that are pinned, or, when they are not those of this executable, new ones. */
static int open_programs(struct transaction *t)
{
	const struct apply_request *request = t->request;
	uint32_t flows_max = request->config->flows_max;
	const char *iface = t->new->iface;

	if (t->old && !loader_reopen(request->bpffs, iface, t->old->object, flows_max, &t->loaded,
				     t->diags)) {
		memcpy(t->new->object, t->old->object, sizeof(t->new->object));
		return 0;
	}
	return loader_open(request->bpffs, iface, flows_max, &t->loaded, t->diags);
}

static void end_transaction(struct transaction *t)
{
	forget_undo(t);
	maps_ruleset_forget(t->old_ruleset);
	maps_ruleset_forget(t->new_ruleset);
	if (t->old_ruleset_fd >= 0)
		close(t->old_ruleset_fd);
	if (t->new_ruleset_fd >= 0)
		close(t->new_ruleset_fd);
	loader_close(&t->loaded);
}

int apply_plan(const struct apply_request *request, const struct state *old,
	       struct plan_refusal *refusal, struct diag_list *diags)
{
	struct transaction *t = calloc(1, sizeof(*t));
	int err;

	refusal->ifindex = 0;
	if (!t)
		return -ENOMEM;
	t->request = request;
	t->old = old;
	t->diags = diags;
	t->old_ruleset_fd = -1;
	t->new_ruleset_fd = -1;
	t->new = state_from_plan(request->plan, request->config, request->config_path,
				 request->force, request->agent_pid);
	if (!t->new) {
		free(t);
		return -ENOMEM;
	}
	err = open_programs(t);
	if (!err) {
		err = run(t, refusal);
		if (err) {
			take_back(t);
			if (!diag_has_errors(diags) && !refusal->ifindex)
				diag_add(diags, DIAG_SYSTEM_ERROR, NOWHERE, "cannot load: %s",
					 strerror(-err));
		} else {
			remove_old_hooks(t);
			apply_pools_finish(&t->pools, diags);
		}
		end_transaction(t);
	}
	state_free(t->new);
	free(t);
	return err;
}
