// SPDX-License-Identifier: GPL-2.0-only
// Every mistake that one table of a config can hold, and the exact line that names it.
#include "config_text.h"

TestSuite(config_errors);

struct mistake {
	const char *text, *findings;
};

static void expect_all(const struct mistake *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_findings(cases[i].text, cases[i].findings);
}
#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof((cases)[0]))

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

Test(config_errors, ports)
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
		{ "ports = [\"1-79\", 80, \"81-65535\"]", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_of_key(cases[i].text, cases[i].findings);
}

Test(config_errors, keys_of_a_forward)
{
	static const struct mistake cases[] = {
		{ "exclude = 70000",
		  "11:forward \"turn\": exclude: 70000 is not a port (1-65535)" },
		{ "exclude = [3001, 5]",
		  "18:warning: forward \"turn\": exclude: port 5 is not one of "
		  "this forward; leave it out" },
		{ "exclude = \"3990-4000\"",
		  "11:warning: forward \"turn\": exclude: port 4000 is not "
		  "one of this forward; leave it out" },
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
		{ "soruce = 1",
		  "1:forward \"turn\": unknown key \"soruce\"; did you mean \"source\"?" },
		{ "colour = 1", "1:forward \"turn\": unknown key \"colour\"; known: name, "
				"protocol, ports, exclude, "
				"backend, to_port, address, source, allow, deny, timeout, preset, "
				"web, turn_ports" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_of_key(cases[i].text, cases[i].findings);
}

Test(config_errors, timeouts)
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

Test(config_errors, missing_keys_stand_at_the_table)
{
	static const struct mistake cases[] = {
		{ FORWARD "backend = \"home\"\n",
		  "f:3:1: forward #1: protocol and ports are missing; add them, or a preset\n" },
		{ FORWARD "protocol = \"tcp\"\nbackend = \"home\"\n",
		  "f:3:1: forward #1: ports is missing; add ports = ...\n" },
		{ FORWARD "name = \"x\"\nports = 1\nbackend = \"home\"\n",
		  "f:3:1: forward \"x\": protocol is missing; add protocol = \"tcp\", \"udp\" or "
		  "both\n" },
		{ FORWARD "protocol = \"tcp\"\nports = 1\n",
		  "f:3:1: forward #1: backend is missing; add backend = \"NAME\"\n" },
		{ "\n  [backend.x]\n" XMPP,
		  "f:2:3: backend \"x\": address is missing; add address = "
		  "\"...\"\n" },
		{ "", "f:1:1: no [[forward]]: nothing to forward\n" },
		{ "forward = []\n", "f:1:1: no [[forward]]: nothing to forward\n" },
	};

	EXPECT_ALL(cases);
}

Test(config_errors, names_protocols_and_backends)
{
	static const struct mistake cases[] = {
		{ XMPP "name = \"two words\"\n",
		  "f:7:8: forward \"two words\": name: \"two words\" is not a name; names are 1-63 "
		  "letters, digits, '.', '_', '+' or '-', as they become metric labels\n" },
		{ XMPP "name = 5\n",
		  "f:7:8: forward #1: name: expected a name such as \"xmpp\", got an integer\n" },
		{ FORWARD "protocol = \"icmp\"\nports = 1\nbackend = \"home\"\n",
		  "f:4:12: forward #1: protocol: \"icmp\" is not a protocol; use \"tcp\", \"udp\" "
		  "or "
		  "both\n" },
		{ FORWARD "protocol = [\"tcp\", \"tcp\"]\nports = 1\nbackend = \"home\"\n",
		  "f:4:20: forward #1: protocol: \"tcp\" is listed twice\n" },
		{ FORWARD "protocol = \"tcp\"\nports = 1\nbackend = \"hmoe\"\n",
		  "f:6:11: forward #1: backend: unknown backend \"hmoe\"; did you mean "
		  "\"home\"?\n" },
		{ FORWARD "protocol = \"tcp\"\nports = 1\nbackend = \"office\"\n",
		  "f:6:11: forward #1: backend: unknown backend \"office\"; known: home\n" },
		{ "[[forward]]\nprotocol = \"tcp\"\nports = 1\nbackend = \"office\"\n",
		  "f:4:11: forward #1: backend: unknown backend \"office\"; describe it in a "
		  "[backend.NAME] table\n" },
	};

	EXPECT_ALL(cases);
}

Test(config_errors, presets)
{
	static const struct mistake cases[] = {
		{ FORWARD "backend = \"home\"\npreset = \"snicket\"\n",
		  "f:5:10: forward #1: preset: unknown preset \"snicket\"; did you mean "
		  "\"snikket\"?\n" },
		{ FORWARD "backend = \"home\"\npreset = \"matrix\"\n",
		  "f:5:10: forward #1: preset: unknown preset \"matrix\"; known: snikket, "
		  "ejabberd, "
		  "livekit, plugnmeet, coturn\n" },
		{ FORWARD "backend = \"home\"\npreset = \"coturn\"\nturn_ports = \"1000-2000\"\n",
		  "f:6:14: forward #1: turn_ports: port 1000 is below 1024; relay ports lie in "
		  "1024-65535\n" },
		{ FORWARD "backend = \"home\"\npreset = \"coturn\"\nto_port = 1\nports = 1\n"
			  "protocol = \"tcp\"\n",
		  "f:6:11: forward #1: to_port does not go with a preset, which brings its own "
		  "ports; "
		  "take one of them out\n"
		  "f:7:9: forward #1: ports does not go with a preset, which brings its own ports; "
		  "take "
		  "one of them out\n"
		  "f:8:12: forward #1: protocol does not go with a preset, which brings its own "
		  "ports; "
		  "take one of them out\n" },
		{ FORWARD "backend = \"home\"\npreset = \"coturn\"\nweb = \"yes\"\n",
		  "f:6:7: forward #1: web: expected true or false, got a string\n" },
	};

	EXPECT_ALL(cases);
}

Test(config_errors, backends)
{
	static const struct {
		const char *keys, *findings;
	} cases[] = {
		{ "address = [\"198.18.9.2\", \"198.18.9.3\"]",
		  "f:2:26: backend \"home\": address: a second IPv4 address; a backend has at most "
		  "one "
		  "of each family\n" },
		{ "address = [\"198.18.9.2\", \"home.example\"]",
		  "f:2:26: backend \"home\": address: a list holds literal addresses, one of each "
		  "family; write the name by itself: address = \"home.example\"\n" },
		{ "address = \"198.18.9.300\"",
		  "f:2:11: backend \"home\": address: \"198.18.9.300\" is "
		  "neither an address nor a name\n" },
		{ "address = \"198.18.9.2/32\"",
		  "f:2:11: backend \"home\": address: \"198.18.9.2/32\" is "
		  "neither an address nor a name\n" },
		{ "address = \"a..b\"", "f:2:11: backend \"home\": address: \"a..b\" is neither an "
					"address nor a name\n" },
		{ "address = \"h\u00f6me.example\"",
		  "f:2:11: backend \"home\": address: "
		  "\"h\u00f6me.example\" is neither an address nor a "
		  "name\n" },
		{ "address = 5",
		  "f:2:11: backend \"home\": address: expected an address or a name, or "
		  "a list of addresses, got an integer\n" },
		{ "address = \"0.0.0.0\"",
		  "f:2:11: backend \"home\": address: 0.0.0.0 means \"this "
		  "host\"; name a unicast address\n" },
		{ "address = \"127.1.2.3\"",
		  "f:2:11: backend \"home\": address: 127.1.2.3 is a loopback "
		  "address; name a unicast address\n" },
		{ "address = \"224.0.0.1\"", "f:2:11: backend \"home\": address: 224.0.0.1 is a "
					     "multicast address; name a unicast address\n" },
		{ "address = \"255.255.255.255\"",
		  "f:2:11: backend \"home\": address: 255.255.255.255 is reserved or broadcast; "
		  "name a "
		  "unicast address\n" },
		{ "address = \"::\"",
		  "f:2:11: backend \"home\": address: :: means \"any address\"; "
		  "name a unicast address\n" },
		{ "address = \"::1\"",
		  "f:2:11: backend \"home\": address: ::1 is the loopback address; "
		  "name a unicast address\n" },
		{ "address = \"fe80::1\"",
		  "f:2:11: backend \"home\": address: fe80::1 is a link-local "
		  "address; name a unicast address\n" },
		{ "address = \"ff02::1\"",
		  "f:2:11: backend \"home\": address: ff02::1 is a multicast "
		  "address; name a unicast address\n" },
		{ "address = \"198.18.9.2\"\ndevice = \"wg0 \"",
		  "f:3:10: backend \"home\": device: \"wg0 \" is not a device name (1-15 "
		  "characters, no "
		  "space, '/' or ':')\n" },
		{ "address = \"198.18.9.2\"\ndevice = \"a23456789012345\"", "" },
		{ "address = \"198.18.9.2\"\ndevice = \"a234567890123456\"",
		  "f:3:10: backend \"home\": device: \"a234567890123456\" is not a device name "
		  "(1-15 "
		  "characters, no space, '/' or ':')\n" },
		{ "address = \"198.18.9.2\"\nadress = 1",
		  "f:3:1: backend \"home\": unknown key \"adress\"; did you mean \"address\"?\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "[backend.home]\n%s\n[[forward]]\nprotocol = \"tcp\"\nports = 1\n"
			 "backend = \"home\"\n",
			 cases[i].keys);
		expect_findings(text, cases[i].findings);
	}
}

Test(config_errors, the_rest_of_the_file)
{
	static const struct mistake cases[] = {
		{ XMPP "[forwards]\n",
		  "f:7:2: unknown key \"forwards\"; did you mean \"forward\"?\n" },
		{ "colour = 1\n" XMPP,
		  "f:1:1: unknown key \"colour\"; known: metrics, limits, backend, forward\n" },
		{ XMPP "[metrics]\nlisten = \"9743\"\n",
		  "f:8:10: metrics: listen: \"9743\" is not \"ADDRESS:PORT\" such as "
		  "\"127.0.0.1:9743\" or \"[::1]:9743\"\n" },
		{ XMPP "[limits]\nflows = 0\n",
		  "f:8:9: limits: flows: 0 is not between 1 and 16777216\n" },
		{ XMPP "[limits]\nflows = 16777217\n",
		  "f:8:9: limits: flows: 16777217 is not between 1 and 16777216\n" },
		{ XMPP "[limits]\nflows = \"1\"\n",
		  "f:8:9: limits: flows: expected a number of flows, got a string\n" },
		{ "limits = 5\n" XMPP, "f:1:10: limits: expected a table, got an integer\n" },
		{ "[forward]\n",
		  "f:1:1: [forward] is one table; head each forward with [[forward]]\n" },
		{ "forward = 1\n",
		  "f:1:11: forward: expected [[forward]] tables, got an integer\n" },
		{ "forward = [1]\n", "f:1:12: forward #1: expected a table, got an integer\n" },
		{ "backend = 1\n",
		  "f:1:1: no [[forward]]: nothing to forward\n"
		  "f:1:11: backend: expected [backend.NAME] tables, got an integer\n" },
		{ "[backend]\naddress = \"198.18.9.2\"\n",
		  "f:1:1: no [[forward]]: nothing to forward\n"
		  "f:2:1: backend: \"address\" stands outside of a backend; head its table "
		  "[backend.NAME]\n" },
		{ "[backend.\"a b\"]\naddress = \"198.18.9.2\"\n" XMPP,
		  "f:1:10: backend \"a b\": \"a b\" is not a name; names are 1-63 letters, digits, "
		  "'.', "
		  "'_', '+' or '-', as they become metric labels\n" },
		{ XMPP "[metrics\n", "f:7:9: syntax: table header: expected ']', saw '\\n'\n" },
	};

	EXPECT_ALL(cases);
}

Test(config_errors, all_of_them_in_the_order_of_the_file)
{
	expect_findings(
		"[[forward]]\nports = 0\nbackend = \"a\"\nprots = 1\n[backend.b]\n"
		"address = \"x y\"\n[limits]\nflows = -1\n",
		"f:1:1: forward #1: protocol is missing; add protocol = \"tcp\", \"udp\" or "
		"both\n"
		"f:2:9: forward #1: ports: 0 is not a port (1-65535)\n"
		"f:3:11: forward #1: backend: unknown backend \"a\"; did you mean \"b\"?\n"
		"f:4:1: forward #1: unknown key \"prots\"; did you mean \"ports\"?\n"
		"f:6:11: backend \"b\": address: \"x y\" is neither an address nor a name\n"
		"f:8:9: limits: flows: -1 is not between 1 and 16777216\n");
}
