// SPDX-License-Identifier: GPL-2.0-only
// Masquerade: who is served, which addresses and ports flows are seen to come from.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan_world.h"

TestSuite(plan_masquerade, .init = world_init, .fini = world_fini);

#define M_TCP(ports) MASQUERADE_TO("home", "tcp", ports)
#define M_UDP(ports) MASQUERADE_TO("home", "udp", ports)

/* A line for each rule: "tcp-80 tcp 198.51.100.1 as 198.18.9.1 198.18.9.7" */
static void expect_sources(const char *expected)
{
	char *all = NULL, addr[IP_ADDR_STRLEN];
	size_t len;
	FILE *out = open_memstream(&all, &len);

	cr_assert(world.plan, "%s", world.found);
	for (size_t i = 0; i < world.plan->rule_count; i++) {
		const struct plan_rule *rule = &world.plan->rules[i];

		fprintf(out, "%s %s %s", world.config->forwards[rule->forward].name,
			proto_name(rule->proto), ip_addr_format(&rule->public_addr, addr));
		fputs(rule->shares ? " as" : " preserved", out);
		for (unsigned s = 0; s < rule->shares; s++) {
			const struct plan_pool *pool =
				&world.plan->pools[world.plan->shares[rule->share + s]];

			cr_expect_eq(pool->proto, rule->proto);
			fprintf(out, " %s", ip_addr_format(&pool->addr, addr));
		}
		fputc('\n', out);
	}
	fclose(out);
	cr_expect_str_eq(all, expected, "%sexpected:\n%s", all, expected);
	free(all);
}

static void expect_free(enum proto proto, const char *expected)
{
	struct port_set ports;
	char *text;

	cr_assert(world.plan, "%s", world.found);
	memcpy(ports.bits, world.plan->limits.ports[proto], sizeof(ports.bits));
	text = port_set_format(&ports);
	cr_expect_str_eq(text, expected, "%s, not %s", text, expected);
	free(text);
}

Test(plan_masquerade, every_global_address_is_the_default)
{
	world_addr("eth0", "198.51.100.2");
	world_addr("eth0", "2001:db8:1::2");
	world_addr("eth0", "198.51.100.3")->global = false;
	world_addr("eth1", "198.18.9.7");
	expect_plan(HOME M_TCP("80"));
	expect_sources("tcp-80 tcp 198.51.100.1 as 198.18.9.1\n"
		       "tcp-80 tcp 2001:db8:1::1 as 2001:db8:9::1\n"
		       "tcp-80 tcp 198.51.100.2 as 198.18.9.1\n"
		       "tcp-80 tcp 2001:db8:1::2 as 2001:db8:9::1\n");
	expect_plan(HOME M_TCP("80") "address = \"198.51.100.2\"\n");
	expect_sources("tcp-80 tcp 198.51.100.2 as 198.18.9.1\n");
}

Test(plan_masquerade, a_family_that_the_backend_lacks_is_noted_once)
{
	world_addr("eth0", "2001:db8:1::2");
	world_plan(HOME4 M_TCP("80") M_UDP("53"));
	expect_found("note: backend \"home\" has no IPv6 address, so the IPv6 addresses of eth0 "
		     "are not forwarded to it\n");
	expect_sources("tcp-80 tcp 198.51.100.1 as 198.18.9.1\n"
		       "udp-53 udp 198.51.100.1 as 198.18.9.1\n");
	/* Nothing to note where no client could try it. */
	world.addrs[2].global = false;
	world.addrs[world.host.addr_count - 1].global = false;
	expect_plan(HOME4 M_TCP("80"));
	world.addrs[1].global = false;
	expect_refused(HOME4 M_TCP("80"),
		       "f:3:1: forward \"tcp-80\": eth0 has no global IPv4 address to go with "
		       "backend \"home\"; see: ip addr show dev eth0\n");
}

