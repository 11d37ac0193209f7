#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The agent follows the host: addresses, routes, neighbours, MTUs, devices made anew, listeners.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd

NEW_EDGE4=198.51.100.3 NEW_EDGE6=2001:db8:51::3
FAR4=198.18.77.2

# answers EXPECTED HOST PORT [OPTION...] - for lab_wait
answers() {
	local expected=$1
	shift
	[[ $(e2e_ask "$@" --timeout 0.5) == "$expected" ]]
}
# check_soon WHAT CMD... - it becomes true; how fast is the machine's affair
check_soon() {
	local what=$1
	shift
	lab_wait 15 "$what" "$@" || :
	check "$what" "$@"
}
said() {
	grep -qE -- "$1" "$LAB_DIR/log/agent"
}
# status FILTER - a value of status
status() {
	lab_xdpfwd status eth0 --json | e2e_json "d['interfaces'][0]$1"
}
status_is() {
	[[ $(status "$2") == "$1" ]]
}
# config_with_far - the usual forwards, one more that masquerades, and a backend behind a router
config_with_far() {
	e2e_config
	cat >>"$LAB_DIR/ports.toml" <<-END
		[backend.far]
		address = "$FAR4"

		[[forward]]
		name = "far"
		protocol = "tcp"
		ports = [9002]
		backend = "far"

		[[forward]]
		name = "hidden"
		protocol = "udp"
		ports = [9001]
		backend = "home"
	END
}
# address_changes - the edge gets other addresses, as a provider may give it
address_changes() {
	lab_in edge ip address del "$EDGE4/24" dev eth0
	lab_in edge ip address del "$EDGE6/64" dev eth0
	lab_address edge eth0 "$NEW_EDGE4/24" "$NEW_EDGE6/64"
}

