// SPDX-License-Identifier: GPL-2.0-only
// Forwards that clash with each other, and those that only look as if they did.
#include "config_text.h"

TestSuite(config_check);

/* Lines 1-2 and 3-4; "other" has the IPv4 address of "home" and one of its own. */
#define BACKENDS                                                                                   \
	HOME "[backend.other]\naddress = [\"198.18.9.2\", \"2001:db8::9\"]\n"                      \
	     "[backend.third]\naddress = \"2001:db8::3\"\n"

/* Two forwards "a" from line 7 and "b" from line 12, each of four lines and the keys it is given.
 */
static void expect_of_pair(const char *a, const char *b, const char *expected)
{
	struct config *config;
	char text[1024], *found, *unused;

	snprintf(text, sizeof(text),
		 BACKENDS "[[forward]]\nname = \"a\"\n%s\n[[forward]]\nname = \"b\"\n"
			  "%s\n",
		 a, b);
	found = findings_of(text, &config);
	/* Not every pair uses every backend. */
	unused = strstr(found, "warning: backend");
	if (unused) {
		while (unused > found && unused[-1] != '\n')
			unused--;
		*unused = '\0';
	}
	cr_expect_str_eq(found, expected, "found:\n%sexpected:\n%sin:\n%s", found, expected, text);
	free(found);
	config_free(config);
}

#define TCP(ports, backend) "protocol = \"tcp\"\nports = " ports "\nbackend = \"" backend "\""
#define UDP(ports, backend) "protocol = \"udp\"\nports = " ports "\nbackend = \"" backend "\""
#define BOTH(ports, backend)                                                                       \
	"protocol = [\"tcp\", \"udp\"]\nports = " ports "\nbackend = \"" backend "\""
#define PRESERVE "\nsource = \"preserve\""

#define OVERLAP(line, port)                                                                        \
	"f:" line ":9: forward \"b\": ports: " port                                                \
	" is already forwarded by forward \"a\" (line "                                            \
	"10); take it out of one of them\n"

Test(config_check, overlaps)
{
	expect_of_pair(TCP("[80, 443]", "home"), TCP("\"400-500\"", "home"),
		       OVERLAP("15", "443/tcp"));
	expect_of_pair(BOTH("53", "home"), UDP("[7, 53]", "home"), OVERLAP("15", "53/udp"));
	expect_of_pair(TCP("80", "home"), TCP("80", "home") "\naddress = \"198.51.100.1\"",
		       OVERLAP("15", "80/tcp"));
	expect_of_pair(TCP("80", "home") "\naddress = [\"198.51.100.1\", \"198.51.100.2\"]",
		       TCP("80", "home") "\naddress = [\"198.51.100.3\", \"198.51.100.2\"]",
		       OVERLAP("16", "80/tcp"));
	/* The family they share is enough. */
	expect_of_pair(TCP("80", "home"), TCP("80", "other"), OVERLAP("15", "80/tcp"));
	/* An overlap is told once, not again as an ambiguous way back. */
	expect_of_pair(TCP("80", "home") PRESERVE, TCP("80", "home") PRESERVE,
		       OVERLAP("16", "80/tcp"));
}

Test(config_check, no_overlaps)
{
	expect_of_pair(TCP("80", "home"), UDP("80", "home"), "");
	expect_of_pair(TCP("\"80-89\"", "home"), TCP("\"90-99\"", "home"), "");
	expect_of_pair(TCP("\"80-89\"", "home") "\nexclude = 85", TCP("85", "home"), "");
	expect_of_pair(TCP("80", "home") "\naddress = \"198.51.100.1\"",
		       TCP("80", "home") "\naddress = \"198.51.100.2\"", "");
	/* One takes IPv4 only and the other IPv6 only, for that is what their backends have. */
	expect_of_pair(TCP("80", "home"), TCP("80", "third"), "");
	expect_of_pair(TCP("80", "home"), TCP("80", "other") "\naddress = \"2001:db8:1::1\"", "");
}

Test(config_check, an_overlap_is_found_beside_other_errors)
{
	expect_of_pair(
		TCP("80", "home") "\nto_port = 0", TCP("[80, 0]", "nowhere"),
		"f:12:11: forward \"a\": to_port: 0 is not a port (1-65535)\n"
		"f:16:9: forward \"b\": ports: 80/tcp is already forwarded by forward \"a\" "
		"(line 10); take it out of one of them\n"
		"f:16:14: forward \"b\": ports: 0 is not a port (1-65535)\n"
		"f:17:11: forward \"b\": backend: unknown backend \"nowhere\"; known: home, other, "
		"third\n");
	/* Addresses that cannot be read are not "every address". */
	expect_of_pair(
		TCP("80", "home"), TCP("80", "home") "\naddress = \"nonsense\"",
		"f:17:11: forward \"b\": address: \"nonsense\" is not an IPv4 or IPv6 address\n");
}

#define AMBIGUOUS(line, a_line, port)                                                              \
	"f:" line ":9: forward \"b\": ports: backend port " port " is already reached by forward " \
	"\"a\" (line " a_line "), and with source = \"preserve\" its replies could belong to "     \
	"either; use another to_port, or \"masquerade\"\n"

