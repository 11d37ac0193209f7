#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Pack a guest: init, a few programs with their libraries, the kernel's modules, xdpfwd, the tests.
#
#   initramfs.sh KERNEL FILE    KERNEL: a directory from fetch.sh

set -euo pipefail
shopt -s globstar nullglob
kernel=$(realpath "$1")
file=$(realpath "$2")
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin

# In the order to insert them; what a kernel has built in is skipped.
modules=(inet_diag tcp_diag udp_diag llc stp bridge veth tun sch_ingress cls_bpf)
# Where the applet of busybox is not enough for scripts/lab.sh and the tests.
programs=(bash ip tc ss nsenter ethtool sysctl bpftool realpath mountpoint)
project=(scripts/lab*.sh tests/lib/*.sh tests/kernels/smoke.sh build/xdpfwd build/kernels/traffic
	build/kernels/tunnel build/kernels/verifier build/kernels/*.bpf.o)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,modules,xdpfwd,var/run}
cp tests/kernels/init "$root/init"
cp "$(command -v busybox)" "$root/bin/busybox"
for program in "${programs[@]}"; do
	cp -L "$(command -v "$program")" "$root/bin/$program"
done
cp --parents "${project[@]}" "$root/xdpfwd"
for binary in "$root"/bin/* "$root"/xdpfwd/build/{xdpfwd,kernels/*}; do
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
