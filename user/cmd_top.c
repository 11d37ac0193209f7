// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd top: what forwards and flows carry, as it happens.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "output.h"
#include "pins.h"
#include "show.h"
#include "watch.h"

/* Rates take two looks; the second one comes soon. */
#define FIRST_LOOK_S 1

/**
 * struct looks - the interfaces that are looked at
 * @names, @tops, @count: each with what is known of it; @tops are pointers, as they are large
 */
struct looks {
	const struct options *options;
	char **names;
	struct top **tops;
	size_t count;
};

static void looks_free(struct looks *looks)
{
	for (size_t i = 0; i < looks->count && looks->tops; i++) {
		if (looks->tops[i])
			top_free(looks->tops[i]);
		free(looks->tops[i]);
	}
	free(looks->tops);
	pins_interfaces_free(looks->names, looks->count);
	looks->names = NULL;
	looks->tops = NULL;
	looks->count = 0;
}

/* What is known of an interface so far, or nothing yet; NULL when out of memory. */
static struct top *take_top(struct looks *before, const char *name)
{
	for (size_t i = 0; i < before->count; i++) {
		struct top *top = before->tops[i];

		if (!top || strcmp(before->names[i], name) != 0)
			continue;
		before->tops[i] = NULL;
		return top;
	}
	return calloc(1, sizeof(struct top));
}

/* The one that was named, or all that are loaded by now. */
static int find_interfaces(struct looks *looks)
{
	struct looks before = *looks;
	bool complete = true;

	looks->count = 1;
	if (looks->options->arg_count) {
		looks->names = calloc(1, sizeof(*looks->names));
		looks->count = looks->names && (looks->names[0] = strdup(looks->options->args[0]));
	} else {
		looks->names = pins_interfaces(looks->options->bpffs, &looks->count);
	}
	looks->tops = calloc(looks->count + 1, sizeof(*looks->tops));
	for (size_t i = 0; i < looks->count && looks->tops; i++)
		complete = (looks->tops[i] = take_top(&before, looks->names[i])) && complete;
	looks_free(&before);
	if (looks->tops && complete)
		return 0;
	log_error("out of memory");
	return 1;
}

static int look(struct looks *looks)
{
	int code = find_interfaces(looks);

	for (size_t i = 0; i < looks->count && !code; i++) {
		int err = top_look(looks->options->bpffs, looks->names[i], looks->tops[i]);

		if (err) {
			cmd_flows_report(looks->names[i], err);
			code = 1;
		}
	}
	return code;
}

static int print_json(const struct looks *looks)
{
	json_t *array = json_array();

	for (size_t i = 0; i < looks->count; i++)
		json_array_append_new(array, show_top_json(looks->tops[i]));
	return output_json(json_pack("{s:o}", "interfaces", array));
}

static int look_and_print(void *context)
{
	struct looks *looks = context;
	int code = look(looks);

	if (code)
		return code;
	if (looks->options->json)
		return print_json(looks);
	if (!looks->count)
		puts("nothing is loaded");
	for (size_t i = 0; i < looks->count; i++) {
		if (i)
			putchar('\n');
		show_top(looks->tops[i], watch_width());
	}
	return 0;
}

int cmd_top(const struct options *options)
{
	struct looks looks = { .options = options };
	int code = look(&looks);

	if (!code && !looks.count && geteuid()) {
		log_error("cannot see what is loaded without privilege; use sudo");
		code = 1;
	}
	if (!code && looks.count)
		sleep(FIRST_LOOK_S);
	if (!code)
		code = options->json ? look_and_print(&looks)
				     : watch_run(options->watch_s, look_and_print, &looks);
	looks_free(&looks);
	return code;
}
