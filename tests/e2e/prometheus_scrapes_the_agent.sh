#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A real Prometheus scrapes the agent: every number is there, is right, and never goes back.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_config
cat >>"$LAB_DIR/ports.toml" <<-END
	[metrics]
	listen = "127.0.0.1:9743"
	[[forward]]
	name = "hidden"
	protocol = ["tcp", "udp"]
	ports = [9001]
	backend = "home"
END
e2e_echo_servers

http() {
	lab_in edge "$E2E_TOOLS/http_client.py" get "$@"
}
# ask QUERY - what Prometheus says: each value on a line
ask() {
	local query
	query=$(python3 -c 'import sys, urllib.parse as u; print(u.quote(sys.argv[1]))' "$1")
	lab_in edge python3 - "http://127.0.0.1:9090/api/v1/query?query=$query" <<-'END'
		import json, sys, urllib.request
		result = json.load(urllib.request.urlopen(sys.argv[1]))["data"]["result"]
		print("\n".join(r["value"][1] for r in result))
	END
}
# says VALUE QUERY - for lab_wait
says() {
	[[ $(ask "$2") == "$1" ]]
}
check_soon() {
	local what=$1
	shift
	lab_wait 30 "$what" "$@" || :
	check "$what" "$@"
}
pings() {
	lab_in client "$E2E_TOOLS/echo_client.py" pings "$EDGE4" 7000 --count "$1" --rate 1000 >/dev/null
}
# sample METRIC - of `xdpfwd metrics`
sample() {
	lab_xdpfwd metrics eth0 | grep -F -- "$1" | sed 's/.* //'
}

e2e_agent eth0
check_match "the agent says where it listens" 'listening on http://127.0.0.1:9743$' \
	"$(cat "$LAB_DIR/log/agent")"

# The exposition itself, by the command and over HTTP.
check "promtool has nothing to say of the command's" bash -c \
	"set -o pipefail; nsenter --net=/run/netns/$(lab_ns edge) $XDPFWD metrics eth0 | promtool check metrics"
page=$(http http://127.0.0.1:9743/metrics)
check_equal "HTTP: 200" 200 "$(head -n 1 <<<"$page")"
check_match "the text format unless asked otherwise" \
	'^Content-Type: text/plain; version=0.0.4; charset=utf-8$' "$page"
page=$(http http://127.0.0.1:9743/metrics --accept 'application/openmetrics-text;version=1.0.0')
check_match "OpenMetrics when asked" '^Content-Type: application/openmetrics-text; version=1.0.0;' "$page"
check_equal "which has an end" '# EOF' "$(tail -n 1 <<<"$page")"
# shellcheck disable=SC2016 # the backticks are those of Markdown
for labels in $(lab_xdpfwd metrics eth0 | sed -nE 's/^([a-z_]+)(\{(.*)\})? .*/\1 \3/p' |
	sed -E 's/="[^"]*"//g; s/,/ /g; s/ /+/g' | sort -u); do
	read -ra words <<<"${labels//+/ }"
	row=$(printf '| `%s` |' "${words[0]}")
	documented=$(grep -F "$row" "$LAB_ROOT/docs/metrics.md" | cut -d '|' -f 4 | tr -d '`')
	check_equal "${words[0]} has the labels of docs/metrics.md" "$(xargs <<<"$documented")" \
		"$(xargs <<<"${words[*]:1}")"
done
# shellcheck disable=SC2016 # as above
check "every metric of docs/metrics.md is told" diff \
	<(sed -nE 's/^\| `((xdpfwd|process)_[a-z_]+)` \|.*/\1/p' "$LAB_ROOT/docs/metrics.md" | sort) \
	<(lab_xdpfwd metrics | sed -nE 's/^# TYPE ([a-z_]+) .*/\1/p' | sort)
check_equal "--json" true "$(lab_xdpfwd metrics --json | e2e_json \
	'all(m["name"] and m["type"] and (m["samples"] or "lookup" in m["name"]) for m in d["metrics"])')"

# Prometheus.
cat >"$LAB_DIR/prometheus.yml" <<-END
	global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
	rule_files: [$LAB_ROOT/docs/alerts.yml]
	scrape_configs:
	  - job_name: xdpfwd
	    static_configs: [{targets: ["127.0.0.1:9743"]}]
END
lab_start prometheus edge prometheus --config.file="$LAB_DIR/prometheus.yml" --log.level=warn \
	--storage.tsdb.path="$LAB_DIR/tsdb" --web.listen-address=127.0.0.1:9090
lab_wait 30 Prometheus says 1 'up'
pings 200
check_soon "Prometheus sees the packets" says 200 \
	'xdpfwd_forward_packets_total{forward="echo",protocol="udp",direction="in"}'
check_equal "and the replies" 200 \
	"$(ask 'xdpfwd_forward_packets_total{forward="echo",protocol="udp",direction="out"}')"
check_equal "and the bytes as stats tell them" \
	"$(lab_xdpfwd stats --json | e2e_json '[f["bytes_out"] for f in d["interfaces"][0]["forwards"]
		if f["name"] == "echo" and f["protocol"] == "udp"][0]')" \
	"$(ask 'xdpfwd_forward_bytes_total{forward="echo",protocol="udp",direction="out"}')"
check_equal "and the interface on each of its samples" eth0 "$(ask xdpfwd_flows_max >/dev/null &&
	lab_xdpfwd metrics | grep -oE 'interface="[^"]*"' | sort -u | cut -d '"' -f 2)"
