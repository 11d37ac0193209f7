// SPDX-License-Identifier: GPL-2.0-only
// Plan anew when the host changes, and apply what is different.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "follow.h"
#include "log.h"
#include "pins.h"
#include "reload.h"

/* struct socket_digests - which sockets there are on the ports of forwards, and on those of flows
 */
struct socket_digests {
	uint64_t forwards, flows;
};

/**
 * struct follower - what is in force, as last seen
 * @config:     in force; NULL before the first look
 * @generation: that it belongs to
 * @sockets:    digests of the sockets on its ports
 * @told:       what was wrong the last time, so that each finding is logged once
 * @silent:     whoever loaded has been told what the first look will find
 */
struct follower {
	const char *bpffs, *iface;
	struct resolver *resolver;
	struct config *config;
	uint32_t generation;
	struct socket_digests sockets;
	struct diag_list told;
	bool silent;
};

struct follower *follow_new(const char *bpffs, const char *iface)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->bpffs = bpffs;
	f->iface = iface;
	f->resolver = resolver_new();
	if (f->resolver)
		return f;
	free(f);
	return NULL;
}

void follow_free(struct follower *f)
{
	if (!f)
		return;
	resolver_free(f->resolver);
	config_free(f->config);
	diag_free(&f->told);
	free(f);
}

int follow_fd(const struct follower *f)
{
	return resolver_fd(f->resolver);
}

/* Look up the names of another config, beginning with the addresses that are in force. */
static void watch_names(struct follower *f, const struct state *state)
{
	struct resolver_name *names = calloc(f->config->backend_count, sizeof(*names));
	size_t count = 0;
	int err;

	if (!names)
		return;
	for (size_t i = 0; i < f->config->backend_count; i++) {
		const struct config_backend *backend = &f->config->backends[i];
		struct resolver_name *name = &names[count];

		if (!backend->hostname || !plan_uses_backend(f->config, i))
			continue;
		snprintf(name->name, sizeof(name->name), "%s", backend->hostname);
		for (size_t j = PLAN_FIRST_BACKEND; j < state->nexthop_count; j++) {
			enum ip_family family = ip_addr_family(&state->nexthops[j].addr);

			if (strcmp(state->backends[j].name, backend->name) != 0)
				continue;
			name->has[family] = true;
			name->addr[family] = state->nexthops[j].addr;
			name->failed = state->backends[j].lookup_failed;
		}
		count++;
	}
	err = resolver_watch(f->resolver, names, count);
	if (err)
		log_warning("cannot follow the names of backends: %s", strerror(-err));
	free(names);
}

/* Return: true when another load is in force than the last time. */
static bool sync_config(struct follower *f, const struct state *state)
{
	struct diag_list diags = {};

	if (f->config && f->generation == state->generation)
		return false;
	config_free(f->config);
	f->config = state_config(state, &diags);
	f->generation = state->generation;
	f->silent = true;
	diag_free(&diags);
	if (f->config)
		watch_names(f, state);
	return true;
}

static bool on_forwarded_port(const struct config *config, const struct host_socket *socket)
{
	for (size_t i = 0; i < config->forward_count; i++)
		if (port_set_has(&config->forwards[i].ports[socket->proto], socket->local_port))
			return true;
	return false;
}

/* FNV-1a, word by word, of what tells one listener from another. */
static uint64_t socket_digest(const struct host_socket *socket)
{
	uint32_t words[] = { socket->proto,	 socket->local_port, socket->v6only,
			     socket->local.w[0], socket->local.w[1], socket->local.w[2],
			     socket->local.w[3] };
	uint64_t digest = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		digest = (digest ^ words[i]) * 0x100000001b3;
	return digest;
}

/* Added up, as the kernel lists sockets in any order. Connections come and go with clients. */
static int digest_sockets(const struct config *config, const struct state *state,
			  struct socket_digests *digests)
{
	struct host host;
	int err = host_read_listeners(&host);

	*digests = (struct socket_digests){};
	for (size_t i = 0; !err && i < host.socket_count; i++) {
		const struct host_socket *socket = &host.sockets[i];

		if (socket->state == HOST_SOCKET_LISTEN && on_forwarded_port(config, socket))
			digests->forwards += socket_digest(socket);
		if (port_set_has(&state->masquerade_ports[socket->proto], socket->local_port))
			digests->flows += socket_digest(socket);
	}
	host_free(&host);
	return err;
}

unsigned follow_tick(struct follower *f, const struct state *state)
{
	unsigned due = sync_config(f, state) ? FOLLOW_DUE_HOST | FOLLOW_DUE_PORTS : 0;
	struct socket_digests digests;

	if (!f->config || digest_sockets(f->config, state, &digests))
		return due;
	if (digests.forwards != f->sockets.forwards)
		due |= FOLLOW_DUE_HOST;
	if (digests.flows != f->sockets.flows)
		due |= FOLLOW_DUE_PORTS;
	f->sockets = digests;
	return due;
}

static bool was_told(const struct diag_list *told, const struct diag *diag)
{
	for (size_t i = 0; i < told->count; i++)
		if (told->items[i].severity == diag->severity &&
		    !strcmp(told->items[i].text, diag->text))
			return true;
	return false;
}

