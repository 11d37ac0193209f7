#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# status and stats with --watch, and top: on a terminal, in a pipe, as JSON.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config masquerade
e2e_echo home udp 7000,50000 tcp 7000
screen() {
	lab_in edge python3 "$E2E_TOOLS/screen.py" "$@"
}
# json FILTER COMMAND... - Python that is asked of the JSON (d) of a command
json() {
	local filter=$1
	shift
	lab_xdpfwd "$@" --json | e2e_json "$filter"
}
# plain WHAT TEXT - as a pipe wants it: no escape sequence, 80 columns
plain() {
	check_fails "$1: no escape sequences" grep -q $'\033' <<<"$2"
	check_equal "$1: 80 columns" '' "$(grep -E '.{81}' <<<"$2" || :)"
}

check_equal "top with nothing loaded" "nothing is loaded" "$(lab_xdpfwd top)"
check_equal "as JSON" '{"interfaces": []}' "$(json d top)"
check_match "top of one that is not loaded" 'eth7 is not loaded' "$(lab_xdpfwd top eth7 2>&1 || :)"
check_equal "which is an error" 1 "$(lab_xdpfwd top eth7 >/dev/null 2>&1 && echo 0 || echo $?)"
e2e_load
first=$(lab_xdpfwd top)
check_match "no flows yet" 'no flow has carried anything' "$first"
check_match "no drops yet" 'nothing dropped' "$first"

# 500 packets a second to one forward, fewer to another, and some that are dropped.
lab_start many client python3 "$E2E_TOOLS/echo_client.py" pings "$EDGE4" 7000 --rate 500
lab_start few client python3 "$E2E_TOOLS/echo_client.py" pings "$EDGE6" 50000 --rate 100
sleep 0.5
piped=$(lab_xdpfwd top)
plain "top" "$piped"
check_equal "top: once" 1 "$(grep -c '^eth0:' <<<"$piped")"
check_match "top: a forward and its rate" '^  echo +udp +[45][0-9]{2} +[0-9.]+k +[45][0-9]{2} +[0-9.]+k$' "$piped"
check_match "top: one without" '^  xmpp +tcp +0 +0 +0 +0$' "$piped"
check_match "top: the busiest flow first" "^  udp +$CLIENT4:[0-9]+ +echo " \
	"$(grep -A 1 CLIENT <<<"$piped")"
check_match "top: the other one, too" "^  udp +\\[$CLIENT6\\]:[0-9]+ +relay " "$piped"
rates=$(json '[[round(f[k]) for k in ("packets_in_per_s", "packets_out_per_s")] for f in
	d["interfaces"][0]["forwards"] if f["name"] == "echo" and f["protocol"] == "udp"][0]' top eth0)
check_match "top --json: rates" '^\[[45][0-9]{2}, [45][0-9]{2}\]$' "$rates"
check_equal "top --json: flows with rates" true "$(json 'len(d["interfaces"][0]["flows"]) == 2 and
	d["interfaces"][0]["flows"][0]["bytes_in_per_s"] > d["interfaces"][0]["flows"][1]["bytes_in_per_s"] > 0
	and d["interfaces"][0]["flows"][0]["forward"] == "echo"' top eth0)"
check_equal "top --json: drops" true \
	"$(json '"no_port" in d["interfaces"][0]["drops_per_s"]' top eth0)"

shown=$(screen 3 q "$XDPFWD" top --watch 1)
check_match "top on a terminal: drawn again and again" '^drawn: 3' "$shown"
check_match "with rates" '^  echo +udp +[45][0-9]{2} ' "$shown"
check_match "and flows" "^  udp +$CLIENT4:[0-9]+ +echo " "$shown"
check_match "in 80 columns" '^widest: ([0-7]?[0-9]|80) ' "$shown"
check_match "q ends it" '^code: 0' "$shown"
check_match "the screen of before is back" '^screen: restored' "$shown"
check_match "and so are the keys" '^keys: restored' "$shown"
for command in status stats top; do
	shown=$(screen 2 resize "$XDPFWD" $command eth0 --watch=1)
	check_match "$command: fits a terminal that got smaller" \
		'^widest: ([0-3]?[0-9]|40) lines: ([0-9]|10)$' "$shown"
	check_match "$command: Ctrl-C ends it" '^code: 0' "$shown"
	check_match "$command: and the screen is back" '^screen: restored' "$shown"
done
lab_stop many INT
lab_stop few INT

# In a pipe there is nothing to watch: once, and as without.
ageless() {
	sed 's/ [0-9]* s ago//'
}
for command in status stats; do
	piped=$(lab_xdpfwd $command --watch 1)
	check_equal "$command --watch in a pipe" "$(lab_xdpfwd $command | ageless)" "$(ageless <<<"$piped")"
	check_fails "$command: no escape sequences" grep -q $'\033' <<<"$piped"
	check_equal "$command --watch --json is one document" eth0 \
		"$(json 'd["interfaces"][0]["interface"]' $command --watch | tr -d '"')"
done
check "unload" lab_xdpfwd unload eth0
e2e_done