check_equal "and room for flows" 131072 "$(ask xdpfwd_flows_max)"
check_equal "and its hook" 1 "$(ask 'xdpfwd_hook_info{hook="tc"}')"
check_equal "and the agent's memory, which is small" 1 \
	"$(ask 'process_resident_memory_bytes < bool 12e6')"

# Flows: three of UDP, and one of TCP.
check_equal "no flows yet" '0 0' "$(ask xdpfwd_flows | xargs)"
for port in 40001 40002 40003; do
	check_match "a masqueraded answer" "^$EDGE_IN4 9001 home" \
		"$(e2e_ask "$EDGE4" 9001 --source-port $port)"
done
check_match "over TCP, too" "^$EDGE_IN4 9001 home" "$(e2e_ask "$EDGE4" 9001 --protocol tcp)"
check_soon "Prometheus sees the flows of UDP" says 3 'xdpfwd_flows{protocol="udp"}'
check_soon "and four that were created" says 4 xdpfwd_flows_created_total
check_equal "as many flows as the command counts" \
	"$(lab_xdpfwd flows count --json | e2e_json 'd["by_protocol"]["udp"]')" \
	"$(sample 'xdpfwd_flows{interface="eth0",protocol="udp"}')"
check_equal "and none that could not be made" 0 "$(ask 'sum(xdpfwd_flow_insert_failures_total)')"

# Labels come from the config: what clients send makes no series.
series=$(lab_xdpfwd metrics | grep -c '^xdpfwd_')
for port in 7001 60000 8005 9; do
	lab_in client "$E2E_TOOLS/echo_client.py" ask "$EDGE4" "$port" >/dev/null 2>&1 || :
done
check_equal "no series more after other packets" "$series" "$(lab_xdpfwd metrics | grep -c '^xdpfwd_')"

# A backend that goes and comes back.
check_equal "the backend is up" 1 "$(ask xdpfwd_backend_up)"
lab_in edge ip link set eth1 down
check_soon "it is down with its device" says 0 xdpfwd_backend_up
lab_in edge ip link set eth1 up
lab_address edge eth1 "$EDGE_IN6/64" # went with the link
check_soon "it is up again" says 1 xdpfwd_backend_up
lab_in home ip link set eth0 arp off
lab_in edge ip neigh flush dev eth1
check_soon "it is down with its neighbour" says 0 xdpfwd_backend_up
lab_in home ip link set eth0 arp on
check_soon "and up again, as the agent keeps asking" says 1 xdpfwd_backend_up

# Reloads, bad and good.
check_equal "the last reload was good" 1 "$(ask xdpfwd_config_last_reload_successful)"
cp "$LAB_DIR/ports.toml" "$LAB_DIR/good.toml"
echo 'colour = "blue"' >"$LAB_DIR/ports.toml"
check_fails "a bad config is refused" lab_xdpfwd reload eth0
check_soon "Prometheus sees that the reload failed" says 0 xdpfwd_config_last_reload_successful
cp "$LAB_DIR/good.toml" "$LAB_DIR/ports.toml"
kill -HUP "$(lab_pid agent)"
check_soon "and that another was good" says 1 xdpfwd_config_last_reload_successful
check_equal "which was just now" 1 \
	"$(ask 'time() - xdpfwd_config_last_reload_success_timestamp_seconds < bool 60')"

# Nothing goes back: not with the agent, not with another load, not with another reload.
packets='xdpfwd_forward_packets_total{interface="eth0",forward="echo",protocol="udp",direction="in"}'
before=$(sample "$packets")
lab_stop agent KILL 2>/dev/null
check_equal "without the agent the command goes on" "$before" "$(sample "$packets")"
pings 50
e2e_load
pings 50
lab_xdpfwd reload eth0 2>/dev/null
e2e_agent eth0
pings 100
check_soon "counters go on over kill, load and reload" says $((before + 200)) "$packets"
for metric in $(lab_xdpfwd metrics | sed -n 's/^# TYPE \(xdpfwd_.*\) counter$/\1/p'); do
	check_equal "Prometheus never saw $metric go back" 0 "$(ask "sum(resets(${metric}[10m]))")"
done
check_equal "but the agent was another one" 1 "$(ask 'changes(process_start_time_seconds[10m]) > bool 0')"

# What is asked by dashboard and alerts is understood, and the dashboard has something to show.
while IFS=$'\t' read -r file query; do
	case $query in
	label_values*) continue ;;
	esac
	answer=$(ask "$query" 2>&1)
	if [[ $file == xdpfwd.json && $query != *'changes('* ]]; then
		check_match "$file: $query" '^[0-9.e+-]+$' "$answer"
	else
		check_fails "$file: $query" grep -q Error <<<"$answer"
	fi
done < <("$E2E_TOOLS/queries.py" list)
e2e_unload
lab_wait 10 "the agent to end with its interface" lab_gone "$(lab_pid agent)"
e2e_done
