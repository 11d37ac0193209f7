#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# RSTs of an outsider and ICMP errors end no connection; closes that are meant do, in time.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
transitory=3
e2e_lab ethernet
cat >"$LAB_DIR/ports.toml" <<END
[backend.home]
address = ["$HOME4", "$HOME6"]

[[forward]]
name = "echo"
protocol = "tcp"
ports = [7000]
backend = "home"
timeout = { tcp_transitory = "${transitory}s", tcp_established = "60s" }
END
e2e_echo home tcp 7000

# check_result FAMILY WHAT EXPECTED
check_result() {
	check_equal "$1: $2" "$3" "$(sed -n "s/^$1 $2: //p" "$LAB_DIR/strays")"
}

for mode in native tc; do
	e2e_context="$mode: "
	e2e_load --mode $mode
	"$E2E_TOOLS/stray.py" "$EDGE4" "$EDGE6" --lab "$LAB_ID" --xdpfwd "$XDPFWD" \
		--transitory $transitory >"$LAB_DIR/strays" 2>"$LAB_DIR/strays.err" ||
		not_ok "all was tried" "$(tail -n 3 "$LAB_DIR/strays.err")"
	head -n 1 "$LAB_DIR/strays"
	for family in IPv4 IPv6; do
		# That the strays came through at all is seen by the state they leave for a moment.
		for what in client-rst backend-rst rst-syn; do
			check_result $family "$what arrived" reset
		done
		check_result $family "icmp arrived" "yes established"
		for what in client-rst backend-rst rst-syn icmp; do
			check_result $family "$what then" "works established"
			check_result $family "$what later" "works established"
		done
		check_result $family busy-rst "works established"
		check_result $family "fin at once" closed
		check_result $family "rst at once" reset
		for what in fin rst; do
			check_result $family "$what in the end" "gone refused"
		done
		check_result $family "the others" works
	done
	e2e_unload
done
e2e_done
