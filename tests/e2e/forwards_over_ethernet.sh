#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ethernet to Ethernet, by XDP and by TC, IPv4 and IPv6: echo on every kind of port, chat, calls.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_lab ethernet
e2e_config
e2e_echo_servers
service_prosody_start
service_coturn_start

for mode in $(e2e_modes native tc); do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	check_all_both
	e2e_unload
done
for mode in $(e2e_modes generic auto); do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	check_echo_both
	e2e_unload
done
e2e_context=

if [[ $LAB_FORWARDER == xdpfwd ]]; then
	check_equal "the edge's ip_forward is still 0" 0 "$(lab_in edge sysctl -n net.ipv4.ip_forward)"
fi
check_equal "after unload nothing is forwarded" \
	"udp $EDGE4 port 7000: [Errno 111] Connection refused" "$(e2e_ask "$EDGE4" 7000)"
e2e_done