for mode in tc native; do
	e2e_context="$mode: "
	e2e_lab ethernet
	config_with_far
	# A second way to home, and an address of it that only routes lead to.
	lab_cable edge eth3 home eth1
	lab_address edge eth3 198.18.8.1/24
	lab_address home eth1 198.18.8.2/24
	lab_address home lo "$FAR4/32"
	lab_address home eth0 198.18.9.3/24
	lab_in edge ip route add "$FAR4" via "$HOME4"
	lab_sysctl home net.ipv4.conf.all.arp_notify=1 net.ipv6.conf.all.ndisc_notify=1
	e2e_echo home udp 7000,9000-9009,50000-50001 tcp 9002
	e2e_agent eth0 --mode "$mode"
	loaded_at=$(status '["loaded_at"]')
	# What is written into the file from now on is nobody's wish before a reload.
	echo 'colour = "blue"' >"$LAB_DIR/ports.toml"
	check_equal "before" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
	check_equal "before, masqueraded" "$EDGE_IN4 9001 home" "$(e2e_ask "$EDGE4" 9001)"
	check_equal "before, behind a router" "$EDGE_IN4 9002 home" "$(e2e_ask "$EDGE4" 9002 --protocol tcp)"

	# Addresses.
	address_changes
	check_soon "other addresses, IPv4" answers "$CLIENT4 50000 home" "$NEW_EDGE4" 50000
	check_soon "other addresses, IPv6" answers "$CLIENT6 50000 home" "$NEW_EDGE6" 50000
	check_soon "other addresses, masqueraded" answers "$EDGE_IN4 9001 home" "$NEW_EDGE4" 9001
	check "the log tells both" said \
		"eth0 follows the host: .*$NEW_EDGE4 is forwarded;.*$EDGE4 is not forwarded any more"
	EDGE4=$NEW_EDGE4 EDGE6=$NEW_EDGE6

	# Neighbours.
	lab_in home ip link set eth0 address 02:00:00:00:77:01
	check_soon "home has another MAC address" answers "$CLIENT4 50000 home" "$EDGE4" 50000
	check_soon "and the agent knows it" status_is true \
		'["backends"][0]["next_hop"].find("02:00:00:00:77:01") >= 0'

	# Routes: another router by the same device, then another device.
	lab_in edge ip route replace "$FAR4" via 198.18.9.3
	check_soon "another router" status_is '"198.18.9.3"' '["backends"][2]["next_hop"].split()[0]'
	check_soon "leads there, too" answers "$EDGE_IN4 9002 home" "$EDGE4" 9002 --protocol tcp
	lab_in edge ip route replace "$FAR4" via 198.18.8.2
	check_soon "another device" answers "198.18.8.1 9002 home" "$EDGE4" 9002 --protocol tcp
	check "has hooks" status_is true '["hooks"].__len__() > 2 and
		any(h["device"] == "eth3" for h in d["interfaces"][0]["hooks"])'
	check "the log tells that" said 'backend "far" is reached by eth3'
	lab_in home ip link set eth1 mtu 1300
	lab_in edge ip link set eth3 mtu 1300
	check_soon "the MTU of a device" said 'the MTU of eth3 is 1300'
	check "and packets go on" answers "198.18.8.1 9002 home" "$EDGE4" 9002 --protocol tcp

	# Listeners: in a range, and on a port that was named.
	e2e_echo edge udp 50001
	check_soon "a listener in a range gets its port" answers "$CLIENT4 50001 edge" "$EDGE4" 50001
	check_soon "and a line in the log" said 'forward "relay": udp port 50001 left to this host'
	check "which names it" said 'warning: .*udp port 50001 stays with this host: python3 listens'
	check_equal "its neighbours are forwarded" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
	lab_stop echo-edge
	check_soon "the port comes back when it ends" answers "$CLIENT4 50001 home" "$EDGE4" 50001
	e2e_echo edge udp 7000
	check_soon "one on a named port gets nothing, and is told" said \
		'udp port 7000 stays forwarded, so python3 does not get'
	check_equal "as it is forwarded" "$CLIENT4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
	lab_in edge ip address add 198.51.100.4/24 dev eth0
	check_soon "and keeps nothing from being followed" answers "$EDGE_IN4 9001 home" 198.51.100.4 9001
	lab_stop echo-edge

	# A device that goes, and another that comes under its name.
	lab_in edge ip link del eth1
	check_soon "a device that is gone is told" said 'no device eth1 on this host'
	lab_home_ethernet
	check_soon "the device was made anew" answers "$CLIENT4 50000 home" "$EDGE4" 50000
	check_soon "IPv6, too" answers "$CLIENT6 50000 home" "$EDGE6" 50000
	check "and in the log" said 'eth1 was made anew'
	# Down and up.
	lab_in edge ip link set eth1 down
	lab_in edge ip link set eth1 up
	lab_address edge eth1 "$EDGE_IN6/64" # went with the link
	check_soon "down and up" answers "$CLIENT4 50000 home" "$EDGE4" 50000

	check_equal "no such change counts as a load" "$loaded_at" "$(status '["loaded_at"]')"
	check_fails "what is in the file is for a reload to find" lab_xdpfwd reload eth0
	check "nothing was said twice" test -z "$(sort "$LAB_DIR/log/agent" | uniq -d | grep -v '^$' |
		grep xdpfwd:)"
	check "unload" lab_xdpfwd unload eth0
	lab_wait 10 "the agent to end" lab_gone "$(lab_pid agent)"
done

# A tunnel that is started again.
e2e_context='tunnel: '
e2e_lab wireguard
e2e_config
e2e_echo home udp 50000
e2e_agent eth0
dev=$BACKEND_DEV
check_equal "before" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
for round in 1 2; do
	if [[ $LAB_WIREGUARD == go ]]; then
		lab_stop "$dev"
	else
		lab_in edge ip link del "$dev"
	fi
	lab_wait 10 "the tunnel to go" bash -c "! nsenter --net=/run/netns/$(lab_ns edge) ip link show $dev"
	lab_tunnel edge "$dev"
	lab_in edge wg set "$dev" private-key "$LAB_DIR/edge.key" listen-port $LAB_WG_PORT \
		peer "$(cat "$LAB_DIR/home.pub")" allowed-ips "$HOME4/32,$HOME6/128" \
		endpoint "$UNDERLAY4:$(lab_in home wg show "wg-home-$LAB_ID" listen-port)"
	lab_address edge "$dev" "$EDGE_IN4/24" "$EDGE_IN6/64"
	lab_in edge ip link set "$dev" mtu 1420 up
	check_soon "restarted, $round" answers "$CLIENT4 50000 home" "$EDGE4" 50000
	check_soon "IPv6, $round" answers "$CLIENT6 50000 home" "$EDGE6" 50000
done
check_equal "each time it is told once" 2 "$(grep -c "$dev was made anew" "$LAB_DIR/log/agent")"
check_equal "the tunnel's own port stays with it" true "$(status '["hooks"].__len__() == 2')"
check "unload" lab_xdpfwd unload eth0
lab_wait 10 "the agent to end" lab_gone "$(lab_pid agent)"
e2e_done
