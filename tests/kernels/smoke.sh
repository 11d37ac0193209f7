#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# One kernel, seen whole: every hook forwards, is changed in place, and is gone after unload.
#
# Runs in a guest, which has few programs, and on the host; in namespaces of its own on both.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

tools=$LAB_ROOT/build/kernels
IFS=.- read -r major minor _ <<<"$(uname -r)"
tc_hook=clsact
if ((major > 6 || (major == 6 && minor >= 6))); then
	tc_hook=tcx
fi

# config PORT - forward a port to home's server, which listens on another; the next port, too, by
# masquerade
config() {
	cat >"$LAB_DIR/ports.toml" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		device = "$BACKEND_DEV"

		[[forward]]
		name = "echo"
		protocol = ["tcp", "udp"]
		ports = [$1]
		to_port = 9000
		backend = "home"
		source = "preserve"

		[[forward]]
		name = "masqueraded"
		protocol = ["tcp", "udp"]
		ports = [$(($1 + 1))]
		to_port = 9000
		backend = "home"
	END
}

# ask PROTOCOL ADDRESS PORT [SIZE] - the address that home sees
ask() {
	local size=${4:-1200}
	[[ $1 == udp ]] || size=100000
	lab_in client "$tools/traffic" ask "$1" "$2" "$3" "$size" 2>&1 || :
}

check_traffic() {
	local port=$1 protocol
	for protocol in udp tcp; do
		check_equal "$protocol over IPv4" "$CLIENT4" "$(ask $protocol "$EDGE4" "$port")"
		check_equal "$protocol over IPv6" "$CLIENT6" "$(ask $protocol "$EDGE6" "$port")"
	done
}

# check_fragments PORT - of both sides; where the way gets narrower, they are cut once more or refused
check_fragments() {
	check_equal "IPv4 in fragments" "$CLIENT4" "$(ask udp "$EDGE4" "$1" 4000)"
	check_equal "IPv6 in fragments" "$CLIENT6" "$(ask udp "$EDGE6" "$1" 4000)"
	[[ $BACKEND_DEV == eth1 ]] || return 0
	lab_in edge ip link set eth1 mtu 1400
	lab_in home ip link set eth0 mtu 1400
	check "reload" lab_xdpfwd reload eth0
	check_equal "IPv4 in fragments of fragments" "$CLIENT4" "$(ask udp "$EDGE4" "$1" 4000)"
	# What must not be cut is lost, and the client told of it.
	ask udp "$EDGE4" "$1" 1450 >/dev/null &
	ask udp "$EDGE6" "$1" 4000 >/dev/null
	wait $!
	check_equal "IPv4: the MTU is learnt" "$CLIENT4" "$(ask udp "$EDGE4" "$1" 1450)"
	check_equal "IPv6: the MTU is learnt" "$CLIENT6" "$(ask udp "$EDGE6" "$1" 4000)"
	lab_in edge ip link set eth1 mtu 1500
	lab_in home ip link set eth0 mtu 1500
}

check_masquerade() {
	local port=$1 protocol
	for protocol in udp tcp; do
		check_equal "$protocol over IPv4, masquerade" "$SEEN4" \
			"$(ask $protocol "$EDGE4" "$port")"
		check_equal "$protocol over IPv6, masquerade" "$SEEN6" \
			"$(ask $protocol "$EDGE6" "$port")"
	done
}

# check_flows - what is known of the masqueraded connections, and that it can be ended
check_flows() {
	check_match "flows: there are some of TCP and of UDP" '^[1-9][0-9]* [1-9][0-9]*$' \
		"$(flow_count tcp) $(flow_count udp)"
	check "flows: they are ended" lab_xdpfwd flows flush eth0
	check_equal "flows: none is left" "0 0" "$(flow_count tcp) $(flow_count udp)"
}

flow_count() {
	lab_xdpfwd flows count eth0 --proto "$1" --json | grep -o '"flows": *[0-9]*' | grep -o '[0-9]*$'
}

# forwarded HOOK - packets a hook has sent on: 0 XDP, 1 TC; the first counter, of all CPUs
forwarded() {
	bpftool -j map lookup pinned "$XDPFWD_BPFFS/xdpfwd/eth0/reason_counters" key "$1" 0 0 0 |
		grep -o '"packets":\[[0-9]*' | awk -F '[' '{ sum += $2 } END { print sum }'
}

