#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kill -9 in the middle of load, reload, a sweep, the agent's rounds and unload: what comes next goes
# well, and an interface that is loaded forwards all the while.
#
# KILL_MOMENTS: how many (24). KILL_SEED: which (random, printed).

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
moments=${KILL_MOMENTS:-24}
seed=${KILL_SEED:-$((RANDOM))}
RANDOM=$seed
echo "# KILL_SEED=$seed KILL_MOMENTS=$moments"

# config NAME LINE - "echo" masquerades, the rest does not; and one more forward, which LINE is for
config() {
	e2e_config
	sed -i '0,/^source = /{/^source = /d}' "$LAB_DIR/ports.toml"
	printf '%s\n' '[[forward]]' 'name = "other"' 'protocol = "udp"' 'backend = "home"' "$2" \
		>>"$LAB_DIR/ports.toml"
	mv "$LAB_DIR/ports.toml" "$LAB_DIR/$1.toml"
}
# swap - the config file says something else than before
swap() {
	other=$((!other))
	cp "$LAB_DIR/$other.toml" "$LAB_DIR/ports.toml"
}
# in_force - what the config file says is what is forwarded, whole
in_force() {
	local port=$((9001 + other)) gone=$((9002 - other))
	[[ $(e2e_ask "$EDGE4" $port --timeout 1) == "$EDGE_IN4 $port home" ]] &&
		[[ $(e2e_ask "$EDGE4" $gone --timeout 0.1) != *home ]] &&
		[[ $(e2e_ask "$EDGE4" 7000 --timeout 1) == "$EDGE_IN4 7000 home" ]] &&
		[[ $(e2e_ask "$EDGE4" 8001 --timeout 1) == "$CLIENT4 9001 home" ]]
}
load() {
	lab_xdpfwd load eth0 --config "$LAB_DIR/ports.toml" "$@" >"$LAB_DIR/load.out" 2>&1
}
# kill_during MS COMMAND... - end it by SIGKILL at some moment of the time it takes
kill_during() {
	local ms=$((RANDOM % ($1 + 1))) pid status
	shift
	nsenter "--net=/run/netns/$(lab_ns edge)" "$XDPFWD" "$@" >"$LAB_DIR/killed.out" 2>&1 &
	pid=$!
	sleep "$(printf '0.%03d' $((ms % 1000)))"
	((ms < 1000)) || sleep $((ms / 1000))
	kill -9 $pid 2>/dev/null || : # it may have ended
	wait $pid 2>/dev/null && status=0 || status=$?
	killed=$((killed + (status == 137)))
	moment="$1 after $ms ms"
}
# took COMMAND... - milliseconds
took() {
	local start
	start=$(date +%s%N)
	"$@" >/dev/null 2>&1
	echo $((($(date +%s%N) - start) / 1000000))
}
broken() {
	failures+="$moment: $1"$'\n'"$(tail -n 3 "$LAB_DIR/load.out" "$LAB_DIR/killed.out")"$'\n'
}

# strange NODE - packets of TCP and UDP that are not as either side of a forward knows them
strange() {
	lab_in "$1" nft -j list counters | e2e_json 'sum(c["counter"]["packets"] for c in d["nftables"] if "counter" in c)'
}
# watch_for_strange - half a rewrite shows as an address or a port of the other side, or a checksum
watch_for_strange() {
	lab_in home nft -f - <<-END
		table inet seen {
			counter strange {}
			chain in {
				type filter hook input priority 0
				meta l4proto != { tcp, udp } accept
				ip daddr $HOME4 ip saddr $EDGE_IN4 th dport { 7000, 9001, 9002 } accept
				ip daddr $HOME4 ip saddr $CLIENT4 th dport { 9001, 50000 } accept
				ip6 daddr $HOME6 ip6 saddr $CLIENT6 th dport 50000 accept
				counter name strange
			}
		}
	END
	lab_in client nft -f - <<-END
		table inet seen {
			counter strange {}
			chain in {
				type filter hook input priority 0
				meta l4proto != { tcp, udp } accept
				ip daddr $CLIENT4 ip saddr $EDGE4 th sport { 7000, 8001, 9001, 9002 } accept
				ip6 daddr $CLIENT6 ip6 saddr $EDGE6 th sport 50000 accept
				counter name strange
			}
		}
	END
}
checksum_errors() {
	local node
	for node in client home; do
		lab_in $node nstat -asz 'UdpInCsumErrors' 'Udp6InCsumErrors' 'TcpInCsumErrors' 'IpInHdrErrors'
	done | awk '/^[A-Z]/ { sum += $2 } END { print sum }'
}

