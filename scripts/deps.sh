#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install the Debian or Ubuntu packages that building, testing or the demo needs.
#
#   deps.sh [--list] GROUP...    groups: build, test, demo, bench, kernels; --list only prints
#
# The demo's servers run in network namespaces with their own files. The daemons that the packages
# would start on this host are neither started nor left enabled, unless they were here before.

set -euo pipefail

# shellcheck disable=SC2034 # the groups are reached by name
build=(clang llvm make gcc g++ pkg-config bpftool libbpf-dev libelf-dev zlib1g-dev
	libtomlplusplus-dev libmnl-dev libjansson-dev libmicrohttpd-dev libcrypt-dev)
demo=(prosody coturn openssl wireguard-tools wireguard-go iproute2 ethtool iputils-ping procps
	util-linux python3)
# shellcheck disable=SC2034 # as above
test=("${demo[@]}" nftables libcriterion-dev python3-scapy shellcheck mandoc cppcheck clang-format
	clang-tidy prometheus iperf3 curl traceroute iputils-tracepath)
# shellcheck disable=SC2034 # as above
bench=(iperf3 haproxy nginx libnginx-mod-stream socat nftables iptables iproute2 ethtool procps
	util-linux wireguard-tools wireguard-go python3)
# shellcheck disable=SC2034 # as above
kernels=(qemu-system-x86 busybox-static cpio xz-utils zstd debian-archive-keyring clang-14 clang-16
	clang-19 iproute2 ethtool procps util-linux)
daemons=(prosody coturn haproxy nginx prometheus)
policy=/usr/sbin/policy-rc.d

die() {
	echo "deps: $*" >&2
	exit 1
}

installed() {
	[[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]
}

# deny_start DAEMON... - keep package scripts from starting them; other services are not affected
deny_start() {
	local pattern
	pattern=$(IFS='|' && echo "$*")
	if [[ -e $policy || -L $policy ]]; then
		mv "$policy" "$policy.before-xdpfwd"
	fi
	trap allow_start EXIT
	cat >"$policy" <<-END
		#!/bin/sh
		case \$1 in $pattern) exit 101 ;; esac
		[ ! -x $policy.before-xdpfwd ] || exec $policy.before-xdpfwd "\$@"
	END
	chmod 755 "$policy"
}

allow_start() {
	rm -f "$policy"
	if [[ -e $policy.before-xdpfwd || -L $policy.before-xdpfwd ]]; then
		mv "$policy.before-xdpfwd" "$policy"
	fi
}

list_only=
if [[ ${1:-} == --list ]]; then
	list_only=1
	shift
fi
(($#)) || die "which group? build, test, demo, bench or kernels"
wanted=()
for group; do
	case $group in
	build | test | demo | bench | kernels) ;;
	*) die "no group \"$group\": build, test, demo, bench or kernels" ;;
	esac
	declare -n packages=$group
	wanted+=("${packages[@]}")
done
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
if [[ $list_only ]]; then
	printf '%s\n' "${wanted[@]}"
	exit
fi

command -v apt-get >/dev/null || die "only Debian and Ubuntu are known here; install the" \
	"counterparts of: ${wanted[*]}"
missing=()
for package in "${wanted[@]}"; do
	# Ubuntu packs bpftool with the kernel's tools.
	if [[ $package == bpftool ]] && command -v bpftool >/dev/null; then
		continue
	fi
	installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
	echo "deps: $*: everything is installed"
	exit
fi
((EUID == 0)) || die "installing ${missing[*]} needs root: run it with sudo"

new_daemons=()
for daemon in "${daemons[@]}"; do
	if [[ " ${missing[*]} " == *" $daemon "* ]]; then
		new_daemons+=("$daemon")
	fi
done
echo "deps: installing ${missing[*]}"
apt-get update -q
for i in "${!missing[@]}"; do
	if [[ ${missing[i]} == bpftool && -z $(apt-cache madison bpftool) ]]; then
		missing[i]=linux-tools-common
		missing+=(linux-tools-generic)
	fi
done
if ((${#new_daemons[@]})); then
	deny_start "${new_daemons[@]}"
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
for daemon in "${new_daemons[@]}"; do
	if [[ -d /run/systemd/system ]]; then
		systemctl disable --now "$daemon"
	else
		update-rc.d "$daemon" disable
	fi
done
