// SPDX-License-Identifier: GPL-2.0-only
// Sockets of this host on ports that would be forwarded.
#include <string.h>
#include "plan_world.h"

TestSuite(plan_safety, .init = world_init, .fini = world_fini);

#define IN_USE(proto, port, owner)                                                                 \
	"f:5:9: forward \"" proto "-" port "\": " proto " port " port " is in use on this host "   \
	"by " owner "; stop it, take the port out, or forward it anyway with --force\n"
#define LISTENS(name, port, owner)                                                                 \
	"f:5:9: warning: forward \"" name "\": tcp port " port " stays with this host: " owner     \
	" listens there; add exclude = [" port "], or forward it anyway with --force\n"
#define BUSY(name, proto, ports)                                                                   \
	"f:5:9: warning: forward \"" name "\": " proto " ports in use by this host stay with it "  \
	"until the next reload: " ports "\n"
#define TUNNEL(name, proto, port, owner)                                                           \
	"f:5:9: warning: forward \"" name "\": " proto " port " port " stays with this host: it "  \
	"carries the tunnel to the backend (" owner "); add exclude = [" port "] to say so "       \
	"yourself\n"

Test(plan_safety, a_listener_on_a_named_port)
{
	world_listen(PROTO_TCP, "198.51.100.1", 80, "nginx");
	expect_refused(HOME TCP("80"), IN_USE("tcp", "80", "nginx"));
	/* Another port, another protocol, and none of these: */
	expect_plan(HOME TCP("81"));
	expect_plan(HOME UDP("80"));
	world.in.force = true;
	expect_plan(HOME TCP("80"));
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");
}

/* What is in force is not given up for what began to listen since. */
Test(plan_safety, a_listener_that_came_later)
{
	world.in.following = true;
	world_listen(PROTO_TCP, "::", 80, "nginx");
	world_plan(HOME TCP("80"));
	expect_found(
		"f:5:9: warning: forward \"tcp-80\": tcp port 80 stays forwarded, so nginx does "
		"not get what is sent to it; take the port out of the forward, or stop that\n");
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n"
		     "tcp-80 tcp 2001:db8:1::1 80 > 2001:db8:9::2 by eth1\n");
	world_plan(HOME TCP("[\"80-81\"]"));
	expect_rules("tcp-80-81 tcp 198.51.100.1 81 > 198.18.9.2 by eth1\n"
		     "tcp-80-81 tcp 2001:db8:1::1 81 > 2001:db8:9::2 by eth1\n");
}

Test(plan_safety, a_udp_socket_without_a_name)
{
	world_listen(PROTO_UDP, "0.0.0.0", 53, "")->inode = 7;
	expect_refused(HOME UDP("53"), IN_USE("udp", "53", "a process of this host"));
	world.sockets[0].inode = 0;
	expect_refused(HOME UDP("53"), IN_USE("udp", "53", "the kernel"));
}

/* One line for a port, however many sockets, addresses and families want it. */
Test(plan_safety, each_port_is_told_once)
{
	world_listen(PROTO_TCP, "0.0.0.0", 80, "nginx");
	world_listen(PROTO_TCP, "0.0.0.0", 80, "nginx");
	world_listen(PROTO_TCP, "::", 80, "nginx")->v6only = true;
	expect_refused(HOME TCP("80"), IN_USE("tcp", "80", "nginx"));
	world_plan(HOME TCP("\"80-89\""));
	expect_found(LISTENS("tcp-80-89", "80", "nginx"));
	expect_rules("tcp-80-89 tcp 198.51.100.1 81-89 > 198.18.9.2 by eth1\n"
		     "tcp-80-89 tcp 2001:db8:1::1 81-89 > 2001:db8:9::2 by eth1\n");
}

Test(plan_safety, every_port_is_told)
{
	world_listen(PROTO_TCP, "0.0.0.0", 80, "nginx");
	world_listen(PROTO_TCP, "0.0.0.0", 81, "nginx");
	expect_refused(HOME TCP("[80, 81]"),
		       "f:5:9: forward \"tcp-80-81\": tcp port 80 is in use on this host by nginx; "
		       "stop it, take the port out, or forward it anyway with --force\n"
		       "f:5:9: forward \"tcp-80-81\": tcp port 81 is in use on this host by nginx; "
		       "stop it, take the port out, or forward it anyway with --force\n");
}

