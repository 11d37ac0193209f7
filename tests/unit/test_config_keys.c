// SPDX-License-Identifier: GPL-2.0-only
// Every mistake that one key of a forward can hold, and the exact line that names it.
#include "config_text.h"

TestSuite(config_keys);

struct mistake {
	const char *text, *findings;
};

/* One key in line 7 of a forward named "turn" that is good without it. */
static void expect_of_key(const char *key, const char *column_and_text)
{
	char text[512], findings[512];

	snprintf(text, sizeof(text),
		 FORWARD "name = \"turn\"\nprotocol = \"udp\"\nbackend = \"home\"\n%s\n%s", key,
		 strncmp(key, "ports", 5) ? "ports = \"3000-3999\"\n" : "");
	if (strchr(column_and_text, ':'))
		snprintf(findings, sizeof(findings), "f:7:%.*s: %s\n",
			 (int)strcspn(column_and_text, ":"), column_and_text,
			 strchr(column_and_text, ':') + 1);
	else
		findings[0] = '\0';
	expect_findings(text, findings);
}

Test(config_keys, ports)
{
	static const struct mistake cases[] = {
		{ "ports = 70000", "9:forward \"turn\": ports: 70000 is not a port (1-65535)" },
		{ "ports = [80, 70000]",
		  "14:forward \"turn\": ports: 70000 is not a port (1-65535)" },
		{ "ports = 0", "9:forward \"turn\": ports: 0 is not a port (1-65535)" },
		{ "ports = -1", "9:forward \"turn\": ports: -1 is not a port (1-65535)" },
		{ "ports = 65536", "9:forward \"turn\": ports: 65536 is not a port (1-65535)" },
		{ "ports = \"65536\"", "9:forward \"turn\": ports: 65536 is not a port (1-65535)" },
		{ "ports = \"0-5\"", "9:forward \"turn\": ports: 0 is not a port (1-65535)" },
		{ "ports = \"5-70000\"",
		  "9:forward \"turn\": ports: 70000 is not a port (1-65535)" },
		{ "ports = \"99999999999999999999999\"",
		  "9:forward \"turn\": ports: 99999999999999999999 is not a port (1-65535)" },
		{ "ports = \"20-10\"",
		  "9:forward \"turn\": ports: reversed range 20-10; write 10-20" },
		{ "ports = \"60000:61023\"",
		  "9:forward \"turn\": ports: \"60000:61023\" is not a port "
		  "or a \"first-last\" range" },
		{ "ports = \"5-\"",
		  "9:forward \"turn\": ports: \"5-\" is not a port or a \"first-last\" range" },
		{ "ports = \"-5\"",
		  "9:forward \"turn\": ports: \"-5\" is not a port or a \"first-last\" range" },
		{ "ports = \"5-6-7\"",
		  "9:forward \"turn\": ports: \"5-6-7\" is not a port or a \"first-last\" range" },
		{ "ports = \"x\\ny\"", "9:forward \"turn\": ports: \"x\\u000ay\" is not a port or "
				       "a \"first-last\" range" },
		{ "ports = \"\"", "9:forward \"turn\": ports: expected a port or a \"first-last\" "
				  "range, got an empty string" },
		{ "ports = 5.5", "9:forward \"turn\": ports: expected a port or a \"first-last\" "
				 "range, got a fraction" },
		{ "ports = [[5]]",
		  "10:forward \"turn\": ports: expected a port or a \"first-last\" "
		  "range, got a list" },
		{ "ports = []",
		  "9:forward \"turn\": ports: the list is empty; leave the key out instead" },
		{ "ports = [80, \"80\"]",
		  "14:forward \"turn\": ports: port 80 is listed twice; name it once" },
		{ "ports = [\"80-90\", \"85-95\"]",
		  "19:forward \"turn\": ports: port 85 is listed twice; name it once" },
		{ "ports = \"65535\"", "" },
		{ "ports = [\"1-79\", 80, \"81-49151\"]", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_of_key(cases[i].text, cases[i].findings);
}

Test(config_keys, keys_of_a_forward)
{
	static const struct mistake cases[] = {
		{ "exclude = 70000",
		  "11:forward \"turn\": exclude: 70000 is not a port (1-65535)" },
		{ "exclude = [3001, 5]",
		  "18:warning: forward \"turn\": exclude: port 5 is not among "
		  "this forward's ports; leave it out" },
		{ "exclude = \"3990-4000\"",
		  "11:warning: forward \"turn\": exclude: port 4000 is not "
		  "among this forward's ports; leave it out" },
		{ "exclude = \"3000-3999\"",
		  "11:forward \"turn\": exclude: it leaves no port to forward" },
		{ "to_port = 0", "11:forward \"turn\": to_port: 0 is not a port (1-65535)" },
		{ "to_port = \"5-9\"",
		  "11:forward \"turn\": to_port: it is the first backend port; write 5" },
		{ "to_port = 64537",
		  "11:forward \"turn\": to_port: 64537 moves port 3999 to 65536, "
		  "past 65535; at most 64536 fits" },
		{ "to_port = 4000",
		  "11:warning: forward \"turn\": to_port: moves a UDP range; TURN and ICE tell "
		  "peers the "
		  "backend's own ports, so calls break when they differ from the public ones" },
		{ "address = \"198.51.100.300\"",
		  "11:forward \"turn\": address: \"198.51.100.300\" is "
		  "not an IPv4 or IPv6 address" },
		{ "address = \"0.0.0.0\"",
		  "11:forward \"turn\": address: 0.0.0.0 means \"this host\"; "
		  "name a unicast address" },
		{ "address = [\"198.51.100.1\", \"198.51.100.1\"]",
		  "28:forward \"turn\": address: 198.51.100.1 is listed twice; name it once" },
		{ "address = \"2001:db8::1\"", "11:forward \"turn\": address: only IPv6 here, but "
					       "backend \"home\" (line 2) has only "
					       "IPv4; give it an address of the same family" },
		{ "source = \"preserv\"",
		  "10:forward \"turn\": source: \"preserv\" is not a source mode; "
		  "use \"masquerade\" or \"preserve\"" },
		{ "source = true", "10:forward \"turn\": source: expected \"masquerade\" or "
				   "\"preserve\", got a boolean" },
		{ "allow = \"198.51.100.7/24\"",
		  "9:forward \"turn\": allow: 198.51.100.7/24 has host "
		  "bits set; the network is 198.51.100.0/24" },
		{ "deny = [\"2001:db8::/32\", \"10.0.0/8\"]",
		  "26:forward \"turn\": deny: \"10.0.0/8\" is not an address or a prefix" },
		{ "deny = [\"203.0.113.0/25\", \"203.0.113.128/25\"]\nallow = \"203.0.113.0/24\"",
		  "8:forward \"turn\": deny: it leaves no client" },
		{ "deny = []",
		  "8:forward \"turn\": deny: the list is empty; leave the key out instead" },
		{ "web = true", "7:forward \"turn\": web goes with a preset; there is none here" },
		{ "turn_ports = \"60000-60100\"",
		  "14:forward \"turn\": turn_ports goes with a preset; there is none here" },
		{ "prots = 1",
		  "1:forward \"turn\": unknown key \"prots\"; did you mean \"ports\"?" },
		{ "Address = 1",
		  "1:forward \"turn\": unknown key \"Address\"; did you mean \"address\"?" },
		{ "proto = 1",
		  "1:forward \"turn\": unknown key \"proto\"; did you mean \"protocol\"?" },
		{ "wbe = 1", "1:forward \"turn\": unknown key \"wbe\"; did you mean \"web\"?" },
		{ "soruce = 1",
		  "1:forward \"turn\": unknown key \"soruce\"; did you mean \"source\"?" },
		{ "colour = 1",
		  "1:forward \"turn\": unknown key \"colour\"; known: name, "
		  "protocol, ports, exclude, "
		  "backend, to_port, address, source, allow, deny, timeout, mid_stream, mss_clamp, "
		  "preset, web, turn_ports" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_of_key(cases[i].text, cases[i].findings);
}

Test(config_keys, ports_in_doubt_give_no_warnings)
{
	expect_of_key("ports = [\"3000-3999\", 0]\nexclude = 5\nto_port = 1\n",
		      "23:forward \"turn\": ports: 0 is not a port (1-65535)");
}

Test(config_keys, timeouts)
{
	static const struct mistake cases[] = {
		{ "timeout.udp = 300",
		  "15:forward \"turn\": timeout: udp: expected a duration such as "
		  "\"300s\", \"5m\", \"2h\" or \"1d\", got an integer" },
		{ "timeout.udp = \"300\"",
		  "15:forward \"turn\": timeout: udp: \"300\" is not a duration "
		  "such as \"300s\", \"5m\", \"2h\" or \"1d\"" },
		{ "timeout.udp = \"5ms\"",
		  "15:forward \"turn\": timeout: udp: \"5ms\" is not a duration "
		  "such as \"300s\", \"5m\", \"2h\" or \"1d\"" },
		{ "timeout.udp = \"-5s\"",
		  "15:forward \"turn\": timeout: udp: \"-5s\" is not a duration "
		  "such as \"300s\", \"5m\", \"2h\" or \"1d\"" },
		{ "timeout.udp = \"0s\"",
		  "15:forward \"turn\": timeout: udp: 0s is not between 1s and 365d" },
		{ "timeout.udp = \"366d\"",
		  "15:forward \"turn\": timeout: udp: 366d is not between 1s and 365d" },
		{ "timeout.udp = \"99999999999999999999s\"",
		  "15:forward \"turn\": timeout: udp: 99999999999999999999s is not between 1s and "
		  "365d" },
		{ "timeout.icpm = \"5s\"",
		  "9:forward \"turn\": timeout: unknown key \"icpm\"; did you mean \"icmp\"?" },
		{ "timeout = \"5s\"",
		  "11:forward \"turn\": timeout: expected a table, got a string" },
		{ "timeout.udp = \"365d\"", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_of_key(cases[i].text, cases[i].findings);
}
