#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 10,000 conversations outlast floods of many times the table, and newcomers are served meanwhile.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
table=16384 conversations=10000 per_source=4096
flood=$((6 * table))
crowd4=(198.51.100.31 198.51.100.32 198.51.100.33)
crowd6=(2001:db8:51::31 2001:db8:51::32)
hog=198.51.100.41 late=198.51.100.42 fence=198.51.100.43

# crowd WHAT [FILE] [OPTION...] - see crowd.py
crowd() {
	"$E2E_TOOLS/crowd.py" "$@" --lab "$LAB_ID" --public "$EDGE4" "$EDGE6" --fence $fence 2>&1
}

# drops REASON - packets that were dropped for it
drops() {
	lab_xdpfwd stats eth0 --json | e2e_json "d['interfaces'][0]['drops'].get('$1', 0)"
}

# newcomer [HOST] - a TCP connection of a real client to a real server
newcomer() {
	e2e_ask "${1:-$EDGE4}" 7000 --protocol tcp --timeout 10
}

# newcomers_during PROTOCOL - a flood, and newcomers one after the other for as long as it lasts
newcomers_during() {
	local what=$1 port=7000 pid served=0 failed=''
	[[ $what != udp ]] || port=7001
	crowd flood --protocol "$what" --port $port --flows $flood >"$LAB_DIR/flood" &
	pid=$!
	while ! lab_gone $pid; do
		answer=$(newcomer "$([[ $((served % 2)) == 0 ]] && echo "$EDGE4" || echo "$EDGE6")")
		served=$((served + 1))
		[[ $answer == "$EDGE_IN4 7000 home" || $answer == "$EDGE_IN6 7000 home" ]] ||
			failed+="$answer"$'\n'
	done
	wait $pid || failed+="the flood failed"
	check_match "$what: the flood was sent" "^sent ($flood|$((flood + 1))[0-9]*) " \
		"$(cat "$LAB_DIR/flood")"
	check_equal "$what: each of the newcomers was served" '' "$failed"
	check "$what: there were newcomers while it went on" test "$served" -ge 2
}

e2e_lab ethernet
lab_address client eth0 "${crowd4[@]/%//24}" $hog/24 $late/24 $fence/24 "${crowd6[@]/%//64}"
# What home answers to spoofed sources goes to a client that knows nothing of it.
lab_in edge ip route add default via "$CLIENT4"
lab_in edge ip route add default via "$CLIENT6"
# 7001 is made of single packets: no kernel is to answer for them.
for node in client home; do
	lab_in $node nft -f - <<-END
		table inet quiet {
			chain input {
				type filter hook input priority 0
				meta l4proto { tcp, udp } th dport 7001 drop
				meta l4proto { tcp, udp } th sport 7001 drop
			}
		}
	END
done
cat >"$LAB_DIR/ports.toml" <<END
[limits]
flows = $table
flows_per_source = $per_source

[backend.home]
address = ["$HOME4", "$HOME6"]

[[forward]]
name = "crowd"
protocol = ["tcp", "udp"]
ports = [7000, 7001]
backend = "home"
END
e2e_echo home udp 7000 tcp 7000

for mode in native tc; do
	e2e_context="$mode: "
	e2e_load --mode $mode
	file=$LAB_DIR/crowd
	check_equal "conversations are begun" "opened $conversations refused 0" \
		"$(crowd open "$file" --flows $conversations --clients "${crowd4[@]}" "${crowd6[@]}")"
	check_equal "some are closed and opened again" "renewed 500 refused 0" \
		"$(crowd renew "$file")"
	for protocol in tcp udp; do
		newcomers_during $protocol
		check_equal "$protocol: after the flood all talk on, from the same ports" \
			"talked $conversations lost 0 moved 0" "$(crowd talk "$file")"
		check_equal "$protocol: a newcomer is served after it" "$EDGE_IN4 7000 home" \
			"$(newcomer)"
	done
	check_equal "no established flow was refused" 0 "$(drops flows_full)"

	check_equal "one source gets no more than its share" \
		"opened $per_source refused 104" "$(crowd open "$file.hog" --clients $hog \
			--flows $((per_source + 104)) --first 20001)"
	check "which is counted" test "$(drops source_flows)" -ge 104
	check_equal "another one is served" "$EDGE_IN4 7000 home" "$(newcomer)"

	room=$((table - conversations - per_source))
	check_equal "the table takes in what it has room for" "opened $room refused 200" \
		"$(crowd open "$file.late" --clients $late --flows $((room + 200)) --first 30001)"
	check_equal "each refusal is counted" 200 "$(drops flows_full)"
	check_equal "and all that are in it talk on" "talked $conversations lost 0 moved 0" \
		"$(crowd talk "$file")"
	check "room is made" lab_xdpfwd flows flush eth0 --client $hog
	check_equal "and newcomers are let in again" "opened 200 refused 0" \
		"$(crowd open "$file.new" --clients $late --flows 200 --first 40001 --first-port 20000)"
	e2e_unload
done
e2e_done
