// SPDX-License-Identifier: GPL-2.0-only
// Neighbours and routes of a host that each test builds for itself.
#include <errno.h>
#include <linux/neighbour.h>
#include "netns.h"

TestSuite(host_route, .init = netns_enter);

/* Neighbours */

Test(host_route, neighbour_states)
{
	const struct host_neigh *neigh;
	struct ip_addr permanent = addr("198.51.100.9"), failed = addr("198.51.100.10"),
		       stale = addr("2001:db8:1::9");
	struct host host;

	netns_make_veth();
	run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev pub nud permanent");
	run("ip neigh add 198.51.100.10 dev pub nud failed");
	run("ip neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:0a dev pub nud stale");
	host = snapshot();
	neigh = host_neigh_find(&host, ifindex_of("pub"), &permanent);
	cr_assert(neigh);
	cr_expect(neigh->usable);
	cr_expect_eq(neigh->state, NUD_PERMANENT);
	cr_expect_arr_eq(neigh->mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 9 }), 6);
	neigh = host_neigh_find(&host, ifindex_of("pub"), &failed);
	cr_assert(neigh);
	cr_expect_not(neigh->usable);
	cr_expect_eq(neigh->state, NUD_FAILED);
	neigh = host_neigh_find(&host, ifindex_of("pub"), &stale);
	cr_assert(neigh);
	cr_expect(neigh->usable);
	cr_expect_arr_eq(neigh->mac, ((uint8_t[]){ 2, 0, 0, 0, 0, 10 }), 6);
	cr_expect_null(host_neigh_find(&host, ifindex_of("peer"), &permanent));
	host_free(&host);
}

/* The state of a neighbour on pub, NUD_NONE when it is unknown. */
static uint16_t neigh_state(const struct ip_addr *address)
{
	struct host host = snapshot();
	const struct host_neigh *neigh = host_neigh_find(&host, ifindex_of("pub"), address);
	uint16_t state = neigh ? neigh->state : NUD_NONE;

	host_free(&host);
	return state;
}

Test(host_route, neighbour_is_asked_for)
{
	struct ip_addr v4 = addr("198.51.100.20"), v6 = addr("2001:db8:1::20");

	netns_make_veth();
	cr_expect_eq(neigh_state(&v4), NUD_NONE);
	cr_expect_eq(host_neigh_resolve(ifindex_of("pub"), &v4), 0);
	cr_expect_eq(neigh_state(&v4), NUD_INCOMPLETE);
	cr_expect_eq(host_neigh_resolve(ifindex_of("pub"), &v6), 0);
	cr_expect_eq(neigh_state(&v6), NUD_INCOMPLETE);
	cr_expect_eq(host_neigh_resolve(12345, &v4), -ENODEV);
}

Test(host_route, neighbour_set_by_hand_stays)
{
	struct ip_addr address = addr("198.51.100.9");

	netns_make_veth();
	run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev pub nud permanent");
	cr_expect_eq(host_neigh_resolve(ifindex_of("pub"), &address), 0);
	cr_expect_eq(neigh_state(&address), NUD_PERMANENT);
}

/* Routes */

static struct host_route route_to(const char *dst, const char *device)
{
	struct host_route_query query = { .dst = addr(dst),
					  .oif = device ? ifindex_of(device) : 0 };
	struct host_route route;
	struct host host;

	cr_assert_eq(host_read(&query, 1, &host), 0);
	cr_assert_eq(host.route_count, 1);
	route = host.routes[0];
	cr_expect(is_addr(&route.dst, dst));
	host_free(&host);
	return route;
}

Test(host_route, route_on_link)
{
	struct host_route route;

	netns_make_veth();
	route = route_to("198.51.100.7", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("pub"));
	cr_expect_not(route.has_gateway);
	cr_expect(is_addr(&route.source, "198.51.100.1"));
	cr_expect_eq(route.mtu, 0);
	route = route_to("2001:db8:1::7", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("pub"));
	cr_expect_not(route.has_gateway);
	cr_expect(is_addr(&route.source, "2001:db8:1::1"));
}