e2e_lab ethernet
config 0 'ports = [9001]'
config 1 'ports = [9002]'
other=1 killed=0 failures=''
e2e_echo home udp 7000,9001,9002,50000 tcp 7000
watch_for_strange
e2e_snapshot "$LAB_DIR/before"
swap
load_ms=$(took load --detach)
swap
reload_ms=$(took lab_xdpfwd reload eth0)
replace_ms=$(took load --detach)
check "it forwards" in_force

# On an interface that is loaded.
e2e_traffic_start
for ((i = 0; i < (moments + 1) / 2; i++)); do
	swap
	case $((RANDOM % 5)) in
	0 | 1) kill_during "$reload_ms" reload eth0 ;;
	2) kill_during "$replace_ms" load eth0 --detach --config "$LAB_DIR/ports.toml" ;;
	3) kill_during $((replace_ms + 1500)) load eth0 --config "$LAB_DIR/ports.toml" ;;
	4)
		# A flow that ends, a sweep that takes it away.
		e2e_ask "$EDGE4" $((9002 - other)) --timeout 0.2 >/dev/null
		kill_during 20 flows flush eth0 --forward other
		;;
	esac
	swap
	case $((RANDOM % 2)) in
	0) lab_xdpfwd reload eth0 >"$LAB_DIR/load.out" 2>&1 || broken "then reload fails" ;;
	1) load --detach || broken "then load fails" ;;
	esac
	in_force || broken "not all is forwarded"
done
report=$(e2e_traffic_stop)
check_equal "loaded: what comes after a kill goes well" '' "$failures"
check_equal "loaded: and nothing was lost" 3 "$(grep -cE 'sent [0-9]{3,} .* lost 0$' <<<"$report")"
echo "# ${report//$'\n'/$'\n'# }"
check_equal "nor half rewritten: at home" 0 "$(strange home)"
check_equal "at the client" 0 "$(strange client)"
check_equal "nor with a wrong checksum" 0 "$(checksum_errors)"
# As a first load leaves it that is killed when the flows have their tables, and the rules do not yet.
lab_in edge bpftool map delete pinned "$XDPFWD_BPFFS/xdpfwd/eth0/rulesets" key 0 0 0 0
check "without rules nothing is forwarded" bash -c "[[ \$1 != *home ]]" - "$(e2e_ask "$EDGE4" 7000 --timeout 0.2)"
check "and load puts them in place" load --detach
check "all of them" in_force

unload_ms=$(took lab_xdpfwd unload eth0)
e2e_snapshot "$LAB_DIR/after"
check_same "unload leaves the host as it was" "$LAB_DIR/before" "$LAB_DIR/after"

# From nothing, and to nothing.
failures=''
for ((i = 0; i < moments / 2; i++)); do
	swap
	if ((RANDOM % 2)); then
		kill_during "$load_ms" load eth0 --detach --config "$LAB_DIR/ports.toml"
	else
		load --detach || broken "load fails"
		kill_during "$unload_ms" unload eth0
	fi
	if ((RANDOM % 2)); then
		swap
		load --detach || broken "then load fails"
		in_force || broken "not all is forwarded"
	fi
	# Whether there is anything to unload depends on the moment.
	lab_xdpfwd unload eth0 >"$LAB_DIR/load.out" 2>&1 || grep -q 'not loaded' "$LAB_DIR/load.out" ||
		broken "then unload fails"
	e2e_snapshot "$LAB_DIR/after"
	cmp -s "$LAB_DIR/before" "$LAB_DIR/after" ||
		broken "the host is not as it was: $(diff "$LAB_DIR/before" "$LAB_DIR/after")"
done
check_equal "not loaded: what comes after a kill goes well" '' "$failures"
echo "# $killed of $moments were killed; load $load_ms, replace $replace_ms, reload $reload_ms, unload $unload_ms ms"
check "many were killed before their end" test "$killed" -gt $((moments / 3))
e2e_done
