#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Large packets on a way that gets narrower twice: TLS hellos, MSS, path MTU, fragments, calls.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"
# shellcheck source=tests/lib/paths.sh
. "$(dirname "$0")/../lib/paths.sh"

e2e_needs_xdpfwd
HOSTS=() # HOST PORT_OFFSET, for both families and both modes

# make VARIANT MTU - a lab in which only inner's own link is wide again
make() {
	e2e_lab "$1"
	inner_make
	tunnel_mtu "$2"
	HOSTS=("$EDGE4 0" "$EDGE6 0" "$EDGE4 1000" "$EDGE6 1000")
	inner_config
	inner_forward tls 4430
	inner_forward echo 7000-7001
	inner_forward iperf3 5201-5208
	cp "$LAB_DIR/ports.toml" "$LAB_DIR/clamped.toml"
	# A forward of TURN, and calls: the relay has to see the peers themselves.
	cat >>"$LAB_DIR/ports.toml" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		device = "$BACKEND_DEV"
		[[forward]]
		name = "turn"
		protocol = "udp"
		ports = [3478]
		backend = "home"
		[[forward]]
		name = "relay"
		protocol = "udp"
		ports = ["49152-65535"]
		backend = "home"
		source = "preserve"
	END
	tls_start
	e2e_echo inner udp 7000 tcp 7000
}

