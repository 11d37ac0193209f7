// SPDX-License-Identifier: GPL-2.0-only
// The host keeps its own traffic: its sockets, its tunnels, its ephemeral ports, the operator's
// SSH.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan_internal.h"

#define SSH_PORT      22
/* With fewer ephemeral ports than this left, the host's own DNS and updates get in trouble. */
#define EPHEMERAL_FEW 1024

/* Would packets for @addr reach a socket bound to @socket's local address? */
static bool socket_hears(const struct host_socket *socket, const struct ip_addr *addr)
{
	if (!ip_addr_is_any(&socket->local))
		return ip_addr_equal(&socket->local, addr);
	return ip_addr_family(&socket->local) == ip_addr_family(addr) ||
	       (ip_addr_family(&socket->local) == FAMILY_V6 && !socket->v6only);
}

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* The programs that make tun and tap devices. */
static bool is_tunnel_program(const char *name)
{
	static const char *const programs[] = { "wireguard-go", "boringtun", "tailscaled",
						"openvpn",	"nebula",    "zerotier",
						"netbird" };

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (has_prefix(name, programs[i]))
			return true;
	return false;
}

/* Do packets through this device travel in a socket of this host? */
static bool link_is_tunnel(const struct host_link *link)
{
	return !link->is_l2 || !strcmp(link->kind, "tun") || !strcmp(link->kind, "vxlan") ||
	       !strcmp(link->kind, "geneve");
}

/*
 * Does this socket carry a tunnel to a backend? A WireGuard device's socket belongs to the kernel;
 * without a full look into /proc it only shows no process. The kernel's TCP sockets are those of
 * network file systems, and connections whose process has ended.
 */
static bool socket_is_tunnel(const struct planner *p, const struct host_socket *socket)
{
	for (size_t i = 1; i < p->plan->device_count; i++) {
		const struct host_link *link =
			host_link_by_index(p->in->host, p->plan->devices[i].ifindex);
		bool kernels;

		if (!link || !link_is_tunnel(link))
			continue;
		kernels = socket->proto == PROTO_UDP && !socket->process[0] &&
			  (!socket->inode || !strcmp(link->kind, "wireguard"));
		if (kernels || is_tunnel_program(socket->process))
			return true;
	}
	return false;
}

static const char *socket_owner(const struct host_socket *socket)
{
	if (socket->process[0])
		return socket->process;
	return socket->inode ? "a process of this host" : "the kernel";
}

static void exclude_port(struct plan_rule *rule, unsigned port)
{
	port_set_remove(&rule->ports, (struct port_range){ port, port });
}

/*
 * What to do about one socket that hears a port of one rule. @told holds the ports of this forward
 * that a finding was made about: other rules of it only leave them out.
 */
static void keep_socket(struct planner *p, struct plan_rule *rule, const struct host_socket *socket,
			struct port_set *told, struct port_set *busy)
{
	const struct config_forward *f = &p->in->config->forwards[rule->forward];
	const char *proto = proto_name(rule->proto), *owner = socket_owner(socket);
	unsigned port = socket->local_port;

	if (port_set_has(told, port)) {
		exclude_port(rule, port);
		return;
	}
	if (socket_is_tunnel(p, socket))
		diag_add(
			p->diags, DIAG_WARNING, f->ports_place,
			"forward \"%s\": %s port %u stays with this host: it carries the tunnel to "
			"the backend (%s); add exclude = [%u] to say so yourself",
			f->name, proto, port, owner, port);
	else if (p->in->force)
		return;
	else if (p->in->following && port_set_has(&f->named[rule->proto], port)) {
		diag_add(p->diags, DIAG_WARNING, f->ports_place,
			 "forward \"%s\": %s port %u stays forwarded, so %s does not get what is "
			 "sent to it; take the port out of the forward, or stop that",
			 f->name, proto, port, owner);
		return;
	} else if (port_set_has(&f->named[rule->proto], port))
		diag_add(p->diags, DIAG_SYSTEM_ERROR, f->ports_place,
			 "forward \"%s\": %s port %u is in use on this host by %s; stop it, take "
			 "the port out, or forward it anyway with --force",
			 f->name, proto, port, owner);
	else if (socket->state == HOST_SOCKET_LISTEN && socket->process[0])
		diag_add(p->diags, DIAG_WARNING, f->ports_place,
			 "forward \"%s\": %s port %u stays with this host: %s listens there; add "
			 "exclude = [%u], or forward it anyway with --force",
			 f->name, proto, port, owner, port);
	else
		port_set_add(busy, (struct port_range){ port, port });
	port_set_add(told, (struct port_range){ port, port });
	exclude_port(rule, port);
}

static void keep_sockets(struct planner *p, struct plan_rule *rule, struct port_set *told,
			 struct port_set *busy)
{
	const struct host *host = p->in->host;

	for (size_t i = 0; i < host->socket_count; i++) {
		const struct host_socket *socket = &host->sockets[i];

		if (socket->proto == rule->proto &&
		    port_set_has(&rule->ports, socket->local_port) &&
		    socket_hears(socket, &rule->public_addr))
			keep_socket(p, rule, socket, told, busy);
	}
}

static void warn_busy(struct planner *p, const struct config_forward *f, enum proto proto,
		      const struct port_set *busy)
{
	char *list;

	if (port_set_is_empty(busy))
		return;
	list = port_set_format(busy);
	diag_add(p->diags, DIAG_WARNING, f->ports_place,
		 "forward \"%s\": %s ports in use by this host stay with it until the next reload: "
		 "%s",
		 f->name, proto_name(proto), list ?: "");
	free(list);
}