Test(host_route, route_by_gateway)
{
	struct host_route route;

	netns_make_veth();
	run("ip addr add 198.51.100.2/24 dev pub");
	run("ip route add 203.0.113.0/24 via 198.51.100.254 mtu 1300 src 198.51.100.2");
	run("ip route add 198.18.0.0/16 via inet6 2001:db8:1::fe dev pub");
	run("ip -6 route add 2001:db8:2::/64 via 2001:db8:1::fe mtu 1290");
	route = route_to("203.0.113.5", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("pub"));
	cr_expect(route.has_gateway);
	cr_expect(is_addr(&route.gateway, "198.51.100.254"));
	cr_expect(is_addr(&route.source, "198.51.100.2"));
	cr_expect_eq(route.mtu, 1300);
	route = route_to("198.18.0.5", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect(route.has_gateway);
	cr_expect(is_addr(&route.gateway, "2001:db8:1::fe"));
	cr_expect_eq(route.mtu, 0);
	route = route_to("2001:db8:2::5", NULL);
	cr_expect_eq(route.error, 0);
	cr_expect(route.has_gateway);
	cr_expect(is_addr(&route.gateway, "2001:db8:1::fe"));
	cr_expect_eq(route.mtu, 1290);
}

Test(host_route, route_to_nowhere)
{
	struct host_route route;

	netns_make_veth();
	run("ip route add unreachable 203.0.113.0/26");
	run("ip route add prohibit 203.0.113.64/26");
	run("ip route add blackhole 203.0.113.128/26");
	run("ip -6 route add unreachable 2001:db8:2::/64");
	run("ip -6 route add prohibit 2001:db8:3::/64");
	run("ip -6 route add blackhole 2001:db8:4::/64");
	cr_expect_eq(route_to("198.18.0.1", NULL).error, -ENETUNREACH);
	cr_expect_eq(route_to("203.0.113.1", NULL).error, -EHOSTUNREACH);
	cr_expect_eq(route_to("203.0.113.65", NULL).error, -EACCES);
	cr_expect_eq(route_to("203.0.113.129", NULL).error, -EINVAL);
	cr_expect_eq(route_to("2001:db8:9::1", NULL).error, -ENETUNREACH);
	cr_expect_eq(route_to("2001:db8:2::1", NULL).error, -EHOSTUNREACH);
	cr_expect_eq(route_to("2001:db8:3::1", NULL).error, -EACCES);
	cr_expect_eq(route_to("2001:db8:4::1", NULL).error, -EINVAL);
	route = route_to("198.51.100.1", NULL);
	cr_expect_eq(route.error, -EINVAL, "this host");
	cr_expect_eq(route.ifindex, 0);
	cr_expect_eq(route_to("127.0.0.1", NULL).error, -EINVAL, "this host");
	cr_expect_eq(route_to("2001:db8:1::1", NULL).error, -EINVAL, "this host");
	cr_expect_eq(route_to("::1", NULL).error, -EINVAL, "this host");
	cr_expect_eq(route_to("198.51.100.255", NULL).error, -EINVAL, "broadcast");
	cr_expect_eq(route_to("224.0.0.5", "pub").error, -EINVAL, "multicast");
}

Test(host_route, route_by_a_given_device)
{
	struct host_route_query queries[2];
	struct host_route route;
	struct host host;

	netns_make_veth();
	run("ip addr add 198.18.0.1/30 dev peer");
	run("ip route add 203.0.113.0/24 via 198.51.100.254");
	run("ip route add 203.0.113.0/24 via 198.18.0.2 metric 10");
	cr_expect_eq(route_to("203.0.113.5", NULL).ifindex, ifindex_of("pub"));
	route = route_to("203.0.113.5", "peer");
	cr_expect_eq(route.error, 0);
	cr_expect_eq(route.ifindex, ifindex_of("peer"));
	cr_expect(is_addr(&route.gateway, "198.18.0.2"));
	cr_expect(is_addr(&route.source, "198.18.0.1"));
	cr_expect_eq(route_to("198.51.100.1", "peer").error, -EINVAL, "still this host");
	cr_expect_eq(route_to("2001:db8:1::7", "peer").error, -ENETUNREACH);

	queries[0] = (struct host_route_query){ addr("198.51.100.7"), 54321 };
	queries[1] = (struct host_route_query){ addr("198.51.100.7"), 0 };
	cr_assert_eq(host_read(queries, 2, &host), 0, "one bad query does not spoil the rest");
	cr_expect_eq(host.routes[0].error, -ENODEV);
	cr_expect_eq(host.routes[1].error, 0);
	cr_expect_eq(host.routes[1].ifindex, ifindex_of("pub"));
	host_free(&host);
}
