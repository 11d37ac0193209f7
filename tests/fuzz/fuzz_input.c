// SPDX-License-Identifier: GPL-2.0-only
// A config and a host out of the bytes that a fuzzer comes up with.
#include <errno.h>
#include <string.h>
#include "fuzz_input.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define PICK(in, array) ((array)[input_below(in, COUNT(array))])

/* Few enough to meet each other. */
static const char *const literals[] = {
	"198.51.100.1",	 "198.51.100.2",  "198.18.9.1",	   "198.18.9.2",    "198.18.9.3",
	"2001:db8:1::1", "2001:db8:1::2", "2001:db8:9::1", "2001:db8:9::2", "2001:db8:9::3",
};

static const char *const devices[] = { "eth0", "eth1", "wg0", "tailscale0", "br0" };

unsigned input_below(struct input *in, unsigned limit)
{
	unsigned value = 0;

	for (unsigned max = limit - 1; max && in->size; max >>= 8) {
		value = value << 8 | *in->data++;
		in->size--;
	}
	return value % limit;
}

struct ip_addr input_addr(struct input *in)
{
	struct ip_addr addr;

	MUST(!ip_addr_parse(PICK(in, literals), &addr));
	return addr;
}

/* Once in @n; never past the end of the input, so that short inputs are good ones. */
static bool rarely(struct input *in, unsigned n)
{
	return input_below(in, n) == n - 1;
}

/* A single port about as often as a range, and ranges of all widths. */
static struct port_range input_range(struct input *in)
{
	unsigned first = 1 + input_below(in, PORT_COUNT - 1), width = input_below(in, 256);
	unsigned last = first;

	if (width >= 128)
		last += (width - 128) * (width - 128) * 4;
	return (struct port_range){ first, last < PORT_COUNT ? last : PORT_COUNT - 1 };
}

static struct port_set input_ports(struct input *in)
{
	struct port_set set = {};

	for (unsigned n = input_below(in, 3); n; n--)
		port_set_add(&set, input_range(in));
	return set;
}

static void write_ports(struct input *in, FILE *out, const char *key)
{
	unsigned count = 1 + input_below(in, 3);

	fprintf(out, "%s = [", key);
	while (count--) {
		struct port_range range = input_range(in);

		fprintf(out, "\"%u-%u\", ", range.first, range.last);
	}
	fprintf(out, "]\n");
}

static void write_backend(struct input *in, FILE *out, unsigned index)
{
	fprintf(out, "[backend.b%u]\n", index);
	if (rarely(in, 4))
		fprintf(out, "address = \"b%u.example\"\n", index);
	else if (rarely(in, 4))
		fprintf(out, "address = \"%s\"\n", PICK(in, literals));
	else
		fprintf(out, "address = [\"198.18.9.%u\", \"2001:db8:9::%u\"]\n", 2 + index,
			2 + index);
	if (rarely(in, 8))
		fprintf(out, "device = \"%s\"\n", PICK(in, devices));
	if (rarely(in, 4))
		fprintf(out, "masquerade_address = [\"%s\", \"%s\"]\n", PICK(in, literals),
			PICK(in, literals));
}

static void write_limits(struct input *in, FILE *out)
{
	struct port_range range = input_range(in);

	fprintf(out, "[limits]\nflows = %u\nsource_prefix_v6 = %u\n", 1 + input_below(in, 65536),
		1 + input_below(in, 64));
	if (rarely(in, 4))
		fprintf(out, "masquerade_ports = \"%u-%u\"\n", range.first, range.last);
}

static void write_forward(struct input *in, FILE *out, unsigned backends)
{
	static const char *const protocols[] = { "\"tcp\"", "\"udp\"", "[\"tcp\", \"udp\"]" };

	fprintf(out, "[[forward]]\nbackend = \"b%u\"\n", input_below(in, backends));
	if (!rarely(in, 2))
		fprintf(out, "source = \"preserve\"\n");
	if (!rarely(in, 8)) {
		fprintf(out, "protocol = %s\n", PICK(in, protocols));
		write_ports(in, out, "ports");
	} else {
		fprintf(out, "preset = \"snikket\"\n");
	}
	if (rarely(in, 4))
		write_ports(in, out, "exclude");
	if (rarely(in, 4))
		fprintf(out, "to_port = %u\n", 1 + input_below(in, PORT_COUNT - 1));
	if (rarely(in, 4))
		fprintf(out, "address = [\"%s\", \"%s\"]\n", PICK(in, literals),
			PICK(in, literals));
	if (rarely(in, 8))
		fprintf(out, "allow = [\"203.0.113.0/24\", \"%s\"]\n", PICK(in, literals));
	if (rarely(in, 8))
		fprintf(out, "deny = [\"203.0.113.%u\", \"%s\"]\n", input_below(in, 256),
			PICK(in, literals));
}

