#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# --dry-run changes nothing, --json is JSON with the promised keys, and stats count exactly.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config
e2e_echo home udp 7000,50000 tcp 7000

# has WHAT FILTER COMMAND... - Python that must hold for the JSON (d) that a command prints
has() {
	local what=$1 filter=$2
	shift 2
	check_equal "$what" true "$(lab_xdpfwd "$@" --json 2>&1 | e2e_json "$filter" 2>&1)"
}
# counters PROTOCOL NAME - [packets_in, bytes_in, packets_out, bytes_out] of a forward
counters() {
	lab_xdpfwd stats eth0 --json | e2e_json "[[f[k] for k in
		('packets_in', 'bytes_in', 'packets_out', 'bytes_out')]
		for f in d['interfaces'][0]['forwards']
		if f['name'] == '$2' and f['protocol'] == '$1'][0]"
}
pings() {
	lab_in client "$E2E_TOOLS/echo_client.py" pings "$@" --rate 1000 >/dev/null
}

e2e_snapshot "$LAB_DIR/before"
plan=$(lab_xdpfwd load eth0 --config "$LAB_DIR/ports.toml" --dry-run)
e2e_snapshot "$LAB_DIR/after"
check_same "--dry-run changes nothing" "$LAB_DIR/before" "$LAB_DIR/after"
check_match "it shows the ports" '49152-59999' "$plan"
check_match "and the backend" "$HOME4" "$plan"
check_match "and the sysctl it would touch" 'ip_local_reserved_ports' "$plan"
check_match "and the hook" '\btc' "$plan"

for command in status stats; do
	has "$command --json with nothing loaded" 'd["interfaces"] == []' "$command"
done
has "check --json" 'isinstance(d, dict)' check --config "$LAB_DIR/ports.toml"
has "presets --json" '"snikket" in json.dumps(d)' presets
check "presets snikket is a config to paste" grep -q '^\[\[forward\]\]' \
	<(lab_xdpfwd presets snikket)

for mode in tc native; do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	check_match "load says what is forwarded" '7000' "$(cat "$LAB_DIR/load.out")"
	has "status --json has the promised keys" 'all(k in i for i in d["interfaces"] for k in
		("interface", "mode", "hooks", "backends", "config", "loaded_at", "agent_pid"))' status
	has "of hooks" 'd["interfaces"][0]["hooks"] and all(sorted(h)[:4] ==
		["device", "hook", "mode", "reason"] for h in d["interfaces"][0]["hooks"])' status
	has "of backends" 'all(k in b for b in d["interfaces"][0]["backends"]
		for k in ("name", "address", "device", "next_hop"))' status eth0
	has "stats --json has the promised keys" 'all(k in f for f in d["interfaces"][0]["forwards"]
		for k in ("name", "protocol", "packets_in", "bytes_in", "packets_out", "bytes_out"))
		and isinstance(d["interfaces"][0]["drops"], dict)' stats
	has "of every forward and protocol" 'sorted((f["name"], f["protocol"])
		for f in d["interfaces"][0]["forwards"]) == [("echo", "tcp"), ("echo", "udp"),
		("relay", "udp"), ("shifted", "tcp"), ("shifted", "udp"), ("turn", "tcp"),
		("turn", "udp"), ("xmpp", "tcp")]' stats

	check_equal "counters begin at 0" '[0, 0, 0, 0]' "$(counters udp echo)"
	# 64 bytes of payload; the answer is longer by what the server says of itself.
	pings "$EDGE4" 7000 --count 100 --source-port 40000
	answer=$((20 + 8 + $(wc -c <<<"$CLIENT4 40000 7000 home") + 64))
	check_equal "100 packets over IPv4 are counted, with their bytes" \
		"[100, $((100 * (20 + 8 + 64))), 100, $((100 * answer))]" "$(counters udp echo)"
	pings "$EDGE6" 50000 --count 50 --source-port 40000
	answer=$((40 + 8 + $(wc -c <<<"$CLIENT6 40000 50000 home") + 64))
	check_equal "50 packets over IPv6, too" \
		"[50, $((50 * (40 + 8 + 64))), 50, $((50 * answer))]" "$(counters udp relay)"
	check_equal "others stay at 0" '[0, 0, 0, 0]' "$(counters tcp echo)"
	before=$(counters udp echo)
	check "reload" lab_xdpfwd reload eth0
	check_equal "counters go on over a reload" "$before" "$(counters udp echo)"
	e2e_load --mode "$mode"
	check_equal "and over another load" "$before" "$(counters udp echo)"
	e2e_unload
done
e2e_done
