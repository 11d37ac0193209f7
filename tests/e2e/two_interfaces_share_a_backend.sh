#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two public interfaces forward to one backend by one device; ending one leaves the other working.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
LAB_SECOND=1

# config PORTS [SOURCE [MASQUERADE...]] - ports.toml with one UDP and TCP forward
config() {
	local addresses
	addresses=$(printf '"%s", ' "${@:3}")
	cat >"$LAB_DIR/ports.toml" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		${3:+masquerade_address = [${addresses%, }]}
		[[forward]]
		protocol = ["tcp", "udp"]
		ports = [$1]
		backend = "home"
		source = "${2:-preserve}"
	END
}

# check_first, check_second - each interface's own ports reach home and keep the client's address
check_first() {
	check_equal "$1: eth0, IPv4" "$CLIENT4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
	check_equal "$1: eth0, IPv6" "$CLIENT6 50000 home" "$(e2e_ask "$EDGE6" 50000)"
	check_equal "$1: eth0, TCP" "$CLIENT4 7000 home" \
		"$(e2e_ask "$EDGE4" 7000 --protocol tcp --size 100000)"
}
check_second() {
	check_equal "$1: eth2, IPv4" "$SECOND_CLIENT4 7100 home" "$(e2e_ask "$SECOND_EDGE4" 7100)"
	check_equal "$1: eth2, IPv6" "$SECOND_CLIENT6 52000 home" \
		"$(e2e_ask "$SECOND_EDGE6" 52000)"
	check_equal "$1: eth2, TCP" "$SECOND_CLIENT4 7100 home" \
		"$(e2e_ask "$SECOND_EDGE4" 7100 --protocol tcp --size 100000)"
}
refused() {
	check_equal "$1" "udp $2 port $3: [Errno 111] Connection refused" "$(e2e_ask "$2" "$3")"
}
reserved() {
	lab_in edge sysctl -n net.ipv4.ip_local_reserved_ports
}

for mode in tc native; do
	e2e_lab ethernet
	e2e_echo home udp 7000,7100,50000,52000 tcp 7000,7100
	for first_to_go in eth0 eth2; do
		e2e_context="$mode, $first_to_go ends first: "
		e2e_snapshot "$LAB_DIR/before"
		config '7000, "50000-50999"'
		e2e_load --mode "$mode"
		config '7100, "52000-52999"'
		check "load eth2" lab_xdpfwd load eth2 --config "$LAB_DIR/ports.toml" --detach \
			--mode "$mode"
		check_first "both"
		check_second "both"
		check_match "the ranges of both are reserved" '50000-50999,52000-52999' "$(reserved)"
		check_equal "status lists both" '["eth0", "eth2"]' "$(lab_xdpfwd status --json |
			e2e_json 'sorted(i["interface"] for i in d["interfaces"])')"
		check "unload $first_to_go" lab_xdpfwd unload $first_to_go
		if [[ $first_to_go == eth0 ]]; then
			check_second "without eth0"
			refused "eth0 forwards no more" "$EDGE4" 7000
			check_equal "only eth2's ports are reserved" 52000-52999 "$(reserved)"
			check "unload eth2" lab_xdpfwd unload eth2
		else
			check_first "without eth2"
			refused "eth2 forwards no more" "$SECOND_EDGE4" 7100
			check_equal "only eth0's ports are reserved" 50000-50999 "$(reserved)"
			check "unload eth0" lab_xdpfwd unload eth0
		fi
		e2e_snapshot "$LAB_DIR/after"
		check_same "in the end all is as it was" "$LAB_DIR/before" "$LAB_DIR/after"
	done
done

# With masquerade each has a table of its own, and has to have an address of its own.
e2e_lab ethernet
e2e_echo home udp 7000,7100 tcp 7000,7100
lab_address edge eth1 198.18.9.7/24 2001:db8:9::7/64
lab_in edge ip address change 2001:db8:9::7/64 dev eth1 preferred_lft 0 # not taken by itself
for mode in tc native; do
	e2e_context="$mode, masquerade: "
	config 7000 masquerade
	e2e_load --mode "$mode"
	config 7100 masquerade
	check "load eth2" lab_xdpfwd load eth2 --config "$LAB_DIR/ports.toml" --detach --mode "$mode"
	check_match "with one address for both, a load warns" \
		"warning: backend \"home\": eth0 masquerades as $EDGE_IN4, too" \
		"$(lab_xdpfwd reload eth2 2>&1)"
	config 7100 masquerade 198.18.9.7 2001:db8:9::7
	check_equal "with another, none does" '' \
		"$(lab_xdpfwd load eth2 --config "$LAB_DIR/ports.toml" --detach --mode "$mode" 2>&1 |
			grep warning || :)"
	for protocol in udp tcp; do
		check_equal "$protocol: eth0" "$EDGE_IN4 7000 home" \
			"$(e2e_ask "$EDGE4" 7000 --protocol $protocol)"
		check_equal "$protocol: eth0, IPv6" "$EDGE_IN6 7000 home" \
			"$(e2e_ask "$EDGE6" 7000 --protocol $protocol)"
		check_equal "$protocol: eth2" "198.18.9.7 7100 home" \
			"$(e2e_ask "$SECOND_EDGE4" 7100 --protocol $protocol)"
		check_equal "$protocol: eth2, IPv6" "2001:db8:9::7 7100 home" \
			"$(e2e_ask "$SECOND_EDGE6" 7100 --protocol $protocol)"
	done
	check "unload both" lab_xdpfwd unload --all
done
e2e_done
