// SPDX-License-Identifier: GPL-2.0-only
// Sysctls, the resolver and the SSH session around this process.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "host_internal.h"
#include "netns.h"

TestSuite(host_system, .init = netns_enter);

static void expect_sysctl(const char *name, const char *expected)
{
	char *value = host_sysctl_read(name);

	cr_assert(value, "%s: %m", name);
	cr_expect_str_eq(value, expected, "%s", name);
	free(value);
}

Test(host_system, sysctl_is_written_and_read)
{
	netns_make_veth();
	expect_sysctl("net.ipv4.conf.pub.forwarding", "0");
	cr_expect_eq(host_sysctl_write("net.ipv4.conf.pub.forwarding", "1"), 0);
	expect_sysctl("net.ipv4.conf.pub.forwarding", "1");
	run("grep -qx 1 /proc/sys/net/ipv4/conf/pub/forwarding");
	run("grep -qx 0 /proc/sys/net/ipv4/conf/peer/forwarding");
}

Test(host_system, sysctl_of_a_name_with_a_dot)
{
	run("ip link add eth0.100 type bridge");
	cr_expect_eq(host_sysctl_write("net/ipv4/conf/eth0.100/rp_filter", "2"), 0);
	expect_sysctl("net/ipv4/conf/eth0.100/rp_filter", "2");
	run("grep -qx 2 /proc/sys/net/ipv4/conf/eth0.100/rp_filter");
}

Test(host_system, sysctl_refused)
{
	char name[300];

	errno = 0;
	cr_expect_null(host_sysctl_read("net.ipv4.no_such_thing"));
	cr_expect_eq(errno, ENOENT);
	cr_expect_eq(host_sysctl_write("net.ipv4.no_such_thing", "1"), -ENOENT);
	cr_expect_eq(host_sysctl_write("net.ipv4.ip_local_port_range", "nonsense"), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	cr_expect_null(host_sysctl_read(name));
	cr_expect_eq(errno, ENAMETOOLONG);
}

/* Many times what the kernel reads, or hands out, a page at a time. */
Test(host_system, sysctl_as_long_as_it_gets)
{
	char *list = malloc(PORT_COUNT * sizeof("65535,"));
	size_t len = 0;

	for (unsigned port = 1; port < PORT_COUNT; port += 2)
		len += sprintf(list + len, "%s%u", len ? "," : "", port);
	cr_assert_eq(host_sysctl_write("net.ipv4.ip_local_reserved_ports", list), 0);
	expect_sysctl("net.ipv4.ip_local_reserved_ports", list);
	cr_expect_eq(host_sysctl_write("net.ipv4.ip_local_reserved_ports", ""), 0);
	expect_sysctl("net.ipv4.ip_local_reserved_ports", "");
	free(list);
}

Test(host_system, snapshot_of_ports_and_switches)
{
	struct port_set expected = { 0 };
	struct host host = snapshot();

	cr_expect(port_set_is_empty(&host.reserved));
	cr_expect_not(host.forwarding_lo[FAMILY_V4]);
	cr_expect_not(host.forwarding_lo[FAMILY_V6]);
	host_free(&host);

	cr_assert_eq(host_sysctl_write("net.ipv4.ip_local_port_range", "40000 50001"), 0);
	cr_assert_eq(host_sysctl_write("net.ipv4.ip_local_reserved_ports", "22,49152-49999"), 0);
	cr_assert_eq(host_sysctl_write("net.ipv6.conf.lo.forwarding", "1"), 0);
	host = snapshot();
	cr_expect_eq(host.port_min, 40000);
	cr_expect_eq(host.port_max, 50001);
	port_set_add(&expected, (struct port_range){ 22, 22 });
	port_set_add(&expected, (struct port_range){ 49152, 49999 });
	cr_expect(port_set_equal(&host.reserved, &expected));
	cr_expect_not(host.forwarding_lo[FAMILY_V4]);
	cr_expect(host.forwarding_lo[FAMILY_V6]);
	host_free(&host);

	cr_assert_eq(host_sysctl_write("net.ipv4.conf.lo.forwarding", "1"), 0);
	host = snapshot();
	cr_expect(host.forwarding_lo[FAMILY_V4]);
	host_free(&host);
}

/* The resolver */

Test(host_system, resolver)
{
	struct ip_addr addrs[FAMILY_COUNT];
	const char *error = NULL;
	bool has[FAMILY_COUNT] = {};

	cr_assert_eq(host_resolve("localhost", has, addrs, &error), 0);
	cr_expect(has[FAMILY_V4] || has[FAMILY_V6]);
	cr_expect(!has[FAMILY_V4] || is_addr(&addrs[FAMILY_V4], "127.0.0.1"));
	cr_expect(!has[FAMILY_V6] || is_addr(&addrs[FAMILY_V6], "::1"));
	/* The namespace has no address of either family that goes anywhere; literals resolve. */
	cr_assert_eq(host_resolve("2001:db8::7", has, addrs, &error), 0);
	cr_expect(has[FAMILY_V6] && !has[FAMILY_V4]);
	cr_expect(is_addr(&addrs[FAMILY_V6], "2001:db8::7"));
	cr_assert_eq(host_resolve("::ffff:198.51.100.7", has, addrs, &error), 0);
	cr_expect(has[FAMILY_V4] && !has[FAMILY_V6]);
	cr_expect(is_addr(&addrs[FAMILY_V4], "198.51.100.7"));
	cr_expect_null(error);
	cr_expect_eq(host_resolve("no such name", has, addrs, &error), -ENOENT);
	cr_expect(has[FAMILY_V4] && is_addr(&addrs[FAMILY_V4], "198.51.100.7"));
	cr_expect(error && error[0]);
}

/* The SSH session */

Test(host_system, ssh_port_from_the_environment)
{
	char *nothing[] = { NULL };
	char *connection[] = { "A=b", "SSH_CONNECTION=198.51.100.7 50000 203.0.113.1 2222", NULL };
	char *client[] = { "SSH_CLIENT=2001:db8::7 50000 2200", NULL };
	char *broken[] = { "SSH_CLIENT=198.51.100.7", "SSH_CONNECTION=a b c 99999", NULL };
	struct host host;

	cr_expect_eq(host_ssh_port(nothing, 0), 0);
	cr_expect_eq(host_ssh_port(connection, 0), 2222);
	cr_expect_eq(host_ssh_port(client, 0), 2200);
	cr_expect_eq(host_ssh_port(broken, 0), 0);

	setenv("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.1 22", 1);
	host = snapshot();
	cr_expect_eq(host.ssh_port, 22);
	host_free(&host);
}

/* As under sudo: a child without the variables, below a shell that has them. */
Test(host_system, ssh_port_from_an_ancestor)
{
	char *nothing[] = { NULL };
	int out[2], inner = 0;
	FILE *reader;
	pid_t outer;

	cr_assert_eq(pipe(out), 0);
	outer = fork();
	if (!outer) {
		char *session[] = { "SSH_CONNECTION=198.51.100.7 50000 203.0.113.1 2022", NULL };

		dup2(out[1], STDOUT_FILENO);
		execle("/bin/sh", "sh", "-c", "env -i /bin/sh -c 'echo $$; exec sleep 60' & wait",
		       NULL, session);
		_exit(127);
	}
	close(out[1]);
	reader = fdopen(out[0], "r");
	cr_assert_eq(fscanf(reader, "%d", &inner), 1);
	cr_expect_eq(host_ssh_port(nothing, inner), 2022);
	kill(inner, SIGKILL);
	kill(outer, SIGKILL);
	waitpid(outer, NULL, 0);
	fclose(reader);
}
