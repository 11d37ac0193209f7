// SPDX-License-Identifier: GPL-2.0-only
// What good configs become.
#include <unistd.h>
#include "config_text.h"

TestSuite(config);

static void expect_addr(const struct ip_addr *addr, const char *expected)
{
	char buf[IP_ADDR_STRLEN];

	cr_expect_str_eq(ip_addr_format(addr, buf), expected);
}

static void expect_place(struct diag_place place, unsigned line, unsigned column)
{
	cr_expect_eq(place.line, line, "line %u, not %u", place.line, line);
	cr_expect_eq(place.column, column, "column %u, not %u", place.column, column);
}

Test(config, everything_of_the_manual_at_once)
{
	struct config *config = parse_good("[metrics]\n"
					   "listen = \"127.0.0.1:9743\"\n"
					   "[limits]\n"
					   "flows = 4096\n"
					   "[backend.home]\n"
					   "address = [\"2001:db8::9\", \"198.18.9.2\"]\n"
					   "device = \"wg0\"\n"
					   "[[forward]]\n"
					   "name = \"turn\"\n"
					   "protocol = \"udp\"\n"
					   "ports = [\"3478-3479\", \"5349\", \"49152-65535\"]\n"
					   "exclude = [51820]\n"
					   "backend = \"home\"\n"
					   "source = \"preserve\"\n");
	const struct config_backend *home = &config->backends[0];
	const struct config_forward *turn = &config->forwards[0];

	cr_assert_str_eq(config->metrics.listen, "127.0.0.1:9743");
	expect_place(config->metrics.listen_place, 2, 10);
	cr_assert_eq(config->flows_max, 4096);
	cr_assert_eq(config->backend_count, 1);
	cr_expect_str_eq(home->name, "home");
	cr_expect_str_eq(home->device, "wg0");
	cr_expect_null(home->hostname);
	cr_expect(home->has[FAMILY_V4] && home->has[FAMILY_V6]);
	expect_addr(&home->address[FAMILY_V4], "198.18.9.2");
	expect_addr(&home->address[FAMILY_V6], "2001:db8::9");
	expect_place(home->place, 5, 1);
	expect_place(home->address_place, 6, 11);
	expect_place(home->device_place, 7, 10);
	cr_assert_eq(config->forward_count, 1);
	cr_expect_str_eq(turn->name, "turn");
	expect_place(turn->place, 8, 1);
	expect_place(turn->ports_place, 11, 9);
	expect_place(turn->source_place, 14, 10);
	expect_place(turn->allow_place, 8, 1);
	expect_ports(&turn->ports[PROTO_TCP], "");
	expect_ports(&turn->ports[PROTO_UDP], "3478-3479,5349,49152-51819,51821-65535");
	expect_ports(&turn->named[PROTO_UDP], "5349");
	expect_ports(&turn->excluded, "51820");
	cr_expect_eq(turn->source, SOURCE_PRESERVE);
	cr_expect(turn->source_given);
	cr_expect_null(turn->preset);
	config_free(config);
}

Test(config, what_is_absent_has_its_default)
{
	struct config *config = parse_good(XMPP);
	const struct config_forward *f = &config->forwards[0];

	cr_expect_null(config->metrics.listen);
	cr_expect_eq(config->flows_max, 131072);
	cr_expect_null(config->backends[0].device);
	cr_expect_not(config->backends[0].has[FAMILY_V6]);
	cr_expect_eq(f->source, SOURCE_MASQUERADE);
	cr_expect_not(f->source_given);
	cr_expect_eq(f->shift, 0);
	cr_expect_eq(f->backend, 0);
	cr_expect_eq(f->address_count + f->allow_count + f->deny_count, 0);
	cr_expect_eq(f->timeouts.udp_s, 300);
	cr_expect_eq(f->timeouts.tcp_established_s, 7440);
	cr_expect_eq(f->timeouts.tcp_transitory_s, 240);
	cr_expect_eq(f->timeouts.icmp_s, 60);
	cr_expect_not(f->mid_stream);
	cr_expect_eq(config->backends[0].masquerade_count, 0);
	expect_ports(&f->ports[PROTO_TCP], "5222,5269");
	expect_ports(&f->named[PROTO_TCP], "5222,5269");
	expect_ports(&f->ports[PROTO_UDP], "");
	config_free(config);
}

