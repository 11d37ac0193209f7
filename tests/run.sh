#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build and pass every test; the last line counts them: "N passed, N failed".
#
#   tests/run.sh [SUITE...]    suites: lint unit bpf docs e2e kernels; all of them by default
set -u
cd "$(dirname "$0")/.." || exit 1

suites=("$@")
((${#suites[@]})) || suites=(lint unit bpf docs e2e kernels)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0

# counts LOG - "PASSED FAILED" from Criterion's summary or from a plain closing line
counts() {
	sed -nE -e 's/\x1b\[[0-9;]*m//g' \
		-e 's/.*Passing: ([0-9]+) \| Failing: ([0-9]+) \| Crashing: ([0-9]+).*/\1 \2 \3/p' \
		-e 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2 0/p' "$1" |
		tail -n 1 | awk '{ print $1, $2 + $3 }'
}

# suite NAME COMMAND... - run one, add up; a suite that fails without a failed test counts as one
suite() {
	local name=$1 log=$logs/$1 status ok=0 bad=0 start=$SECONDS
	shift
	printf '== %s\n' "$name"
	"$@" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	read -r ok bad <<<"$(counts "$log")"
	if ((status && !${bad:-0})); then
		bad=1
	fi
	if ((!status && !${ok:-0})); then
		printf '%s: no test was executed\n' "$name"
		bad=1
	fi
	passed=$((passed + ${ok:-0}))
	failed=$((failed + ${bad:-0}))
	printf '== %s: %d passed, %d failed, %d s\n\n' "$name" "${ok:-0}" "${bad:-0}" \
		$((SECONDS - start))
}

make --no-print-directory -j "$(nproc)" all build/test-unit build/test-bpf || {
	printf '0 passed, 1 failed\n'
	exit 1
}
for name in "${suites[@]}"; do
	case $name in
	lint) suite lint scripts/lint.sh ;;
	unit) suite unit build/test-unit ;;
	bpf) suite bpf build/test-bpf ;;
	docs) suite docs tests/docs.sh ;;
	e2e) suite e2e tests/e2e/run.sh ;;
	kernels) suite kernels tests/kernels/run.sh host 6.1 systemd ;;
	*)
		printf 'tests: no suite %s\n' "$name" >&2
		exit 2
		;;
	esac
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
