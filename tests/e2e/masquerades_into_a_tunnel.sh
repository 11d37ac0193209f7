#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Masquerade into WireGuard: home lets in nobody but the edge, and routes nothing through the tunnel.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd
e2e_lab wireguard
e2e_config masquerade
config_forward iperf3 5201
config_forward preserved 7100 'to_port = 7000' 'source = "preserve"'
e2e_echo_servers
service_prosody_start
iperf3_start
e2e_load --mode auto

check_equal "with the tunnel as default route, by preserve" "$CLIENT4 7000 home" \
	"$(e2e_ask "$EDGE4" 7100)"
home_stays_home
lab_in home wg set "wg-home-$LAB_ID" peer "$(cat "$LAB_DIR/edge.pub")" \
	allowed-ips "$EDGE_IN4/32,$EDGE_IN6/128"
check_match "without it nothing gets through by preserve" 'timed out' "$(e2e_ask "$EDGE4" 7100 \
	--timeout 0.5)"
check_echo_both "$EDGE_IN4" "$EDGE_IN6"
check "XMPP: two users log in over IPv4" service_chat "$EDGE4"
check "XMPP: and over IPv6" service_chat "$EDGE6"
for address in "$EDGE_IN4" "$EDGE_IN6"; do
	check "XMPP: the server sees $address" service_logged prosody "($address, "
done
for host in "$EDGE4" "$EDGE6"; do
	e2e_context="$host: "
	check_iperf3 "$host"
done
e2e_context=
many_start "$EDGE4,7000,500" "$EDGE6,7000,500"
check_equal "1,000 connections" "opened 1000 of 1000" "$(many_answer)"
check_equal "each echoes bytes of its own" "echoed 1000 of 1000" "$(many_tell echo)"
check_equal "and has a flow that is established" "1000 established" \
	"$(flow_rows state --forward echo --proto tcp | grep -v closed | uniq -c | sed 's/^ *//')"
e2e_unload
check "the tunnel outlives the forwarder" lab_in home ping -q -c 1 -W 2 "$EDGE_IN4"
e2e_done