/* The addresses that preserve leaves out are noted, although masquerade serves them. */
Test(plan_masquerade, beside_preserve)
{
	world_addr("eth0", "198.51.100.2");
	world_plan(HOME4 M_TCP("80") TCP("81"));
	expect_found("note: backend \"home\" has no IPv6 address, so the IPv6 addresses of eth0 "
		     "are not forwarded to it\n"
		     "note: eth0 has further addresses that are not forwarded with source = "
		     "\"preserve\": 198.51.100.2; name one with address = to use it\n");
	expect_sources("tcp-80 tcp 198.51.100.1 as 198.18.9.1\n"
		       "tcp-80 tcp 198.51.100.2 as 198.18.9.1\n"
		       "tcp-81 tcp 198.51.100.1 preserved\n");
}

Test(plan_masquerade, one_backend_port_may_have_many_public_ones)
{
	expect_plan(HOME M_TCP("80") M_TCP("81") "to_port = 80\n" TCP("82") "to_port = 80\n");
	world_addr("eth0", "198.51.100.2");
	world_name("a.example", "198.18.9.2");
	expect_plan("[backend.a]\naddress = \"a.example\"\n" HOME4 MASQUERADE_TO(
		"a", "tcp", "80") "address = [\"198.51.100.1\", "
				  "\"198.51.100.2\"]\n" TCP("81") "to_port = 80\naddress = "
								  "\"198.51.100.1\"\n");
}

Test(plan_masquerade, addresses_as_given)
{
	world_addr("eth1", "198.18.9.7");
	expect_plan("[backend.home]\naddress = [\"198.18.9.2\", \"2001:db8:9::2\"]\n"
		    "masquerade_address = [\"198.18.9.7\", \"198.18.7.1\"]\n" M_TCP("80")
			    M_UDP("80"));
	/* None of IPv6 is given: there it is the kernel's choice. */
	expect_sources("tcp-80 tcp 198.51.100.1 as 198.18.9.7 198.18.7.1\n"
		       "tcp-80 tcp 2001:db8:1::1 as 2001:db8:9::1\n"
		       "udp-80 udp 198.51.100.1 as 198.18.9.7 198.18.7.1\n"
		       "udp-80 udp 2001:db8:1::1 as 2001:db8:9::1\n");
	cr_expect_eq(world.plan->pool_count, 6);
}

Test(plan_masquerade, an_address_of_another_host)
{
	world_plan("[backend.home]\naddress = \"198.18.9.2\"\n"
		   "masquerade_address = [\"198.18.9.1\", \"198.18.9.8\"]\n" M_TCP(
			   "80") "address = \"198.51.100.1\"\n");
	expect_found("f:3:22: backend \"home\": masquerade_address: 198.18.9.8 is not an address "
		     "of this host; `ip -br addr` lists them\n");
	cr_expect_eq(world.code, 1);
}

Test(plan_masquerade, no_address_towards_the_backend)
{
	world_route("198.18.9.2", "eth1")->source = (struct ip_addr){};
	world_plan(HOME M_TCP("80"));
	expect_found("f:2:11: backend \"home\": this host has no IPv4 address to reach 198.18.9.2 "
		     "from; add one to eth1, or name one with masquerade_address\n");
	cr_expect_eq(world.code, 1);
	/* Who names one needs none, and who preserves neither. */
	expect_plan("[backend.home]\naddress = [\"198.18.9.2\", \"2001:db8:9::2\"]\n"
		    "masquerade_address = \"198.18.7.1\"\n" M_TCP("80"));
	expect_plan(HOME TCP("80"));
	cr_expect_eq(world.plan->pool_count, 0);
	cr_expect_eq(world.plan->share_count, 0);
	expect_free(PROTO_TCP, "");
}

Test(plan_masquerade, what_is_shared_is_there_once)
{
	world_route("198.18.9.3", "eth1");
	expect_plan(HOME "[backend.b]\naddress = [\"198.18.9.3\", \"2001:db8:9::2\"]\n" M_TCP("80")
			    M_UDP("80") M_TCP("81") MASQUERADE_TO("b", "tcp", "82"));
	cr_expect_eq(world.plan->pool_count, 4);
	cr_expect_eq(world.plan->share_count, 4);
	cr_expect_eq(world.plan->rules[0].share, world.plan->rules[6].share);
}

