// SPDX-License-Identifier: GPL-2.0-only
// Builds fake hosts, and writes plans as text.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan_world.h"

struct world world;

static struct ip_addr address(const char *text)
{
	struct ip_addr addr;

	cr_assert_eq(ip_addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

struct host_link *world_link(const char *name)
{
	struct host_link *link = &world.links[world.host.link_count++];
	int ifindex = world.host.link_count;

	cr_assert_leq(world.host.link_count, WORLD_MAX);
	*link = (struct host_link){ .ifindex = ifindex,
				    .driver = "virtio_net",
				    .is_l2 = true,
				    .up = true,
				    .carrier = true,
				    .mac = { 2, 0, 0, 0, 0, ifindex },
				    .mtu = 1500 };
	snprintf(link->name, sizeof(link->name), "%s", name);
	return link;
}

struct host_link *world_device(const char *name)
{
	for (size_t i = 0; i < world.host.link_count; i++)
		if (!strcmp(world.links[i].name, name))
			return &world.links[i];
	cr_assert_fail("no device %s in this world", name);
	return NULL;
}

struct host_addr *world_addr(const char *device, const char *text)
{
	struct host_addr *addr = &world.addrs[world.host.addr_count];

	*addr = (struct host_addr){ .ifindex = world_device(device)->ifindex,
				    .addr = address(text),
				    .prefix_len = 24,
				    .global = true,
				    .primary = true };
	for (size_t i = 0; i < world.host.addr_count; i++)
		if (world.addrs[i].ifindex == addr->ifindex &&
		    ip_addr_family(&world.addrs[i].addr) == ip_addr_family(&addr->addr))
			addr->primary = false;
	cr_assert_leq(++world.host.addr_count, WORLD_MAX);
	return addr;
}

static struct host_route *find_route(const struct ip_addr *dst)
{
	for (size_t i = 0; i < world.route_count; i++)
		if (ip_addr_equal(&world.routes[i].dst, dst))
			return &world.routes[i];
	return NULL;
}

struct host_route *world_route(const char *dst, const char *device)
{
	struct ip_addr addr = address(dst);
	struct host_route *route = find_route(&addr) ?: &world.routes[world.route_count++];

	cr_assert_leq(world.route_count, WORLD_MAX);
	*route = (struct host_route){ .dst = addr, .ifindex = world_device(device)->ifindex };
	for (size_t i = world.host.addr_count; i-- > 0;)
		if (world.addrs[i].ifindex == route->ifindex &&
		    ip_addr_family(&world.addrs[i].addr) == ip_addr_family(&addr))
			route->source = world.addrs[i].addr;
	return route;
}

struct host_neigh *world_neigh(const char *device, const char *addr, uint8_t last_mac_byte)
{
	struct host_neigh *neigh = &world.neighs[world.host.neigh_count++];

	cr_assert_leq(world.host.neigh_count, WORLD_MAX);
	*neigh = (struct host_neigh){ .ifindex = world_device(device)->ifindex,
				      .addr = address(addr),
				      .mac = { 2, 0, 0, 0, 9, last_mac_byte },
				      .usable = true };
	return neigh;
}

struct host_socket *world_listen(enum proto proto, const char *local, uint16_t port,
				 const char *process)
{
	struct host_socket *socket = &world.sockets[world.host.socket_count++];

	cr_assert_leq(world.host.socket_count, WORLD_MAX);
	*socket = (struct host_socket){ .proto = proto,
					.local = address(local),
					.local_port = port,
					.inode = process ? 1000 + world.host.socket_count : 0 };
	snprintf(socket->process, sizeof(socket->process), "%s", process ?: "");
	return socket;
}

struct host_socket *world_connected(enum proto proto, const char *local, uint16_t port,
				    const char *process)
{
	struct host_socket *socket = world_listen(proto, local, port, process);

	socket->state = HOST_SOCKET_CONNECTED;
	socket->remote = address(ip_addr_is_v4(&socket->local) ? "203.0.113.5" : "2001:db8:5::5");
	socket->remote_port = 40000;
	return socket;
}

void world_init(void)
{
	struct host_link *lo, *wg0;

	world = (struct world){};
	world.host.links = world.links;
	world.host.addrs = world.addrs;
	world.host.neighs = world.neighs;
	world.host.sockets = world.sockets;
	world.host.port_min = 32768;
	world.host.port_max = 60999;
	world.in.iface = "eth0";
	world.in.has_tcx = true;

	lo = world_link("lo");
	lo->loopback = true;
	world_addr("lo", "127.0.0.1")->global = false;
	world_link("eth0");
	world_addr("eth0", "198.51.100.1");
	world_addr("eth0", "2001:db8:1::1");
	world_route("198.51.100.9", "eth0");
	world_link("eth1");
	world_addr("eth1", "198.18.9.1");
	world_addr("eth1", "2001:db8:9::1");
	world_route("198.18.9.2", "eth1");
	world_neigh("eth1", "198.18.9.2", 0x42);
	world_route("2001:db8:9::2", "eth1");
	world_neigh("eth1", "2001:db8:9::2", 0x42);
	wg0 = world_link("wg0");
	*wg0 = (struct host_link){ .ifindex = wg0->ifindex,
				   .name = "wg0",
				   .kind = "wireguard",
				   .up = true,
				   .carrier = true,
				   .mtu = 1420 };
	world_addr("wg0", "198.18.7.1");
	world_route("198.18.7.2", "wg0");
}

void world_name(const char *name, const char *addr)
{
	cr_assert_lt(world.name_count, WORLD_MAX);
	world.names[world.name_count].name = name;
	world.names[world.name_count++].addr = address(addr);
}

static void forget_plan(void)
{
	plan_free(world.plan);
	config_free(world.config);
	free(world.found);
	free(world.host.routes);
	world.plan = NULL;
	world.config = NULL;
	world.found = NULL;
	world.host.routes = NULL;
}

void world_fini(void)
{
	forget_plan();
}

static char *diags_text(const struct diag_list *diags)
{
	char *all = NULL;
	size_t len;
	FILE *out = open_memstream(&all, &len);

	for (size_t i = 0; i < diags->count; i++) {
		char *line = diag_format(diags, &diags->items[i]);

		fprintf(out, "%s\n", line);
		free(line);
	}
	fclose(out);
	return all;
}

static struct config *parse(const char *text)
{
	struct diag_list diags = { .file = "f" };
	struct config *config = config_parse(text, strlen(text), &diags);
	char *found = diags_text(&diags);

	cr_assert(config, "%s", found);
	free(found);
	diag_free(&diags);
	return config;
}

/* What planning.c does by asking the resolver and the kernel. */
static void resolve(const struct config *config, bool (*has)[FAMILY_COUNT],
		    struct ip_addr (*addrs)[FAMILY_COUNT])
{
	world.host.route_count = config->backend_count * FAMILY_COUNT;
	world.host.routes = calloc(world.host.route_count, sizeof(*world.host.routes));
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *backend = &config->backends[i];

		memcpy(has[i], backend->has, sizeof(has[i]));
		memcpy(addrs[i], backend->address, sizeof(addrs[i]));
		for (size_t n = 0; backend->hostname && n < world.name_count; n++) {
			enum ip_family family = ip_addr_family(&world.names[n].addr);

			if (strcmp(world.names[n].name, backend->hostname) != 0)
				continue;
			has[i][family] = true;
			addrs[i][family] = world.names[n].addr;
		}
		for (int family = 0; family < FAMILY_COUNT; family++) {
			const struct host_route *known = find_route(&addrs[i][family]);

			world.host.routes[i * FAMILY_COUNT + family] =
				known ? *known
				      : (struct host_route){ .dst = addrs[i][family],
							     .error = -ENETUNREACH };
		}
	}
}

void world_plan(const char *text)
{
	bool has[WORLD_MAX][FAMILY_COUNT] = {};
	struct ip_addr addrs[WORLD_MAX][FAMILY_COUNT] = {};
	struct diag_list diags = { .file = "f" };

	forget_plan();
	world.config = parse(text);
	cr_assert_leq(world.config->backend_count, WORLD_MAX);
	resolve(world.config, has, addrs);
	world.in.config = world.config;
	world.in.host = &world.host;
	world.in.backend_has = has;
	world.in.backend_addr = addrs;
	world.in.reserved_before = &world.reserved_before;
	world.in.reserved_others = &world.reserved_others;
	world.plan = plan_make(&world.in, &diags);
	world.code = diag_exit_code(&diags);
	cr_assert_eq(!world.plan, world.code != 0);
	world.found = diags_text(&diags);
	diag_free(&diags);
}

/* Compare line by line text, showing both whole. */
static void expect_text(const char *what, const char *actual, const char *expected)
{
	cr_expect_str_eq(actual, expected, "%s:\n%sexpected:\n%s", what, actual, expected);
}

void expect_found(const char *expected)
{
	expect_text("findings", world.found, expected);
}

void expect_plan(const char *text)
{
	world_plan(text);
	cr_assert(world.plan, "%s", world.found);
	expect_found("");
}

void expect_refused(const char *text, const char *expected)
{
	world_plan(text);
	cr_expect_null(world.plan);
	expect_found(expected);
}

void expect_rules(const char *expected)
{
	char *all = NULL, public[IP_ADDR_STRLEN], backend[IP_ADDR_STRLEN];
	size_t len;
	FILE *out = open_memstream(&all, &len);

	cr_assert(world.plan, "%s", world.found);
	for (size_t i = 0; i < world.plan->rule_count; i++) {
		const struct plan_rule *rule = &world.plan->rules[i];
		const struct plan_nexthop *hop = &world.plan->nexthops[rule->nexthop];
		char *ports = port_set_format(&rule->ports);

		fprintf(out, "%s %s %s %s > %s", world.config->forwards[rule->forward].name,
			proto_name(rule->proto), ip_addr_format(&rule->public_addr, public), ports,
			ip_addr_format(&rule->backend_addr, backend));
		if (rule->shift)
			fprintf(out, " %+d", rule->shift);
		fprintf(out, " by %s\n", world.plan->devices[hop->device].name);
		cr_expect(ip_addr_equal(&hop->addr, &rule->backend_addr));
		free(ports);
	}
	fclose(out);
	expect_text("rules", all, expected);
	free(all);
}

void expect_hooks(const char *expected)
{
	char *all = NULL;
	size_t len;
	FILE *out = open_memstream(&all, &len);

	cr_assert(world.plan, "%s", world.found);
	for (size_t i = 0; i < world.plan->hook_count; i++) {
		const struct plan_hook *hook = &world.plan->hooks[i];

		fprintf(out, "%s %s %s: %s\n", world.plan->devices[hook->device].name,
			attach_kind_hook(hook->kind), attach_kind_mode(hook->kind), hook->reason);
	}
	fclose(out);
	expect_text("hooks", all, expected);
	free(all);
}

void expect_sysctl(const char *name, const char *value, const char *before)
{
	cr_assert(world.plan, "%s", world.found);
	for (size_t i = 0; i < world.plan->sysctl_count; i++) {
		const struct plan_sysctl *sysctl = &world.plan->sysctls[i];

		if (strcmp(sysctl->name, name) != 0)
			continue;
		expect_text(name, sysctl->value, value);
		expect_text(name, sysctl->before, before);
		return;
	}
	cr_assert_fail("%s is not set", name);
}

struct port_set port_set(const char *text)
{
	struct port_set set;

	cr_assert_eq(port_set_parse(text, &set), 0, "%s", text);
	return set;
}
