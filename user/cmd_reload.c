// SPDX-License-Identifier: GPL-2.0-only
// xdpfwd reload: read the config of one or all loaded interfaces again.
#include <stdlib.h>
#include "cmd.h"
#include "pins.h"
#include "reload.h"

int cmd_reload(const struct options *options)
{
	size_t count;
	char **names;
	int code = 0;

	if (options->arg_count)
		return reload_interface(options->bpffs, options->args[0]);
	names = pins_interfaces(options->bpffs, &count);
	if (!count) {
		log_error("nothing is loaded; `xdpfwd load IFACE --config FILE` loads it");
		code = 1;
	}
	for (size_t i = 0; i < count; i++) {
		int one = reload_interface(options->bpffs, names[i]);

		code = code ?: one;
	}
	pins_interfaces_free(names, count);
	return code;
}