char *input_config(struct input *in, size_t *len)
{
	bool raw = rarely(in, 8);
	unsigned backends = 1 + input_below(in, 3);
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	MUST(out);
	if (raw) {
		size_t end = strnlen((const char *)in->data, in->size);

		fwrite(in->data, 1, end, out);
		in->data += end;
		in->size -= end;
	} else {
		if (rarely(in, 4))
			write_limits(in, out);
		for (unsigned i = 0; i < backends; i++)
			write_backend(in, out, i);
		for (unsigned n = 1 + input_below(in, 4); n; n--)
			write_forward(in, out, backends);
	}
	MUST(!fclose(out));
	return text;
}

static void input_link(struct input *in, struct host_link *link, int ifindex)
{
	static const char *const kinds[] = {
		"", "", "", "veth", "wireguard", "tun", "vlan", "vxlan"
	};

	*link = (struct host_link){ .ifindex = ifindex,
				    .is_l2 = !rarely(in, 4),
				    .up = !rarely(in, 16),
				    .carrier = true,
				    .mac = { 2, 0, 0, 0, 0, ifindex },
				    .mtu = rarely(in, 4) ? input_below(in, 65536) : 1500,
				    .xdp = rarely(in, 8) ? HOST_XDP_NATIVE : HOST_XDP_NONE,
				    .xdp_prog_id = input_below(in, 4),
				    .xdp_name = "other" };
	strcpy(link->name, devices[ifindex % COUNT(devices)]);
	strcpy(link->kind, PICK(in, kinds));
	link->loopback = rarely(in, 32);
}

static void input_socket(struct input *in, struct host_socket *socket)
{
	static const char *const processes[] = { "", "nginx", "sshd", "wireguard-go" };

	*socket = (struct host_socket){ .proto = input_below(in, PROTO_COUNT),
					.state = input_below(in, 2),
					.local = input_addr(in),
					.local_port = input_below(in, PORT_COUNT),
					.v6only = input_below(in, 2),
					.inode = input_below(in, 4) };
	if (rarely(in, 2))
		socket->local =
			ip_addr_is_v4(&socket->local) ? ip_addr_from_v4(0) : (struct ip_addr){};
	strcpy(socket->process, PICK(in, processes));
}

static void input_addrs(struct input *in, struct input_world *world)
{
	struct host *host = &world->host;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct host_addr *addr = &world->addrs[host->addr_count];

		if (rarely(in, 8))
			continue;
		*addr = (struct host_addr){ .global = true, .primary = true };
		MUST(!ip_addr_parse(family == FAMILY_V4 ? "198.51.100.1" : "2001:db8:1::1",
				    &addr->addr));
		host->addr_count++;
	}
	for (size_t n = input_below(in, INPUT_MAX - FAMILY_COUNT); n; n--) {
		struct host_addr *addr = &world->addrs[host->addr_count++];

		*addr = (struct host_addr){ .addr = input_addr(in) };
		addr->ifindex = rarely(in, 4) ? input_below(in, COUNT(devices)) : 0;
		addr->global = !rarely(in, 8);
		addr->primary = rarely(in, 2);
	}
}

static void input_tables(struct input *in, struct input_world *world)
{
	struct host *host = &world->host;

	for (size_t n = input_below(in, INPUT_MAX); n; n--) {
		struct host_neigh *neigh = &world->neighs[host->neigh_count++];

		*neigh = (struct host_neigh){ .ifindex = input_below(in, COUNT(devices)) };
		neigh->addr = input_addr(in);
		neigh->usable = !rarely(in, 4);
	}
	for (size_t n = input_below(in, 4 * INPUT_MAX); n; n--) {
		struct ip_prefix *prefix = &world->destinations[host->destination_count++];

		prefix->addr = input_addr(in);
		prefix->addr.w[3] ^= input_below(in, 256) << 16;
		prefix->len = input_below(in, ip_addr_is_v4(&prefix->addr) ? 33 : 129);
	}
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct host_default *route = &host->defaults[family];

		route->usable = !rarely(in, 4);
		route->ifindex = rarely(in, 4);
		route->gateway = input_addr(in);
		route->mtu = input_below(in, 3) * 1000;
	}
}

