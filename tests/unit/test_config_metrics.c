// SPDX-License-Identifier: GPL-2.0-only
// The config's [metrics]: what is understood, refused and warned of.
#include "config_text.h"

TestSuite(config_metrics);

#define HASH                                                                                       \
	"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"                                  \
	"jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS"                                                      \
	"0ktL3nh/"

/* Findings of [metrics] with these keys; the first stands in line 2. */
static void expect_of(const char *keys, const char *expected)
{
	char text[1024];

	snprintf(text, sizeof(text), "[metrics]\n%s" XMPP, keys);
	expect_findings(text, expected);
}

Test(config_metrics, everything)
{
	struct config *config = parse_good("[metrics]\n"
					   "listen = \"203.0.113.5:9743\"\n"
					   "tls_certificate = \"/etc/xdpfwd/metrics.crt\"\n"
					   "tls_key = \"/etc/xdpfwd/metrics.key\"\n"
					   "username = \"prometheus\"\n"
					   "password_hash = \"" HASH "\"\n" XMPP);

	cr_expect_str_eq(config->metrics.listen, "203.0.113.5:9743");
	cr_expect_str_eq(config->metrics.tls_certificate, "/etc/xdpfwd/metrics.crt");
	cr_expect_str_eq(config->metrics.tls_key, "/etc/xdpfwd/metrics.key");
	cr_expect_str_eq(config->metrics.username, "prometheus");
	cr_expect_str_eq(config->metrics.password_hash, HASH);
	config_free(config);
}

Test(config_metrics, nothing)
{
	struct config *config = parse_good("[metrics]\n" XMPP);

	cr_expect_null(config->metrics.listen);
	cr_expect_null(config->metrics.tls_key);
	cr_expect_null(config->metrics.username);
	config_free(config);
}

Test(config_metrics, where_to_listen)
{
	expect_of("listen = \"127.0.0.1:9743\"\n", "");
	expect_of("listen = \"127.8.8.8:1\"\n", "");
	expect_of("listen = \"[::1]:65535\"\n", "");
	expect_of(
		"listen = 9743\n",
		"f:2:10: metrics: listen: expected \"ADDRESS:PORT\" such as \"127.0.0.1:9743\" or "
		"\"[::1]:9743\", got an integer\n");
	expect_of("listen = \"localhost:9743\"\n",
		  "f:2:10: metrics: listen: \"localhost:9743\" is not \"ADDRESS:PORT\" such as "
		  "\"127.0.0.1:9743\" or \"[::1]:9743\"\n");
	expect_findings("metrics = 5\n" XMPP,
			"f:1:11: metrics: expected a table, got an integer\n");
}

#define TLS  "tls_certificate = \"/c\"\ntls_key = \"/k\"\n"
#define USER "username = \"u\"\npassword_hash = \"" HASH "\"\n"
#define OPEN(listen)                                                                               \
	"f:2:10: warning: metrics: listen: others than this host can read " listen "; give "       \
	"tls_certificate, tls_key, username and password_hash, or listen on 127.0.0.1\n"

Test(config_metrics, open_to_others)
{
	expect_of("listen = \"0.0.0.0:9743\"\n", OPEN("0.0.0.0:9743"));
	expect_of("listen = \"[::]:9743\"\n", OPEN("[::]:9743"));
	expect_of("listen = \"198.51.100.1:9743\"\n" TLS, OPEN("198.51.100.1:9743"));
	expect_of("listen = \"198.51.100.1:9743\"\n" USER, OPEN("198.51.100.1:9743"));
	expect_of("listen = \"198.51.100.1:9743\"\n" TLS USER, "");
}

Test(config_metrics, both_or_none)
{
	expect_of("listen = \"[::1]:1\"\ntls_key = \"/k\"\n",
		  "f:3:11: metrics: tls_key: it needs tls_certificate, too\n");
	expect_of("listen = \"[::1]:1\"\ntls_certificate = \"/c\"\n",
		  "f:3:19: metrics: tls_certificate: it needs tls_key, too\n");
	expect_of("listen = \"[::1]:1\"\nusername = \"u\"\n",
		  "f:3:12: metrics: username: it needs password_hash, too\n");
	expect_of("listen = \"[::1]:1\"\npassword_hash = \"" HASH "\"\n",
		  "f:3:17: metrics: password_hash: it needs username, too\n");
}

Test(config_metrics, without_listen)
{
	expect_of(TLS, "f:1:1: warning: metrics: without listen there is no HTTP listener\n");
}

Test(config_metrics, paths)
{
	expect_of("listen = \"[::1]:1\"\ntls_key = \"k.pem\"\ntls_certificate = \"/c\"\n",
		  "f:3:11: metrics: tls_key: \"k.pem\" is not a path that begins with /\n");
	expect_of("listen = \"[::1]:1\"\ntls_key = \"/k\"\ntls_certificate = 5\n",
		  "f:4:19: metrics: tls_certificate: expected the path of a PEM file, got an "
		  "integer\n");
}

static void expect_of_user(const char *name, const char *expected)
{
	char keys[512];

	snprintf(keys, sizeof(keys),
		 "listen = \"[::1]:1\"\npassword_hash = \"" HASH "\"\nusername = \"%s\"\n", name);
	expect_of(keys, expected);
}

Test(config_metrics, user_names)
{
	expect_of_user("scraper@example.org", "");
	expect_of_user("a:b", "f:4:12: metrics: username: \"a:b\" has a colon; choose another\n");
	expect_of_user("",
		       "f:4:12: metrics: username: expected a user name, got an empty string\n");
}

static void expect_of_hash(const char *hash, bool good)
{
	char keys[512];

	snprintf(keys, sizeof(keys),
		 "listen = \"[::1]:1\"\nusername = \"u\"\npassword_hash = \"%s"
		 "\"\n",
		 hash);
	expect_of(keys, good ? ""
			     : "f:4:17: metrics: password_hash: it is not a SHA-256 or SHA-512 "
			       "crypt hash ($5$ or $6$); `openssl passwd -6` makes one\n");
}

#define DIGITS43 "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcde"

/* What may be the password itself is not repeated. */
Test(config_metrics, hashes)
{
	expect_of_hash(HASH, true);
	expect_of_hash("$5$salt$" DIGITS43, true);
	expect_of_hash("$5$rounds=10000$salt$" DIGITS43, true);
	expect_of_hash("$6$salt$" DIGITS43 DIGITS43, true);
	expect_of_hash("secret", false);
	expect_of_hash("$6$salt$" DIGITS43, false);
	expect_of_hash("$5$salt$" DIGITS43 "x", false);
	expect_of_hash("$5$" DIGITS43, false);
	expect_of_hash("$5$salt$" DIGITS43 DIGITS43, false);
	expect_of_hash("$5$salt$!/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcde", false);
	expect_of_hash("$y$j9T$salt$" DIGITS43, false);
	expect_of_hash("$1$salt$0123456789ABCDEFGHIJKL", false);
}