/* [backend.b0] and so on, one for each of the addresses 198.18.9.100 and following ones. */
static char *many_backends(unsigned count, const char *protocols, unsigned addresses)
{
	char *text = NULL, dst[IP_ADDR_STRLEN];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; i < count; i++) {
		snprintf(dst, sizeof(dst), "198.18.9.%u", 100 + i);
		world_route(dst, "eth1");
		fprintf(out, "[backend.b%u]\naddress = \"%s\"\nmasquerade_address = [", i, dst);
		for (unsigned a = 0; a < addresses; a++)
			fprintf(out, "\"198.18.8.%u\", ", (a + i) % addresses);
		fprintf(out,
			"]\n[[forward]]\nprotocol = %s\nports = %u\nbackend = \"b%u\"\n"
			"address = \"198.51.100.1\"\n",
			protocols, 100 + i, i);
	}
	fclose(out);
	return text;
}

Test(plan_masquerade, as_many_addresses_as_fit)
{
	char *text, addr[IP_ADDR_STRLEN];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(addr, sizeof(addr), "198.18.8.%u", i);
		world_addr("wg0", addr);
	}
	text = many_backends(1, "[\"tcp\", \"udp\"]", 31);
	expect_plan(text);
	cr_expect_eq(world.plan->pool_count, 62);
	free(text);
	text = many_backends(1, "[\"tcp\", \"udp\"]", 32);
	world_plan(text);
	expect_found("too many addresses to masquerade as: at most 63, each counted once for TCP "
		     "and once for UDP; shorten the lists of masquerade_address\n");
	cr_expect_eq(world.code, 2);
	free(text);
	/* Each has the list of the one before, begun one further on. */
	text = many_backends(20, "\"tcp\"", 50);
	expect_plan(text);
	cr_expect_eq(world.plan->share_count, 1000);
	free(text);
	text = many_backends(21, "\"tcp\"", 50);
	world_plan(text);
	expect_found("too many different lists of masquerade_address: at most 1024 addresses in "
		     "all of them\n");
	cr_expect_eq(world.code, 2);
	free(text);
}

#define ONE_ADDRESS "address = \"198.51.100.1\"\n"

Test(plan_masquerade, ports_are_those_that_the_kernel_gives_to_nobody)
{
	expect_plan(HOME4 M_TCP("80") ONE_ADDRESS);
	expect_free(PROTO_TCP, "1024-32767,61000-65535");
	expect_free(PROTO_UDP, "");
	world.host.port_min = 1024;
	world.host.port_max = 65000;
	world.reserved_before = port_set("2000-2999");
	world.reserved_others = port_set("3000");
	/* What was reserved only by the load before this one will not be. */
	world.host.reserved = port_set("5000");
	expect_plan(HOME4 M_TCP("[80, \"4000-4001\"]") ONE_ADDRESS);
	expect_free(PROTO_TCP, "2000-3000,4000-4001,65001-65535");
	expect_plan("[limits]\nmasquerade_ports = \"2998-4000\"\n" HOME4 M_TCP("80") ONE_ADDRESS);
	expect_free(PROTO_TCP, "2998-3000");
	cr_expect_eq(world.plan->limits.port_first, 2998);
	cr_expect_eq(world.plan->limits.port_last, 4000);
}

Test(plan_masquerade, ports_of_sockets_stay_with_them)
{
	world_listen(PROTO_TCP, "0.0.0.0", 2000, "nginx");
	world_listen(PROTO_UDP, "::", 2001, "named");
	world_connected(PROTO_TCP, "198.18.9.1", 65535, "curl");
	world_listen(PROTO_UDP, "198.51.100.1", 1024, NULL);
	expect_plan("[limits]\nmasquerade_ports = \"1024-2999\"\n" HOME4 M_TCP("80")
			    ONE_ADDRESS M_UDP("80") ONE_ADDRESS);
	expect_free(PROTO_TCP, "1024-1999,2001-2999");
	expect_free(PROTO_UDP, "1025-2000,2002-2999");
	expect_plan(HOME4 M_TCP("80") ONE_ADDRESS);
	expect_free(PROTO_TCP, "1024-1999,2001-32767,61000-65534");
}

