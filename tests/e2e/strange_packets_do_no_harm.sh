#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Wrong packets go nowhere and are counted; a flood of fragments is bounded and harms nobody else.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config
config_forward masquerade 7100 'to_port = 7000'
e2e_echo_servers
# What home itself can put together is another matter: it has room for the flood.
lab_sysctl home net.ipv4.ipfrag_high_thresh=268435456 net.ipv6.ip6frag_high_thresh=268435456
OPTIONS=(--lab "$LAB_ID" --public4 "$EDGE4" --public6 "$EDGE6" --client4 "$CLIENT4"
	--client6 "$CLIENT6" --home4 "$HOME4" --home6 "$HOME6")

# counters - "REASON COUNT" of all that is counted, passed and dropped
counters() {
	lab_xdpfwd stats eth0 --json | python3 -c '
import json, sys
stats = json.load(sys.stdin)["interfaces"][0]
for reasons in (stats["drops"], *stats["passed"].values()):
    for reason, count in reasons.items():
        print(reason, count)'
}

# counted REASON... - how many packets these reasons have
counted() {
	local reason
	for reason; do
		counters | awk -v reason="$reason" '$1 == reason { sum += $2 } END { print sum + 0 }'
	done | tr '\n' ' '
}

# check_exchanges PORT SIZE - both families, and nothing gets lost
check_exchanges() {
	local host
	for host in "$EDGE4" "$EDGE6"; do
		check_equal "$host: 200 datagrams of $2 bytes to port $1" "sent 200 received 200 lost 0" \
			"$(lab_in client "$E2E_TOOLS/echo_client.py" pings "$host" "$1" --size "$2" \
				--count 200 --rate 400 2>&1)"
	done
}

# under_flood CMD... - while fragments pour in
under_flood() {
	lab_start flood client python3 "$E2E_TOOLS/strange.py" flood "${OPTIONS[@]}" --count 30000
	"$@"
	lab_wait 30 "the end of the flood" grep -q sent "$LAB_DIR/log/flood"
	lab_stop flood
}

check_flood() {
	check_lossless "what is whole goes on while fragments pour in" under_flood true
	under_flood check_exchanges 7000 4000
	check_match "the floods were sent" 'sent 30000' "$(cat "$LAB_DIR/log/flood")"
	check_exchanges 7100 4000
	check "what is kept of them takes less than 4 MB" fragments_are_small
	check_match "those that nothing came of are counted" '^[1-9][0-9]{4,} $' "$(counted held)"
}

# fragments_are_small - the memory of the maps that keep fragments
fragments_are_small() {
	local map bytes total=0
	for map in fragments fragments_held; do
		bytes=$(bpftool map show pinned "$XDPFWD_BPFFS/xdpfwd/eth0/$map" --json |
			e2e_json 'd["bytes_memlock"]')
		echo "$map: $bytes bytes"
		total=$((total + bytes))
	done
	((total > 0 && total < 4 << 20))
}

# check_kinds - one of each kind, both ways, both families, both modes on the way in
check_kinds() {
	"$E2E_TOOLS/strange.py" kinds "${OPTIONS[@]}" >"$LAB_DIR/kinds" 2>&1 || :
	check_match "no wrong packet arrives" '^none of [1-9][0-9]{2} arrived$' "$(cat "$LAB_DIR/kinds")"
	check_equal "header checksums that are wrong" "6 " "$(counted bad_checksum)"
	check_equal "lengths of TCP and UDP that are wrong" "24 " "$(counted bad_length)"
	check_equal "UDP over IPv6 without a checksum" "3 " "$(counted no_checksum)"
	check_equal "times that are over" "24 " "$(counted ttl_expired)"
}

for mode in native tc; do
	e2e_context="$mode: "
	e2e_load --mode $mode
	check_kinds
	check_flood
	e2e_unload
done
e2e_done
