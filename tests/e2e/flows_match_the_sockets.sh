#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `flows` against real sockets; what is flushed, reloaded away or unloaded is over at once.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd
OTHER4=198.18.9.3 OTHER6=2001:db8:9::3
RESET='1 [Errno 104] Connection reset by peer'

# config BACKEND - forwards "web" and "game" to home and "mail" to BACKEND
config() {
	config_begin
	printf '%s\n' '[backend.other]' "address = [\"$OTHER4\", \"$OTHER6\"]" >>"$LAB_DIR/ports.toml"
	config_forward web 7000
	config_forward game 8000 'to_port = 9000'
	[[ $1 == none ]] || config_forward mail 7100 "backend = \"$1\""
}

# expected_rows - what `flows` should say of the TCP connections: the client's word and home's
expected_rows() {
	many_tell ends "$LAB_DIR/ends" >/dev/null
	lab_in home ss -Htn state established | awk '{ print $4, $3 }' | sort >"$LAB_DIR/home-ends"
	awk '{ print $2, $1, $3 }' "$LAB_DIR/ends" | sort | join - "$LAB_DIR/home-ends" |
		awk '{ print $2, $1, $3, $4 }' | sort
}

check_list() {
	local seen4 seen6 answer
	many_start "$EDGE4,7000,5" "$EDGE6,7000,4" "$EDGE4,7100,3" "$EDGE6,7100,2" "$EDGE4,8000,1" \
		"$EDGE4,7000,2,$PEER4"
	check_equal "connections" "opened 17 of 17" "$(many_answer)"
	expected_rows >"$LAB_DIR/expected"
	flow_rows client,masquerade,public,backend --proto tcp >"$LAB_DIR/rows"
	check_same "TCP: all four ends are those of the sockets" "$LAB_DIR/expected" "$LAB_DIR/rows"
	check_equal "TCP: there are that many" 17 "$(wc -l <"$LAB_DIR/expected")"

	seen4=$(talk "$EDGE4" 8000 41000) seen6=$(talk "$EDGE6" 7100 41000)
	answer=$((20 + 8 + $(wc -c <<<"${seen4/:/ } 9000 home") + 64))
	check_equal "UDP: ends, state and what was carried" \
		"$CLIENT4:41000 $seen4 $EDGE4:8000 $HOME4:9000 game replied 1 1 92 $answer
[$CLIENT6]:41000 $seen6 [$EDGE6]:7100 [$OTHER6]:7100 mail" \
		"$(flow_rows client,masquerade,public,backend,forward,state,packets_in,packets_out,bytes_in,bytes_out \
			--proto udp | sed 's/ mail .*/ mail/')"
	check_equal "UDP: a second packet confirms it, with the same port" \
		"$seen4 $CLIENT4:41000 confirmed 2 2" "$(talk "$EDGE4" 8000 41000) $(flow_rows \
			client,state,packets_in,packets_out --proto udp --client "$CLIENT4")"
}

# check_counts - each filter, and several at once
check_counts() {
	local filter
	while read -r number filter; do
		# shellcheck disable=SC2086 # several words
		check_equal "flows count $filter" "$number" "$(flow_count $filter)"
	done <<-END
		19
		17 --proto tcp
		2 --proto udp
		10 --client $CLIENT4
		2 --client $PEER4
		12 --client 198.51.100.0/24
		7 --client 2001:db8:51::/64
		0 --client 203.0.113.0/24
		13 --backend home
		6 --backend other
		3 --backend $OTHER4
		11 --forward web
		6 --forward mail
		1 --forward game --proto tcp
		2 --backend other --proto tcp --client $CLIENT6
	END
	check_match "flows count in words" '^eth0: 19 flows \(tcp 17, udp 2\) of 131072$' \
		"$(lab_xdpfwd flows count)"
	check_equal "flows list in words: a heading, and a row for each" 2 \
		"$(lab_xdpfwd flows --forward game | sed 1d | grep -c game)"
}

check_flush() {
	check_equal "flush of one forward" '{"ended": 2}' \
		"$(lab_xdpfwd flows flush eth0 --forward game --json | e2e_json d)"
	check_equal "they are gone" "0 17" "$(flow_count --forward game) $(flow_count)"
	check_equal "its connection is a stranger's" "echoed 0 of 1; 1 lost: $RESET" \
		"$(many_tell echo 8000)"
	check_match "the others go on" '^echoed 11 of 11;' "$(many_tell echo 7000)"
	check_match "a new packet begins anew" "^$EDGE_IN4:" "$(talk "$EDGE4" 8000 41000)"
}

# check_backends - UDP goes on without a pause while the backend of "mail" changes and then goes away
check_backends() {
	local before
	lab_start talk client "$E2E_TOOLS/echo_client.py" pings "$EDGE4" 7100 --source-port 42000
	lab_wait 5 "packets to the other backend" moved other 0
	config home
	lab_xdpfwd reload eth0 2>/dev/null
	before=$(at_home other)
	check "reload with another backend: it gets the packets" \
		lab_wait 5 "packets to home" moved home "$(at_home home)"
	check_equal "the old one gets none any more" "$before" "$(at_home other)"
	check_equal "its connections end" "5 lost" "$(many_tell echo 7100 | grep -o '[0-9]* lost' |
		awk '{ print $1 - 1, $2 }')"
	config none
	lab_xdpfwd reload eth0 2>/dev/null
	before="$(at_home other) $(at_home home)"
	check_equal "reload without the forward: its flows are gone" 0 "$(flow_count --forward mail)"
	sleep 0.2
	check_equal "nobody gets its packets" "$before" "$(at_home other) $(at_home home)"
	check_match "the others go on" '^echoed 11 of 11;' "$(many_tell echo 7000)"
	lab_stop talk
}

# at_home BACKEND - packets to 7100 of that backend; both are the same host
at_home() {
	lab_in home nft -j list counter inet backends "$1" |
		e2e_json 'd["nftables"][1]["counter"]["packets"]'
}
moved() {
	(($(at_home "$1") > $2))
}

# inner_maps - ids of the maps that hold the flows themselves
inner_maps() {
	bpftool map dump pinned "$XDPFWD_BPFFS/xdpfwd/eth0/pools" -j | python3 -c '
import json, sys
for entry in json.load(sys.stdin):
    print(int.from_bytes(bytes(int(byte, 16) for byte in entry["value"]), sys.byteorder))'
}
none_left() {
	local id
	for id in $1; do
		! bpftool map show id "$id" || return 1
	done
}

e2e_lab ethernet
home_stays_home
lab_address home eth0 "$OTHER4/24" "$OTHER6/64"
e2e_echo home udp 7000,7100,9000 tcp 7000,7100,9000
lab_in home nft -f - <<-END
	table inet backends {
		counter home { }
		counter other { }
		chain in {
			type filter hook prerouting priority raw; policy accept;
			ip daddr $HOME4 udp dport 7100 counter name home
			ip daddr $OTHER4 udp dport 7100 counter name other
		}
	}
END
for mode in native tc; do
	e2e_context="$mode: "
	config other
	e2e_load --mode "$mode"
	check_list
	check_counts
	check_flush
	check_backends
	many_stop
	maps=$(inner_maps)
	check_equal "two protocols and two addresses: four maps of flows" 4 "$(wc -l <<<"$maps")"
	e2e_unload
	check_equal "unload leaves no pins" "$XDPFWD_BPFFS" \
		"$(find "$XDPFWD_BPFFS" -not -name '*.debug')"
	check "and frees the flows" lab_wait 5 "the maps to go" none_left "$maps"
done
e2e_done
