#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Home, its neighbours and the edge itself by the public address; home on the public segment.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd

# ask NODE HOST PORT [OPTION...] - "ADDRESS LOCALPORT NAME"
ask() {
	lab_in "$1" "$E2E_TOOLS/echo_client.py" ask "${@:2}" 2>&1 | cut -d ' ' -f 1,3,4
}

# check_own_traffic - the edge's own questions to home get their answers
check_own_traffic() {
	local host
	for host in "$HOME4" "$HOME6"; do
		check_equal "the edge's own packets to $host stay its own" "sent 100 received 100 lost 0" \
			"$(lab_in edge "$E2E_TOOLS/echo_client.py" queries "$host" 7000 --count 100)"
		check_match "over TCP, too" ' 7000 home$' \
			"$(ask edge "$host" 7000 --protocol tcp --size 100000)"
	done
}

e2e_lab one-armed
# An ordinary member of the segment, which does not know that the edge forwards anything.
lab_in home ip route flush dev eth0
lab_in home ip -6 route flush dev eth0
lab_in home ip address flush dev eth0 scope global
lab_address home eth0 "$HOME4/24" "$HOME6/64"
e2e_config masquerade
e2e_echo_servers
# A veth whose peer has no XDP program holds back what XDP_TX sends it until something else comes.
e2e_xdp_program net to-edge pass
for mode in native tc; do
	e2e_context="one-armed, $mode: "
	e2e_load --mode "$mode"
	for protocol in udp tcp; do
		for host in "$EDGE4" "$EDGE6"; do
			check_equal "$protocol: a neighbour of home's by $host" "$host 9000 home" \
				"$(ask client "$host" 8000 --protocol $protocol --size 1300)"
		done
		check_equal "$protocol: home by its own public address" "$EDGE4 9000 home" \
			"$(ask home "$EDGE4" 8000 --protocol $protocol --size 1000)"
		check_equal "$protocol: over IPv6, too" "$EDGE6 9000 home" \
			"$(ask home "$EDGE6" 8000 --protocol $protocol --size 1000)"
	done
	check_own_traffic
	many_start "$EDGE4,7000,1000" "$EDGE6,7000,1000"
	check_equal "2,000 connections" "opened 2000 of 2000" "$(many_answer)"
	check_equal "each echoes bytes of its own" "echoed 2000 of 2000" "$(many_tell echo)"
	many_stop
	e2e_unload
done

e2e_lab ethernet
e2e_config masquerade
e2e_echo_servers
e2e_xdp_program home eth0 pass
for mode in native tc; do
	e2e_context="home behind the edge, $mode: "
	e2e_load --mode "$mode"
	for protocol in udp tcp; do
		check_equal "$protocol: home by its own public address" "$EDGE_IN4 9000 home" \
			"$(ask home "$EDGE4" 8000 --protocol $protocol --size 1000)"
		check_equal "$protocol: over IPv6, too" "$EDGE_IN6 9000 home" \
			"$(ask home "$EDGE6" 8000 --protocol $protocol --size 1000)"
	done
	check_own_traffic
	e2e_unload
done
e2e_done
