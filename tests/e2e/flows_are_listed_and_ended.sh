#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The flows of masquerade: seen, counted, ended by hand and by reloads, and kept by all the others.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
config=$LAB_DIR/ports.toml

# forward NAME PROTOCOL PORT - a forward to home as ports.toml has it, masqueraded
forward() {
	printf '[[forward]]\nname = "%s"\nprotocol = "%s"\nports = [%s]\nbackend = "home"\n' "$@"
}

# config_of FORWARD... - ports.toml with these, of: udp, tcp, more
config_of() {
	{
		printf '[limits]\nflows = %s\n' "${flows:-5000}"
		printf '[backend.home]\naddress = ["%s", "%s"]\n' "$HOME4" "$HOME6"
		while (($#)); do
			case $1 in
			udp) forward udp udp 7000 ;;
			tcp) forward tcp tcp 7000 ;;
			more) forward more udp 7001 ;;
			esac
			shift
		done
	} >"$config"
}

flows() {
	lab_xdpfwd flows "$@"
}

# flow_keys FILTER... - FORWARD=CLIENT of the flows, sorted, each once
flow_keys() {
	flows --json "$@" | e2e_json \
		'" ".join(sorted({f["forward"] + "=" + f["client"].rpartition(":")[0] for f in d["flows"]}))'
}

flow_count() {
	flows count eth0 --json "$@" | e2e_json 'd["flows"]'
}

# counted PROTOCOL - flows that there are by the counters
counted() {
	lab_xdpfwd stats --json | e2e_json 'd["interfaces"][0]["flows"]["'"$1"'"]'
}

ask_all() {
	e2e_ask "$EDGE4" 7000 >/dev/null
	e2e_ask "$EDGE6" 7000 >/dev/null
	e2e_ask "$EDGE4" 7001 >/dev/null
	e2e_ask "$EDGE4" 7000 --protocol tcp >/dev/null
}

all_keys="\"more=$CLIENT4 tcp=$CLIENT4 udp=$CLIENT4 udp=[$CLIENT6]\""

e2e_echo home udp 7000,7001 tcp 7000
config_of udp tcp more
e2e_load --mode tc

check_equal "at first there is none" 0 "$(flow_count)"
check_match "and the table says so" '^  no flows$' "$(flows)"
ask_all
check_equal "one for each conversation" "$all_keys" "$(flow_keys)"
check_equal "count says how many" \
	'{"flows": 4, "by_protocol": {"tcp": 1, "udp": 3}, "max": 5000}' "$(flows count --json | e2e_json d)"
check_match "stats says how many" '^  flows: 4 of 5000$' "$(lab_xdpfwd stats)"

check_equal "a flow names both its sides" "\"$EDGE4:7001 $HOME4:7001 eth0\"" \
	"$(flows --json --forward more |
		e2e_json '"{public} {backend} {interface}".format(**d["flows"][0])')"
check_equal "and what it carried" true "$(flows --json --forward more | e2e_json \
	'all(d["flows"][0][k] > 0 for k in ("packets_in", "packets_out", "bytes_in", "bytes_out"))')"

check_equal "--proto" "\"tcp=$CLIENT4\"" "$(flow_keys --proto tcp)"
check_equal "--client" "\"udp=[$CLIENT6]\"" "$(flow_keys --client "$CLIENT6/64")"
check_equal "--backend by name" 4 "$(flow_count --backend home)"
check_equal "--backend by address" 1 "$(flow_count --backend "$HOME6")"
check_equal "--backend that there is not" 0 "$(flow_count --backend away)"
check_equal "--forward" "\"more=$CLIENT4\"" "$(flow_keys --forward more)"

check_equal "flush ends those it is told to" "eth0: 1 flows ended" \
	"$(flows flush eth0 --client "$CLIENT6")"
check_equal "and no others" 3 "$(flow_count)"
ask_all

flows=6000 config_of udp tcp more
lab_xdpfwd reload eth0 2>"$LAB_DIR/reload.err"
check_equal "a reload that changes no forward keeps them" "$all_keys" \
	"$(flow_keys)"
check_match "it says that the table keeps its size" \
	'limits: flows = 6000 takes effect after unload and load' "$(cat "$LAB_DIR/reload.err")"
check "so does another load" e2e_load --mode tc
check_equal "which keeps them, too" "$all_keys" "$(flow_keys)"

echo 'broken = [' >"$config"
check_fails "a bad config is refused" lab_xdpfwd reload eth0
check_equal "and ends nothing" "$all_keys" "$(flow_keys)"

config_of udp tcp
lab_xdpfwd reload eth0 2>/dev/null
check_equal "a forward that is gone takes its flows" "\"tcp=$CLIENT4 udp=$CLIENT4 udp=[$CLIENT6]\"" "$(flow_keys)"
config_of udp
lab_xdpfwd reload eth0 2>/dev/null
check_equal "the last one of a protocol, too" \
	"\"udp=$CLIENT4 udp=[$CLIENT6]\"" "$(flow_keys)"
check_equal "the counters agree" 0 "$(counted tcp)"
config_of udp tcp more
lab_xdpfwd reload eth0 2>/dev/null
ask_all
check_equal "and back again" "$all_keys" "$(flow_keys)"

flows flush >/dev/null
check_equal "flush without a filter ends all" 0 "$(flow_count)"
check_equal "the counters agree" "0 0" "$(counted tcp) $(counted udp)"
e2e_unload
check_match "unload leaves nothing to list" 'nothing is loaded' "$(flows)"

# none_of PROTOCOL - the counters say that there are no flows
none_of() {
	[[ $(counted "$1") == 0 ]]
}

config_of tcp
forward udp udp 7000 >>"$config"
echo 'timeout = { udp = "1s" }' >>"$config"
e2e_agent eth0 --mode tc
ask_all
check_equal "a short timeout is another forward's no matter" 1 "$(flow_count --proto tcp)"
check "the agent sweeps what has been idle for too long" lab_wait 40 "the sweep" none_of udp
check_equal "which is counted as expired" 2 \
	"$(lab_xdpfwd stats --json | e2e_json 'd["interfaces"][0]["flows"]["expired"]')"
check_equal "and nothing else" 1 "$(flow_count)"
e2e_done