# check_hook XDP_OR_TC - the traffic of the last check went through it, and only through it
check_hook() {
	local xdp=$(($(forwarded 0) - xdp_before)) tc=$(($(forwarded 1) - tc_before))
	if [[ $1 == xdp ]]; then
		check "XDP did it ($xdp packets, TC $tc)" [ $xdp -gt 100 -a $tc -eq 0 ]
	else
		check "TC did it ($tc packets, XDP $xdp)" [ $tc -gt 50 -a $xdp -eq 0 ]
	fi
}

# check_forwarding XDP_OR_TC [OPTION...] - the whole life of a loaded interface
check_forwarding() {
	local worker=$1
	shift
	e2e_snapshot "$LAB_DIR/before"
	config 7000
	check "load" e2e_load "$@"
	check_match "status: TC is by $tc_hook" "\"mode\": *\"$tc_hook\"" \
		"$(lab_xdpfwd status eth0 --json)"
	check_traffic 7000
	check_equal "the counters of both directions moved" 4 \
		"$(lab_xdpfwd stats eth0 --json | grep -cE '"packets_(in|out)": *[1-9]')"

	config 7100
	check "reload" lab_xdpfwd reload eth0
	# All neighbours are known by now: no packet needs the other hook's help.
	xdp_before=$(forwarded 0) tc_before=$(forwarded 1)
	check_traffic 7100
	check_masquerade 7101
	check_hook "$worker"
	check_flows
	check_equal "the old port is closed" "traffic: connect: Connection refused" \
		"$(ask tcp "$EDGE4" 7000)"

	check_fragments 7100
	config 7000
	check "load in place" e2e_load "$@"
	check_traffic 7000
	check "unload" lab_unload
	e2e_snapshot "$LAB_DIR/after"
	check_same "nothing is left" "$LAB_DIR/before" "$LAB_DIR/after"
}

# lab VARIANT - a lab with the server; its veths take frames from XDP
lab() {
	local peers=(client:eth0 home:eth0) peer
	e2e_lab "$1"
	[[ $1 != one-armed ]] || peers=(net:to-edge)
	for peer in "${peers[@]}"; do
		lab_in "${peer%:*}" ip link set dev "${peer#*:}" xdp object "$tools/pass.bpf.o" \
			section xdp
	done
	serve
	SEEN4=$EDGE_IN4 SEEN6=$EDGE_IN6
	[[ $1 != one-armed ]] || SEEN4=$EDGE4 SEEN6=$EDGE6
}

serve() {
	lab_start traffic home "$tools/traffic" serve 9000
	lab_wait 10 "home's server" grep -q ready "$LAB_DIR/log/traffic"
}

# tunnel - put a tun device in the place of the cable between the edge and home
tunnel() {
	local node
	lab_in edge ip link delete eth1
	BACKEND_DEV=tun0
	lab_start tunnel edge "$tools/tunnel" "/run/netns/$(lab_ns edge)" tun0 \
		"/run/netns/$(lab_ns home)" tun0
	lab_wait 10 "the tunnel" grep -q ready "$LAB_DIR/log/tunnel"
	lab_address edge tun0 "$EDGE_IN4/24" "$EDGE_IN6/64"
	lab_address home tun0 "$HOME4/24" "$HOME6/64"
	for node in edge home; do
		lab_in $node ip link set tun0 up
	done
	lab_in home ip route add default dev tun0
	lab_in home ip -6 route add default dev tun0
}

lab ethernet
e2e_context="native XDP: "
check_forwarding xdp --mode native
e2e_context="$tc_hook: "
check_forwarding tc --mode tc
tunnel
e2e_context="$tc_hook into a tun: "
check_forwarding tc --mode auto

lab one-armed
e2e_context="native XDP, one-armed: "
check_forwarding xdp --mode native

if [[ $tc_hook == tcx ]]; then
	export XDPFWD_WITHOUT=tcx
	tc_hook=clsact
	lab ethernet
	e2e_context="clsact: "
	check_forwarding tc --mode tc
	tunnel
	e2e_context="clsact into a tun: "
	check_forwarding tc --mode auto
fi
e2e_done
