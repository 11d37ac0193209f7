/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the config reader share; nobody else includes it. */
#ifndef XDPFWD_CONFIG_INTERNAL_H
#define XDPFWD_CONFIG_INTERNAL_H

#include "config.h"
#include "presets.h"
#include "toml.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define CONFIG_FORWARDS_MAX 256
#define CONFIG_FLOWS_MAX    (1U << 22)
#define CONFIG_NAME_MAX	    63
#define CONFIG_NO_BACKEND   SIZE_MAX /* of a forward whose backend is unknown */

/* Room for a "did you mean" or for what is known, and for 'forward "name": key: key'. */
#define CONFIG_HINT_LEN	 256
#define CONFIG_WHERE_LEN 192

/**
 * struct config_extra - what the checks need to know of a forward beyond its config
 * @name_place:      where its name is given, { 0, 0 } when it is derived
 * @broken:          an error was found in it: do not build on its values
 * @lost_addresses:  it has an address list of which nothing could be read
 */
struct config_extra {
	struct diag_place name_place;
	bool broken, lost_addresses;
};

/**
 * struct config_reader - the state of one config_parse()
 * @config: being filled
 * @extra:  parallel to config->forwards
 * @diags:  where findings go
 * @errors: how many errors were reported so far
 * @where:  what is being read, 'forward "turn": ports'; the prefix of messages
 */
struct config_reader {
	struct config *config;
	struct config_extra extra[CONFIG_FORWARDS_MAX];
	struct diag_list *diags;
	size_t errors;
	char where[CONFIG_WHERE_LEN];
};

/**
 * config_read_fn - reads one value
 * @r:    the reader; its @where already names the key
 * @node: the value
 * @out:  the member it goes to
 */
typedef void config_read_fn(struct config_reader *r, const struct toml_node *node, void *out);

/**
 * struct config_key - one key of a table: to add a key is to add one of these
 * @name:   the key
 * @read:   reads its value
 * @offset: of the member @read writes to, in the struct given to config_read_table()
 */
struct config_key {
	const char *name;
	config_read_fn *read;
	size_t offset;
};

/* config_error(), config_warn() - report a finding about what is being read; @fmt as for printf */
__attribute__((format(printf, 3, 4))) void
config_error(struct config_reader *r, struct diag_place place, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void
config_warn(struct config_reader *r, struct diag_place place, const char *fmt, ...);

/* config_expected() - report a value of the wrong type: "expected @what, got an integer" */
void config_expected(struct config_reader *r, const struct toml_node *node, const char *what);

/**
 * config_enter() - messages from here on are about a part of what is being read
 * @fmt: its name, as for printf
 *
 * Return: what config_leave() takes to go back.
 */
__attribute__((format(printf, 2, 3))) size_t config_enter(struct config_reader *r, const char *fmt,
							  ...);
void config_leave(struct config_reader *r, size_t mark);

/**
 * config_read_table() - read the known keys of a table and report the others
 * @node:  the table
 * @keys:  the known keys
 * @count: how many
 * @out:   the struct that their offsets are in
 */
void config_read_table(struct config_reader *r, const struct toml_node *node,
		       const struct config_key *keys, size_t count, void *out);

/* config_read_list() - call @read for each element of a list, or for a value that is not a list */
void config_read_list(struct config_reader *r, const struct toml_node *node, config_read_fn *read,
		      void *out);

/**
 * config_hint() - what a misspelt name was probably meant to be
 * @word:   the name as written
 * @base:   array of structs, each beginning with a pointer to a known name
 * @count:  how many
 * @stride: size of one
 * @buf:    out: "; did you mean "x"?", else "; known are x, y", or "" when nothing is known
 *
 * Return: @buf.
 */
const char *config_hint(const char *word, const void *base, size_t count, size_t stride,
			char buf[CONFIG_HINT_LEN]);

/* config_grow() - room for element @count of an array; reports and returns NULL when there is none
 */
void *config_grow(struct config_reader *r, void *array, size_t count, size_t size);

/* config_place() - the place of a key's value, or of the table that lacks it */
struct diag_place config_place(const struct toml_node *table, const char *key);

/* Ports as written: all of them, and those written as single ports. */
struct config_ports {
	struct port_set all, named;
};

/**
 * struct config_draft - a forward while its keys are read, in whatever order they stand
 * @f:         the forward
 * @extra:     what the checks need to know beyond it
 * @errors:    how many errors there were before it
 * @protocols, @ports, @preset, @web, @turn, @to_port, @mid_stream, @mss_clamp: values of the keys
 *             that config_combine() puts together; to_port is { 0, 0 } when absent
 */
struct config_draft {
	struct config_forward *f;
	struct config_extra *extra;
	size_t errors;
	bool protocols[PROTO_COUNT];
	struct config_ports ports, turn;
	const struct preset *preset;
	bool web, mid_stream, mss_clamp;
	struct port_range to_port;
};

/* A config_read_fn that reads nothing: for keys whose value waits for that of others. */
config_read_fn config_read_later;

/* Readers of values, each a config_read_fn; @out is what the comment says. */
config_read_fn config_read_string;   /* char *, a copy the config owns */
config_read_fn config_read_bool;     /* bool */
config_read_fn config_read_duration; /* uint32_t, seconds */
config_read_fn config_read_ports;    /* struct config_ports, to which the ports are added */

/* The same for values that need looking at first; each reports what is wrong and says so. */
const char *config_get_string(struct config_reader *r, const struct toml_node *node,
			      const char *what);
bool config_get_ports(struct config_reader *r, const struct toml_node *node,
		      struct port_range *range);
bool config_get_prefix(struct config_reader *r, const struct toml_node *node,
		       struct ip_prefix *prefix);
bool config_check_name(struct config_reader *r, struct diag_place place, const char *name);
bool config_check_unicast(struct config_reader *r, const struct toml_node *node,
			  const struct ip_addr *addr);

/**
 * config_add_unicast() - read a unicast address and append it to a list; one that is there already
 * is an error
 * @what: what the value has to be, for the message when it is no string
 */
void config_add_unicast(struct config_reader *r, const struct toml_node *node, const char *what,
			struct ip_addr **list, size_t *count);

/* config_limits_init() - what holds without a table [limits]; config_read_limits() - that table */
void config_limits_init(struct config *config);
config_read_fn config_read_limits; /* struct config */

/* config_read_metrics() - the value of the key metrics; @out is a struct config_metrics */
config_read_fn config_read_metrics;

/* config_read_backends(), config_read_forwards() - the values of the keys backend and forward */
void config_read_backends(struct config_reader *r, const struct toml_node *node);
void config_read_forwards(struct config_reader *r, const struct toml_node *node);

/* config_combine() - make one forward of the keys of its table, reporting what contradicts */
void config_combine(struct config_reader *r, const struct toml_node *node, struct config_draft *d);

/* config_check() - what only shows when everything is read; then name the nameless */
void config_check(struct config_reader *r);

/* config_label_forward() - 'forward "turn"', or "forward #2" for the second, nameless one */
#define CONFIG_LABEL_LEN (CONFIG_NAME_MAX + sizeof("forward \"\""))
const char *config_label_forward(const char *name, size_t index, char buf[CONFIG_LABEL_LEN]);

#endif
