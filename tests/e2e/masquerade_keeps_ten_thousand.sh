#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 10,000 TCP connections through masquerade live through reloads, loads and killed agents.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd

# config NAME PORT... - one forward for each
config() {
	cat >"$LAB_DIR/ports.toml" <<-END
		[limits]
		flows = 12000
		flows_per_source = 0
		[backend.home]
		address = ["$HOME4", "$HOME6"]
	END
	while (($#)); do
		cat >>"$LAB_DIR/ports.toml" <<-END
			[[forward]]
			name = "$1"
			protocol = "tcp"
			ports = [$2]
			backend = "home"
		END
		shift 2
	done
}

end_agent() {
	local pid
	pid=$(lab_pid agent)
	rm "$LAB_DIR/pid/agent"
	kill "-$1" "$pid"
	lab_wait 5 "the agent to end" lab_gone "$pid"
}

# check_kept WHAT CMD... - every connection echoes while CMD does its work and afterwards
check_kept() {
	local what=$1 output status=0
	shift
	many_tell busy >"$LAB_DIR/busy"
	output=$("$@" 2>&1) || status=$?
	if ((status)); then
		not_ok "$what: it is done" "status $status: $output"
	fi
	check_match "$what: all goes on" '^[1-9][0-9]* echoes$' "$(many_tell still)"
}

# check_all WHAT - each of the 10,000 echoes, and is where it was in the table
check_all() {
	check_equal "$1: each echoes" "echoed 10000 of 10000" "$(many_tell echo)"
	flow_rows client,masquerade,public >"$LAB_DIR/flows.now"
	check_same "$1: each has the same flow as before" "$LAB_DIR/flows" "$LAB_DIR/flows.now"
}

# seen_by_home - the other ends of its connections, as ss has them
seen_by_home() {
	lab_in home ss -Htn state established 'sport >= :7000 and sport <= :7001' |
		awk '{ print $4 }' | sort
}

for mode in tc native; do
	e2e_context="$mode: "
	e2e_lab ethernet
	home_stays_home
	e2e_echo home tcp 7000,7001
	halves_watch
	config first 7000 second 7001
	e2e_agent eth0 --mode "$mode"
	many_start "$EDGE4,7000,7000" "$EDGE4,7001,1000" "$EDGE6,7000,1000" "$EDGE6,7001,1000"
	check_equal "10,000 connections" "opened 10000 of 10000" "$(many_answer)"
	check_equal "each echoes bytes of its own" "echoed 10000 of 10000" "$(many_tell echo)"
	check_equal "flows count" 10000 "$(flow_count)"
	check_equal "all are established" "10000 established" \
		"$(flow_rows state | uniq -c | sed 's/^ *//')"
	many_tell ends "$LAB_DIR/ends" >/dev/null
	sort "$LAB_DIR/ends" >"$LAB_DIR/ends.sorted"
	flow_rows client,masquerade,public >"$LAB_DIR/flows"
	check_same "flows list names the ends that client and server see" \
		"$LAB_DIR/ends.sorted" "$LAB_DIR/flows"
	check_same "and that home's ss shows" <(cut -d ' ' -f 2 "$LAB_DIR/flows" | sort) \
		<(seen_by_home)

	check_kept "reload" lab_xdpfwd reload eth0
	check_kept "the agent is killed by SIGKILL" end_agent KILL
	check_kept "another load takes over" e2e_agent eth0 --mode "$mode"
	check_kept "the agent ends by SIGTERM" end_agent TERM
	check_kept "load --detach on a loaded interface" e2e_load --mode "$mode"
	if [[ $mode == tc ]]; then
		check_kept "from TC to XDP" e2e_load --mode native
		check_kept "from XDP to TC" e2e_load --mode tc
	fi
	check_kept "an agent again" e2e_agent eth0 --mode "$mode"
	check_all "in the end"
	check_equal "no flow was begun but those" 10000 "$(flow_stat created)"
	check_equal "no packet was rewritten in part" "" "$(halves_seen)"

	config first 7000
	check "reload without the second forward" lab_xdpfwd reload eth0
	check_equal "its flows are gone, and the table has room again" "8000 8000" \
		"$(flow_count) $(flow_stat tcp)"
	check_equal "those of the first one go on" "echoed 8000 of 8000" "$(many_tell echo 7000)"
	check_equal "the others are reset by the edge, as strangers are" \
		"echoed 0 of 2000; 2000 lost: 2000 [Errno 104] Connection reset by peer" \
		"$(many_tell echo 7001)"
	many_stop
	e2e_unload
done
e2e_done