Test(plan_safety, a_listener_in_a_range_keeps_its_port)
{
	world_listen(PROTO_TCP, "198.51.100.1", 55555, "iperf3");
	world_plan(HOME TCP("[80, \"55000-56000\"]") "to_port = 1080\n");
	expect_found(LISTENS("tcp-80-and-1-more", "55555", "iperf3"));
	expect_rules("tcp-80-and-1-more tcp 198.51.100.1 80,55000-55554,55556-56000 > 198.18.9.2 "
		     "+1000 by eth1\n"
		     "tcp-80-and-1-more tcp 2001:db8:1::1 80,55000-56000 > 2001:db8:9::2 +1000 by "
		     "eth1\n");
	world.in.force = true;
	expect_plan(HOME TCP("[80, \"55000-56000\"]"));
	expect_rules("tcp-80-and-1-more tcp 198.51.100.1 80,55000-56000 > 198.18.9.2 by eth1\n"
		     "tcp-80-and-1-more tcp 2001:db8:1::1 80,55000-56000 > 2001:db8:9::2 by "
		     "eth1\n");
}

Test(plan_safety, sockets_that_hear_nothing_of_the_public_address)
{
	world_listen(PROTO_TCP, "127.0.0.1", 80, "nginx");
	world_listen(PROTO_TCP, "::1", 80, "nginx");
	world_listen(PROTO_TCP, "198.18.9.1", 80, "nginx");
	world_listen(PROTO_TCP, "198.51.100.7", 80, "nginx");
	expect_plan(HOME TCP("80"));
}

Test(plan_safety, wildcards_hear_their_families)
{
	struct host_socket *socket = world_listen(PROTO_TCP, "0.0.0.0", 80, "nginx");

	world_plan(HOME TCP("\"80-81\""));
	expect_rules("tcp-80-81 tcp 198.51.100.1 81 > 198.18.9.2 by eth1\n"
		     "tcp-80-81 tcp 2001:db8:1::1 80-81 > 2001:db8:9::2 by eth1\n");
	socket->local = (struct ip_addr){};
	world_plan(HOME TCP("\"80-81\""));
	expect_rules("tcp-80-81 tcp 198.51.100.1 81 > 198.18.9.2 by eth1\n"
		     "tcp-80-81 tcp 2001:db8:1::1 81 > 2001:db8:9::2 by eth1\n");
	socket->v6only = true;
	world_plan(HOME TCP("\"80-81\""));
	expect_rules("tcp-80-81 tcp 198.51.100.1 80-81 > 198.18.9.2 by eth1\n"
		     "tcp-80-81 tcp 2001:db8:1::1 81 > 2001:db8:9::2 by eth1\n");
}

Test(plan_safety, connections_in_a_range_go_on)
{
	world_connected(PROTO_TCP, "198.51.100.1", 50001, "curl");
	world_connected(PROTO_TCP, "2001:db8:1::1", 50002, "apt");
	world_connected(PROTO_TCP, "198.51.100.1", 50003, NULL);
	world_connected(PROTO_TCP, "198.18.9.1", 50004, "ssh");
	world_connected(PROTO_UDP, "198.51.100.1", 50005, "ntpd");
	/* A listener whose process is out of sight. */
	world_listen(PROTO_TCP, "::", 50006, "")->inode = 7;
	world_plan(HOME TCP("\"50000-50009\""));
	expect_found(BUSY("tcp-50000-50009", "tcp", "50001-50003,50006"));
	expect_rules("tcp-50000-50009 tcp 198.51.100.1 50000,50002,50004-50005,50007-50009 > "
		     "198.18.9.2 by eth1\n"
		     "tcp-50000-50009 tcp 2001:db8:1::1 50000-50001,50003-50005,50007-50009 > "
		     "2001:db8:9::2 by eth1\n");
	world.in.force = true;
	expect_plan(HOME TCP("\"50000-50009\""));
}

Test(plan_safety, a_connection_on_a_named_port)
{
	world_connected(PROTO_UDP, "198.51.100.1", 50001, "ntpd");
	expect_refused(HOME UDP("50001"), IN_USE("udp", "50001", "ntpd"));
}

#define AWAY "[backend.home]\naddress = \"198.18.7.2\"\n"

Test(plan_safety, the_tunnels_port_stays_here)
{
	world_listen(PROTO_UDP, "0.0.0.0", 51820, NULL);
	world_listen(PROTO_UDP, "::", 51820, NULL)->v6only = true;
	world_plan(AWAY UDP("\"49152-65535\""));
	expect_found(TUNNEL("udp-49152-65535", "udp", "51820", "the kernel"));
	expect_rules("udp-49152-65535 udp 198.51.100.1 49152-51819,51821-65535 > 198.18.7.2 by "
		     "wg0\n");
	/* Not even by force: nothing at all would be forwarded without the tunnel. */
	world.in.force = true;
	world_plan(AWAY UDP("[51820, 51821]"));
	expect_found(TUNNEL("udp-51820-51821", "udp", "51820", "the kernel"));
	expect_rules("udp-51820-51821 udp 198.51.100.1 51821 > 198.18.7.2 by wg0\n");
}

