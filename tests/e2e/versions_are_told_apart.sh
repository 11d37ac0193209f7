#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a version with other map layouts has loaded goes on, is never misread, and can be unloaded.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config masquerade
e2e_echo home udp 7000,50000 tcp 7000
here=$(sed -n 's/^#define XDPFWD_ABI_VERSION //p' "$LAB_ROOT/include/xdpfwd/abi.h")
e2e_snapshot "$LAB_DIR/before"

# refused WHAT REGEX COMMAND... - it ends with 1 and says why
refused() {
	local what=$1 regex=$2 code=0 said
	shift 2
	said=$(lab_xdpfwd "$@" 2>&1 >/dev/null) || code=$?
	check_equal "$what is refused" 1 "$code"
	check_match "$what: and why" "$regex" "$said"
}

for there in $((here - 1)) $((here + 1)); do
	e2e_context="of $there, here $here: "
	e2e_load
	"$E2E_TOOLS/other_version.py" "$XDPFWD_BPFFS/xdpfwd/eth0/state" "$there"
	e2e_snapshot "$LAB_DIR/loaded"
	which="eth0 was loaded by a version with other map layouts"
	mend="$which \\($there, here $here\\); run .xdpfwd unload eth0. first"
	refused load "$mend" load eth0 --config "$LAB_DIR/ports.toml" --detach
	refused "load in the foreground" "$mend" load eth0 --config "$LAB_DIR/ports.toml"
	refused reload "$mend" reload eth0
	refused stats "$which" stats eth0
	refused flows "$which" flows list eth0
	refused flush "$which" flows flush eth0
	refused top "$which" top eth0
	refused metrics 'eth0' metrics eth0
	check_match "status tells what it can" '^eth0: forwarding' "$(lab_xdpfwd status eth0 2>&1)"
	check_equal "it forwards all the while" "$EDGE_IN4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
	e2e_snapshot "$LAB_DIR/after"
	check_same "and nothing has changed" "$LAB_DIR/loaded" "$LAB_DIR/after"
	check "unload" lab_xdpfwd unload eth0
	e2e_snapshot "$LAB_DIR/after"
	check_same "leaves the host as it was" "$LAB_DIR/before" "$LAB_DIR/after"
done

# An agent that unload has not found ends by itself, although the interface is loaded again before it
# looks.
e2e_context=''
e2e_agent eth0
sleep 1.5 # it has looked once
pid=$(lab_pid agent)
rm -r "$XDPFWD_BPFFS/xdpfwd/eth0"
e2e_load
lab_wait 10 "the agent to end" lab_gone "$pid" || :
check "the agent before ends" lab_gone "$pid"
check_match "and says why" 'eth0 was unloaded; the agent ends' "$(cat "$LAB_DIR/log/agent")"
check "the interface stays loaded" e2e_agent_is eth0 null
check_equal "and forwards" "$EDGE_IN4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
check "unload" lab_xdpfwd unload eth0
e2e_done
