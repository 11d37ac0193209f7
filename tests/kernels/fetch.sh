#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Fetch one of Debian's own kernels, once; print the directory with its vmlinuz and its modules.
#
#   fetch.sh ROW    a row of rows.txt
#
# apt does it, with a configuration, lists and a cache of its own: the system's stay as they are.
# The mirror is the one the system uses, or $XDPFWD_KERNEL_MIRROR. Kernels are kept in
# $XDPFWD_KERNELS (default: ~/.cache/xdpfwd-kernels); removing one there fetches the newest anew.

set -euo pipefail
cd "$(dirname "$0")"
cache=${XDPFWD_KERNELS:-${XDG_CACHE_HOME:-$HOME/.cache}/xdpfwd-kernels}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
	echo "fetch.sh: $*" >&2
	exit 1
}

# mirror - where the system gets Debian from
mirror() {
	# shellcheck disable=SC2016 # apt fills in the names
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 !~ /-(security|updates|backports)$/ { print $2; exit }'
}

# apt_configure DIR SUITE - a private apt that knows one suite
apt_configure() {
	local dir=$1 suite=$2 uri=${XDPFWD_KERNEL_MIRROR:-$(mirror)}
	[[ $uri ]] || die "the system's apt names no mirror; name one in XDPFWD_KERNEL_MIRROR"
	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,parts}
	touch "$dir/state/status"
	echo "deb [target=Packages signed-by=$keyring] $uri $suite main" >"$dir/sources.list"
	# What the system runs after an update is none of ours.
	cat >"$dir/apt.conf" <<-END
		Dir::State "$dir/state";
		Dir::State::status "$dir/state/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "$dir/parts";
		Acquire::Languages "none";
		APT::Sandbox::User "$(id -un)";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
}

# fetch DIR SUITE PATTERN - the kernel's files in DIR
fetch() {
	local dir=$1 suite=$2 pattern=$3 package apt=$1/apt
	apt_configure "$apt" "$suite"
	apt-get -c "$apt/apt.conf" update -q ||
		die "apt cannot read $suite; name a mirror that has it in XDPFWD_KERNEL_MIRROR"
	package=$(apt-cache -c "$apt/apt.conf" pkgnames linux-image- | grep -xE "$pattern" |
		sort -V | tail -n 1)
	[[ $package ]] || die "$suite has no package that matches $pattern"
	(cd "$apt" && apt-get -c apt.conf download -q "$package")
	dpkg-deb --fsys-tarfile "$apt"/*.deb | tar -x -C "$dir" --wildcards \
		'*/boot/vmlinuz-*' '*/boot/config-*' '*/kernel/net/*' '*/kernel/drivers/net/*'
	mv "$dir"/boot/vmlinuz-* "$dir/vmlinuz"
	echo "$package" >"$dir/package"
	rm -r "$apt"
}

row=${1:-}
read -r _ suite pattern < <(awk -v row="$row" '$1 "" == row' rows.txt) || die "no row \"$row\""
if [[ ! -d $cache/$row ]]; then
	mkdir -p "$cache"
	partial=$(mktemp -d "$cache/partial.XXXXXX")
	trap 'rm -rf "$partial"' EXIT
	chmod 755 "$partial"
	fetch "$partial" "$suite" "$pattern" >&2
	mv -T "$partial" "$cache/$row"
fi
echo "$cache/$row"
