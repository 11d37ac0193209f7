#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run the end-to-end tests, all or those named, and count.
#
#   run.sh [-v] [TEST...]    -v: show every check, not only the failed ones
#
# LAB_FORWARDER=nft runs them against nftables, to see that a test asks for the right thing.
# E2E_LOGS=DIR keeps the services' logs of tests that failed.

set -euo pipefail
cd "$(dirname "$0")"

verbose=
if [[ ${1:-} == -v ]]; then
	verbose=1
	shift
fi
if ((EUID)); then
	echo "run.sh: network namespaces need root: run it with sudo" >&2
	exit 1
fi

tests=()
for name; do
	name=$(basename "$name" .sh)
	if [[ ! -f $name.sh || $name == run ]]; then
		echo "run.sh: no test \"$name\"" >&2
		exit 2
	fi
	tests+=("$name.sh")
done
if ((${#tests[@]} == 0)); then
	for name in *.sh; do
		[[ $name == run.sh ]] || tests+=("$name")
	done
fi

output=$(mktemp)
trap 'rm -f "$output"' EXIT
trap 'exit 143' TERM # after the test that runs, which cleans up
passed=0 failed=0
for name in "${tests[@]}"; do
	start=$SECONDS
	status=0
	bash "./$name" >"$output" 2>&1 || status=$?
	good=$(grep -c '^ok - ' "$output" || :)
	bad=$(grep -c '^not ok - ' "$output" || :)
	if ((status && bad == 0)); then
		bad=1
		echo "not ok - $name ended with status $status" >>"$output"
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	printf '%-34s %3d passed, %d failed, %d s%s\n' "${name%.sh}" "$good" "$bad" \
		$((SECONDS - start)) "$(sed -n 's/^skip - /, skipped: /p' "$output")"
	if [[ $verbose ]]; then
		sed 's/^/  /' "$output"
	elif ((bad)); then
		grep -v '^ok - ' "$output" | sed 's/^/  /' || :
	fi
	((status != 130)) || exit 130
done
echo "$passed passed, $failed failed"
((failed == 0))
