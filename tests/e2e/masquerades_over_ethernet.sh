#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ethernet to Ethernet with masquerade: echo, chat, calls and iperf3, beside forwards that preserve.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config masquerade
config_forward iperf3 5201
cp "$LAB_DIR/ports.toml" "$LAB_DIR/all-masquerade.toml"
# Calls need the peers' own addresses; the rest goes to the same ports of home by the other mode.
sed -i '/^name = "relay"$/a source = "preserve"' "$LAB_DIR/ports.toml"
config_forward preserved 7100 'to_port = 7000' 'source = "preserve"'
config_forward xmpp-preserved 6222 'to_port = 5222' 'protocol = "tcp"' 'source = "preserve"'
e2e_echo_servers
service_prosody_start
service_coturn_start
iperf3_start

# check_side_by_side HOST CLIENT MASQUERADE - one service of home, by both modes
check_side_by_side() {
	: >"$LAB_DIR/log/prosody"
	: >"$LAB_DIR/log/coturn"
	check "XMPP: two users log in and pass a message" service_chat "$1"
	check "XMPP: the server sees the edge's address" service_logged prosody "($3, "
	check_fails "XMPP: and nowhere the client's" grep -qF "($2, " "$LAB_DIR/log/prosody"
	check "XMPP: by a forward that preserves, too" service_chat "$1" '' --port 6222
	check "XMPP: then the server sees the client's" service_logged prosody "($2, "
	for protocol in tcp udp; do
		check_equal "$protocol: home's 7000 by a forward that preserves" "$2 7000 home" \
			"$(e2e_ask "$1" 7100 --protocol $protocol)"
	done
}

for mode in native tc; do
	e2e_context="$mode: "
	e2e_load --mode "$mode"
	: >"$LAB_DIR/log/coturn"
	calls=()
	for options in "$EDGE4 $PEER4" "$EDGE6 $PEER6" "$EDGE4 $PEER4 -t" "$EDGE6 $PEER6 -t"; do
		# shellcheck disable=SC2086 # several words
		service_relay $options >"$LAB_DIR/call.${#calls[@]}" 2>&1 &
		calls+=($!)
	done
	e2e_context="$mode: IPv4: "
	check_side_by_side "$EDGE4" "$CLIENT4" "$EDGE_IN4"
	check_iperf3 "$EDGE4"
	e2e_context="$mode: IPv6: "
	check_side_by_side "$EDGE6" "$CLIENT6" "$EDGE_IN6"
	check_iperf3 "$EDGE6"
	e2e_context="$mode: "
	wait "${calls[@]}" || : # what they printed is judged, not how they ended
	check_equal "TURN: media is relayed both ways, over UDP and TCP, IPv4 and IPv6" 4 \
		"$(cat "$LAB_DIR"/call.? | grep -c ' 0 lost$')"
	for seen in "$EDGE_IN4" "[$EDGE_IN6]"; do
		check "TURN: the server sees the edge's address $seen" \
			service_logged coturn ", remote $seen:"
	done
	e2e_unload
done

# Home needs no route, no gateway, nothing; what home sends of its own accord has no way out then.
home_stays_home
cp "$LAB_DIR/all-masquerade.toml" "$LAB_DIR/ports.toml"
for mode in native tc; do
	e2e_context="$mode, home without any route: "
	e2e_load --mode "$mode"
	if [[ $mode == tc ]]; then
		: >"$LAB_DIR/log/coturn"
		TURN_PATIENCE=6 service_relay "$EDGE4" "$PEER4" >"$LAB_DIR/call" 2>&1 &
		call=$!
	fi
	check_echo_both "$EDGE_IN4" "$EDGE_IN6"
	check "XMPP: two users log in and pass a message" service_chat "$EDGE4"
	[[ $mode != tc ]] || wait "$call" || :
	e2e_unload
done
e2e_context='relay ports by masquerade: '
warning="ports.toml:[0-9]+:[0-9]+: warning: forward \"relay\".*write source = \"preserve\""
check_match "load warns that calls fail" "$warning" "$(cat "$LAB_DIR/load.err")"
check_match "check does, too" "$warning" \
	"$("$XDPFWD" check --config "$LAB_DIR/ports.toml" 2>&1)"
check_match "and they do: media goes out, none comes back" \
	'tot_send_msgs=50, tot_recv_msgs=0,' "$(cat "$LAB_DIR/call")"
check "though TURN's own port gives relay addresses" \
	service_logged coturn 'ALLOCATE processed, success'
e2e_done