/* Log what is new, and keep it for the next time; a look that failed has not seen everything. */
static void tell(struct follower *f, const struct diag_list *diags)
{
	struct diag_list told = {};

	for (size_t i = 0; i < diags->count; i++) {
		struct diag *diag = &diags->items[i];
		struct diag_list one = { .file = diags->file, .items = diag, .count = 1 };
		bool is_error = diag->severity >= DIAG_SYSTEM_ERROR;

		if (diag->severity != DIAG_NOTE && (is_error || !f->silent) &&
		    !was_told(&f->told, diag))
			log_diags(&one);
		diag_add(&told, diag->severity, (struct diag_place){ 0, 0 }, "%s", diag->text);
	}
	for (size_t i = 0; diag_has_errors(diags) && i < f->told.count; i++)
		diag_add(&told, f->told.items[i].severity, (struct diag_place){ 0, 0 }, "%s",
			 f->told.items[i].text);
	f->silent = false;
	diag_free(&f->told);
	f->told = told;
}

static struct planning planning_of(const struct follower *f, const struct state *state)
{
	return (struct planning){
		.bpffs = f->bpffs,
		.iface = f->iface,
		.config_path = state->config,
		.config_text = state->config_text,
		.resolver = f->resolver,
		.mode = state->mode,
		.force = state->force,
		.following = true,
	};
}

/* Only the ways to backends are different: the agent's next round uses what the state says. */
static int apply_ways(const struct follower *f, struct state *state, const struct state *new)
{
	memcpy(state->devices, new->devices, sizeof(state->devices));
	memcpy(state->nexthops, new->nexthops, sizeof(state->nexthops));
	return state_write(f->bpffs, state);
}

/* Under the lock, so that nobody loads meanwhile; what was seen may be out of date by now. */
static int apply_locked(struct follower *f, enum state_change change, const struct state *new,
			struct diag_list *diags)
{
	struct state *state = state_read(f->bpffs, f->iface);
	struct planning planning;
	bool silent = f->silent;
	int err;

	if (!state)
		return -errno;
	planning = planning_of(f, state);
	if (state->generation != f->generation)
		err = -ESTALE;
	else if (change == STATE_WAYS)
		err = apply_ways(f, state, new);
	else
		err = reload_apply(&planning, state, getpid(), diags);
	state_free(state);
	state = err ? NULL : state_read(f->bpffs, f->iface);
	if (state)
		sync_config(f, state); /* our own doing needs no new look */
	f->silent = silent;
	state_free(state);
	return err;
}

static int apply(struct follower *f, enum state_change change, const struct state *new,
		 struct diag_list *diags)
{
	int err, lock = reload_lock(f->bpffs);

	if (lock < 0)
		return lock;
	err = apply_locked(f, change, new, diags);
	pins_unlock(f->bpffs, lock);
	return err;
}

/* The state that the host asks for now; NULL with what is wrong in @diags. */
static struct state *look(const struct follower *f, const struct state *state,
			  struct diag_list *diags)
{
	struct planning planning = planning_of(f, state);
	struct state *new = NULL;

	if (!planning_make(&planning, state, diags))
		new = state_from_plan(planning.plan, planning.config, state->config, state->force,
				      state->agent_pid);
	planning_free(&planning);
	return new;
}

int follow_host(struct follower *f)
{
	struct state *state = state_read(f->bpffs, f->iface), *new = NULL;
	struct diag_list diags = {}, late = {};
	enum state_change change = STATE_SAME;
	char *text = NULL;
	int err = 0;

	if (!state || state->abi != XDPFWD_ABI_VERSION) {
		state_free(state);
		return -ENOENT;
	}
	sync_config(f, state);
	diags.file = state->config;
	new = look(f, state, &diags);
	if (new)
		change = state_compare(state, new, &text);
	else
		err = -EAGAIN;
	if (change != STATE_SAME)
		err = apply(f, change, new, &late);
	if (change != STATE_SAME && !err)
		log_info("%s follows the host: %s", f->iface, text);
	tell(f, diag_has_errors(&late) ? &late : &diags);
	diag_free(&diags);
	diag_free(&late);
	free(text);
	state_free(new);
	state_free(state);
	return err ?: change != STATE_SAME;
}

/* Return: did it say something else before? */
static bool note_name(struct state *state, const struct resolver_name *name)
{
	bool changed = false;

	for (size_t i = PLAN_FIRST_BACKEND; i < state->nexthop_count; i++) {
		struct state_backend *backend = &state->backends[i];

		if (strcmp(backend->hostname, name->name) != 0)
			continue;
		changed = changed || backend->lookup_failed != name->failed;
		backend->lookup_failed = name->failed;
	}
	return changed;
}

static bool note_names(struct follower *f, struct state *state)
{
	bool changed = false;

	for (size_t i = 0; i < f->config->backend_count; i++) {
		const char *hostname = f->config->backends[i].hostname;
		struct resolver_name name = {};

		if (!hostname)
			continue;
		snprintf(name.name, sizeof(name.name), "%s", hostname);
		if (!resolver_get(f->resolver, &name) || !note_name(state, &name))
			continue;
		changed = true;
		if (name.failed)
			log_warning("backend \"%s\": cannot resolve \"%s\" now; its last address "
				    "stays",
				    f->config->backends[i].name, hostname);
		else
			log_info("backend \"%s\": \"%s\" resolves again",
				 f->config->backends[i].name, hostname);
	}
	return changed;
}

void follow_names(struct follower *f)
{
	int lock = reload_lock(f->bpffs);
	struct state *state;

	resolver_clear(f->resolver);
	if (lock < 0)
		return;
	state = state_read(f->bpffs, f->iface);
	if (state && f->config && state->generation == f->generation && note_names(f, state))
		state_write(f->bpffs, state);
	state_free(state);
	pins_unlock(f->bpffs, lock);
}
