#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# allow and deny: who is let in, who is not, and what a reload does to those who were.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
config=$LAB_DIR/ports.toml
e2e_echo home udp 7000,7001 tcp 7000

# config_of SOURCE LINES - two forwards to home, of which the first is limited by LINES
config_of() {
	cat >"$config" <<-END
		[backend.home]
		address = ["$HOME4", "$HOME6"]
		[[forward]]
		name = "some"
		protocol = ["tcp", "udp"]
		ports = 7000
		backend = "home"
		source = "$1"
		$2
		[[forward]]
		name = "all"
		protocol = "udp"
		ports = 7001
		backend = "home"
		source = "$1"
	END
}

# answered HOST PORT [OPTION...] - who answers: home, or nobody
answered() {
	case $(e2e_ask "$@" --timeout 0.5) in
	*" home") echo home ;;
	*) echo nobody ;;
	esac
}

denied() {
	lab_xdpfwd stats --json | e2e_json 'd["interfaces"][0]["drops"]["denied"]'
}

flow_clients() {
	lab_xdpfwd flows --json | e2e_json \
		'" ".join(sorted({f["forward"] + "=" + f["client"].rpartition(":")[0] for f in d["flows"]}))'
}

for source in preserve masquerade; do
	for mode in native tc; do
		e2e_context="$source, $mode: "
		config_of $source "allow = [\"$CLIENT4\", \"$PEER4\"]"
		e2e_load --mode $mode
		check_equal "who is allowed is served" home "$(answered "$EDGE4" 7000)"
		check_equal "by TCP, too" home "$(answered "$EDGE4" 7000 --protocol tcp)"
		before=$(denied)
		check_equal "a family that is not named is not" nobody "$(answered "$EDGE6" 7000)"
		check "which is counted" test "$(denied)" -gt "$before"
		check_equal "the other forward is for all" home "$(answered "$EDGE6" 7001)"

		config_of $source "deny = \"${CLIENT4%.*}.0/24\""
		check "reload" lab_xdpfwd reload eth0
		check_equal "who is denied is not served any more" nobody "$(answered "$EDGE4" 7000)"
		check_equal "by TCP neither" nobody "$(answered "$EDGE4" 7000 --protocol tcp)"
		check_equal "others are" home "$(answered "$EDGE6" 7000)"
		check_equal "the other forward is for all" home "$(answered "$EDGE4" 7001)"
		if [[ $source == masquerade ]]; then
			check_equal "their flows have ended" \
				"\"all=$CLIENT4 all=[$CLIENT6] some=[$CLIENT6]\"" "$(flow_clients)"
		fi
		check_match "status says whom it is for" '^  some     0.0.0.0-' "$(lab_xdpfwd status)"
		e2e_unload
	done
done
e2e_done
