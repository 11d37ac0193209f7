#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Reload, a killed or ended agent, another load: under traffic none of it loses a packet.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config
e2e_echo home udp 7000,7001,9000-9009,50000 tcp 7000
config=$LAB_DIR/ports.toml
cp "$config" "$LAB_DIR/first.toml"

# other_config - one more forward; reload has something to do
other_config() {
	cat "$LAB_DIR/first.toml" - >"$config" <<-END

		[[forward]]
		name = "more"
		protocol = "udp"
		ports = [7001]
		backend = "home"
		source = "preserve"
	END
}

reload_back_and_forth() {
	local rounds=3
	while ((rounds--)); do
		other_config
		lab_xdpfwd reload eth0
		cp "$LAB_DIR/first.toml" "$config"
		lab_xdpfwd reload eth0
	done
}

end_agent() {
	local pid
	pid=$(lab_pid agent)
	rm "$LAB_DIR/pid/agent"
	kill "-$1" "$pid"
	lab_wait 5 "the agent to end" lab_gone "$pid"
}

for mode in tc native; do
	e2e_context="$mode: "
	e2e_agent eth0 --mode "$mode"
	check_lossless "reload, six times" reload_back_and_forth

	check_equal "before the reload 7001 is the edge's" \
		"udp $EDGE4 port 7001: [Errno 111] Connection refused" "$(e2e_ask "$EDGE4" 7001)"
	other_config
	check "reload takes the new file" lab_xdpfwd reload eth0
	check_equal "after it 7001 is forwarded" "$CLIENT4 7001 home" "$(e2e_ask "$EDGE4" 7001)"

	echo 'broken = [' >"$config"
	refuse_reload() {
		local status=0
		lab_xdpfwd reload eth0 || status=$?
		((status == 2))
	}
	check_lossless "a bad file is refused by reload with status 2" refuse_reload
	check_equal "and the old one stays in force" "$CLIENT4 7001 home" \
		"$(e2e_ask "$EDGE4" 7001)"
	cp "$LAB_DIR/first.toml" "$config"

	check_lossless "the agent is killed by SIGKILL" end_agent KILL
	check "status knows that there is no agent" e2e_agent_is eth0 null
	lab_in edge ip neigh flush all
	check_equal "without it a next hop that the kernel forgot is found again" \
		"$CLIENT6 50000 home" "$(e2e_ask "$EDGE6" 50000)"

	check_lossless "another load takes over" e2e_agent eth0 --mode "$mode"
	check_lossless "the agent ends by SIGTERM" end_agent TERM
	check_lossless "load --detach on a loaded interface" e2e_load --mode "$mode"
	if [[ $mode == tc ]]; then
		check_lossless "from TC to XDP" e2e_load --mode native
		check_lossless "from XDP to TC" e2e_load --mode tc
	fi
	e2e_unload
done

# What is tracked, too: over a reload and another load flows go on, with the ports they have.
e2e_context="masquerade: "
sed -i '/^source = /d' "$LAB_DIR/first.toml"
cp "$LAB_DIR/first.toml" "$config"
e2e_agent eth0
check_lossless "reload, six times" reload_back_and_forth
ports_before=''
keeps_its_ports() {
	ports_before=$(lab_xdpfwd flows --json | e2e_json 'sorted(f["masquerade"] for f in d["flows"])')
	reload_back_and_forth
	end_agent KILL
	e2e_agent eth0
	e2e_load
	ports_after=$(lab_xdpfwd flows --json | e2e_json 'sorted(f["masquerade"] for f in d["flows"])')
	[[ $ports_before == "$ports_after" && $ports_before == *:*:* ]]
}
check_lossless "reloads, a killed agent, another one, and a load" keeps_its_ports
e2e_unload
e2e_done
