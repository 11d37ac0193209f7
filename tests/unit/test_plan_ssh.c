// SPDX-License-Identifier: GPL-2.0-only
// The operator is never locked out.
#include "plan_world.h"

TestSuite(plan_ssh, .init = world_init, .fini = world_fini);

#define CUT_OFF(name, port)                                                                        \
	"f:5:9: forward \"" name "\": tcp port " port " carries an SSH session to this host, "     \
	"which would be cut off; add exclude = [" port "], or insist with --force\n"

static void expect_way_out(const char *range, const char *excluded)
{
	expect_plan(excluded);
	world.in.force = true;
	expect_plan(range);
	world.in.force = false;
}

Test(plan_ssh, the_session_that_this_runs_in)
{
	world.host.ssh_port = 2222;
	expect_refused(HOME TCP("2222"), CUT_OFF("tcp-2222", "2222"));
	expect_refused(HOME TCP("\"2000-2999\""), CUT_OFF("tcp-2000-2999", "2222"));
	expect_way_out(HOME TCP("\"2000-2999\""), HOME TCP("\"2000-2999\"") "exclude = 2222\n");
	expect_plan(HOME UDP("\"2000-2999\""));
	expect_plan(HOME TCP("22"));
}

Test(plan_ssh, a_session_of_sshd)
{
	world_connected(PROTO_TCP, "198.51.100.1", 2222, "sshd-session");
	expect_refused(HOME TCP("2222"), CUT_OFF("tcp-2222", "2222"));
	expect_refused(HOME TCP("\"2000-2999\""), CUT_OFF("tcp-2000-2999", "2222"));
	expect_way_out(HOME TCP("\"2000-2999\""), HOME TCP("\"2000-2999\"") "exclude = 2222\n");
	expect_plan(HOME UDP("\"2000-2999\""));
}

Test(plan_ssh, a_session_on_port_22_by_any_server)
{
	world_connected(PROTO_TCP, "2001:db8:1::1", 22, "dropbear");
	expect_refused(HOME TCP("\"20-29\""), CUT_OFF("tcp-20-29", "22"));
	expect_way_out(HOME TCP("\"20-29\""), HOME TCP("\"20-29\"") "exclude = 22\n");
}

Test(plan_ssh, sessions_by_other_ways)
{
	world_connected(PROTO_TCP, "198.18.9.1", 22, "sshd");
	world_connected(PROTO_TCP, "127.0.0.1", 22, "sshd");
	expect_plan(HOME TCP("22"));
}

/* A session stands above a listener, and the socket that listens is not told again. */
Test(plan_ssh, told_once)
{
	world.host.ssh_port = 22;
	world_listen(PROTO_TCP, "0.0.0.0", 22, "sshd");
	world_listen(PROTO_TCP, "::", 22, "sshd")->v6only = true;
	world_connected(PROTO_TCP, "198.51.100.1", 22, "sshd");
	world_connected(PROTO_TCP, "198.51.100.1", 22, "sshd");
	world_connected(PROTO_TCP, "2001:db8:1::1", 22, "sshd");
	expect_refused(HOME TCP("22"), CUT_OFF("tcp-22", "22"));
}

Test(plan_ssh, sessions_on_several_ports)
{
	world.host.ssh_port = 22;
	world_connected(PROTO_TCP, "198.51.100.1", 2222, "sshd");
	expect_refused(HOME TCP("\"20-2999\""),
		       CUT_OFF("tcp-20-2999", "22") CUT_OFF("tcp-20-2999", "2222"));
}

Test(plan_ssh, a_listener_alone_is_like_any_other)
{
	world_listen(PROTO_TCP, "0.0.0.0", 22, "sshd");
	expect_refused(
		HOME TCP("22"),
		"f:5:9: forward \"tcp-22\": tcp port 22 is in use on this host by sshd; stop "
		"it, take the port out, or forward it anyway with --force\n");
	world_plan(HOME TCP("\"20-29\""));
	cr_expect(world.plan);
}