Test(config, lists_of_addresses_and_prefixes)
{
	struct config *config = parse_good(
		"[backend.home]\naddress = [\"198.18.9.2\", \"2001:db8::9\"]\n[[forward]]\n"
		"protocol = \"tcp\"\nports = 25\nbackend = \"home\"\n"
		"address = [\"198.51.100.1\", \"2001:db8:1::1\"]\nallow = \"203.0.113.0/24\"\n"
		"deny = [\"203.0.113.7\", \"2001:db8:2::/48\"]\n");
	const struct config_forward *f = &config->forwards[0];

	cr_assert_eq(f->address_count, 2);
	expect_addr(&f->addresses[0], "198.51.100.1");
	expect_addr(&f->addresses[1], "2001:db8:1::1");
	cr_assert_eq(f->allow_count, 1);
	expect_addr(&f->allow[0].addr, "203.0.113.0");
	cr_expect_eq(f->allow[0].len, 24);
	cr_assert_eq(f->deny_count, 2);
	expect_addr(&f->deny[0].addr, "203.0.113.7");
	cr_expect_eq(f->deny[0].len, 32);
	expect_addr(&f->deny[1].addr, "2001:db8:2::");
	cr_expect_eq(f->deny[1].len, 48);
	config_free(config);
}

Test(config, durations_have_units)
{
	struct config *config = parse_good(XMPP "[forward.timeout]\nudp = \"300s\"\n"
						"tcp_established = \"2h\"\n"
						"tcp_transitory = \"5m\"\nicmp = \"1d\"\n");
	const struct config_timeouts *t = &config->forwards[0].timeouts;

	cr_expect_eq(t->udp_s, 300);
	cr_expect_eq(t->tcp_established_s, 7200);
	cr_expect_eq(t->tcp_transitory_s, 300);
	cr_expect_eq(t->icmp_s, 86400);
	config_free(config);
}

