#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Without an agent nobody sweeps: idle flows are not used any more all the same, nor in the way.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd

# say_back PORT TO - home says something from one of its ports to a masquerade address
say_back() {
	lab_in home python3 -c '
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind((sys.argv[1], int(sys.argv[2])))
host, _, port = sys.argv[3].partition(":")
sock.sendto(b"late", (host, int(port)))' "$@"
}

talks() {
	flow_rows client | grep -q :44000
}

# refused COUNT - the edge has refused one more UDP packet than that
refused() {
	(($(host_counter edge UdpNoPorts) == $1 + 1))
}

# check_expiry - timeouts of 2 s, and nobody to sweep
check_expiry() {
	local seen unknown
	many_start "$EDGE4,7000,2" "$EDGE6,7000,1"
	check_equal "connections" "opened 3 of 3" "$(many_answer)"
	seen=$(talk "$EDGE4" 7000 43000)
	lab_start talk client "$E2E_TOOLS/echo_client.py" pings "$EDGE4" 7000 --source-port 44000 \
		--rate 100
	lab_wait 5 "a flow" talks
	flow_rows client,masquerade --proto udp >"$LAB_DIR/rows"
	sleep 3.5
	check_equal "idle flows are gone, the one in use is as it was" \
		"$(grep ":44000 " "$LAB_DIR/rows")" "$(flow_rows client,masquerade)"
	check_equal "the table counts what is in it, used or not" 5 \
		"$(lab_xdpfwd stats eth0 --json | e2e_json 'sum(d["interfaces"][0]["flows"][p]
			for p in ("tcp", "udp"))')"
	unknown=$(host_counter edge UdpNoPorts)
	say_back "$HOME4" 7000 "$seen"
	check "a late answer is left to the edge, which knows of none" \
		lab_wait 5 "it" refused "$unknown"
	check_equal "a late byte of an idle connection is a stranger's" \
		"echoed 0 of 3; 3 lost: 3 [Errno 104] Connection reset by peer" "$(many_tell echo)"
	check_match "a new packet of the client's begins anew" "^$EDGE_IN4:" \
		"$(talk "$EDGE4" 7000 43000)"
	check_equal "with a flow of its own" '1 confirmed
1 replied' "$(flow_rows state --proto udp | sort | uniq -c | sed 's/^ *//')"
	lab_stop talk
	many_stop
}

e2e_lab ethernet
home_stays_home
e2e_echo home udp 7000 tcp 7000
config_begin
config_forward echo 7000 'timeout = { udp = "2s", tcp_established = "2s", tcp_transitory = "2s" }'
for mode in native tc; do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	check_equal "no flow is left of the load before" 0 "$(flow_count)"
	check_expiry
	e2e_unload
done
e2e_done
