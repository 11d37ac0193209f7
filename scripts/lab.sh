#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A client, an edge and a home server in network namespaces, as a library and as a command.
#
#   lab.sh make [VARIANT]           build a lab, print its id and how to enter it
#   lab.sh enter ID NODE [CMD...]   run a command (default: a shell) on a node of it
#   lab.sh remove ID                end its processes, delete its namespaces and files
#   lab.sh list                     the ids of all labs on this machine
#
# Variants, by how the edge reaches home:
#   ethernet    client -- edge -- home, two plain Ethernet links
#   routed      as ethernet, with a router (node "net") between the client and the edge
#   wireguard   client, edge and home on one public segment (node "net"); home dials the edge's
#               public address, and the services are reached through that tunnel
#   one-armed   home on the edge's public segment, with the edge as its gateway
#
# Switches from the environment:
#   LAB_FORWARDER   xdpfwd (default), or nft: DNAT by nftables, the oracle the tests compare with
#   LAB_WIREGUARD   auto (default), kernel, or go: which implementation makes the tunnel
#   LAB_TX_OFFLOAD  off (default), or on: senders leave checksums to their network card
#   LAB_SECOND      1: a second public link between the client and the edge (its eth2)
#
# As a library: source it, `trap lab_remove EXIT`, then lab_make. Nothing outside the lab's own
# namespaces and its directory in /run is touched.

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${XDPFWD:=$LAB_ROOT/build/xdpfwd}"
XDPFWD=$(realpath -m "$XDPFWD")
: "${LAB_FORWARDER:=xdpfwd}"
: "${LAB_WIREGUARD:=auto}"
: "${LAB_TX_OFFLOAD:=off}"
: "${LAB_SECOND:=0}"

LAB_STATE=/run/xdpfwd-lab
LAB_ID=
LAB_DIR=
# shellcheck source=scripts/lab_variants.sh
. "$LAB_ROOT/scripts/lab_variants.sh"

lab_say() {
	echo "lab: $*" >&2
}

lab_die() {
	lab_say "$*"
	exit 1
}

# lab_ns NODE - the name of a node's namespace
lab_ns() {
	echo "xf-$LAB_ID-$1"
}

# lab_in NODE CMD... - run a command on a node; unlike `ip netns exec` this keeps the mounts
lab_in() {
	local node=$1
	shift
	nsenter "--net=/run/netns/xf-$LAB_ID-$node" "$@"
}

# lab_start NAME NODE CMD... - start a service on a node, its output in log/NAME
lab_start() {
	local name=$1 node=$2
	shift 2
	nsenter "--net=/run/netns/xf-$LAB_ID-$node" "$@" \
		>"$LAB_DIR/log/$name" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/pid/$name"
}

# lab_pid NAME - the process id of a service
lab_pid() {
	cat "$LAB_DIR/pid/$1"
}

# lab_stop NAME [SIGNAL] - end a service and wait until it is gone
lab_stop() {
	local pid
	pid=$(lab_pid "$1")
	rm "$LAB_DIR/pid/$1"
	if kill "-${2:-TERM}" "$pid" 2>/dev/null; then
		lab_wait 10 "$1 to end" lab_gone "$pid"
	fi
	# Reap it when it is a child of this shell; its exit status is not ours to judge.
	wait "$pid" 2>/dev/null || :
}

# lab_gone PID - true when a process has ended; one that waits to be reaped has ended, too
lab_gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[[ -z $state || $state == Z ]]
}

# lab_wait SECONDS WHAT CMD... - repeat a command until it succeeds
lab_wait() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > deadline)); then
			lab_say "waited in vain for $what"
			return 1
		fi
		sleep 0.05
	done
}

# lab_listens NODE tcp|udp PORT [COUNT] - true when sockets (at least COUNT) are bound to a port
lab_listens() {
	local flag=-ltn
	[[ $2 == udp ]] && flag=-lun
	(($(lab_in "$1" ss -H $flag "sport = :$3" | wc -l) >= ${4:-1}))
}

lab_link_up() {
	local node=$1 dev=$2
	if [[ $LAB_TX_OFFLOAD == off ]]; then
		lab_in "$node" ethtool -K "$dev" tx off >/dev/null
	fi
	lab_in "$node" ip link set "$dev" up
	# Without GRO a veth has no NAPI, and drops the frames that XDP sends it. Turned on while the
	# link is down it counts for nothing: the peer would not learn that it may send.
	lab_in "$node" ethtool -K "$dev" gro on >/dev/null
}

# lab_cable NODE DEV NODE DEV - an Ethernet cable between two nodes
lab_cable() {
	ip link add "$2" netns "$(lab_ns "$1")" type veth peer name "$4" netns "$(lab_ns "$3")"
	lab_link_up "$1" "$2"
	lab_link_up "$3" "$4"
}

# lab_address NODE DEV ADDRESS/LEN...
lab_address() {
	local node=$1 dev=$2 address flag
	shift 2
	for address; do
		flag=()
		[[ $address == *:* ]] && flag=(nodad)
		lab_in "$node" ip address add "$address" dev "$dev" "${flag[@]}"
	done
}

lab_sysctl() {
	lab_in "$1" sysctl -qw "${@:2}"
}

lab_node() {
	ip netns add "$(lab_ns "$1")"
	# New namespaces inherit some of these from the machine; a lab is the same everywhere.
	lab_sysctl "$1" net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 \
		net.ipv4.ip_local_port_range='32768 60999' net.ipv4.ip_local_reserved_ports=
	lab_in "$1" ip link set lo up
}

