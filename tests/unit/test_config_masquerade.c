// SPDX-License-Identifier: GPL-2.0-only
// The keys of masquerade: limits, addresses, and what is warned of.
#include "config_text.h"

TestSuite(config_masquerade);

#define LIMITS(keys) XMPP "[limits]\n" keys

static struct config_limits limits_of(const char *text)
{
	struct config *config = parse_good(text);
	struct config_limits limits = config->limits;

	config_free(config);
	return limits;
}

Test(config_masquerade, limits_by_default)
{
	struct config_limits limits = limits_of(XMPP);

	cr_expect_eq(limits.flows_per_source, 65536);
	cr_expect_eq(limits.new_flows_per_second, 32768);
	cr_expect_eq(limits.source_prefix_v6, 64);
	cr_expect_eq(limits.masquerade_ports.first, 1024);
	cr_expect_eq(limits.masquerade_ports.last, 65535);
	cr_expect_not(limits.reject);
	/* A source has half of the flows, however many there are. */
	cr_expect_eq(limits_of(LIMITS("flows = 1000\n")).flows_per_source, 500);
	cr_expect_eq(limits_of(LIMITS("source_prefix_v6 = 48\n")).flows_per_source, 65536);
}

Test(config_masquerade, limits_as_given)
{
	struct config *config = parse_good(
		LIMITS("flows_per_source = 7\nflows = 4194304\nnew_flows_per_second = 16777216\n"
		       "source_prefix_v6 = 1\nmasquerade_ports = \"20000-29999\"\n"));

	cr_expect_eq(config->flows_max, 4194304);
	cr_expect_eq(config->limits.flows_per_source, 7);
	cr_expect_eq(config->limits.new_flows_per_second, 16777216);
	cr_expect_eq(config->limits.source_prefix_v6, 1);
	cr_expect_eq(config->limits.masquerade_ports.first, 20000);
	cr_expect_eq(config->limits.masquerade_ports.last, 29999);
	cr_expect_eq(config->limits.masquerade_ports_place.line, 12);
	cr_expect_eq(config->limits.masquerade_ports_place.column, 20);
	config_free(config);
	cr_expect_eq(limits_of(LIMITS("flows_per_source = 0\n")).flows_per_source, 0);
	cr_expect_eq(limits_of(LIMITS("new_flows_per_second = 0\n")).new_flows_per_second, 0);
	cr_expect_eq(limits_of(LIMITS("masquerade_ports = 5000\n")).masquerade_ports.last, 5000);
	cr_expect(limits_of(LIMITS("on_full = \"reject\"\n")).reject);
	cr_expect_not(limits_of(LIMITS("on_full = \"drop\"\n")).reject);
}

Test(config_masquerade, limits_that_cannot_be)
{
	static const struct {
		const char *key, *finding;
	} cases[] = {
		{ "flows = 4194305", "9: limits: flows: 4194305 is not between 1 and 4194304" },
		{ "flows_per_source = -1",
		  "20: limits: flows_per_source: -1 is not between 0 and 4194304" },
		{ "flows_per_source = 4194305",
		  "20: limits: flows_per_source: 4194305 is not between 0 and 4194304" },
		{ "flows_per_source = \"all\"", "20: limits: flows_per_source: expected a number "
						"of flows, 0 for no limit, got a string" },
		{ "new_flows_per_second = 16777217",
		  "24: limits: new_flows_per_second: 16777217 is not between 0 and 16777216" },
		{ "source_prefix_v6 = 0",
		  "20: limits: source_prefix_v6: 0 is not between 1 and 64" },
		{ "source_prefix_v6 = 65",
		  "20: limits: source_prefix_v6: 65 is not between 1 and 64" },
		{ "masquerade_ports = \"0-100\"",
		  "20: limits: masquerade_ports: 0 is not a port (1-65535)" },
		{ "masquerade_ports = \"200-100\"",
		  "20: limits: masquerade_ports: reversed range 200-100; write 100-200" },
		{ "masquerade_ports = [1]", "20: limits: masquerade_ports: expected a port or a "
					    "\"first-last\" range, got a list" },
		{ "on_full = \"refuse\"", "11: limits: on_full: \"refuse\" is not an answer; use "
					  "\"drop\" or \"reject\"" },
		{ "on_full = true", "11: limits: on_full: expected \"drop\" or \"reject\", got a "
				    "boolean" },
		{ "flow = 1", "1: limits: unknown key \"flow\"; did you mean \"flows\"?" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512], finding[512];

		snprintf(text, sizeof(text), LIMITS("%s\n"), cases[i].key);
		snprintf(finding, sizeof(finding), "f:8:%s\n", cases[i].finding);
		expect_findings(text, finding);
	}
}

#define BACKEND(keys)                                                                              \
	"[backend.home]\naddress = \"198.18.9.2\"\n" keys                                          \
	"[[forward]]\nprotocol = \"tcp\"\nports = 80\nbackend = \"home\"\n"

Test(config_masquerade, addresses)
{
	struct config *config =
		parse_good(BACKEND("masquerade_address = [\"198.18.9.1\", \"198.18.9.7\"]\n"));
	const struct config_backend *home = &config->backends[0];
	struct ip_addr addr;

	cr_assert_eq(home->masquerade_count, 2);
	cr_expect(!ip_addr_parse("198.18.9.1", &addr) &&
		  ip_addr_equal(&addr, &home->masquerade[0]));
	cr_expect(!ip_addr_parse("198.18.9.7", &addr) &&
		  ip_addr_equal(&addr, &home->masquerade[1]));
	cr_expect_eq(home->masquerade_place.line, 3);
	cr_expect_eq(home->masquerade_place.column, 22);
	config_free(config);
	config = parse_good(BACKEND("masquerade_address = \"198.18.9.1\"\n"));
	cr_expect_eq(config->backends[0].masquerade_count, 1);
	config_free(config);
}