Test(config_check, ambiguous_ways_back)
{
	expect_of_pair(TCP("80", "home") PRESERVE, TCP("81", "home") PRESERVE "\nto_port = 80",
		       AMBIGUOUS("16", "10", "80/tcp"));
	expect_of_pair(
		UDP("\"1000-2000\"", "home") PRESERVE,
		BOTH("[\"21-22\", 3000]", "home") PRESERVE "\nto_port = 1020",
		AMBIGUOUS("16", "10", "1020/udp") "f:19:11: warning: forward \"b\": to_port: moves "
						  "a UDP range; TURN and ICE tell "
						  "peers the backend's own ports, so calls break "
						  "when they differ from the public "
						  "ones\n");
	/* Two backends with one address in common. */
	expect_of_pair(TCP("80", "home") PRESERVE, TCP("81", "other") PRESERVE "\nto_port = 80",
		       AMBIGUOUS("16", "10", "80/tcp"));
	/* The same port at two addresses of one family. */
	expect_of_pair(TCP("80", "home") PRESERVE "\naddress = \"198.51.100.1\"",
		       TCP("80", "home") PRESERVE "\naddress = \"198.51.100.2\"",
		       AMBIGUOUS("17", "10", "80/tcp"));
}

Test(config_check, one_name_is_one_backend)
{
	expect_findings(
		"[[forward]]\nprotocol = \"tcp\"\nports = 80\nbackend = \"x\"\n"
		"source = \"preserve\"\n"
		"[[forward]]\nprotocol = \"tcp\"\nports = 81\nto_port = 80\nbackend = \"y\"\n"
		"source = \"preserve\"\n"
		"[backend.x]\naddress = \"home.example\"\n"
		"[backend.y]\naddress = \"Home.Example\"\n",
		"f:8:9: forward #2: ports: backend port 80/tcp is already reached by forward #1 "
		"(line 3), and with source = \"preserve\" its replies could belong to either; "
		"use another to_port, or \"masquerade\"\n");
}

Test(config_check, a_way_back_in_doubt_is_no_second_error)
{
	expect_of_pair(TCP("80", "home") PRESERVE "\naddress = \"198.51.100.1\"",
		       TCP("80", "home") PRESERVE "\naddress = \"198.51.100.2\"\nto_port = 0",
		       "f:21:11: forward \"b\": to_port: 0 is not a port (1-65535)\n");
}

Test(config_check, clear_ways_back)
{
	expect_of_pair(TCP("80", "home") PRESERVE, TCP("81", "home") PRESERVE, "");
	expect_of_pair(TCP("80", "home") PRESERVE, TCP("81", "home") "\nto_port = 80", "");
	expect_of_pair(TCP("80", "home") PRESERVE, UDP("81", "home") PRESERVE "\nto_port = 80", "");
	expect_of_pair(TCP("80", "home") PRESERVE, TCP("81", "third") PRESERVE "\nto_port = 80",
		       "");
	/* One of each family: the replies' own family tells them apart. */
	expect_of_pair(TCP("80", "other") PRESERVE "\naddress = \"198.51.100.1\"",
		       TCP("80", "other") PRESERVE "\naddress = \"2001:db8:1::1\"", "");
	/* home has no IPv6, where alone they could meet. */
	expect_of_pair(TCP("80", "home") PRESERVE,
		       TCP("81", "other") PRESERVE "\nto_port = 80\naddress = \"2001:db8:1::1\"",
		       "");
}

Test(config_check, preserve_has_one_address_a_family)
{
	expect_findings(FORWARD "protocol = \"tcp\"\nports = 80\nbackend = \"home\"\n"
				"source = \"preserve\"\naddress = [\"198.51.100.1\",\n"
				" \"2001:db8::1\",\n \"198.51.100.2\"]\n",
			"f:10:2: forward #1: address: 198.51.100.2 and 198.51.100.1 (line 8) with "
			"source = \"preserve\": replies could leave from either; keep one of each "
			"family or use \"masquerade\"\n");
	expect_findings(FORWARD "protocol = \"tcp\"\nports = 80\nbackend = \"home\"\n"
				"source = \"preserve\"\naddress = [\"198.51.100.1\", "
				"\"2001:db8::1\"]\n",
			"");
	expect_findings(FORWARD "protocol = \"tcp\"\nports = 80\nbackend = \"home\"\n"
				"address = [\"198.51.100.1\", \"198.51.100.2\"]\n",
			"");
}

Test(config_check, names_are_unique)
{
	expect_of_pair(TCP("80", "home"), TCP("81", "home"), "");
	expect_findings(XMPP "name = \"a\"\n[[forward]]\nprotocol = \"tcp\"\nports = 1\n"
			     "backend = \"home\"\nname = \"a\"\n",
			"f:12:8: forward \"a\": name: line 7 has a forward of this name already; "
			"choose another\n");
}

Test(config_check, warnings_leave_the_config_standing)
{
	expect_findings(XMPP "source = \"preserve\"\ntimeout.udp = \"5s\"\n"
			     "[backend.away]\naddress = \"away.example\"\n",
			"f:8:1: warning: forward #1: timeout: nothing is tracked with source = "
			"\"preserve\"; it has no effect\n"
			"f:9:1: warning: backend \"away\" is used by no forward\n");
}

Test(config_check, only_the_first_clash_of_a_forward_is_told)
{
	expect_findings(
		HOME "[[forward]]\nprotocol = \"tcp\"\nports = 80\nbackend = \"home\"\n"
		     "[[forward]]\nprotocol = \"tcp\"\nports = 80\nbackend = \"home\"\n"
		     "[[forward]]\nprotocol = \"tcp\"\nports = 80\nbackend = \"home\"\n",
		"f:9:9: forward #2: ports: 80/tcp is already forwarded by forward #1 (line 5); "
		"take it out of one of them\n"
		"f:13:9: forward #3: ports: 80/tcp is already forwarded by forward #1 (line 5); "
		"take it out of one of them\n");
}
