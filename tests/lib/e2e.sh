# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the end-to-end tests share: one line for each check, a lab that goes away, common traffic.
#
# A test sources this, calls e2e_lab, and then check, check_equal and friends. A command that fails
# outside a check ends the test, and counts as a failure.

set -euo pipefail
E2E_TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lab.sh
. "$E2E_TOOLS/../../scripts/lab.sh"
# shellcheck source=tests/lib/services.sh
. "$E2E_TOOLS/services.sh"

e2e_failures=0
e2e_finished=
e2e_context=''

e2e_end() {
	local status=$?
	if [[ -z $e2e_finished ]]; then
		not_ok "the test ended early (status $status)"
	fi
	if ((e2e_failures)) && [[ -n ${E2E_LOGS:-} && $LAB_DIR ]]; then
		mkdir -p "$E2E_LOGS"
		cp -r "$LAB_DIR/log" "$E2E_LOGS/$(basename "$0" .sh)-$LAB_ID"
	fi
	((e2e_failures == 0 && status == 0)) || status=1
	lab_remove $status
	exit
}
trap e2e_end EXIT
trap 'exit 130' INT TERM
trap 'echo "# line $LINENO: $BASH_COMMAND" >&2' ERR

# e2e_done - the last line of a test
e2e_done() {
	e2e_finished=1
	((e2e_failures == 0))
}

# e2e_skip WHY - end a test that cannot be made here
e2e_skip() {
	echo "skip - $*"
	e2e_finished=1
	exit 0
}

# e2e_needs_xdpfwd - for tests that make no sense with the stand-in
e2e_needs_xdpfwd() {
	[[ $LAB_FORWARDER == xdpfwd ]] || e2e_skip "not a matter of $LAB_FORWARDER"
}

ok() {
	echo "ok - $e2e_context$*"
}

# not_ok WHAT [WHY] - a failed check; the first line of WHY goes with it, the rest below
not_ok() {
	e2e_failures=$((e2e_failures + 1))
	printf 'not ok - %s%s\n' "$e2e_context" "$1"
	if [[ -n ${2:-} ]]; then
		printf '#   %s\n' "${2//$'\n'/$'\n'#   }"
	fi
}

# check WHAT CMD... - the command succeeds
check() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$what"
	else
		not_ok "$what" "${output:-$* failed}"
	fi
}

# check_fails WHAT CMD... - the command does not succeed
check_fails() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		not_ok "$what" "${output:-$* succeeded}"
	else
		ok "$what"
	fi
}

# check_equal WHAT EXPECTED ACTUAL
check_equal() {
	if [[ $2 == "$3" ]]; then
		ok "$1"
	else
		not_ok "$1" "expected: $2"$'\n'"but is:   $3"
	fi
}

# check_match WHAT REGEX TEXT - some line of the text matches
check_match() {
	if grep -qE -- "$2" <<<"$3"; then
		ok "$1"
	else
		not_ok "$1" "no line matches /$2/ in:"$'\n'"$3"
	fi
}

# check_same WHAT FILE FILE - two files are the same
check_same() {
	local difference
	if difference=$(diff -u "$2" "$3" 2>&1); then
		ok "$1"
	else
		not_ok "$1" "$difference"
	fi
}

# e2e_lab VARIANT - the lab of this test; a second call replaces the first one's
e2e_lab() {
	lab_remove 0
	if [[ $LAB_FORWARDER == xdpfwd && ! -x $XDPFWD ]]; then
		echo "# no $XDPFWD: build it with \`make\`" >&2
		exit 1
	fi
	lab_make "$1"
}

# shellcheck disable=SC2120 # called without arguments too
# e2e_load [OPTION...] - load ports.toml; what it prints goes to load.out and load.err
e2e_load() {
	if ! lab_load "$LAB_DIR/ports.toml" "$@" >"$LAB_DIR/load.out" 2>"$LAB_DIR/load.err"; then
		sed 's/^/# load: /' "$LAB_DIR/load.err" >&2
		return 1
	fi
}

# e2e_unload - the way back from e2e_load
e2e_unload() {
	if ! lab_unload >"$LAB_DIR/unload.err" 2>&1; then
		sed 's/^/# unload: /' "$LAB_DIR/unload.err" >&2
		return 1
	fi
}

# shellcheck disable=SC2120 # called without arguments too
# e2e_config [masquerade] - ports.toml with what the traffic below expects; without an argument home
# sees clients' own addresses
e2e_config() {
	e2e_config_preserve
	# What is said nowhere is the default.
	[[ ${1:-} != masquerade ]] || sed -i '/^source = /d' "$LAB_DIR/ports.toml"
}

