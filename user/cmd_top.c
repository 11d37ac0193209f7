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

/* struct look - an interface that is looked at, and the next one */
struct look {
	struct look *next;
	char name[IFNAMSIZ];
	struct top top;
};

/* struct looks - all of them, in the order they are shown in */
struct looks {
	const struct options *options;
	struct look *first;
};

static void look_free(struct look *look)
{
	while (look) {
		struct look *next = look->next;

		top_free(&look->top);
		free(look);
		look = next;
	}
}

/* The one of that name, taken out of the list, or a new one; NULL when out of memory. */
static struct look *take_look(struct look **list, const char *name)
{
	struct look *look;

	for (struct look **at = list; *at; at = &(*at)->next) {
		look = *at;
		if (strcmp(look->name, name) != 0)
			continue;
		*at = look->next;
		look->next = NULL;
		return look;
	}
	look = calloc(1, sizeof(*look));
	if (look)
		snprintf(look->name, sizeof(look->name), "%s", name);
	return look;
}

/* The interface that was named, or all that are loaded by now; those known before stay known. */
static int find_interfaces(struct looks *looks)
{
	const struct options *options = looks->options;
	struct look *before = looks->first, **end = &looks->first;
	size_t count = 1;
	char **names = options->arg_count ? options->args : pins_interfaces(options->bpffs, &count);
	int code = 0;

	looks->first = NULL;
	for (size_t i = 0; i < count && !code; i++) {
		*end = take_look(&before, names[i]);
		if (*end)
			end = &(*end)->next;
		else
			code = 1;
	}
	if (code)
		log_error("out of memory");
	look_free(before);
	if (!options->arg_count)
		pins_interfaces_free(names, count);
	return code;
}

static int look(struct looks *looks)
{
	int code = find_interfaces(looks);

	for (struct look *one = looks->first; one && !code; one = one->next) {
		int err = top_look(looks->options->bpffs, one->name, &one->top);

		if (err) {
			cmd_flows_report(one->name, err);
			code = 1;
		}
	}
	return code;
}

static int print_json(const struct looks *looks)
{
	json_t *array = json_array();

	for (const struct look *one = looks->first; one; one = one->next)
		json_array_append_new(array, show_top_json(&one->top));
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
	if (!looks->first)
		puts("nothing is loaded");
	for (const struct look *one = looks->first; one; one = one->next) {
		if (one != looks->first)
			putchar('\n');
		show_top(&one->top, watch_width());
	}
	return 0;
}

int cmd_top(const struct options *options)
{
	struct looks looks = { .options = options };
	int code = look(&looks);

	if (!code && !looks.first && geteuid()) {
		log_error("cannot see what is loaded without privilege; use sudo");
		code = 1;
	}
	if (!code && looks.first)
		sleep(FIRST_LOOK_S);
	if (!code)
		code = options->json ? look_and_print(&looks)
				     : watch_run(options->watch_s, look_and_print, &looks);
	look_free(looks.first);
	return code;
}