# each_host CMD HOST OFFSET... - all four at once; prints which of them failed
each_host() {
	local entry pids=() failed=()
	for entry in "${HOSTS[@]}"; do
		# shellcheck disable=SC2086 # two words
		"$@" $entry >"$LAB_DIR/out.${#pids[@]}" 2>&1 &
		pids+=($!)
	done
	for entry in "${!HOSTS[@]}"; do
		wait "${pids[entry]}" || failed+=("${HOSTS[entry]}: $(tail -n 1 "$LAB_DIR/out.$entry")")
	done
	((${#failed[@]} == 0)) || printf '%s\n' "${failed[@]}"
}

get() {
	tls_get "$2" $((4430 + $3)) "$1"
}

# get_in_vain SECONDS HOST OFFSET - nothing but silence until curl gives up
get_in_vain() {
	local said
	said=$(tls_get "$2" $((4430 + $3)) "$1" 2>&1) || [[ $said != *'timed out'* ]] || return 0
	echo "$said"
	return 1
}

# check_tls MODE MTU - where nobody hears of packets that are too big, SYNs have to say it
check_tls() {
	icmp_blind client inner
	check_equal "HTTPS with a large hello, and no ICMP" "" "$(each_host get 8)"
	check_match "that hello has more than 1,800 bytes" '^1[89]..$' "$(tls_hello)"
	sed '/^name = /a mss_clamp = false' "$LAB_DIR/clamped.toml" >"$LAB_DIR/ports.toml"
	e2e_load --mode "$1"
	check_equal "with mss_clamp = false it hangs" "" "$(each_host get_in_vain 1)"
	if [[ $BACKEND_DEV == wg-* && $2 == 1420 ]]; then # once is enough, as it waits for resends
		icmp_seeing client inner
		check_equal "but not where ICMP is heard" "" "$(each_host get 8)"
	fi
	cp "$LAB_DIR/clamped.toml" "$LAB_DIR/ports.toml"
	mtu_forget client inner
}

# probe SECONDS HOST OFFSET - what UDP learns when it waits as long for each answer
probe() {
	lab_in client "$E2E_TOOLS/path_mtu.py" probe "$2" $((7000 + $3)) --patience "$1"
}

# check_path_mtu MTU SECOND - of the way to home, and from there to inner
check_path_mtu() {
	local entry host headers
	lab_in home ip link set lan0 mtu "$2"
	lab_in inner ip link set eth0 mtu "$2"
	lab_start spy client "$E2E_TOOLS/path_mtu.py" spy eth0 198.18.0.0 2001:db8:9:: 2001:db8:77::
	lab_wait 5 "the listener" grep -q ready "$LAB_DIR/log/spy"
	for entry in "${HOSTS[@]}"; do
		host=${entry% *} headers=28
		[[ $host != *:* ]] || headers=48
		mtu_forget client
		check_equal "$entry: UDP learns the MTU, from the public address" \
			"$1 by $host, $2 by $host, then $(($2 - headers)) bytes echo" \
			"$(probe 3 "$host" "${entry#* }" 2>&1)"
		check_match "$entry: and so does ping" "message too long, mtu[=:] ?$2" \
			"$(lab_in client ping -c 1 -W 0.1 -M "do" -s 1400 "$host" 2>&1 || :)"
		check "$entry: what is as large is answered by the edge itself" \
			lab_in client ping -q -c 1 -W 2 -M "do" -s $(($2 - headers)) "$host"
	done
	lab_stop spy
	check_match "none of it shows an address of home's" '^some errors, 0 of them' \
		"$(cat "$LAB_DIR/log/spy")"
	lab_in home ip link set lan0 mtu 1500
	lab_in inner ip link set eth0 mtu 1500
	mtu_forget client
}

# bulk HOST OFFSET - iperf3 with each size both ways; no bytes lost in whole runs is too much to ask
bulk() {
	local port size way line
	port=$((5201 + $2 * 4 / 1000))
	[[ $1 != *:* ]] || port=$((port + 2))
	for size in 1400 1500 8000; do
		for way in '' -R; do
			# shellcheck disable=SC2086 # one word or none
			line=$(iperf3_run "$1" -p $((port + $2)) -u -b 20M -n 400K -l $size $way 2>&1 |
				tail -n 1) # after a warning about fragments
			[[ $line =~ ^\"([5-9].|100)' %"'$ ]] || { echo "$size $way: $line" && return 1; }
		done
	done
}

# exchange SIZE HOST OFFSET - one datagram there and back, its fragments by whatever way they come
exchange() {
	local seen
	seen=$(e2e_ask "$2" $((7000 + $3)) --size "$1")
	[[ $seen == *' 7000 inner' ]] || { echo "$seen" && return 1; }
}

# exchange4 SIZE HOST OFFSET - of IPv4 alone
exchange4() {
	[[ $2 == *:* ]] || exchange "$@"
}

check_datagrams() {
	local size
	mtu_forget client inner
	for size in 1500 8000 20000; do
		check_equal "UDP: $size bytes there and back in fragments, and nothing learnt before" "" \
			"$(each_host exchange4 $size)"
	done
	each_host probe 0.3 >/dev/null # both ends learn the MTU, and then lose nothing
	for size in 1400 1500 8000 20000; do
		check_equal "UDP: $size bytes there and back" "" "$(each_host exchange $size)"
	done
	check_equal "iperf3: UDP of 1400, 1500 and 8000 bytes both ways" "" "$(each_host bulk)"
}

# check_calls SIZE - packets as large as those of DTLS
check_calls() {
	local relay4 relay6
	service_relay "$EDGE4" "$PEER4" -l "$1" >"$LAB_DIR/relay4" 2>&1 &
	relay4=$!
	service_relay "$EDGE6" "$PEER6" -l "$1" >"$LAB_DIR/relay6" 2>&1 &
	relay6=$!
	wait "$relay4" || :
	wait "$relay6" || :
	check_match "IPv4: calls with packets of $1 bytes" ' 0 lost$' "$(cat "$LAB_DIR/relay4")"
	check_match "IPv6: calls with packets of $1 bytes" ' 0 lost$' "$(cat "$LAB_DIR/relay6")"
}

servers_start() {
	local port
	for port in 5201 5203 5205 5207; do
		lab_start "iperf3-$port" inner iperf3 -s -p $port
	done
	service_coturn_start
}

for mode in native tc; do
	make ethernet 1400
	servers_start
	e2e_context="Ethernet, $mode: "
	e2e_load --mode $mode
	[[ $mode == tc ]] || check_calls 1300
	check_datagrams
	mtu_forget client inner
	check_path_mtu 1400 1300
	check_tls $mode 1400
done
for mtu in 1420 1280; do
	make wireguard $mtu
	((mtu == 1280)) || servers_start
	e2e_context="WireGuard, $mtu: "
	e2e_load
	if ((mtu > 1400)); then
		check_calls 1300
		check_datagrams
		mtu_forget client inner
		check_path_mtu $mtu 1300
	fi
	check_tls auto $mtu
done
e2e_done
