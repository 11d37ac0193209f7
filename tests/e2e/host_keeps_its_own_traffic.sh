#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The edge, behind a router, still serves and asks for itself while its ports are forwarded.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_lab routed
e2e_config
e2e_echo_servers
e2e_echo client udp 5353 tcp 5353

# edge_asks HOST [OPTION...] - the edge as a client of the client
edge_asks() {
	lab_in edge "$E2E_TOOLS/echo_client.py" "$@"
}

# A server that the config does not know of, and a conversation that was there before.
lab_start late-server edge python3 -u "$E2E_TOOLS/echo_server.py" --name late --udp 55555
lab_wait 5 "the late server" grep -q ready "$LAB_DIR/log/late-server"
lab_start early edge python3 "$E2E_TOOLS/echo_client.py" pings "$CLIENT4" 5353 --source-port 50001
sleep 0.3

for mode in $(e2e_modes native tc); do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	if [[ $LAB_FORWARDER == xdpfwd ]]; then
		check_match "a listener inside the range is named in a warning" 'warning.*55555' \
			"$(cat "$LAB_DIR/load.err")"
		check_equal "and keeps its packets" "$CLIENT4 55555 late" "$(e2e_ask "$EDGE4" 55555)"
		check_match "the range is reserved, so the kernel hands out none of it" \
			'(^|,)49152-' "$(lab_in edge sysctl -n net.ipv4.ip_local_reserved_ports)"
	fi
	check_echo_both
	for host in "$EDGE4" "$EDGE6"; do
		client=$CLIENT4
		[[ $host != *:* ]] || client=$CLIENT6
		for protocol in udp tcp; do
			check_equal "the edge's own $protocol server answers on $host" \
				"$client 7777 edge" "$(e2e_ask "$host" 7777 --protocol $protocol)"
		done
		check "ping $host" lab_in client ping -q -c 2 -i 0.1 -W 1 -s 1200 "$host"
		check_equal "200 queries of the edge to $client are answered" \
			"sent 200 received 200 lost 0" \
			"$(edge_asks queries "$client" 5353 --count 200 --timeout 0.3)"
		check "the edge connects to $client" \
			edge_asks ask "$client" 5353 --protocol tcp --size 100000
	done
	e2e_unload
done
e2e_context=

kill -INT "$(lab_pid early)"
lab_stop early INT
check_match "a conversation from inside the range, begun before, lost nothing" \
	'^sent [0-9]+ received [0-9]+ lost 0$' "$(cat "$LAB_DIR/log/early")"
e2e_done
