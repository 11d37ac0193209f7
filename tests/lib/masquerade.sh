# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of masquerade share: many connections at once, and the table of flows.
#
# Source after e2e.sh.

# config_begin - ports.toml with home's addresses, of which home may choose what to call its own
config_begin() {
	cat >"$LAB_DIR/ports.toml" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		device = "$BACKEND_DEV"
	END
}

# config_forward NAME PORTS [LINE...] - one more forward of TCP and UDP; masquerade is the default
config_forward() {
	printf '%s\n' '[[forward]]' "name = \"$1\"" "ports = [$2]" "${@:3}" >>"$LAB_DIR/ports.toml"
	[[ "${*:3}" == *protocol* ]] || echo 'protocol = ["tcp", "udp"]' >>"$LAB_DIR/ports.toml"
	[[ "${*:3}" == *backend* ]] || echo 'backend = "home"' >>"$LAB_DIR/ports.toml"
}

# home_stays_home - home knows its own link and nothing else, as behind a router that nobody can set
home_stays_home() {
	lab_in home ip route del default
	lab_in home ip -6 route del default
}

# many_start HOST,PORT,COUNT... - open connections from the client; many_answer prints how it went
many_start() {
	mkfifo "$LAB_DIR/many.in" "$LAB_DIR/many.out"
	nsenter "--net=/run/netns/$(lab_ns client)" "$E2E_TOOLS/echo_many.py" "$@" \
		<"$LAB_DIR/many.in" >"$LAB_DIR/many.out" 2>"$LAB_DIR/log/many" &
	echo $! >"$LAB_DIR/pid/many"
	exec 8>"$LAB_DIR/many.in" 9<"$LAB_DIR/many.out"
	rm "$LAB_DIR/many.in" "$LAB_DIR/many.out"
}

# many_answer - the next line that echo_many.py prints
many_answer() {
	local answer
	if read -r -t 60 answer <&9; then
		echo "$answer"
	else
		echo "no answer: $(tail -n 1 "$LAB_DIR/log/many")"
	fi
}

# many_tell COMMAND... - see echo_many.py; prints its answer
many_tell() {
	echo "$*" >&8
	many_answer
}

# many_stop - all connections are closed
many_stop() {
	exec 8>&- 9<&-
	lab_stop many
}

# shellcheck disable=SC2120 # called without arguments too
# flow_count [FILTER...] - how many flows there are
flow_count() {
	lab_xdpfwd flows count eth0 --json "$@" | e2e_json 'd["flows"]'
}

# flow_rows KEYS [FILTER...] - these values of each flow, sorted: "client,masquerade"
flow_rows() {
	local keys=$1
	shift
	lab_xdpfwd flows list eth0 --json "$@" | python3 -c '
import json, sys
keys = sys.argv[1].split(",")
for row in sorted(" ".join(str(flow[key]) for key in keys) for flow in json.load(sys.stdin)["flows"]):
    print(row)' "$keys"
}

# flow_stat KEY - of the flow table in stats: created, expired
flow_stat() {
	lab_xdpfwd stats eth0 --json | e2e_json "d['interfaces'][0]['flows']['$1']"
}

# halves_watch - from here on count packets that were rewritten in part
#
# Whatever reaches home comes from an address of the edge, and whatever reaches the client from its
# public one; all of it with right checksums, and none to a port that its host has to refuse.
halves_watch() {
	halves_count home "$EDGE_IN4, $HOME4" "$EDGE_IN6, $HOME6"
	halves_count client "$EDGE4, $CLIENT4, $PEER4" "$EDGE6, $CLIENT6, $PEER6"
	halves_hosts >"$LAB_DIR/halves"
}

# halves_count NODE IPV4 IPV6 - count what does not come from these
halves_count() {
	lab_in "$1" nft -f - <<-END
		table inet halves
		delete table inet halves
		table inet halves {
			counter wrong { }
			chain in {
				type filter hook prerouting priority raw; policy accept;
				ip saddr != { $2 } counter name wrong
				ip6 saddr != { $3, fe80::/10 } counter name wrong
			}
		}
	END
}

# halves_hosts - lines "NODE COUNTER VALUE" of what hosts say of packets they did not expect
halves_hosts() {
	local node
	for node in client home edge; do
		lab_in "$node" nstat -asz | awk -v node="$node" \
			'$1 ~ /^(TcpOutRsts|TcpInCsumErrors|UdpInCsumErrors|UdpNoPorts)$/ {
				print node, $1, $2 }'
	done
}

# halves_seen - what has been counted since halves_watch; nothing when all is well
halves_seen() {
	local node wrong
	for node in client home; do
		wrong=$(lab_in "$node" nft -j list counters |
			e2e_json 'sum(c["counter"]["packets"] for c in d["nftables"] if "counter" in c)')
		((wrong == 0)) || echo "$node: $wrong packets from a wrong address"
	done
	halves_hosts | diff "$LAB_DIR/halves" - | sed -n 's/^>/more:/p'
}

# iperf3_start - its server on home
iperf3_start() {
	lab_start iperf3 home iperf3 -s
	lab_wait 5 "iperf3" lab_listens home tcp 5201
}

# iperf3_run HOST OPTION... - of what was sent, how much arrived: "100 %"
iperf3_run() {
	local host=$1
	shift
	lab_in client iperf3 -J -c "$host" "$@" | e2e_json '(lambda e: "%d %%" % (
		100 * e["sum_received"]["bytes"] / e["sum_sent"]["bytes"] if "sum_received" in e
		else 100 - e["sum"]["lost_percent"]))(d["end"])'
}

# check_iperf3 HOST - bulk both ways over TCP and UDP
#
# The last bytes may be under way when it ends, its UDP sockets are small, and a busy machine overruns
# them: half is enough.
check_iperf3() {
	local way
	for way in '' -R; do
		check_match "iperf3${way:+ $way}: TCP" '"([5-9].|100) %"' \
			"$(iperf3_run "$1" -n 50M $way 2>&1)"
		check_match "iperf3${way:+ $way}: UDP" '"([5-9].|100) %"' \
			"$(iperf3_run "$1" -u -b 20M -n 500K -l 1200 $way 2>&1)"
	done
}

# host_counter NODE NAME - what a host has counted of its own TCP and UDP: UdpNoPorts
host_counter() {
	lab_in "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}

# talk HOST PORT FROM - one UDP exchange from a port of the client's; prints who home sees
talk() {
	local seen
	seen=$(lab_in client "$E2E_TOOLS/echo_client.py" ask "$1" "$2" --source-port "$3" 2>&1)
	[[ $seen == *:* ]] && seen="[${seen/ /]:}" || seen=${seen/ /:}
	echo "${seen%% *}"
}
