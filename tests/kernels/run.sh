#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run the smoke test on several kernels: Debian's in QEMU, and the host's own.
#
#   run.sh [-v] [--budget] [ROW...]    rows of rows.txt, "host", or "systemd"; all by default
#
#   -v        show every check, not only the failed ones
#   --budget  only load the programs, and write what they cost to verifier-budget.txt
#
# "systemd" is the service in a guest with this host's systemd.
#
# Logs are kept in build/kernels/: ROW.log, ROW.console, ROW.verifier when a program is refused, and
# systemd.journal.

set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/kernels
out=build/kernels
budget=$here/verifier-budget.txt
measured=$out/measured
guest_limit=300 # seconds; one takes 45 on an idle machine
systemd_kernel=6.1
systemd_least=250

# Without cmpxchg16b: the emulator of QEMU 7.2 spoils the flags when an interrupt falls into it, and
# one boot in three of 6.12, whose allocator uses it most, ends in an Oops.
qemu=(nice -n 5 timeout --foreground "$guest_limit" qemu-system-x86_64 -accel tcg
	-cpu 'qemu64,-cx16' -m 512 -nodefaults -no-user-config -display none -no-reboot)

die() {
	echo "run.sh: $*" >&2
	exit 1
}

# guest ROW LOG KERNEL MORE [systemd] - boot a kernel; what its tests print goes to LOG, and what
# else there is to ROW.MORE
guest() {
	local row=$1 log=$2 more=$4 kernel verdict status=0
	kernel=$("$here/fetch.sh" "$3" 2>"$log") || {
		echo "not ok - no kernel" >>"$log"
		return
	}
	"$here/initramfs.sh" "$kernel" "$out/$row.cpio" "${@:5}"
	"${qemu[@]}" -kernel "$kernel/vmlinuz" -initrd "$out/$row.cpio" \
		-append "console=ttyS0 panic=-1 $guest_options" -serial "file:$out/$row.console" \
		-serial stdio -serial "file:$out/$row.$more" </dev/null >"$log" || status=$?
	rm "$out/$row.cpio"
	verdict=$(guest_verdict "$log" "$out/$row.console" $status)
	echo "$verdict" >>"$log"
}

# guest_verdict LOG CONSOLE STATUS - what the guest could not say about itself
guest_verdict() {
	if (($3 == 124)); then
		echo "not ok - the guest had to be ended after $guest_limit s"
	elif ! grep -q '^ended ' "$1"; then
		echo "not ok - the guest died"
		tail -n 40 "$2" | sed 's/^/#   /'
	elif grep -qE 'WARNING:|BUG:|Oops' "$2"; then
		echo "not ok - the kernel complains"
		grep -E -A 20 'WARNING:|BUG:|Oops' "$2" | sed 's/^/#   /'
	else
		echo "ok - the kernel did not complain"
	fi
}

# service ROW LOG - in a guest with systemd
service() {
	local version
	version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	if ((${version:-0} < systemd_least)); then
		echo "skip - no systemd $systemd_least here, to put into a guest" >"$2"
	else
		guest "$1" "$2" $systemd_kernel journal systemd
	fi
}

# host ROW LOG - the same on the running kernel
host() {
	{
		echo "kernel $(uname -r)"
		"$out/verifier" "$out"/clang-*.bpf.o 2>"$out/$1.verifier" || :
		[[ $guest_options ]] || "$here/smoke.sh" || :
	} >"$2" 2>&1
}

# run_row ROW - and one line about it
run_row() {
	local row=$1 log=$out/$1.log start=$SECONDS good bad kernel
	case $row in
	host) host "$row" "$log" ;;
	systemd) service "$row" "$log" ;;
	*) guest "$row" "$log" "$row" verifier ;;
	esac
	good=$(grep -c '^ok - ' "$log" || :)
	bad=$(grep -c '^not ok - ' "$log" || :)
	kernel=$(sed -n 's/^kernel //p' "$log")
	printf '%-7s %-26s %3d passed, %d failed, %d s%s\n' "$row" "$kernel" "$good" "$bad" \
		$((SECONDS - start)) "$(sed -nE 's/^booted (.*)/, booted in \1 s/p; s/^skip - /, skipped: /p' "$log")"
	if [[ $verbose ]]; then
		sed 's/^/  /' "$log"
	elif ((bad)); then
		grep -v '^ok - ' "$log" | sed 's/^/  /' || :
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	# The budget is that of the compiler most will build with.
	sed -nE "s/^ok - clang-14 (\w+): ([0-9]+) instructions$/${kernel%%-*} \1 \2/p" "$log" |
		sed -E 's/^([0-9]+\.[0-9]+)[^ ]*/\1/' >>"$measured"
}

# budget_write - take over what was measured; what was not stays
budget_write() {
	grep '^#' "$budget" >"$budget.new"
	awk '!/^#/ { count[$1 " " $2] = $3 } END { for (key in count) print key, count[key] }' \
		"$budget" "$measured" | sort -V >>"$budget.new"
	mv "$budget.new" "$budget"
}

# budget_check - a table of what was measured; 1 when a program has outgrown its budget
budget_check() {
	awk '
	/^#/ { next }
	FNR == NR { limit[$1, $2] = $3; next }
	!(($1, $2) in count) {
		if (!seen[$1]++) kernels[++columns] = $1
		if (!seen[$2]++) programs[++rows] = $2
	}
	{ count[$1, $2] = $3 }
	END {
		printf "\n%-14s", "instructions"
		for (k = 1; k <= columns; k++) printf "%18s", kernels[k]
		for (p = 1; p <= rows; p++) {
			printf "\n%-14s", programs[p]
			for (k = 1; k <= columns; k++) {
				n = count[kernels[k], programs[p]]
				old = limit[kernels[k], programs[p]]
				note = "(new)"
				if (old) note = sprintf("(%+.1f %%)", (n / old - 1) * 100)
				printf "%9d %8s", n, note
				if (old && n > old * 1.1) {
					over = over sprintf("not ok - %s on %s: %d " \
						"instructions, %d were budgeted\n",
						programs[p], kernels[k], n, old)
				}
			}
		}
		printf "\n\n%s", over
		exit over != ""
	}' "$budget" "$measured"
}

verbose='' guest_options='' passed=0 failed=0
while [[ ${1:-} == -* ]]; do
	case $1 in
	-v) verbose=1 ;;
	--budget) guest_options=verifier_only ;;
	*) die "no option \"$1\": -v or --budget" ;;
	esac
	shift
done
((EUID == 0)) || die "loading programs needs root: run it with sudo"
rows=("$@")
if ((${#rows[@]} == 0)); then
	mapfile -t rows < <(awk '!/^#/ { print $1 }' "$here/rows.txt")
	rows+=(host)
	[[ $guest_options ]] || rows+=(systemd)
fi

make --no-print-directory kernel-tools
: >"$measured"
for row in "${rows[@]}"; do
	run_row "$row"
done
if [[ -s $measured ]] && ! budget_check && [[ ! $guest_options ]]; then
	failed=$((failed + 1))
	echo "A program costs the verifier over a tenth more than $budget"
	echo "allows. docs/kernels.md says what to do; \`make budget\` writes the new numbers there."
fi
if [[ $guest_options ]]; then
	budget_write
fi
echo "$passed passed, $failed failed"
((failed == 0))
