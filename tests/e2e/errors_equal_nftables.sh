#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ICMP errors, fragments, packets too large and odd headers come out as they come out of nftables.
#
#   errors_equal_nftables.sh [SEED [STEPS]]

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/masquerade.sh
. "$(dirname "$0")/../lib/masquerade.sh"

e2e_needs_xdpfwd
seed=${1:-$((RANDOM << 15 | RANDOM))} steps=${2:-3000}
e2e_lab ethernet
fence=198.51.100.41
lab_address client eth0 $fence/24
lab_in edge ip link set eth1 mtu 1400
# Client and home are played by the test: their kernels are not to answer.
for node in client home; do
	lab_in $node nft -f - <<-END
		table inet quiet {
			chain input {
				type filter hook input priority 0
				meta l4proto { tcp, udp } drop
				icmp type != { echo-request, echo-reply } drop
			}
		}
	END
done
lab_sysctl edge net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
for address in "$CLIENT4" $fence "$HOME4" "$CLIENT6" "$HOME6"; do
	lab_in edge ping -q -c 1 -W 2 "$address" >/dev/null
done
config_begin
config_forward single 7000
config_forward shifted '"8000-8009"' 'to_port = 9000'

# play RESULT [OPTION...] - the sequence, through what is loaded
play() {
	local result=$1
	shift
	"$E2E_TOOLS/odd_packets.py" "$LAB_DIR/$result" --lab "$LAB_ID" --seed "$seed" \
		--steps "$steps" --ipv4 "$CLIENT4,$EDGE4,$HOME4,$EDGE_IN4" \
		--ipv6 "$CLIENT6,$EDGE6,$HOME6,$EDGE_IN6" --fence $fence "$@"
}

e2e_context="seed $seed: "
LAB_FORWARDER=nft
e2e_load
check "nftables takes the sequence" play nft
e2e_unload
LAB_FORWARDER=xdpfwd
for mode in native tc; do
	e2e_context="seed $seed, $mode: "
	e2e_load --mode $mode
	check "xdpfwd takes the sequence" play $mode --exact
	check "the same came of it" "$E2E_TOOLS/odd_compare.py" "$LAB_DIR/nft" "$LAB_DIR/$mode"
	e2e_unload
done
e2e_done
