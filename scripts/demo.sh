#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A chat server at home, reached through an edge with a public address: shown in a minute.
#
#   sudo scripts/demo.sh     (or `sudo make demo`, which installs and builds first)
#
# Everything happens in network namespaces of its own, which are gone afterwards.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/lib/services.sh
. "$here/../tests/lib/services.sh"

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi
step='making the lab' failed=''

title() {
	step=$1
	printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

good() {
	printf '  %s✓%s %s\n' "$green" "$plain" "$*"
}

# show - indent what comes in
show() {
	sed "s/^/    $dim/; s/\$/$plain/"
}

# run CMD... - show a command of the edge and what it says
run() {
	printf '  edge# xdpfwd %s\n' "$*"
	lab_xdpfwd "$@" 2>&1 | show
}

# attempt WHAT CMD... - a step that must work; its last line is the news
attempt() {
	local what=$1 output
	shift
	if ! output=$("$@" 2>&1); then
		show <<<"$output"
		fail "$what"
	fi
	good "$what${output:+: ${output##*$'\n'}}"
}

fail() {
	printf '\n%sThe demo failed at "%s": %s%s\n' "$red" "$step" "$*" "$plain" >&2
	failed=1
	exit 1
}

finish() {
	local status=$?
	if ((status)) && [[ -z $failed ]]; then
		printf '\n%sThe demo failed at "%s"; the lines above say more%s\n' \
			"$red" "$step" "$plain" >&2
	fi
	lab_remove $status
}

write_ports_toml() {
	cat >"$1" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		device  = "$BACKEND_DEV"

		[[forward]]
		name     = "xmpp"
		protocol = "tcp"
		ports    = [5222, 5269]
		backend  = "home"
		source   = "preserve"

		[[forward]]
		name     = "turn"
		protocol = ["tcp", "udp"]
		ports    = ["3478-3479"]
		backend  = "home"
		source   = "preserve"

		[[forward]]
		name     = "relay"
		protocol = "udp"
		ports    = ["49152-65535"]
		backend  = "home"
		source   = "preserve"
	END
}

trap finish EXIT
trap 'failed=1; exit 130' INT TERM
[[ $LAB_FORWARDER == nft || -x $XDPFWD ]] || fail "no $XDPFWD: build it with \`make\`"
((EUID == 0)) || fail "network namespaces need root: run it with sudo"

title "A home server without a public address"
lab_make wireguard
good "client    $CLIENT4, $CLIENT6"
good "edge      $EDGE4, $EDGE6: a small VPS, ip_forward=$(lab_in edge sysctl -n net.ipv4.ip_forward)"
good "home      $HOME4, $HOME6: behind a WireGuard tunnel that it opened to the edge"

title "Its services: Prosody for chat, coturn for calls"
service_prosody_start
good "Prosody listens on home, ports 5222 and 5269"
service_coturn_start
good "coturn listens on home, ports 3478-3479, and relays media on 49152-65535"
if service_chat "$EDGE4" >/dev/null 2>&1; then
	fail "the edge answers on 5222 before anything is forwarded"
fi
good "from outside nothing is reached yet: the edge forwards no port"

title "The whole configuration: ports.toml"
cd "$LAB_DIR" # so that messages name the file as its user would
config=ports.toml
write_ports_toml "$config"
show <"$config"

title "Forwarding, in the kernel"
if [[ $LAB_FORWARDER == nft ]]; then
	lab_load "$config"
	good "nftables stands in for xdpfwd"
else
	run check --config "$config"
	run load eth0 --config "$config" --detach
fi

title "Two users of the chat server, somewhere on the Internet"
attempt "chat over IPv4" service_chat "$EDGE4" "Hello Bob, this came through the edge."
attempt "chat over IPv6" service_chat "$EDGE6" "And this one by IPv6."
attempt "other chat servers" service_server_stream "$EDGE4"
attempt "Prosody's log has the client's own address, $CLIENT4" service_logged prosody "($CLIENT4, "
attempt "and $CLIENT6" service_logged prosody "($CLIENT6, "

title "A call: media relayed by coturn, both ways"
attempt "voice packets over IPv4" service_relay "$EDGE4" "$PEER4"
attempt "voice packets over IPv6" service_relay "$EDGE6" "$PEER6"

if [[ $LAB_FORWARDER != nft ]]; then
	title "What the edge knows about it"
	run status
	run stats
fi

title "And back to where we started"
if [[ $LAB_FORWARDER == nft ]]; then
	lab_unload
else
	run unload eth0
fi
if service_chat "$EDGE4" >/dev/null 2>&1; then
	fail "the edge still forwards 5222"
fi
good "nothing is forwarded any more"
cd /
lab_remove 0
good "the lab is gone"
