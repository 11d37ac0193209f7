#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an idle agent costs with the limits that a config has by default: memory, maps, and CPU time.
#
# FOOTPRINT_SECONDS: how long the CPU time is measured (5). It is printed and not judged.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
seconds=${FOOTPRINT_SECONDS:-5}

# map_bytes - what all maps of an interface take, those inside of others included
map_bytes() {
	lab_in edge python3 - "$XDPFWD_BPFFS/xdpfwd/eth0" <<-'END'
		import json, os, subprocess, sys

		def show(*which):
		    done = subprocess.run(["bpftool", "-j", "map", *which], capture_output=True, text=True)
		    return json.loads(done.stdout) if done.returncode == 0 else None

		total = 0
		for name in os.listdir(sys.argv[1]):
		    path = os.path.join(sys.argv[1], name)
		    found = show("show", "pinned", path)
		    if not found or "bytes_memlock" not in found:
		        continue  # a program or a link
		    total += int(found["bytes_memlock"])
		    if found["type"] in ("array_of_maps", "hash_of_maps"):
		        for entry in show("dump", "pinned", path):
		            if "value" in entry:
		                inner = entry.get("inner_map_id") or int.from_bytes(
		                    bytes(int(byte, 16) for byte in entry["value"]), "little")
		                total += int(show("show", "id", str(inner))["bytes_memlock"])
		print(total)
	END
}

# cpu_ns PID - what all threads of a process have run so far
cpu_ns() {
	cat "/proc/$1/task/"*/schedstat | awk '{ sum += $1 } END { printf "%d\n", sum }'
}

e2e_lab ethernet
e2e_config masquerade
printf '%s\n' '[metrics]' 'listen = "127.0.0.1:9743"' >>"$LAB_DIR/ports.toml"
e2e_echo home udp 7000 tcp 7000
e2e_agent eth0
agent=$(lab_pid agent)
check_equal "it forwards" "$EDGE_IN4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
# Having been loaded, asked and scraped once is part of what it is at rest.
lab_in edge "$E2E_TOOLS/http_client.py" get http://127.0.0.1:9743/metrics >"$LAB_DIR/metrics"
check "it was scraped" grep -q '^xdpfwd_build_info' "$LAB_DIR/metrics"

before=$(cpu_ns "$agent") started=$(date +%s%N)
sleep "$seconds"
after=$(cpu_ns "$agent") ended=$(date +%s%N)
awk -v ran=$((after - before)) -v time=$((ended - started)) \
	'BEGIN { printf "# CPU at rest: %.3f %% of one CPU, over %.0f s\n", 100 * ran / time, time / 1e9 }'

rss_kb=$(awk '/^VmRSS:/ { print $2 }' "/proc/$agent/status")
maps=$(map_bytes)
echo "# RSS $rss_kb kB, maps $maps bytes"
check "RSS is below 12 MB" test "$rss_kb" -lt 12000
check "there are maps" test "$maps" -gt 1000000
check "all maps are below 64 MB" test "$maps" -lt 64000000
check "the agent is still there" e2e_agent_is eth0 "$agent"
check "unload" lab_xdpfwd unload eth0
e2e_done
