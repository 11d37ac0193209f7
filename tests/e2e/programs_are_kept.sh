#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A reload goes on with the programs that are there, and recovers from whatever was cut off.
#
# E2E_SEED repeats the moments at which a run was killed.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config
e2e_echo_servers
config=$LAB_DIR/ports.toml
pins=$XDPFWD_BPFFS/xdpfwd/eth0
cp "$config" "$LAB_DIR/whole.toml"
head -n 20 "$config" >"$LAB_DIR/part.toml" # echo and shifted

# program_ids - the programs on the edge's devices, by id
program_ids() {
	local link
	for link in "$pins"/link_*; do
		lab_in edge bpftool -j link show pinned "$link" | e2e_json 'd["prog_id"]'
	done
}

is_forwarding() {
	check_equal "$1: IPv4" "$CLIENT4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
	check_equal "$1: IPv6" "$CLIENT6 9009 home" "$(e2e_ask "$EDGE6" 8009 --protocol tcp)"
}

for mode in native tc; do
	e2e_context="$mode: "
	cp "$LAB_DIR/part.toml" "$config"
	e2e_load --mode "$mode"
	before=$(program_ids)
	check_match "there are programs" '[0-9]' "$before"
	check_equal "50000 is not forwarded yet" "udp $EDGE4 port 50000: [Errno 111] Connection refused" \
		"$(e2e_ask "$EDGE4" 50000)"
	cp "$LAB_DIR/whole.toml" "$config"
	check "reload" lab_xdpfwd reload eth0
	check_equal "the same programs go on" "$before" "$(program_ids)"
	check_equal "by the new rules" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
	check "another load" e2e_load --mode "$mode"
	check_equal "goes on with them, too" "$before" "$(program_ids)"

	rm "$pins/prog_tc"
	check "reload without one of the pins" lab_xdpfwd reload eth0
	check_equal "brings the pin back" yes "$([[ -e $pins/prog_tc ]] && echo yes)"
	check "with new programs" test "$before" != "$(program_ids)"
	is_forwarding "they forward"
	e2e_unload
done

# kill_at MILLISECONDS CMD... - begin it, and kill it by then
kill_at() {
	local pid ms=$1
	shift
	lab_in edge "$XDPFWD" "$@" >/dev/null 2>&1 &
	pid=$!
	sleep "0.$(printf %03d "$ms")"
	kill -KILL "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
}

: "${E2E_SEED:=$RANDOM}"
RANDOM=$E2E_SEED
echo "# seed $E2E_SEED"
e2e_context="killed: "
e2e_load --mode native
for round in {1..8}; do
	((round % 2)) || rm -f "$pins/prog_xdp"
	kill_at $((RANDOM % 200)) reload eth0
	check "reload $round" lab_xdpfwd reload eth0
done
is_forwarding "after reloads"
for round in {1..4}; do
	kill_at $((RANDOM % 60)) unload eth0
	check "load $round" e2e_load --mode native
done
is_forwarding "after unloads"
kill_at $((RANDOM % 60)) unload eth0
lab_unload >/dev/null 2>&1 || : # done already, perhaps
check_fails "nothing is left" test -e "$XDPFWD_BPFFS/xdpfwd"
e2e_done
