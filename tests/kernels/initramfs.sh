#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Pack a guest: init, a few programs with their libraries, the kernel's modules, xdpfwd, the tests.
#
#   initramfs.sh KERNEL FILE [systemd]    KERNEL: a directory from fetch.sh
#
# With "systemd" this host's systemd is the first process in place of init, xdpfwd is installed as
# `make install` does it, and the test is service.sh.

set -euo pipefail
shopt -s globstar nullglob
kernel=$(realpath "$1")
file=$(realpath "$2")
systemd=${3:-}
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin

# In the order to insert them; what a kernel has built in is skipped.
modules=(inet_diag tcp_diag udp_diag llc stp bridge veth tun sch_ingress cls_bpf)
# Where the applet of busybox is not enough for scripts/lab.sh and the tests.
programs=(bash ip tc ss nsenter ethtool sysctl bpftool realpath mountpoint)
project=(scripts/lab*.sh tests/lib/*.sh tests/kernels/{smoke,service}.sh build/xdpfwd
	build/kernels/{traffic,tunnel,verifier} build/kernels/*.bpf.o)
# What a guest needs to get from systemd to multi-user.target, and a journal.
units=({basic,sysinit,multi-user,sockets,timers,paths,slices,local-fs{,-pre},swap,shutdown,umount}.target
	network{,-online}.target systemd-journald{.service,.socket,-dev-log.socket})

# add_systemd ROOT - systemd, as little of it as will do, the service, and the test as another one
add_systemd() {
	local root=$1 unit program lib=/lib/systemd
	mkdir -p "$root$lib/system" "$root"/{root,home,var/{tmp,log}} \
		"$root"/etc/{xdpfwd,systemd/system/multi-user.target.wants}
	for program in systemd systemd-executor systemd-journald systemd-shutdown; do
		[[ ! -e $lib/$program ]] || cp -L "$lib/$program" "$root$lib/"
	done
	for unit in "${units[@]}"; do
		cp -L "$lib/system/$unit" "$root$lib/system/"
	done
	mkdir "$root$lib"/system/{sockets,sysinit}.target.wants
	ln -s -t "$root$lib/system/sockets.target.wants" ../systemd-journald{,-dev-log}.socket
	ln -s -t "$root$lib/system/sysinit.target.wants" ../systemd-journald.service
	ln -s multi-user.target "$root$lib/system/default.target"
	ln -s "$lib/systemd" "$root/init"
	make --no-print-directory -s install DESTDIR="$root" PREFIX=/usr >/dev/null
	rm -r "${root:?}/usr/share"
	cp tests/kernels/service.service "$root/etc/systemd/system/"
	ln -s -t "$root/etc/systemd/system/multi-user.target.wants" ../service.service
	echo 6e6f7420612072656d616c206d616368 >"$root/etc/machine-id"
	printf '%s\n' root:x:0:0::/root:/bin/sh nobody:x:65534:65534::/:/bin/sh >"$root/etc/passwd"
	printf '%s\n' root:x:0: nogroup:x:65534: systemd-journal:x:101: >"$root/etc/group"
	echo "hosts: files dns" >"$root/etc/nsswitch.conf"
	# Programs of its own before those of busybox, which does not install itself here.
	busybox --list | while read -r program; do
		[[ -e $root/bin/$program ]] || ln -s busybox "$root/bin/$program"
	done
}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},dev,proc,sys,run,tmp,modules,xdpfwd,var}
chmod 755 "$root"
ln -s usr/{bin,sbin,lib,lib64} "$root"
ln -s ../run "$root/var"
[[ ! $systemd ]] || programs+=(systemctl journalctl setpriv)
cp "$(command -v busybox)" "$root/bin/busybox"
for program in "${programs[@]}"; do
	cp -L "$(command -v "$program")" "$root/bin/$program"
done
if [[ $systemd ]]; then
	add_systemd "$root"
else
	cp tests/kernels/init "$root/init"
fi
cp --parents "${project[@]}" "$root/xdpfwd"
for binary in "$root"/bin/* "$root"/lib/systemd/* "$root"/xdpfwd/build/{xdpfwd,kernels/*}; do
	ldd "$binary" 2>/dev/null || : # scripts and static ones have no libraries
done | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
	mkdir -p "$root${library%/*}"
	cp -L "$library" "$root$library"
done

count=0
for module in "${modules[@]}"; do
	for path in "$kernel"/lib/modules/**/"$module".ko*; do
		to=$root/modules/$((++count + 100))-$module.ko
		case $path in
		*.xz) xz -dc "$path" >"$to" ;;
		*.zst) zstd -qdc "$path" >"$to" ;;
		*) cp "$path" "$to" ;;
		esac
	done
done
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$file"
