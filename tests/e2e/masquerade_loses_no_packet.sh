#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Masqueraded UDP and TCP under load: reloads, loads and ended agents lose no packet and no flow.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd

first_config() {
	config_begin
	config_forward echo 7000
	config_forward shifted '"8000-8009"' 'to_port = 9000'
	config_forward range '"50000-50009"'
}

# The busy forwards at other places of the file, with another one gone and one more: what is in use
# keeps its rules and its ports all the same.
other_config() {
	config_begin
	config_forward more 7201
	config_forward range '"50000-50019"'
	config_forward echo 7000
}

# wait_busy - until each of the three conversations has had answers
wait_busy() {
	[[ $(flow_rows state) == confirmed$'\n'confirmed$'\n'established ]]
}

end_agent() {
	local pid
	pid=$(lab_pid agent)
	rm "$LAB_DIR/pid/agent"
	kill "-$1" "$pid"
	lab_wait 5 "the agent to end" lab_gone "$pid"
}

e2e_lab ethernet
home_stays_home
e2e_echo home udp 7000,50000 tcp 7000
for mode in tc native; do
	e2e_context="$mode: "
	first_config
	e2e_agent eth0 --mode "$mode"
	e2e_traffic_start
	lab_wait 5 "the traffic" wait_busy
	flow_rows client,masquerade,public,backend >"$LAB_DIR/flows"
	for round in 1 2 3; do
		other_config
		check "reload, $round" lab_xdpfwd reload eth0
		first_config
		check "reload, $round, and back" lab_xdpfwd reload eth0
	done
	check "the agent is killed by SIGKILL" end_agent KILL
	check "another load takes over" e2e_agent eth0 --mode "$mode"
	check "the agent ends by SIGTERM" end_agent TERM
	check "load --detach on a loaded interface" e2e_load --mode "$mode"
	if [[ $mode == tc ]]; then
		check "from TC to XDP" e2e_load --mode native
		check "from XDP to TC" e2e_load --mode tc
	fi
	check "a sweep, and a flush of others" lab_xdpfwd flows flush eth0 --client 203.0.113.0/24
	flow_rows client,masquerade,public,backend >"$LAB_DIR/flows.now"
	check_same "each flow is where it was" "$LAB_DIR/flows" "$LAB_DIR/flows.now"
	report=$(e2e_traffic_stop)
	check_equal "no packet was lost of UDP, IPv4 and IPv6, and of TCP" 3 \
		"$(grep -cE 'sent [0-9]{3,} .* lost 0$' <<<"$report")"
	[[ $report != *" lost "[1-9]* ]] || echo "# $report"
	check_equal "no flow was begun but these" 3 "$(flow_stat created)"
	e2e_unload
done
e2e_done
