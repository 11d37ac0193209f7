// SPDX-License-Identifier: GPL-2.0-only
// Planning on a host that is real: a network namespace with a backend across a veth.

#include <string.h>
#include <sys/mman.h>
#include "netns.h"
#include "planning.h"

#define RESERVED "net.ipv4.ip_local_reserved_ports"

static void init(void)
{
	netns_enter();
	netns_make_veth();
}

TestSuite(planning, .init = init);

/* Nothing is loaded in a place that does not exist. */
static struct planning planning = { .bpffs = "/nowhere", .iface = "pub" };
static struct diag_list diags;

/* Plan from a text, on top of a state in force. */
static int make(const char *text, const struct state *old)
{
	static char path[64];
	int fd = memfd_create("ports.toml", 0);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	planning.config_path = path;
	planning_free(&planning);
	diag_free(&diags);
	return planning_make(&planning, old, &diags);
}

static const char *first_finding(void)
{
	return diags.count ? diags.items[0].text : "no finding";
}

#define FORWARD_TO(backend)                                                                        \
	"[[forward]]\nname = \"sip\"\nprotocol = \"udp\"\nports = [\"5060-5069\"]\n"               \
	"backend = \"" backend "\"\nsource = \"preserve\"\n"
#define NEAR "[backend.near]\naddress = [\"198.51.100.9\", \"2001:db8:1::9\"]\n"

static const char *sysctl_value(const char *name)
{
	for (size_t i = 0; i < planning.plan->sysctl_count; i++)
		if (!strcmp(planning.plan->sysctls[i].name, name))
			return planning.plan->sysctls[i].value;
	return "not set";
}

static const char *sysctl_before(const char *name)
{
	for (size_t i = 0; i < planning.plan->sysctl_count; i++)
		if (!strcmp(planning.plan->sysctls[i].name, name))
			return planning.plan->sysctls[i].before;
	return "not set";
}

Test(planning, a_first_load)
{
	const struct plan *plan;

	cr_assert_eq(host_sysctl_write(RESERVED, "9000"), 0);
	run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev pub");
	cr_assert_eq(make(NEAR FORWARD_TO("near"), NULL), 0, "%s", first_finding());
	plan = planning.plan;
	cr_expect_eq(plan->generation, 1);
	cr_assert_eq(plan->rule_count, 2);
	cr_expect(is_addr(&plan->rules[0].public_addr, "198.51.100.1"));
	cr_expect(is_addr(&plan->rules[0].backend_addr, "198.51.100.9"));
	cr_expect(is_addr(&plan->rules[1].public_addr, "2001:db8:1::1"));
	cr_expect(is_addr(&plan->rules[1].backend_addr, "2001:db8:1::9"));
	cr_expect_eq(plan->devices[0].ifindex, ifindex_of("pub"));
	cr_expect(plan->nexthops[plan->rules[0].nexthop].has_mac);
	cr_expect_not(plan->nexthops[plan->rules[1].nexthop].has_mac);
	cr_expect_str_eq(sysctl_value(RESERVED), "5060-5069,9000");
	cr_expect_str_eq(sysctl_before(RESERVED), "9000");
	cr_expect_str_eq(sysctl_before("net.ipv4.conf.lo.forwarding"), "0");
	planning_free(&planning);
	diag_free(&diags);
}

Test(planning, a_load_on_top_of_another)
{
	static struct state old = { .generation = 7,
				    .forwarding_before = { true, false },
				    .counters = { { "gone", PROTO_TCP } },
				    .counter_count = 1 };

	/* As the first load has left it. */
	cr_assert_eq(host_sysctl_write(RESERVED, "7000-7009,9000"), 0);
	old.reserved = old.reserved_before = (struct port_set){};
	port_set_add(&old.reserved, (struct port_range){ 7000, 7009 });
	port_set_add(&old.reserved_before, (struct port_range){ 9000, 9000 });
	cr_assert_eq(make(NEAR FORWARD_TO("near"), &old), 0, "%s", first_finding());
	cr_expect_eq(planning.plan->generation, 8);
	cr_expect_eq(planning.plan->rules[0].counter, 1);
	cr_expect_str_eq(sysctl_value(RESERVED), "5060-5069,9000");
	cr_expect_str_eq(sysctl_before(RESERVED), "9000");
	cr_expect_str_eq(sysctl_before("net.ipv4.conf.lo.forwarding"), "1");
	cr_expect_str_eq(sysctl_before("net.ipv6.conf.lo.forwarding"), "0");
	planning_free(&planning);
	diag_free(&diags);
}

Test(planning, a_device_that_is_named_decides_the_route)
{
	run("ip addr add 198.18.9.1/24 dev peer");
	cr_assert_eq(make("[backend.near]\naddress = \"198.18.9.2\"\n" FORWARD_TO("near"), NULL), 0,
		     "%s", first_finding());
	cr_expect_str_eq(planning.plan->devices[1].name, "peer");
	cr_assert_eq(make("[backend.near]\naddress = \"198.18.9.2\"\ndevice = \"pub\"\n" FORWARD_TO(
				  "near"),
			  NULL),
		     0, "%s", first_finding());
	cr_expect_eq(planning.plan->device_count, 1);
	planning_free(&planning);
	diag_free(&diags);
}

Test(planning, names)
{
	cr_expect_neq(make("[backend.far]\naddress = \"far.invalid\"\n" FORWARD_TO("far"), NULL),
		      0);
	cr_expect_eq(diags.items[0].line, 2);
	cr_expect_eq(diags.items[0].severity, DIAG_SYSTEM_ERROR);
	cr_expect_eq(strncmp(first_finding(), "backend \"far\": cannot resolve \"far.invalid\": ",
			     strlen("backend \"far\": cannot resolve \"far.invalid\": ")),
		     0, "%s", first_finding());
	cr_expect_null(planning.plan);
	/* Nobody asks for the address of a backend that no forward uses. */
	cr_expect_eq(
		make(NEAR "[backend.far]\naddress = \"far.invalid\"\n" FORWARD_TO("near"), NULL), 0,
		"%s", first_finding());
	cr_expect_eq(diags.count, 1);
	cr_expect_str_eq(first_finding(), "backend \"far\" is used by no forward");
	planning_free(&planning);
	diag_free(&diags);
}

Test(planning, a_config_that_is_wrong)
{
	cr_expect_neq(make("[backend.near]\n", NULL), 0);
	cr_expect_eq(diag_exit_code(&diags), 2);
	cr_expect_null(planning.plan);
	cr_expect_null(planning.config);
	cr_expect_str_eq(diags.file, planning.config_path);
	/* The path is absolute, the user's own words need not be. */
	diags.file = "ports.toml";
	cr_expect_neq(make("[backend.near]\n", NULL), 0);
	cr_expect_str_eq(diags.file, "ports.toml");
	planning_free(&planning);
	diag_free(&diags);
}
