#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend is given by its name: the agent follows its address, and keeps the last good one.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$E2E_TOOLS/masquerade.sh"

e2e_needs_xdpfwd

OTHER4=198.18.9.3

# The agent sees a hosts file of its own, and no name server.
names() {
	printf '%s home.example\n' "$@" >"$LAB_DIR/hosts"
}
no_names() {
	: >"$LAB_DIR/hosts"
}
check_soon() {
	local what=$1
	shift
	lab_wait 15 "$what" "$@" || :
	check "$what" "$@"
}
backend_is() {
	[[ $(lab_xdpfwd status eth0 --json |
		e2e_json '" ".join(b["address"] for b in d["interfaces"][0]["backends"])') == "\"$1\"" ]]
}
lookup_is() {
	local sample='xdpfwd_backend_last_lookup_successful{interface="eth0",backend="home"}'
	[[ $(lab_xdpfwd metrics eth0 | grep -F "$sample") == "$sample $1" ]]
}
flows_to() {
	[[ $(flow_count --backend "$1") == "$2" ]]
}

e2e_lab ethernet
lab_address home eth0 "$OTHER4/24"
cat >"$LAB_DIR/ports.toml" <<-END
	[backend.home]
	address = "home.example"

	[[forward]]
	name = "hidden"
	protocol = "tcp"
	ports = [9001]
	backend = "home"
END
e2e_echo home tcp 9001
names "$HOME4"
echo 'hosts: files' >"$LAB_DIR/nsswitch.conf"
# shellcheck disable=SC2016 # expanded by the inner shell
lab_start agent edge env XDPFWD_RESOLVE_INTERVAL=1 unshare --mount sh -c '
	mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf &&
		exec "$2" load eth0 --config "$1/ports.toml"' - "$LAB_DIR" "$XDPFWD"
lab_wait 10 "the agent" e2e_agent_is eth0 "$(lab_pid agent)"

check_equal "by its first address" "$EDGE_IN4 9001 home" "$(e2e_ask "$EDGE4" 9001 --protocol tcp)"
check "there is a flow" flows_to "$HOME4" 1
check "the lookup counts as good" lookup_is 1

names "$OTHER4"
check_soon "it has another address" backend_is "$OTHER4"
check_equal "which new connections go to" "$EDGE_IN4 9001 home" "$(e2e_ask "$EDGE4" 9001 --protocol tcp)"
check "as flows show" flows_to "$OTHER4" 1
check "flows to the address before have ended" flows_to "$HOME4" 0
check_match "the log tells it" "follows the host: backend \"home\" is $OTHER4\$" \
	"$(cat "$LAB_DIR/log/agent")"

no_names
check_soon "the name is gone, and metrics tell it" lookup_is 0
check "its last address stays" backend_is "$OTHER4"
check "with its flows" flows_to "$OTHER4" 1
check_equal "and is served" "$EDGE_IN4 9001 home" "$(e2e_ask "$EDGE4" 9001 --protocol tcp)"
check_match "the log tells it" 'warning: backend "home": cannot resolve "home.example" now' \
	"$(cat "$LAB_DIR/log/agent")"

names "$HOME4" "$OTHER4"
check_soon "it resolves again" lookup_is 1
check "one of several addresses stays in use" backend_is "$OTHER4"
names "$OTHER4" "$HOME4"
sleep 1.5
check "in whichever order they come" backend_is "$OTHER4"
check "and its flows never ended" flows_to "$OTHER4" 2
names "$HOME4"
check_soon "until it is not among them" backend_is "$HOME4"
check_equal "each change is told once" 2 "$(grep -c 'follows the host' "$LAB_DIR/log/agent")"

e2e_unload
lab_wait 10 "the agent to end" lab_gone "$(lab_pid agent)"
e2e_done
