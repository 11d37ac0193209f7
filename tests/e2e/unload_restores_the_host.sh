#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# After unload the host is as it was: sysctls, devices, qdiscs, programs, maps and pins.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd

# bpf_ids - the programs and maps of the lab, found from its pins: "prog 12", "map 34"
bpf_ids() {
	local pin
	find "$XDPFWD_BPFFS" -type f | while read -r pin; do
		bpftool -j prog show pinned "$pin" 2>/dev/null ||
			bpftool -j map show pinned "$pin" 2>/dev/null ||
			bpftool -j link show pinned "$pin" 2>/dev/null || :
	done | python3 -c '
import json, re, sys
text = sys.stdin.read()
decoder, at = json.JSONDecoder(), 0
while text[at:].strip():
    at += len(text[at:]) - len(text[at:].lstrip())
    item, at = decoder.raw_decode(text, at)
    for one in item if isinstance(item, list) else [item]:
        if "prog_id" in one:
            print("prog", one["prog_id"])
        elif "map_ids" in one or "tag" in one:
            print("prog", one["id"])
            for number in one.get("map_ids", []):
                print("map", number)
        elif "error" not in one:
            print("map", one["id"])
' | sort -u
}

# left IDS - those of the programs and maps that still exist
left() {
	local kind id
	sort -u <<<"$1" | while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || echo "$kind $id"
	done
}
none_left() {
	[[ -z $(left "$1") ]]
}

for variant in ethernet wireguard; do
	for mode in auto native; do
		[[ $variant$mode != wireguardnative ]] || continue
		e2e_context="$variant, $mode: "
		e2e_lab "$variant"
		e2e_config
		# The operator's own settings are to be kept, too.
		lab_sysctl edge net.ipv4.ip_local_reserved_ports=1234,40000-40010
		e2e_echo home udp 50000
		# The first packets of either family make neighbours, which tell no more later.
		lab_in edge ping -q -c 1 -W 2 "$HOME4" >/dev/null
		lab_in edge ping -q -c 1 -W 2 "$HOME6" >/dev/null
		e2e_snapshot "$LAB_DIR/before"
		e2e_load --mode "$mode"
		check_equal "it forwards" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
		check_match "the operator's reserved ports stay reserved" '^1234,.*,40000-40010,' \
			"$(lab_in edge sysctl -n net.ipv4.ip_local_reserved_ports)"
		ids=$(bpf_ids)
		check_match "programs are pinned" '^prog [0-9]+$' "$ids"
		check_match "maps are pinned" '^map [0-9]+$' "$ids"
		e2e_load --mode "$mode" # a second load must not take the first one's values for the host's
		ids+=$'\n'$(bpf_ids)
		e2e_unload
		e2e_snapshot "$LAB_DIR/after"
		check_same "sysctls, devices, qdiscs, hooks and pins are as before" \
			"$LAB_DIR/before" "$LAB_DIR/after"
		# The kernel frees them a moment after the last reference is gone.
		lab_wait 5 "programs and maps to go" none_left "$ids" 2>/dev/null || :
		check_equal "no program and no map is left" "" "$(left "$ids")"
	done
done

e2e_context='the backend device went away: '
e2e_lab ethernet
e2e_config
e2e_load
lab_in edge ip link del eth1
check "unload" lab_xdpfwd unload eth0
check_equal "no pins are left" "$XDPFWD_BPFFS" \
	"$(find "$XDPFWD_BPFFS" -not -name '*.debug')"
check_equal "the reserved ports are as before" "" \
	"$(lab_in edge sysctl -n net.ipv4.ip_local_reserved_ports)"

e2e_context='--all: '
e2e_lab ethernet
e2e_config
e2e_snapshot "$LAB_DIR/before"
e2e_load
check "unload --all" lab_xdpfwd unload --all
e2e_snapshot "$LAB_DIR/after"
check_same "all is as before" "$LAB_DIR/before" "$LAB_DIR/after"
e2e_done