Test(config_masquerade, addresses_that_cannot_be)
{
	expect_findings(BACKEND("masquerade_address = \"wg0\"\n"),
			"f:3:22: backend \"home\": masquerade_address: \"wg0\" is not an IPv4 or "
			"IPv6 address\n");
	expect_findings(BACKEND("masquerade_address = [\"198.18.9.1\", \"198.18.9.1\"]\n"),
			"f:3:37: backend \"home\": masquerade_address: 198.18.9.1 is listed twice; "
			"name it once\n");
	expect_findings(BACKEND("masquerade_address = \"127.0.0.1\"\n"),
			"f:3:22: backend \"home\": masquerade_address: 127.0.0.1 is a loopback "
			"address; name a unicast address\n");
	expect_findings(BACKEND("masquerade_address = 7\n"),
			"f:3:22: backend \"home\": masquerade_address: expected an address of this "
			"host, got an integer\n");
}

Test(config_masquerade, addresses_without_effect)
{
	expect_findings(BACKEND("masquerade_address = \"198.18.9.1\"\n") "source = \"preserve\"\n",
			"f:3:22: warning: backend \"home\": masquerade_address has no effect: no "
			"forward to it masquerades\n");
	expect_findings(BACKEND("masquerade_address = [\"198.18.9.1\", \"2001:db8::1\"]\n"),
			"f:3:22: warning: backend \"home\": masquerade_address: it has no IPv6 "
			"address, so one of that family has no effect\n");
}

Test(config_masquerade, mss_clamp)
{
	struct config *config = parse_good(XMPP);

	cr_expect(config->forwards[0].mss_clamp);
	config_free(config);
	config = parse_good(XMPP "mss_clamp = false\nsource = \"preserve\"\n");
	cr_expect_not(config->forwards[0].mss_clamp);
	config_free(config);
	expect_findings(XMPP "mss_clamp = 1\n", "f:7:13: forward #1: mss_clamp: expected true or "
						"false, got an integer\n");
}

Test(config_masquerade, mid_stream)
{
	struct config *config = parse_good(XMPP "mid_stream = true\n");

	cr_expect(config->forwards[0].mid_stream);
	config_free(config);
	expect_findings(XMPP "mid_stream = 1\n", "f:7:14: forward #1: mid_stream: expected true or "
						 "false, got an integer\n");
	expect_findings(XMPP "source = \"preserve\"\nmid_stream = true\n",
			"f:8:14: warning: forward #1: mid_stream: nothing is tracked with source = "
			"\"preserve\"; it has no effect\n");
}

Test(config_masquerade, a_timeout_that_is_given_leaves_the_others)
{
	struct config *config = parse_good(XMPP "timeout = { tcp_transitory = \"1s\" }\n");
	const struct config_timeouts *timeouts = &config->forwards[0].timeouts;

	cr_expect_eq(timeouts->tcp_transitory_s, 1);
	cr_expect_eq(timeouts->tcp_established_s, 7440);
	cr_expect_eq(timeouts->udp_s, 300);
	config_free(config);
}

/* A forward of some keys: is it warned of, as a relay that masquerades? */
static void expect_warned(const char *keys, const char *place)
{
	char text[512], finding[512] = "";

	snprintf(text, sizeof(text), FORWARD "backend = \"home\"\n%s", keys);
	if (place)
		snprintf(finding, sizeof(finding),
			 "f:%s: warning: forward #1: source: calls through these relay ports fail "
			 "with masquerade, which hides the peers' addresses and lets no peer in "
			 "unasked; write source = \"preserve\"\n",
			 place);
	expect_findings(text, finding);
}

#define UDP_PORTS(ports) "protocol = \"udp\"\nports = " ports "\n"

Test(config_masquerade, relay_ports_are_warned_of)
{
	expect_warned("preset = \"snikket\"\n", "3:1");
	expect_warned("preset = \"coturn\"\nturn_ports = \"60000-60009\"\n", "3:1");
	expect_warned("preset = \"snikket\"\nturn_ports = [60000, 60001]\n", "3:1");
	expect_warned("preset = \"livekit\"\nsource = \"masquerade\"\n", "6:10");
	expect_warned("preset = \"plugnmeet\"\n", "3:1");
	expect_warned(UDP_PORTS("\"49152-65535\""), "3:1");
	expect_warned(UDP_PORTS("[3478, \"64536-65535\"]"), "3:1");
	expect_warned(UDP_PORTS("\"48153-49152\""), "3:1");
	/* A hole does not make two small ranges of it. */
	expect_warned(UDP_PORTS("\"60000-61023\"") "exclude = 60500\n", "3:1");
}

Test(config_masquerade, what_is_no_relay_is_not_warned_of)
{
	expect_warned("preset = \"snikket\"\nsource = \"preserve\"\n", NULL);
	expect_warned("preset = \"snikket\"\nexclude = \"49152-65535\"\n", NULL);
	expect_warned(UDP_PORTS("\"49152-65535\"") "source = \"preserve\"\n", NULL);
	expect_warned("protocol = \"tcp\"\nports = \"49152-65535\"\n", NULL);
	expect_warned(UDP_PORTS("\"64537-65535\""), NULL);
	expect_warned(UDP_PORTS("\"48152-49151\""), NULL);
	expect_warned(UDP_PORTS("[3478, 50000]"), NULL);
}
