// SPDX-License-Identifier: GPL-2.0-only
// The ports of the services that people forward, as data: to add a service is to add a table.
#include <string.h>
#include "presets.h"

#define TCP(first, last, part, what)                                                               \
	{                                                                                          \
		PROTO_TCP, { first, last }, part, what                                             \
	}
#define UDP(first, last, part, what)                                                               \
	{                                                                                          \
		PROTO_UDP, { first, last }, part, what                                             \
	}
#define END                                                                                        \
	{                                                                                          \
		.what = NULL                                                                       \
	}

static const struct preset_ports snikket_ports[] = {
	TCP(80, 80, PRESET_WEB, "certificates and redirect to HTTPS"),
	TCP(443, 443, PRESET_WEB, "web and file sharing"),
	TCP(5222, 5222, PRESET_ALWAYS, "client to server"),
	TCP(5269, 5269, PRESET_ALWAYS, "server to server"),
	TCP(5000, 5000, PRESET_ALWAYS, "file transfer proxy (proxy65)"),
	TCP(3478, 3478, PRESET_ALWAYS, "STUN/TURN"),
	TCP(3479, 3479, PRESET_ALWAYS, "STUN/TURN, second port"),
	TCP(5349, 5349, PRESET_ALWAYS, "STUN/TURN over TLS"),
	TCP(5350, 5350, PRESET_ALWAYS, "STUN/TURN over TLS, second port"),
	UDP(3478, 3478, PRESET_ALWAYS, "STUN/TURN"),
	UDP(3479, 3479, PRESET_ALWAYS, "STUN/TURN, second port"),
	UDP(5349, 5349, PRESET_ALWAYS, "STUN/TURN over DTLS"),
	UDP(5350, 5350, PRESET_ALWAYS, "STUN/TURN over DTLS, second port"),
	UDP(49152, 65535, PRESET_RELAY, "TURN relay"),
	END,
};

/* epmd (4369) and Erlang's own ports are guarded by a cookie only: they are left out for good. */
static const struct preset_ports ejabberd_ports[] = {
	TCP(5222, 5222, PRESET_ALWAYS, "client to server"),
	TCP(5223, 5223, PRESET_ALWAYS, "client to server, direct TLS"),
	TCP(5269, 5269, PRESET_ALWAYS, "server to server"),
	TCP(5280, 5280, PRESET_WEB, "HTTP: BOSH, WebSocket, administration"),
	TCP(5443, 5443, PRESET_WEB, "HTTPS: BOSH, WebSocket, uploads"),
	TCP(1883, 1883, PRESET_ALWAYS, "MQTT"),
	TCP(8883, 8883, PRESET_ALWAYS, "MQTT over TLS"),
	TCP(3478, 3478, PRESET_ALWAYS, "STUN/TURN"),
	TCP(5349, 5349, PRESET_ALWAYS, "STUN/TURN over TLS"),
	TCP(5060, 5060, PRESET_ALWAYS, "SIP"),
	TCP(5061, 5061, PRESET_ALWAYS, "SIP over TLS"),
	TCP(7777, 7777, PRESET_ALWAYS, "file transfer proxy (proxy65)"),
	UDP(3478, 3478, PRESET_ALWAYS, "STUN/TURN"),
	UDP(49152, 65535, PRESET_RELAY, "TURN relay"),
	END,
};

/* plugNmeet's media server is LiveKit, so both open the same ports. */
static const struct preset_ports livekit_ports[] = {
	TCP(80, 80, PRESET_WEB, "certificates (ACME)"),
	TCP(443, 443, PRESET_WEB, "HTTPS and TURN over TLS"),
	TCP(7881, 7881, PRESET_ALWAYS, "media over TCP, where UDP is blocked"),
	UDP(443, 443, PRESET_WEB, "TURN over UDP"),
	UDP(50000, 60000, PRESET_RELAY, "media, two ports a participant"),
	END,
};

static const struct preset_ports coturn_ports[] = {
	TCP(3478, 3478, PRESET_ALWAYS, "STUN/TURN"),
	TCP(3479, 3479, PRESET_ALWAYS, "STUN/TURN, second port"),
	TCP(5349, 5349, PRESET_ALWAYS, "STUN/TURN over TLS"),
	TCP(5350, 5350, PRESET_ALWAYS, "STUN/TURN over TLS, second port"),
	UDP(3478, 3478, PRESET_ALWAYS, "STUN/TURN"),
	UDP(3479, 3479, PRESET_ALWAYS, "STUN/TURN, second port"),
	UDP(5349, 5349, PRESET_ALWAYS, "STUN/TURN over DTLS"),
	UDP(5350, 5350, PRESET_ALWAYS, "STUN/TURN over DTLS, second port"),
	UDP(49152, 65535, PRESET_RELAY, "TURN relay"),
	END,
};

static const struct preset presets[] = {
	{ "snikket", "Snikket: XMPP with calls and file sharing", snikket_ports },
	{ "ejabberd", "ejabberd: XMPP, MQTT, SIP and TURN", ejabberd_ports },
	{ "livekit", "LiveKit: WebRTC media server", livekit_ports },
	{ "plugnmeet", "plugNmeet: web conferences on LiveKit", livekit_ports },
	{ "coturn", "coturn: STUN/TURN server", coturn_ports },
	{ NULL, NULL, NULL },
};

const struct preset *presets_all(void)
{
	return presets;
}

const struct preset *preset_find(const char *name)
{
	for (const struct preset *preset = presets; preset->name; preset++)
		if (!strcmp(preset->name, name))
			return preset;
	return NULL;
}

static bool has_part(const struct preset *preset, enum proto proto, enum preset_part part)
{
	for (const struct preset_ports *ports = preset->ports; ports->what; ports++)
		if (ports->proto == proto && ports->part == part)
			return true;
	return false;
}

/* Web ports are written as comments, since the preset leaves them out as well. */
static void print_ports(const struct preset_ports *ports, FILE *out)
{
	char entry[sizeof("\"65535-65535\",")];

	if (ports->range.first == ports->range.last)
		snprintf(entry, sizeof(entry), "%u,", ports->range.first);
	else
		snprintf(entry, sizeof(entry), "\"%u-%u\",", ports->range.first, ports->range.last);
	if (ports->part == PRESET_WEB)
		fprintf(out, "  # %-14s # %s; usually served by a proxy on this host\n", entry,
			ports->what);
	else
		fprintf(out, "  %-16s # %s\n", entry, ports->what);
}

void preset_print_toml(const struct preset *preset, FILE *out)
{
	fprintf(out, "# %s\n# The same in short: preset = \"%s\"\n", preset->title, preset->name);
	for (enum proto proto = 0; proto < PROTO_COUNT; proto++) {
		if (!has_part(preset, proto, PRESET_ALWAYS) &&
		    !has_part(preset, proto, PRESET_RELAY))
			continue;
		fprintf(out,
			"\n[[forward]]\nname     = \"%s-%s\"\nprotocol = \"%s\"\nports    = [\n",
			preset->name, proto_name(proto), proto_name(proto));
		for (const struct preset_ports *ports = preset->ports; ports->what; ports++)
			if (ports->proto == proto)
				print_ports(ports, out);
		fprintf(out, "]\nbackend  = \"home\"\n");
		if (has_part(preset, proto, PRESET_RELAY))
			fprintf(out, "# Calls want the peers' own addresses. The backend has to "
				     "send its "
				     "replies back\n# through this host.\n"
				     "source   = \"preserve\"\n");
	}
}
