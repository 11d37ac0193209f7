#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ICMP errors about forwarded packets reach who sent them, and show nobody's private address.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"
# shellcheck source=tests/lib/paths.sh
. "$(dirname "$0")/../lib/paths.sh"

e2e_needs_xdpfwd
ROUTERS4='' ROUTERS6='' # between the client and the edge, each with a space behind

# make VARIANT [ROUTER4 ROUTER6] - a lab with forwards of echo and of ports where nobody listens
make() {
	e2e_lab "$1"
	ROUTERS4=${2:+$2 } ROUTERS6=${3:+$3 }
	inner_make
	inner_config
	inner_forward echo 7000-7001
	inner_forward nobody 7400-7500
	# Answers to come at any rate: the routers are not what is tested.
	[[ -z $ROUTERS4 ]] || lab_sysctl net net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	lab_sysctl inner net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	e2e_echo inner udp 7000 tcp 7000
	e2e_echo home udp 9100
	cat >>"$LAB_DIR/ports.toml" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		device = "$BACKEND_DEV"
		[[forward]]
		name = "hairpin"
		protocol = "udp"
		ports = ["9100-9101"]
		backend = "home"
	END
}

# hops TOOL OPTION... - the addresses that traceroute shows, one after the other
hops() {
	lab_in client traceroute -n -q 1 -w 2 -m 8 "$@" 2>&1 |
		sed -nE 's/^ *[0-9]+ +([^ ]+) .*/\1/p' | tr '\n' ' '
}

# check_client HOST OFFSET ROUTERS - each error that a client may cause
check_client() {
	local host=$1 offset=$2 path
	path="$3$host $host $host " # the edge, home, inner
	check_equal "a closed port refuses a UDP socket" \
		"udp $host port $((7400 + offset)): [Errno 111] Connection refused" \
		"$(e2e_ask "$host" $((7400 + offset)))"
	check_equal "and a TCP one" "tcp $host port $((7400 + offset)): [Errno 111] Connection refused" \
		"$(e2e_ask "$host" $((7400 + offset)) --protocol tcp)"
	check_equal "traceroute by UDP" "$path" "$(hops -U -p $((7000 + offset)) "$host")"
	check_equal "traceroute by TCP" "$path" "$(hops -T -p $((7000 + offset)) "$host")"
	check_match "tracepath gets to the end and back" \
		"Resume: pmtu 1[45].. hops $(wc -w <<<"$path") back $(wc -w <<<"$path")" \
		"$(lab_in client tracepath -n -p $((7450 + offset)) -m 8 "$host" 2>&1)"
	check "ping is answered by the edge itself" lab_in client ping -q -c 1 -W 2 "$host"
}

# check_backend_side - home as a client of its own
check_backend_side() {
	local host seen
	for host in "$EDGE4" "$EDGE6"; do
		check_match "home by its own public address: a closed port" 'Connection refused' \
			"$(lab_in home "$E2E_TOOLS/echo_client.py" ask "$host" 9101 2>&1 || :)"
		seen=$(lab_in home "$E2E_TOOLS/echo_client.py" ask "$host" 9100 --size 8000 2>&1) || :
		check_match "home by its own public address: 8,000 bytes" ' 9100 home$' "$seen"
	done
}

check_all() {
	local before=$e2e_context offset mode
	lab_start spy client "$E2E_TOOLS/path_mtu.py" spy eth0 198.18.0.0 2001:db8:9:: 2001:db8:77::
	lab_wait 5 "the listener" grep -q ready "$LAB_DIR/log/spy"
	for offset in 0 1000; do
		mode=preserve
		((!offset)) || mode=masquerade
		e2e_context="${before}$mode: IPv4: "
		check_client "$EDGE4" $offset "$ROUTERS4"
		e2e_context="${before}$mode: IPv6: "
		check_client "$EDGE6" $offset "$ROUTERS6"
	done
	e2e_context=$before
	check_backend_side
	lab_stop spy
	check_match "no error shows an address of home's" '^some errors, 0 of them' \
		"$(cat "$LAB_DIR/log/spy")"
}

# refusals HOST PROTOCOL - how conversations end that begin all at once, each kind once
refusals() {
	local pids=() i
	for i in 1 2 3 4; do
		lab_in client "$E2E_TOOLS/echo_client.py" ask "$1" 8000 --protocol "$2" \
			--timeout 0.5 >"$LAB_DIR/refused.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || :
	sed 's/.*: //' "$LAB_DIR"/refused.? | sort | uniq -c | sed 's/^ *//'
}

# check_refusals drop|reject MODE - when there are too many flows
check_refusals() {
	local host protocol ends
	sed -i '/^\[limits\]/,$d' "$LAB_DIR/ports.toml"
	printf '[limits]\nnew_flows_per_second = 1\non_full = "%s"\n' "$1" >>"$LAB_DIR/ports.toml"
	e2e_load --mode "$2"
	for host in "$EDGE4" "$EDGE6"; do
		for protocol in udp tcp; do
			ends='timed out'
			if [[ $1 == reject && $protocol == tcp ]]; then
				ends='\[Errno 111\] Connection refused'
			elif [[ $1 == reject ]]; then
				ends='\[Errno (113|13)\] (No route to host|Permission denied)'
			fi
			check_match "on_full = \"$1\": $protocol to $host" "^[234] $ends\$" \
				"$(refusals "$host" $protocol)"
		done
	done
}

make routed 203.0.113.1 2001:db8:113::1
e2e_xdp_program home eth0 pass
for mode in native tc; do
	e2e_context="Ethernet, $mode: "
	e2e_load --mode $mode
	check_all
	[[ $mode == native ]] || check_refusals drop $mode
	check_refusals reject $mode
	sed -i '/^\[limits\]/,$d' "$LAB_DIR/ports.toml"
done
make wireguard
e2e_context="WireGuard: "
e2e_load
check_all
e2e_done
