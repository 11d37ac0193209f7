#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Into WireGuard, which arrives on a port inside the forwarded range: the tunnel lives on.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_lab wireguard
e2e_config
e2e_echo_servers
service_prosody_start
service_coturn_start
e2e_load --mode auto

if [[ $LAB_FORWARDER == xdpfwd ]]; then
	check_match "51820 is left out of the range, with a warning" \
		'warning: .*51820' "$(cat "$LAB_DIR/load.err")"
	check_equal "one warning is enough" 1 "$(grep -c 51820 "$LAB_DIR/load.err")"
	check_equal "the edge's ip_forward is still 0" 0 "$(lab_in edge sysctl -n net.ipv4.ip_forward)"
fi
check_all_both

# A tunnel that is up may stay up by chance; one that is made anew needs the port.
home_dev=wg-home-$LAB_ID edge_key=$(cat "$LAB_DIR/edge.pub")
lab_in home wg set "$home_dev" peer "$edge_key" remove
lab_in home wg set "$home_dev" peer "$edge_key" allowed-ips 0.0.0.0/0,::/0 \
	endpoint "$EDGE4:$LAB_WG_PORT" persistent-keepalive 5
check "home makes the tunnel anew while the range is forwarded" \
	lab_wait 10 "a handshake" lab_in home ping -q -c 1 -W 1 "$EDGE_IN4"
check_equal "and is reached through it" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
check_equal "packets to its port do not reach home" "" \
	"$(lab_in home ss -H -lun "sport = :$LAB_WG_PORT")"

e2e_unload
check "the tunnel outlives the forwarder" lab_in home ping -q -c 1 -W 2 "$EDGE_IN4"
e2e_done
