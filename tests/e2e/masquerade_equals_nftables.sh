#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Random packets by the thousand come out of masquerade as they come out of nftables.
#
#   masquerade_equals_nftables.sh [SEED [STEPS]]

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
seed=${1:-$((RANDOM << 15 | RANDOM))} steps=${2:-6000}
e2e_lab ethernet
more4=(198.51.100.31 198.51.100.32 198.51.100.33) more6=(2001:db8:51::31 2001:db8:51::32)
fence=198.51.100.41
lab_address client eth0 "${more4[@]/%//24}" $fence/24 "${more6[@]/%//64}"
# Client and home are played by the test: their kernels are not to answer.
for node in client home; do
	lab_in $node nft -f - <<-END
		table inet quiet {
			chain input {
				type filter hook input priority 0
				meta l4proto { tcp, udp } drop
			}
		}
	END
done
lab_sysctl edge net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
# Resolved beforehand: a packet that waits for that arrives late.
for address in "$CLIENT4" "$PEER4" "${more4[@]}" $fence "$HOME4" \
	"$CLIENT6" "$PEER6" "${more6[@]}" "$HOME6"; do
	lab_in edge ping -q -c 1 -W 2 "$address" >/dev/null
done
cat >"$LAB_DIR/ports.toml" <<END
[backend.home]
address = ["$HOME4", "$HOME6"]

[[forward]]
name = "single"
protocol = ["tcp", "udp"]
ports = [7000]
backend = "home"

[[forward]]
name = "shifted"
protocol = ["tcp", "udp"]
ports = ["8000-8009"]
to_port = 9000
backend = "home"

[[forward]]
name = "range"
protocol = ["tcp", "udp"]
ports = ["50100-50199"]
backend = "home"
END

# play RESULT [OPTION...] - the sequence, through what is loaded
play() {
	local result=$1
	shift
	"$E2E_TOOLS/same_bytes.py" play "$LAB_DIR/steps" "$LAB_DIR/$result" --lab "$LAB_ID" \
		--fence $fence --public "$EDGE4" "$@"
}

clients4=$CLIENT4,$PEER4,$(IFS=, && echo "${more4[*]}")
clients6=$CLIENT6,$PEER6,$(IFS=, && echo "${more6[*]}")
check "a sequence from seed $seed" \
	"$E2E_TOOLS/conversations.py" --seed "$seed" --steps "$steps" --output "$LAB_DIR/steps" \
	"$clients4=$EDGE4=$HOME4=$EDGE_IN4" "$clients6=$EDGE6=$HOME6=$EDGE_IN6"

e2e_context="seed $seed: "
LAB_FORWARDER=nft
e2e_load
check "nftables forwards each packet" play nft
e2e_unload
sent=$(grep -o '"packet": ' "$LAB_DIR/steps" | wc -l)
flows=$(grep -o '"flow": [0-9]*' "$LAB_DIR/steps" | sort -u | wc -l)
LAB_FORWARDER=xdpfwd
ends=$(grep -o '"note": "expires"' "$LAB_DIR/steps" | wc -l)
for mode in native tc; do
	e2e_context="seed $seed, $mode: "
	e2e_load --mode $mode
	check_equal "xdpfwd forwards each of $sent packets but those whose time is over" \
		"played $((sent - ends))" "$(play $mode --quotes)"
	check_match "they are the same" "^0 differences in $sent packets of $flows flows, " \
		"$("$E2E_TOOLS/same_bytes.py" compare "$LAB_DIR/steps" \
			"$LAB_DIR/nft" "$LAB_DIR/$mode" --edge "$EDGE_IN4" "$EDGE4" 2>&1)"
	check_equal "those whose time was over are counted" "$ends" "$(lab_xdpfwd stats eth0 --json |
		e2e_json 'd["interfaces"][0]["drops"].get("ttl_expired", 0)')"
	e2e_unload
done
e2e_done
