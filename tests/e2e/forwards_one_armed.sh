#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Home on the edge's own public segment: packets leave by the device they came from.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_lab one-armed
e2e_config
e2e_echo_servers
# A veth whose peer has no XDP program holds back what XDP_TX sends it until something else comes.
e2e_xdp_program net to-edge pass

for mode in $(e2e_modes native tc); do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	check_echo_both
	e2e_unload
done
e2e_done