e2e_config_preserve() {
	cat >"$LAB_DIR/ports.toml" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		device = "$BACKEND_DEV"

		[[forward]]
		name = "echo"
		protocol = ["tcp", "udp"]
		ports = [7000]
		backend = "home"
		source = "preserve"

		[[forward]]
		name = "shifted"
		protocol = ["tcp", "udp"]
		ports = ["8000-8009"]
		to_port = 9000
		exclude = [8005]
		backend = "home"
		source = "preserve"

		[[forward]]
		name = "xmpp"
		protocol = "tcp"
		ports = [5222, 5269]
		backend = "home"
		source = "preserve"

		[[forward]]
		name = "turn"
		protocol = ["tcp", "udp"]
		ports = ["3478-3479"]
		backend = "home"
		source = "preserve"

		[[forward]]
		name = "relay"
		protocol = "udp"
		ports = ["49152-65535"]
		exclude = [60000]
		backend = "home"
		source = "preserve"
	END
}

# e2e_echo NODE [tcp|udp PORTS]... - an echo server on a node, under the node's name
e2e_echo() {
	local node=$1 options=(--name "$1")
	shift
	while (($#)); do
		options+=("--$1" "$2")
		shift 2
	done
	lab_start "echo-$node" "$node" python3 -u "$E2E_TOOLS/echo_server.py" "${options[@]}"
	lab_wait 10 "the echo server on $node" grep -q ready "$LAB_DIR/log/echo-$node"
}

# e2e_echo_servers - home's for the forwarded ports, the edge's for those that stay with it
e2e_echo_servers() {
	e2e_echo home udp 7000,9000-9009,49152,50000,60000,65535 tcp 7000,9000-9009
	e2e_echo edge udp 8005,60000,7777 tcp 8005,7777
}

# e2e_ask HOST PORT [OPTION...] - "ADDRESS LOCALPORT NAME" as the server says
e2e_ask() {
	local answer
	answer=$(lab_in client "$E2E_TOOLS/echo_client.py" ask "$@" 2>&1) ||
		{ echo "$answer" && return; }
	cut -d ' ' -f 1,3,4 <<<"$answer"
}

# check_echo HOST CLIENT [SEEN] - each kind of port leads where it should; home sees the client's own
# address or SEEN
check_echo() {
	local host=$1 client=$2 seen=${3:-$2} protocol port
	for protocol in udp tcp; do
		check_equal "$protocol: a single port" "$seen 7000 home" \
			"$(e2e_ask "$host" 7000 --protocol $protocol)"
		for port in 8000 8009; do
			check_equal "$protocol: $port goes to $((port + 1000)) by to_port" \
				"$seen $((port + 1000)) home" \
				"$(e2e_ask "$host" $port --protocol $protocol)"
		done
		check_equal "$protocol: 8005 is excluded and stays with the edge" \
			"$client 8005 edge" "$(e2e_ask "$host" 8005 --protocol $protocol)"
	done
	for port in 49152 50000 65535; do
		check_equal "udp: $port of the range" "$seen $port home" "$(e2e_ask "$host" $port)"
	done
	check_equal "udp: 60000 is excluded and stays with the edge" \
		"$client 60000 edge" "$(e2e_ask "$host" 60000)"
	check_equal "udp: a single byte" "$seen 7000 home" "$(e2e_ask "$host" 7000 --size 1)"
	check_equal "udp: 1300 bytes" "$seen 7000 home" "$(e2e_ask "$host" 7000 --size 1300)"
	check_equal "tcp: a megabyte both ways" "$seen 7000 home" \
		"$(e2e_ask "$host" 7000 --protocol tcp --size 1000000)"
}

# check_services HOST CLIENT RELAYED - Prosody and coturn; RELAYED is service_relay's output
check_services() {
	local host=$1 client=$2 relayed=$3
	check "XMPP: two users log in and pass a message" service_chat "$host"
	check "XMPP: another server is offered a stream" service_server_stream "$host"
	check "XMPP: the server sees the client's own address" service_logged prosody "($client, "
	check_match "TURN: media is relayed both ways" ' 0 lost$' "$relayed"
	[[ $client != *:* ]] || client="[$client]"
	check "TURN: the server sees the client's own address" \
		service_logged coturn ", remote $client:"
}

# shellcheck disable=SC2120 # called without arguments too
# check_echo_both [SEEN4 SEEN6] - check_echo over IPv4 and IPv6
check_echo_both() {
	local before=$e2e_context
	e2e_context="${before}IPv4: "
	check_echo "$EDGE4" "$CLIENT4" "${1:-}"
	e2e_context="${before}IPv6: "
	check_echo "$EDGE6" "$CLIENT6" "${2:-}"
	e2e_context=$before
}

# check_all_both - echo, chat and a call over IPv4 and IPv6; the slow calls go on beside the rest
check_all_both() {
	local before=$e2e_context relay4 relay6
	service_relay "$EDGE4" "$PEER4" >"$LAB_DIR/relay4" 2>&1 &
	relay4=$!
	service_relay "$EDGE6" "$PEER6" >"$LAB_DIR/relay6" 2>&1 &
	relay6=$!
	check_echo_both
	# What they printed is judged below, not how they ended.
	wait "$relay4" || :
	wait "$relay6" || :
	e2e_context="${before}IPv4: "
	check_services "$EDGE4" "$CLIENT4" "$(cat "$LAB_DIR/relay4")"
	e2e_context="${before}IPv6: "
	check_services "$EDGE6" "$CLIENT6" "$(cat "$LAB_DIR/relay6")"
	e2e_context=$before
}

# e2e_traffic_start - 2,000 packets a second over IPv4 and IPv6, and a busy TCP connection
e2e_traffic_start() {
	local client=$E2E_TOOLS/echo_client.py
	lab_start pings4 client python3 "$client" pings "$EDGE4" 7000
	lab_start pings6 client python3 "$client" pings "$EDGE6" 50000
	lab_start stream client python3 "$client" stream "$EDGE4" 7000
	sleep 0.5
}

# e2e_traffic_stop - prints what was lost: three lines, each ending in "lost 0" when all is well
e2e_traffic_stop() {
	local name
	for name in pings4 pings6 stream; do
		kill -INT "$(lab_pid $name)" || :
	done
	for name in pings4 pings6 stream; do
		lab_stop $name INT
		sed "s/^/$name: /" "$LAB_DIR/log/$name"
	done
}

# check_lossless WHAT CMD... - nothing is lost while CMD does its work, nor a second later
check_lossless() {
	local what=$1 output status=0 report
	shift
	e2e_traffic_start
	output=$("$@" 2>&1) || status=$?
	sleep 1
	report=$(e2e_traffic_stop)
	if ((status)); then
		not_ok "$what" "status $status: $output"
	elif (($(grep -cE 'sent [0-9]{3,} .* lost 0$' <<<"$report") == 3)); then
		ok "$what"
	else
		not_ok "$what" "$report"
	fi
}

# e2e_snapshot FILE - all that a load might change on the edge
#
# Left out: what the machine shares among namespaces, and what only some may read.
e2e_snapshot() {
	local dev
	{
		lab_in edge sysctl -a --pattern '^net\.' 2>/dev/null |
			grep -vE 'nf_conntrack_(buckets|count|max)|stable_secret'
		lab_in edge ip -d link show
		lab_in edge tc qdisc show
		for dev in $(lab_in edge ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
			lab_in edge tc filter show dev "$dev" ingress
			lab_in edge tc filter show dev "$dev" egress
			lab_in edge ethtool -k "$dev"
		done
		lab_in edge bpftool net
		find "$XDPFWD_BPFFS"
	} >"$1"
}

# e2e_json FILTER - a value from the JSON on stdin, FILTER being Python: d["interfaces"][0]
e2e_json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(json.dumps(eval(sys.argv[1])))' "($1)"
}

# e2e_agent IFACE [OPTION...] - load in the foreground, and wait until it is the agent
e2e_agent() {
	local iface=$1
	shift
	lab_start agent edge "$XDPFWD" load "$iface" --config "$LAB_DIR/ports.toml" "$@"
	lab_wait 10 "the agent" e2e_agent_is "$iface" "$(lab_pid agent)" || {
		sed 's/^/# agent: /' "$LAB_DIR/log/agent" >&2
		return 1
	}
}

# e2e_agent_is IFACE PID - status names this agent; "null" for none
e2e_agent_is() {
	local pid
	pid=$(lab_xdpfwd status "$1" --json | e2e_json 'd["interfaces"][0]["agent_pid"]')
	[[ $pid == "$2" ]]
}

# e2e_xdp_program NODE DEV NAME - put an XDP program that passes everything on a device
e2e_xdp_program() {
	local source=$LAB_DIR/$3.c
	cat >"$source" <<-END
		__attribute__((section("xdp"), used)) int $3(void *ctx) { return 2; /* XDP_PASS */ }
		char _license[] __attribute__((section("license"), used)) = "GPL";
	END
	clang -O2 -g -target bpf -c "$source" -o "$source.o"
	lab_in "$1" ip link set dev "$2" xdpdrv obj "$source.o" sec xdp
}

# e2e_modes MODE... - the modes to test; the stand-in has but one
e2e_modes() {
	if [[ $LAB_FORWARDER == xdpfwd ]]; then
		echo "$@"
	else
		echo "$LAB_FORWARDER"
	fi
}
