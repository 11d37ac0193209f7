#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The device to the backend is deleted and made again, as a restarted tunnel is: a reload goes on.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd

for mode in tc native; do
	e2e_context="$mode: "
	e2e_lab ethernet
	e2e_config
	e2e_echo home udp 50000
	e2e_load --mode "$mode"
	check_equal "before" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
	lab_in edge ip link del eth1
	lab_home_ethernet
	check "reload" lab_xdpfwd reload eth0
	check_equal "after, IPv4" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
	check_equal "after, IPv6" "$CLIENT6 50000 home" "$(e2e_ask "$EDGE6" 50000)"
	check "unload" lab_xdpfwd unload eth0
	lab_remove
done
e2e_done