Test(plan_safety, the_tunnels_of_programs)
{
	static const char *const programs[] = { "wireguard-go", "tailscaled", "openvpn",
						"nebula",	"boringtun",  "netbird" };
	struct host_socket *socket = world_listen(PROTO_UDP, "0.0.0.0", 51820, "");
	struct host_link *wg0 = world_device("wg0");

	strcpy(wg0->kind, "tun");
	socket->inode = 7;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		strcpy(socket->process, programs[i]);
		world_plan(AWAY UDP("[51820, 51821]"));
		expect_rules("udp-51820-51821 udp 198.51.100.1 51821 > 198.18.7.2 by wg0\n");
	}
	strcpy(socket->process, "named");
	world_plan(AWAY UDP("[51820, 51821]"));
	cr_expect_null(world.plan);
	/* ZeroTier's devices carry Ethernet. */
	wg0->is_l2 = true;
	strcpy(socket->process, "zerotier-one");
	world_plan(AWAY UDP("[51820, 51821]"));
	expect_found(TUNNEL("udp-51820-51821", "udp", "51820", "zerotier-one"));
}

/* OpenVPN speaks TCP, too; the kernel's TCP sockets are connections that end, or NFS. */
Test(plan_safety, a_tunnel_over_tcp)
{
	struct host_socket *socket = world_listen(PROTO_TCP, "0.0.0.0", 1194, "openvpn");

	world_plan(AWAY TCP("[1194, 1195]"));
	expect_found(TUNNEL("tcp-1194-1195", "tcp", "1194", "openvpn"));
	socket->process[0] = '\0';
	socket->inode = 0;
	expect_refused(AWAY TCP("1194"), IN_USE("tcp", "1194", "the kernel"));
}

Test(plan_safety, a_kernel_socket_is_no_tunnel_towards_ethernet)
{
	struct host_socket *socket = world_listen(PROTO_UDP, "0.0.0.0", 4789, NULL);

	expect_refused(HOME UDP("4789"), IN_USE("udp", "4789", "the kernel"));
	world_plan(HOME UDP("\"4780-4789\""));
	expect_found(BUSY("udp-4780-4789", "udp", "4789"));
	/* Unless it is the one that carries it. */
	strcpy(world_device("eth1")->kind, "vxlan");
	world_plan(HOME UDP("\"4780-4789\""));
	expect_found(TUNNEL("udp-4780-4789", "udp", "4789", "the kernel"));
	strcpy(socket->process, "named");
	socket->inode = 7;
	expect_refused(HOME UDP("4789"), IN_USE("udp", "4789", "named"));
}

/* Without privilege the kernel's sockets cannot be told from those of other users. */
Test(plan_safety, a_wireguard_socket_out_of_sight)
{
	world_listen(PROTO_UDP, "0.0.0.0", 51820, "")->inode = 7;
	world_plan(AWAY UDP("\"51820-51821\""));
	expect_found(TUNNEL("udp-51820-51821", "udp", "51820", "a process of this host"));
	world_plan(HOME UDP("\"51820-51821\""));
	expect_found(BUSY("udp-51820-51821", "udp", "51820"));
}

Test(plan_safety, nothing_is_left)
{
	world_listen(PROTO_TCP, "0.0.0.0", 5000, "nginx");
	world_listen(PROTO_TCP, "0.0.0.0", 5001, "nginx");
	expect_refused(HOME4 TCP("\"5000-5001\""),
		       LISTENS("tcp-5000-5001", "5000", "nginx")
			       LISTENS("tcp-5000-5001", "5001",
				       "nginx") "this host uses every port that would be "
						"forwarded; nothing is left\n");
	/* What is left of the file is forwarded. */
	world_plan(HOME4 TCP("\"5000-5001\"") TCP("80"));
	expect_rules("tcp-80 tcp 198.51.100.1 80 > 198.18.9.2 by eth1\n");
}

Test(plan_safety, an_excluded_port_is_nobodys_business)
{
	world_listen(PROTO_TCP, "0.0.0.0", 5000, "nginx");
	expect_plan(HOME4 TCP("\"5000-5001\"") "exclude = 5000\n");
}