/* One-armed: backend and clients talk to the same address. */
Test(plan_masquerade, ports_that_clients_talk_to_are_no_ports_of_flows)
{
	const char *arm = "[backend.home]\naddress = \"198.51.100.9\"\n";
	char text[1024];

	snprintf(text, sizeof(text), "%s%s", arm,
		 M_TCP("\"2000-2999\"") ONE_ADDRESS M_UDP("3000") ONE_ADDRESS TCP("4000")
			 ONE_ADDRESS);
	world_plan(text);
	expect_sources("tcp-2000-2999 tcp 198.51.100.1 as 198.51.100.1\n"
		       "udp-3000 udp 198.51.100.1 as 198.51.100.1\n"
		       "tcp-4000 tcp 198.51.100.1 preserved\n");
	expect_free(PROTO_TCP, "1024-1999,3000-3999,4001-32767,61000-65535");
	expect_free(PROTO_UDP, "1024-2999,3001-32767,61000-65535");
	/* By another address, they do not meet. */
	expect_plan(HOME4 M_TCP("\"2000-2999\"") ONE_ADDRESS);
	expect_free(PROTO_TCP, "1024-32767,61000-65535");
}

Test(plan_masquerade, no_port_is_left)
{
	world_plan(HOME4 M_UDP("80") ONE_ADDRESS "[limits]\nmasquerade_ports = \"40000-50000\"\n");
	expect_found("f:9:20: limits: masquerade_ports: no udp port of 40000-50000 is left to "
		     "masquerade with: all are this host's own (its sockets, its ephemeral ports "
		     "32768-60999) or forwarded; widen it\n");
	cr_expect_eq(world.code, 2);
	/* Nor is one needed. */
	expect_plan(HOME4 UDP("80") "[limits]\nmasquerade_ports = \"40000-50000\"\n");
}

/* What the agent does once a second. */
Test(plan_masquerade, ports_follow_the_sockets)
{
	struct port_set none = {}, reserved = port_set("40000");

	expect_plan("[limits]\nmasquerade_ports = \"32760-40009\"\n" HOME4 M_TCP("80") ONE_ADDRESS);
	expect_free(PROTO_TCP, "32760-32767");
	world_listen(PROTO_TCP, "::", 32765, "nc");
	plan_free_ports(world.plan, &world.host, &reserved);
	expect_free(PROTO_TCP, "32760-32764,32766-32767,40000");
	world.host.socket_count = 0;
	plan_free_ports(world.plan, &world.host, &none);
	expect_free(PROTO_TCP, "32760-32767");
}

Test(plan_masquerade, limits)
{
	const struct flow_limits *limits;

	expect_plan("[limits]\nflows_per_source = 9\nnew_flows_per_second = 8\n"
		    "source_prefix_v6 = 50\n" HOME4 M_TCP("80") ONE_ADDRESS);
	limits = &world.plan->limits;
	cr_expect_eq(limits->per_source, 9);
	cr_expect_eq(limits->new_per_s, 8);
	cr_expect_eq(limits->source_mask[FAMILY_V4], 0xffffffff);
	/* As it lies in memory: six bytes, and two bits of the seventh. */
	cr_expect_arr_eq((const uint8_t *)&limits->source_mask[FAMILY_V6],
			 ((uint8_t[]){ 255, 255, 255, 255, 255, 255, 0xc0, 0 }), 8);
}

Test(plan_masquerade, timeouts_and_mid_stream)
{
	const struct plan_rule *rule;

	expect_plan(HOME4 M_TCP("80") ONE_ADDRESS
		    "mid_stream = true\ntimeout = { tcp_transitory = \"30s\", udp = \"2m\" }\n");
	rule = &world.plan->rules[0];
	cr_expect_eq(rule->timeout_s[TIMEOUT_UDP], 120);
	cr_expect_eq(rule->timeout_s[TIMEOUT_TCP_ESTABLISHED], 7440);
	cr_expect_eq(rule->timeout_s[TIMEOUT_TCP_TRANSITORY], 30);
	cr_expect(rule->mid_stream);
	cr_expect(rule->clamp_mss);
	expect_plan(HOME4 M_TCP("80") ONE_ADDRESS "mss_clamp = false\n");
	cr_expect_not(world.plan->rules[0].clamp_mss);
}

