/* SPDX-License-Identifier: GPL-2.0-only */
/* The built-in port sets, as one data table. */
#ifndef XDPFWD_PRESETS_H
#define XDPFWD_PRESETS_H

#include <stdio.h>
#include "config.h"

/* One entry of a preset: ports of one protocol, and when it belongs. */
enum preset_part {
	PRESET_ALWAYS,
	PRESET_WEB,   /* only with web = true: usually served by a proxy on the edge */
	PRESET_RELAY, /* the range that turn_ports narrows */
};

struct preset_ports {
	enum proto proto;
	struct port_range range; /* first == last: a single port */
	enum preset_part part;
	const char *what; /* "client to server", for `xdpfwd presets NAME` */
};

/**
 * struct preset - the ports of one service
 * @name:  what `preset = "..."` says
 * @title: one line for `xdpfwd presets`
 * @ports: entries; ends with one whose @what is NULL
 */
struct preset {
	const char *name;
	const char *title;
	const struct preset_ports *ports;
};

/* presets_all() - the table; ends with an entry whose name is NULL */
const struct preset *presets_all(void);

/* preset_find() - the preset of that name, or NULL */
const struct preset *preset_find(const char *name);

/* preset_print_toml() - write the preset as [[forward]] tables ready to paste */
void preset_print_toml(const struct preset *preset, FILE *out);

#endif