static void input_host(struct input *in, struct input_world *world)
{
	struct host *host = &world->host;

	host->links = world->links;
	host->addrs = world->addrs;
	host->neighs = world->neighs;
	host->sockets = world->sockets;
	host->destinations = world->destinations;
	host->link_count = COUNT(devices) - input_below(in, COUNT(devices));
	for (size_t i = 0; i < host->link_count; i++)
		input_link(in, &world->links[i], i);
	input_addrs(in, world);
	input_tables(in, world);
	for (size_t n = input_below(in, INPUT_MAX); n; n--)
		input_socket(in, &world->sockets[host->socket_count++]);
	host->port_min = rarely(in, 4) ? input_below(in, PORT_COUNT) : 32768;
	host->port_max = host->port_min < 60999 ? 60999 : PORT_COUNT - 1;
	host->ssh_port = rarely(in, 4) ? input_below(in, PORT_COUNT) : 0;
}

/* Addresses of names, and a route to each address. */
static void input_routes(struct input *in, const struct config *config, struct input_world *world)
{
	static const int errors[] = { -ENETUNREACH, -EHOSTUNREACH, -EINVAL };
	struct host *host = &world->host;

	host->route_count = config->backend_count * FAMILY_COUNT;
	host->routes = calloc(host->route_count, sizeof(*host->routes));
	world->plan.backend_has = calloc(config->backend_count, sizeof(*world->plan.backend_has));
	world->plan.backend_addr = calloc(config->backend_count, sizeof(*world->plan.backend_addr));
	MUST(host->routes && world->plan.backend_has && world->plan.backend_addr);
	for (size_t i = 0; i < host->route_count; i++) {
		const struct config_backend *backend = &config->backends[i / FAMILY_COUNT];
		enum ip_family family = i % FAMILY_COUNT;
		bool *has = &world->plan.backend_has[i / FAMILY_COUNT][family];
		struct ip_addr *addr = &world->plan.backend_addr[i / FAMILY_COUNT][family];

		*has = backend->has[family];
		*addr = backend->address[family];
		if (backend->hostname) {
			*addr = input_addr(in);
			*has = ip_addr_family(addr) == family;
		}
		host->routes[i] = (struct host_route){ .dst = *addr, .ifindex = 1 };
		if (rarely(in, 4))
			host->routes[i].ifindex = input_below(in, COUNT(devices));
		if (rarely(in, 16))
			host->routes[i].error = PICK(in, errors);
		host->routes[i].has_gateway = rarely(in, 4);
		host->routes[i].gateway = input_addr(in);
		host->routes[i].source = input_addr(in);
		host->routes[i].mtu = input_below(in, 3) * 700;
	}
}

/* Counters of forwards that are there, and of others that were. */
static void input_counters(struct input *in, const struct config *config, struct input_world *world)
{
	struct plan_input *plan = &world->plan;

	plan->counters = world->counters;
	if (rarely(in, 16))
		plan->counter_count = COUNTERS_MAX - input_below(in, 4);
	for (size_t i = 0; i < plan->counter_count; i++)
		snprintf(world->counters[i].forward, sizeof(world->counters[i].forward), "old%zu",
			 i);
	for (size_t i = 0; i < config->forward_count && plan->counter_count < COUNTERS_MAX; i++)
		if (rarely(in, 4))
			strcpy(world->counters[plan->counter_count++].forward,
			       config->forwards[i].name);
}

void input_world(struct input *in, const struct config *config, struct input_world *world)
{
	struct plan_input *plan = &world->plan;

	*world = (struct input_world){};
	input_host(in, world);
	input_routes(in, config, world);
	input_counters(in, config, world);
	plan->config = config;
	plan->host = &world->host;
	plan->iface = rarely(in, 8) ? PICK(in, devices) : devices[0];
	plan->mode = input_below(in, MODE_TC + 1);
	plan->force = rarely(in, 4);
	plan->has_tcx = input_below(in, 2);
	plan->refusals = world->refusals;
	plan->refusal_count = input_below(in, 2);
	world->refusals[0] = (struct plan_refusal){ input_below(in, COUNT(devices)), "it says no" };
	plan->own_xdp = world->own_xdp;
	plan->own_xdp_count = input_below(in, 3);
	world->own_xdp[0] = 1;
	world->own_xdp[1] = 2;
	world->reserved_before = input_ports(in);
	world->reserved_others = input_ports(in);
	plan->reserved_before = &world->reserved_before;
	plan->reserved_others = &world->reserved_others;
}

void input_world_free(struct input_world *world)
{
	free(world->host.routes);
	free(world->plan.backend_has);
	free(world->plan.backend_addr);
}