/* Nothing is refused for want of room where nothing is tracked. */
Test(plan_masquerade, who_is_told_of_a_refusal)
{
	expect_plan(HOME4 M_TCP("80") ONE_ADDRESS TCP("81"));
	cr_expect_not(world.plan->rules[0].reject);
	expect_plan("[limits]\non_full = \"reject\"\n" HOME4 M_TCP("80") ONE_ADDRESS TCP("81"));
	cr_expect(world.plan->rules[0].reject);
	cr_expect_not(world.plan->rules[1].reject);
}

/* The host keeps its own traffic, whatever the source mode. */
Test(plan_masquerade, the_host_keeps_its_own_traffic)
{
	world_listen(PROTO_TCP, "0.0.0.0", 22, "sshd");
	world_connected(PROTO_TCP, "198.51.100.1", 22, "sshd");
	expect_refused(
		HOME4 M_TCP("22") ONE_ADDRESS,
		"f:5:9: forward \"tcp-22\": tcp port 22 carries an SSH session to this "
		"host, which would be cut off; add exclude = [22], or insist with --force\n");
	world.host.socket_count = 0;
	world_listen(PROTO_TCP, "0.0.0.0", 443, "nginx");
	expect_refused(HOME4 M_TCP("443") ONE_ADDRESS,
		       "f:5:9: forward \"tcp-443\": tcp port 443 is in use on this host by nginx; "
		       "stop it, take the port out, or forward it anyway with --force\n");
	world_plan(HOME4 M_TCP("\"440-449\"") ONE_ADDRESS);
	expect_rules("tcp-440-449 tcp 198.51.100.1 440-442,444-449 > 198.18.9.2 by eth1\n");
	expect_sysctl("net.ipv4.ip_local_reserved_ports", "440-442,444-449", "");
}

Test(plan_masquerade, tailscale_takes_it)
{
	snprintf(world_device("wg0")->name, IFNAMSIZ, "tailscale0");
	world_route("198.18.9.2", "tailscale0");
	expect_plan(HOME4 M_TCP("80") ONE_ADDRESS);
	world_plan(HOME4 M_TCP("80") ONE_ADDRESS TCP("81"));
	cr_expect(strstr(world.found, "Tailscale"), "%s", world.found);
}

static struct plan *make_plan(const char *config)
{
	struct plan *made;

	expect_plan(config);
	made = world.plan;
	world.plan = NULL;
	return made;
}

Test(plan_masquerade, what_makes_a_plan_another)
{
	static const char *const others[] = {
		HOME4 TCP("80") ONE_ADDRESS,
		HOME4 M_TCP("80") ONE_ADDRESS "mid_stream = true\n",
		HOME4 M_TCP("80") ONE_ADDRESS "mss_clamp = false\n",
		"[limits]\non_full = \"reject\"\n" HOME4 M_TCP("80") ONE_ADDRESS,
		HOME4 M_TCP("80") ONE_ADDRESS "timeout.udp = \"1s\"\n",
		"[limits]\nmasquerade_ports = \"1024-2000\"\n" HOME4 M_TCP("80") ONE_ADDRESS,
		"[limits]\nnew_flows_per_second = 1\n" HOME4 M_TCP("80") ONE_ADDRESS,
		HOME4 "masquerade_address = \"198.18.7.1\"\n" M_TCP("80") ONE_ADDRESS,
	};
	struct plan *a = make_plan(HOME4 M_TCP("80") ONE_ADDRESS), *b;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		b = make_plan(others[i]);
		cr_expect_not(plan_equal(a, b), "%s", others[i]);
		plan_free(b);
	}
	/* A socket that comes is no other plan. */
	world_listen(PROTO_TCP, "0.0.0.0", 2000, "nc");
	b = make_plan(HOME4 M_TCP("80") ONE_ADDRESS);
	cr_expect(plan_equal(a, b));
	cr_expect_neq(a->limits.ports[PROTO_TCP][2000 / 64], b->limits.ports[PROTO_TCP][2000 / 64]);
	plan_free(a);
	plan_free(b);
}
