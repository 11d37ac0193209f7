// SPDX-License-Identifier: GPL-2.0-only
// What the exporter answers, and to whom.
#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "exporter_internal.h"
#include "metrics.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"

long long exporter_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* In a time that depends on the lengths alone. */
static bool same_text(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char difference = 0;

	if (len != strlen(b))
		return false;
	for (size_t i = 0; i < len; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

bool exporter_may_ask(const struct exporter_user *user, struct MHD_Connection *connection)
{
	struct crypt_data *data;
	char *name, *password = NULL;
	const char *hash;
	bool good = false;

	if (!user->name)
		return true;
	name = MHD_basic_auth_get_username_password(connection, &password);
	data = calloc(1, sizeof(*data));
	if (name && password && data) {
		/* The hash is made for a wrong name, too: the time must not tell. */
		hash = crypt_r(password, user->hash, data);
		good = hash && same_text(hash, user->hash);
		good = same_text(name, user->name) && good;
	}
	free(data);
	MHD_free(name);
	MHD_free(password);
	return good;
}

/* One request a connection: what is held open for longer is held on purpose. */
static struct MHD_Response *make_response(char *text, enum MHD_ResponseMemoryMode memory,
					  const char *type)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, memory);

	if (!response) {
		if (memory == MHD_RESPMEM_MUST_FREE)
			free(text);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return response;
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status,
				     struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
				 const char *text)
{
	return send_response(connection, status,
			     make_response((char *)text, MHD_RESPMEM_PERSISTENT, TEXT_PLAIN));
}

static enum MHD_Result answer_metrics(const struct exporter_site *site,
				      struct MHD_Connection *connection)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	enum metrics_format format = accept && strstr(accept, "application/openmetrics-text")
					     ? METRICS_OPENMETRICS
					     : METRICS_TEXT;
	char *iface = (char *)site->iface, *text;
	struct metrics_snapshot snapshot;
	const char *failed;

	if (metrics_read(site->bpffs, &iface, 1, &snapshot, &failed))
		return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				 "The interface is not loaded, or cannot be read.\n");
	text = metrics_text(&snapshot, format);
	metrics_free(&snapshot);
	if (!text)
		return MHD_NO;
	return send_response(
		connection, MHD_HTTP_OK,
		make_response(text, MHD_RESPMEM_MUST_FREE, metrics_content_type(format)));
}

static enum MHD_Result answer_healthy(const struct exporter_site *site,
				      struct MHD_Connection *connection)
{
	if (exporter_now_s() - site->seen_at_s > EXPORTER_STUCK_S)
		return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "The agent is stuck.\n");
	return send_text(connection, MHD_HTTP_OK, "The agent is healthy.\n");
}

static enum MHD_Result answer_ready(const struct exporter_site *site,
				    struct MHD_Connection *connection)
{
	struct state *state = state_read(site->bpffs, site->iface);
	bool ready = state && state->abi == XDPFWD_ABI_VERSION;

	state_free(state);
	if (ready)
		return send_text(connection, MHD_HTTP_OK, "Forwarding.\n");
	return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Not loaded.\n");
}

static enum MHD_Result answer_index(const struct exporter_site *site,
				    struct MHD_Connection *connection)
{
	static const char page[] =
		"<!DOCTYPE html>\n<html lang=\"en\"><title>xdpfwd</title>\n<h1>xdpfwd</h1>\n"
		"<ul><li><a href=\"/metrics\">Metrics</a>\n"
		"<li><a href=\"/-/healthy\">Healthy?</a>\n<li><a href=\"/-/ready\">Ready?</a>\n"
		"</ul></html>\n";

	(void)site;
	return send_response(
		connection, MHD_HTTP_OK,
		make_response((char *)page, MHD_RESPMEM_PERSISTENT, "text/html; charset=utf-8"));
}

static enum MHD_Result refuse_method(struct MHD_Connection *connection)
{
	struct MHD_Response *response =
		make_response("Only GET and HEAD.\n", MHD_RESPMEM_PERSISTENT, TEXT_PLAIN);

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return send_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

enum MHD_Result exporter_answer(const struct exporter_site *site, struct MHD_Connection *connection,
				const char *url, const char *method)
{
	static const struct {
		const char *url;
		enum MHD_Result (*answer)(const struct exporter_site *site,
					  struct MHD_Connection *connection);
	} pages[] = {
		{ "/", answer_index },
		{ "/metrics", answer_metrics },
		{ "/-/healthy", answer_healthy },
		{ "/-/ready", answer_ready },
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(url, pages[i].url) != 0)
			continue;
		if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
			return refuse_method(connection);
		return pages[i].answer(site, connection);
	}
	return send_text(connection, MHD_HTTP_NOT_FOUND, "There is /metrics.\n");
}

enum MHD_Result exporter_refuse(struct MHD_Connection *connection)
{
	struct MHD_Response *response =
		make_response("Who are you?\n", MHD_RESPMEM_PERSISTENT, TEXT_PLAIN);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_basic_auth_fail_response(connection, "xdpfwd", response);
	MHD_destroy_response(response);
	return result;
}
