// SPDX-License-Identifier: GPL-2.0-only
// Mistakes in the tables of a config, and the exact line that names each.
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

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10

Test(config_errors, lengths_of_names)
{
	static const struct mistake cases[] = {
		{ XMPP "name = \"" A60 "aaa\"\n", "" },
		{ XMPP "name = \"" A60 "aaaa\"\n",
		  "f:7:8: forward \"" A60 "aaa\": name: \"" A60
		  "aaaa\" is not a name; names are 1-63 "
		  "letters, digits, '.', '_', '+' or '-', as they become metric labels\n" },
		{ "[backend.x]\naddress = \"" A60 "aaa." A60 "aaa." A60 "aaa." A60 "a\"\n" XMPP,
		  "f:1:1: warning: backend \"x\" is used by no forward\n" },
		{ "[backend.x]\naddress = \"" A60 "aaa." A60 "aaa." A60 "aaa." A60 "aa\"\n" XMPP,
		  "f:2:11: backend \"x\": address: \"" A60 "aaa." A10
		  "aaaaaa\" is neither an address "
		  "nor a name\n" },
		{ "[backend.x]\naddress = \"" A60 "aaaa.b\"\n" XMPP,
		  "f:2:11: backend \"x\": address: \"" A60 "aaaa.b\" is neither an address nor a "
		  "name\n" },
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
		  "f:8:9: limits: flows: 0 is not between 1 and 4194304\n" },
		{ XMPP "[limits]\nflows = 4194305\n",
		  "f:8:9: limits: flows: 4194305 is not between 1 and 4194304\n" },
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
		"f:8:9: limits: flows: -1 is not between 1 and 4194304\n");
}
