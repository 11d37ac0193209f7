#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A list of masquerade addresses carries more flows than one address has ports, and spreads them.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd
crowd4=(198.51.100.31 198.51.100.32 198.51.100.33 198.51.100.34 198.51.100.35)
fence=198.51.100.43
many=(198.18.9.21 198.18.9.22 198.18.9.23)

# config LIMITS ADDRESS... - one forward, seen to come from these
config() {
	local list
	list=$(printf '"%s", ' "${@:2}")
	cat >"$LAB_DIR/ports.toml" <<-END
		[limits]
		flows = 100000
		flows_per_source = 0
		new_flows_per_second = 0
		$1
		[backend.home]
		address = "$HOME4"
		masquerade_address = [${list%, }]
		[[forward]]
		name = "crowd"
		protocol = ["tcp", "udp"]
		ports = [7001]
		backend = "home"
	END
}

# crowd WHAT [FILE] [OPTION...] - see crowd.py
crowd() {
	"$E2E_TOOLS/crowd.py" "$@" --lab "$LAB_ID" --public "$EDGE4" --fence $fence --protocol tcp 2>&1
}

# seen_from - how many flows come from each address: "198.18.9.21 1000"
seen_from() {
	flow_rows masquerade --proto tcp | sed 's/:[0-9]*$//' | uniq -c | awk '{ print $2, $1 }'
}

e2e_lab ethernet
lab_address client eth0 "${crowd4[@]/%//24}" $fence/24
lab_address edge eth1 "${many[@]/%//24}"
# All is made of single packets: no kernel is to answer for them.
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

e2e_snapshot "$LAB_DIR/before"
config '' "${many[0]}" 198.18.9.99
for way in --detach --dry-run; do
	check_match "load $way refuses an address of another host" \
		"ports.toml:8:22: .*198.18.9.99 is not an address of this host" \
		"$(lab_xdpfwd load eth0 --config "$LAB_DIR/ports.toml" $way 2>&1 || :)"
done
e2e_snapshot "$LAB_DIR/after"
check_same "and changes nothing" "$LAB_DIR/before" "$LAB_DIR/after"

for mode in native tc; do
	e2e_context="$mode: "
	config 'masquerade_ports = "20000-20999"' "${many[0]}"
	e2e_load --mode $mode
	check_equal "one address carries as many flows as there are ports, to the last one" \
		"opened 1000 refused 100" "$(crowd open "$LAB_DIR/first" --flows 1100 \
			--clients "${crowd4[@]}" --first-port 20900)"
	# Not each of the 100: within a batch the first SYNs give way to the last ones.
	check_equal "whom it refuses is counted" true "$(lab_xdpfwd stats eth0 --json |
		e2e_json 'd["interfaces"][0]["drops"]["no_port"] >= 36')"
	config 'masquerade_ports = "20000-20999"' "${many[@]:0:2}"
	check "one more address" lab_xdpfwd reload eth0
	check_equal "carries as many again" "opened 1000 refused 100" \
		"$(crowd open "$LAB_DIR/more" --flows 1100 --clients "${crowd4[@]}" \
			--first-port 30000 --first 5001)"
	check_equal "from each address" "${many[0]} 1000"$'\n'"${many[1]} 1000" "$(seen_from)"
	for file in first more; do
		check_equal "all talk on ($file)" "talked 1000 lost 0 moved 0" \
			"$(crowd talk "$LAB_DIR/$file")"
	done
	e2e_unload
done

e2e_context='70,000 flows to one backend: '
config '' "${many[@]}"
e2e_load --mode native
check_equal "are opened" "opened 70000 refused 0" "$(crowd open "$LAB_DIR/all" --flows 70000 \
	--clients "${crowd4[@]}")"
check_equal "are counted" 70000 "$(flow_count --proto tcp)"
check_equal "talk on" "talked 70000 lost 0 moved 0" "$(crowd talk "$LAB_DIR/all")"
check_equal "come from all addresses" "${many[*]}" "$(seen_from | cut -d ' ' -f 1 | xargs)"
check_equal "no two of them from one address and port" '' "$(flow_rows masquerade --proto tcp | uniq -d)"
e2e_unload
e2e_done
