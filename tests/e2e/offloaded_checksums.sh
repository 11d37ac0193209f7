#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Senders that leave checksums and segmentation to their network card are served right by TC.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

LAB_TX_OFFLOAD=on
for variant in ethernet wireguard; do
	e2e_context="$variant: "
	e2e_lab "$variant"
	e2e_config
	e2e_echo_servers
	check_match "the client's card makes the checksums" '^tx-checksumming: on' \
		"$(lab_in client ethtool -k eth0)"
	e2e_load --mode auto
	if [[ $LAB_FORWARDER == xdpfwd ]]; then
		check_equal "auto chooses TC alone" '["tc"]' "$(lab_xdpfwd status eth0 --json |
			e2e_json 'sorted({h["hook"] for h in d["interfaces"][0]["hooks"]})')"
	fi
	check_echo_both
	e2e_unload
done
e2e_done