# lab_make [VARIANT] - build a lab; sets LAB_ID, LAB_DIR and the addresses
lab_make() {
	local variant=${1:-ethernet} node
	case $variant in
	ethernet | routed | wireguard | one-armed) ;;
	*) lab_die "no variant \"$variant\": ethernet, routed, wireguard or one-armed" ;;
	esac
	((EUID == 0)) || lab_die "making network namespaces needs root: run it with sudo"

	mkdir -p "$LAB_STATE"
	LAB_DIR=$(mktemp -d "$LAB_STATE/XXXXXX")
	LAB_ID=${LAB_DIR##*/}
	chmod 755 "$LAB_DIR"
	mkdir "$LAB_DIR/log" "$LAB_DIR/pid" "$LAB_DIR/bpf"
	echo "$variant" >"$LAB_DIR/variant"
	mount -t bpf bpf "$LAB_DIR/bpf"
	export XDPFWD_BPFFS=$LAB_DIR/bpf

	lab_addresses "$variant"
	for node in client edge home; do
		lab_node "$node"
	done
	"lab_make_${variant//-/_}"
	if [[ $LAB_SECOND == 1 ]]; then
		lab_add_second
	fi
}

# lab_open ID - use a lab that another process made
lab_open() {
	LAB_ID=$1
	LAB_DIR=$LAB_STATE/$1
	[[ -n $1 && -f $LAB_DIR/variant ]] || lab_die "no lab \"$1\""
	export XDPFWD_BPFFS=$LAB_DIR/bpf
	lab_addresses "$(cat "$LAB_DIR/variant")"
}

lab_namespaces() {
	ip netns list | sed -n "s/^\(xf-$LAB_ID-[a-z]*\).*/\1/p"
}

# lab_end_processes - end what still runs in the lab's namespaces, and only that
lab_end_processes() {
	local ns pid signal pids
	for signal in TERM KILL; do
		pids=()
		for ns in $(lab_namespaces); do
			for pid in $(ip netns pids "$ns"); do
				# A shell that stands in a node while it removes the lab goes on.
				((pid == $$ || pid == PPID)) || pids+=("$pid")
			done
		done
		((${#pids[@]})) || return 0
		kill "-$signal" "${pids[@]}" 2>/dev/null || : # some ended by themselves
		for pid in "${pids[@]}"; do
			lab_wait 3 "process $pid to end" lab_gone "$pid" || continue
		done
	done
}

# lab_remove [STATUS] - the way back from lab_make, from wherever that got to
#
# Return: STATUS (default: that of the command before), or 1 when something could not be removed.
lab_remove() {
	local status=${1:-$?} ns
	[[ -n $LAB_ID ]] || return "$status"
	trap '' HUP INT TERM # a second Ctrl-C must not leave half a lab behind
	if [[ -n ${LAB_KEEP:-} ]]; then
		lab_say "kept: $0 remove $LAB_ID"
		return "$status"
	fi
	lab_end_processes
	for ns in $(lab_namespaces); do
		ip netns del "$ns" || status=1
	done
	if mountpoint -q "$LAB_DIR/bpf"; then
		umount "$LAB_DIR/bpf" || status=1
	fi
	rm -f "/var/run/wireguard/wg-edge-$LAB_ID.sock" "/var/run/wireguard/wg-home-$LAB_ID.sock"
	rm -r "${LAB_DIR:?}" || status=1
	rmdir --ignore-fail-on-non-empty "$LAB_STATE"
	LAB_ID=
	trap - HUP INT TERM
	return "$status"
}

# lab_xdpfwd ARG... - xdpfwd on the edge, with the lab's own BPF file system
lab_xdpfwd() {
	lab_in edge "$XDPFWD" "$@"
}

# lab_load CONFIG [OPTION...] - forward on the edge's eth0 as CONFIG says, without an agent
lab_load() {
	local config=$1
	shift
	if [[ $LAB_FORWARDER == nft ]]; then
		lab_sysctl edge net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		python3 "$LAB_ROOT/tests/lib/nft_oracle.py" "$config" eth0 "$EDGE4" "$EDGE6" \
			--keep $LAB_WG_PORT >"$LAB_DIR/oracle.nft"
		lab_in edge nft -f "$LAB_DIR/oracle.nft"
		return
	fi
	lab_xdpfwd load eth0 --config "$config" --detach "$@"
}

# lab_unload - the way back from lab_load
lab_unload() {
	if [[ $LAB_FORWARDER == nft ]]; then
		lab_in edge nft delete table inet xdpfwd_oracle
		lab_sysctl edge net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
		return
	fi
	lab_xdpfwd unload eth0
}

lab_main() {
	set -euo pipefail
	local command=${1:-help}
	case $command in
	make)
		trap lab_remove EXIT
		lab_make "${2:-ethernet}"
		trap - EXIT
		echo "$LAB_ID"
		lab_say "$0 enter $LAB_ID client|edge|home   to look around; export" \
			"XDPFWD_BPFFS=$LAB_DIR/bpf"
		lab_say "$0 remove $LAB_ID   when done"
		;;
	enter)
		lab_open "${2:-}"
		[[ -e /run/netns/$(lab_ns "${3:-}") ]] || lab_die "no node \"${3:-}\""
		local node=$3
		shift 3
		lab_in "$node" "${@:-${SHELL:-/bin/bash}}"
		;;
	remove)
		lab_open "${2:-}"
		LAB_KEEP='' lab_remove 0
		;;
	list)
		[[ ! -d $LAB_STATE ]] || ls "$LAB_STATE"
		;;
	*)
		sed -n '3,27{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
		[[ $command == help || $command == --help ]]
		;;
	esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	lab_main "$@"
fi