Test(config, to_port_moves_from_the_lowest_port_as_written)
{
	static const struct {
		const char *keys;
		int shift;
	} cases[] = {
		{ "ports = 80\nto_port = 8080\n", 8000 },
		{ "ports = 8080\nto_port = \"80\"\n", -8000 },
		{ "ports = [100, \"90-95\"]\nto_port = 1090\n", 1000 },
		{ "ports = \"90-95\"\nexclude = 90\nto_port = 1090\n", 1000 },
		{ "ports = \"90-95\"\nto_port = 90\n", 0 },
		{ "ports = \"1-2\"\nto_port = 65534\n", 65533 },
		{ "ports = [\"1-2\", 9]\nexclude = 9\nto_port = 65534\n", 65533 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config;
		char text[256];

		snprintf(text, sizeof(text), FORWARD "protocol = \"tcp\"\nbackend = \"home\"\n%s",
			 cases[i].keys);
		config = parse_good(text);
		cr_expect_eq(config->forwards[0].shift, cases[i].shift, "%s", cases[i].keys);
		config_free(config);
	}
}

Test(config, a_backend_may_be_a_name_and_stand_below)
{
	struct config *config = parse_good("[[forward]]\nprotocol = [\"tcp\", \"udp\"]\n"
					   "ports = \"53\"\nbackend = \"b\"\n"
					   "[[forward]]\nprotocol = \"tcp\"\nports = 80\n"
					   "backend = \"a\"\n"
					   "[backend.a]\naddress = \"home_1.example.org.\"\n"
					   "[backend.b]\naddress = \"2001:db8::1\"\n");

	cr_expect_eq(config->forwards[0].backend, 1);
	cr_expect_eq(config->forwards[1].backend, 0);
	cr_expect_str_eq(config->backends[0].hostname, "home_1.example.org.");
	cr_expect_not(config->backends[0].has[FAMILY_V4] || config->backends[0].has[FAMILY_V6]);
	expect_ports(&config->forwards[0].ports[PROTO_TCP], "53");
	expect_ports(&config->forwards[0].ports[PROTO_UDP], "53");
	config_free(config);
}

Test(config, names_come_from_protocol_and_ports)
{
	static const char *const forwards[] = {
		"protocol = \"tcp\"\nports = 5222\n",
		"protocol = \"udp\"\nports = \"3478-3479\"\n",
		"protocol = [\"udp\", \"tcp\"]\nports = 53\n",
		"protocol = \"tcp\"\nports = [\"6000-6100\", 7, 9]\nexclude = 6050\n",
		"protocol = \"tcp\"\nports = 5222\naddress = \"198.51.100.2\"\n",
		"protocol = \"tcp\"\nports = 5222\naddress = \"198.51.100.3\"\n",
		"name = \"tcp-5222-2\"\nprotocol = \"tcp\"\nports = 1\n",
		"preset = \"livekit\"\nsource = \"preserve\"\n",
	};
	static const char *const names[] = {
		"tcp-5222",   "udp-3478-3479", "tcp+udp-53", "tcp-7-and-2-more",
		"tcp-5222-3", "tcp-5222-4",    "tcp-5222-2", "livekit",
	};
	char text[2048] = "[backend.home]\naddress = \"198.18.9.2\"\n";
	struct config *config;

	for (size_t i = 0; i < 8; i++) {
		strcat(text, "[[forward]]\nbackend = \"home\"\n");
		/* The first one leaves the other addresses to those that name them. */
		strcat(text, i ? "" : "address = \"198.51.100.1\"\n");
		strcat(text, forwards[i]);
	}
	config = parse_good(text);
	cr_assert_eq(config->forward_count, 8);
	for (size_t i = 0; i < 8; i++)
		cr_expect_str_eq(config->forwards[i].name, names[i]);
	config_free(config);
}

Test(config, a_preset_brings_its_ports)
{
	struct config *config = parse_good(FORWARD "backend = \"home\"\npreset = \"snikket\"\n"
						   "turn_ports = \"60000-61023\"\n"
						   "source = \"preserve\"\n"
						   "exclude = [5000, 60001]\n");
	const struct config_forward *f = &config->forwards[0];

	cr_expect_str_eq(f->preset, "snikket");
	expect_ports(&f->ports[PROTO_TCP], "3478-3479,5222,5269,5349-5350");
	expect_ports(&f->ports[PROTO_UDP], "3478-3479,5349-5350,60000,60002-61023");
	expect_ports(&f->named[PROTO_TCP], "3478-3479,5222,5269,5349-5350");
	expect_ports(&f->named[PROTO_UDP], "3478-3479,5349-5350");
	expect_ports(&f->excluded, "5000,60001");
	expect_place(f->ports_place, 5, 10);
	config_free(config);

	config = parse_good(FORWARD "backend = \"home\"\npreset = \"snikket\"\nweb = true\n"
				    "source = \"preserve\"\n");
	expect_ports(&config->forwards[0].ports[PROTO_TCP],
		     "80,443,3478-3479,5000,5222,5269,5349-5350");
	expect_ports(&config->forwards[0].ports[PROTO_UDP], "3478-3479,5349-5350,49152-65535");
	config_free(config);
}

Test(config, only_ports_of_the_forward_are_excluded)
{
	struct config *config;
	char *found = findings_of(FORWARD "protocol = \"udp\"\nports = \"3000-3999\"\n"
					  "backend = \"home\"\nexclude = [1, \"3990-4000\"]\n",
				  &config);

	cr_assert_not_null(config, "%s", found);
	expect_ports(&config->forwards[0].excluded, "3990-3999");
	expect_ports(&config->forwards[0].ports[PROTO_UDP], "3000-3989");
	free(found);
	config_free(config);
}

Test(config, so_many_forwards_are_fine_and_one_more_is_not)
{
	char *text = malloc(65536), *end = text + sprintf(text, HOME);
	struct config *config;

	for (unsigned i = 1; i <= 256; i++)
		end += sprintf(end, "[[forward]]\nprotocol=\"tcp\"\nports=%u\nbackend=\"home\"\n",
			       i);
	config = parse_good(text);
	cr_expect_eq(config->forward_count, 256);
	cr_expect_str_eq(config->forwards[255].name, "tcp-256");
	config_free(config);
	sprintf(end, "[[forward]]\n");
	expect_findings(text, "f:1027:1: more than 256 forwards; put ports that share a backend in "
			      "one list\n");
	free(text);
}

Test(config, load_names_the_file)
{
	char path[] = "/tmp/xdpfwd-test-XXXXXX";
	struct diag_list diags = { 0 };
	int fd = mkstemp(path);
	struct config *config;

	cr_assert(fd >= 0 && write(fd, XMPP, strlen(XMPP)) == (ssize_t)strlen(XMPP));
	config = config_load(path, &diags);
	cr_expect_not_null(config);
	cr_expect_eq(diags.count, 0);
	cr_expect_str_eq(diags.file, path);
	config_free(config);
	cr_assert_eq(ftruncate(fd, (1 << 20) + 1), 0);
	cr_expect_null(config_load(path, &diags));
	cr_assert_eq(diags.count, 1);
	cr_expect_not_null(strstr(diags.items[0].text, "File too large"));
	diag_free(&diags);
	close(fd);
	unlink(path);
}

Test(config, a_file_that_cannot_be_read_is_an_error)
{
	struct diag_list diags = { 0 };
	char *line;

	cr_expect_null(config_load("/nonexistent/ports.toml", &diags));
	cr_assert_eq(diags.count, 1);
	cr_expect_eq(diag_exit_code(&diags), 2);
	line = diag_format(&diags, &diags.items[0]);
	cr_expect_str_eq(line, "cannot read /nonexistent/ports.toml: No such file or directory");
	free(line);
	diag_free(&diags);
	config_free(NULL);
}