/* Is this the server side of a live SSH session? */
static bool socket_is_ssh(const struct host_socket *socket)
{
	return socket->proto == PROTO_TCP && socket->state == HOST_SOCKET_CONNECTED &&
	       (has_prefix(socket->process, "sshd") || socket->local_port == SSH_PORT);
}

static void refuse_ssh_port(struct planner *p, struct plan_rule *rule, unsigned port,
			    struct port_set *told)
{
	const struct config_forward *f = &p->in->config->forwards[rule->forward];

	if (!port_set_has(&rule->ports, port))
		return;
	if (!port_set_has(told, port))
		diag_add(p->diags, p->in->following ? DIAG_WARNING : DIAG_SYSTEM_ERROR,
			 f->ports_place,
			 "forward \"%s\": tcp port %u carries an SSH session to this host, which "
			 "would be cut off; add exclude = [%u], or insist with --force",
			 f->name, port, port);
	port_set_add(told, (struct port_range){ port, port });
	exclude_port(rule, port);
}

static void refuse_ssh(struct planner *p, struct plan_rule *rule, struct port_set *told)
{
	const struct host *host = p->in->host;

	if (rule->proto != PROTO_TCP || p->in->force)
		return;
	refuse_ssh_port(p, rule, host->ssh_port, told);
	for (size_t i = 0; i < host->socket_count; i++)
		if (socket_is_ssh(&host->sockets[i]) &&
		    socket_hears(&host->sockets[i], &rule->public_addr))
			refuse_ssh_port(p, rule, host->sockets[i].local_port, told);
}

/* All addresses of one forward together, so that each of its ports is told once. */
static void keep_forward(struct planner *p, size_t forward, enum proto proto)
{
	struct port_set told = {}, busy = {};

	for (size_t i = 0; i < p->plan->rule_count; i++) {
		struct plan_rule *rule = &p->plan->rules[i];

		if (rule->forward != forward || rule->proto != proto)
			continue;
		refuse_ssh(p, rule, &told);
		keep_sockets(p, rule, &told, &busy);
	}
	warn_busy(p, &p->in->config->forwards[forward], proto, &busy);
}

/* Ports of ranges, and single ports that the kernel would hand out, must not become sources. */
static void collect_reserved(struct planner *p)
{
	const struct host *host = p->in->host;
	struct port_set ephemeral = {};

	port_set_add(&ephemeral, (struct port_range){ host->port_min, host->port_max });
	for (size_t i = 0; i < p->plan->rule_count; i++) {
		const struct plan_rule *rule = &p->plan->rules[i];
		struct port_set ranges = rule->ports, named = rule->ports;

		port_set_subtract(&ranges,
				  &p->in->config->forwards[rule->forward].named[rule->proto]);
		port_set_union(&p->plan->reserved, &ranges);
		port_set_intersect(&named, &ephemeral);
		port_set_union(&p->plan->reserved, &named);
	}
}

/* What the host has left for its own outgoing sockets. */
static void check_ephemeral(struct planner *p, const struct port_set *reserved)
{
	const struct host *host = p->in->host;
	struct port_set left = {};
	unsigned count;

	port_set_add(&left, (struct port_range){ host->port_min, host->port_max });
	port_set_subtract(&left, reserved);
	count = port_set_count(&left);
	if (!count)
		diag_add(p->diags, DIAG_CONFIG_ERROR, p->in->config->forwards[0].ports_place,
			 "the forwards cover all of this host's own ephemeral ports (%u-%u): it "
			 "could open no connection of its own; forward fewer ports or widen "
			 "net.ipv4.ip_local_port_range",
			 host->port_min, host->port_max);
	else if (count < EPHEMERAL_FEW)
		diag_add(p->diags, DIAG_WARNING, NOWHERE,
			 "only %u of this host's own ephemeral ports are left; forward fewer ports "
			 "or widen net.ipv4.ip_local_port_range",
			 count);
}

struct port_set plan_all_reserved(const struct planner *p)
{
	struct port_set all = *p->in->reserved_before;

	port_set_union(&all, &p->plan->reserved);
	port_set_union(&all, p->in->reserved_others);
	return all;
}

static void plan_reserved(struct planner *p)
{
	struct plan *plan = p->plan;
	struct port_set all;

	collect_reserved(p);
	all = plan_all_reserved(p);
	check_ephemeral(p, &all);
	plan->sysctls[plan->sysctl_count++] = (struct plan_sysctl){
		.name = "net.ipv4.ip_local_reserved_ports",
		.before = port_set_format(p->in->reserved_before),
		.value = port_set_format(&all),
	};
}

static void drop_empty_rules(struct planner *p)
{
	struct plan *plan = p->plan;
	size_t kept = 0;

	for (size_t i = 0; i < plan->rule_count; i++)
		if (!port_set_is_empty(&plan->rules[i].ports))
			plan->rules[kept++] = plan->rules[i];
	plan->rule_count = kept;
	if (!kept && !diag_has_errors(p->diags))
		diag_add(p->diags, DIAG_SYSTEM_ERROR, NOWHERE,
			 "this host uses every port that would be forwarded; nothing is left");
}

void plan_safety(struct planner *p)
{
	for (size_t i = 0; i < p->in->config->forward_count; i++)
		for (int proto = 0; proto < PROTO_COUNT; proto++)
			keep_forward(p, i, proto);
	drop_empty_rules(p);
	plan_reserved(p);
}
