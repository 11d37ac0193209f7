#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The service under systemd itself: start, reload, watchdog, restarts, the end, and what is logged.
#
# Runs in a guest whose first process is systemd. The guest is the edge of the lab.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

tools=$LAB_ROOT/build/kernels
unit=xdpfwd@eth0
drop_in=/run/systemd/system/xdpfwd@.service.d

# The guest ends with the test, and the lab with the guest.
lab_remove() {
	return "${1:-$?}"
}

ip() {
	if [[ $* == "netns add "*-edge ]]; then
		command ip netns attach "$3" $$
	else
		command ip "$@"
	fi
}

# config PORT - forward it, and a range behind it, to home's server, which listens on another
config() {
	cat >/etc/xdpfwd/eth0.toml <<-END
		[metrics]
		listen = "127.0.0.1:743"

		[backend.home]
		address = "home.example"
		device = "$BACKEND_DEV"

		[[forward]]
		name = "echo"
		protocol = ["tcp", "udp"]
		ports = [$1]
		to_port = 9000
		backend = "home"

		[[forward]]
		name = "range"
		protocol = ["tcp", "udp"]
		ports = ["$(($1 + 1))-$(($1 + 9))"]
		backend = "home"
	END
}

# ask PROTOCOL PORT - the address that home sees
ask() {
	lab_in client "$tools/traffic" ask "$1" "$EDGE4" "$2" 1200 2>&1 || :
}

check_traffic() {
	local protocol
	for protocol in udp tcp; do
		check_equal "$1: $protocol" "$EDGE_IN4" "$(ask $protocol "$2")"
	done
}

property() {
	systemctl show -P "$1" "${2:-$unit}"
}

is() {
	[[ $(property "$1") == "$2" ]]
}

# restarted PID - another process is the agent
restarted() {
	local pid
	pid=$(property MainPID)
	((pid && pid != $1)) && is ActiveState active
}

# journal PRIORITY [UNIT] - what the service has logged
journal() {
	journalctl -q -o cat -u "${2:-$unit}" -p "$1..$1"
}

logged() {
	journal "$1" "${3:-$unit}" | grep -qE "$2"
}

# check_journal WHAT PRIORITY REGEX [UNIT] - it comes there by itself, and takes a moment
check_journal() {
	lab_wait 10 "the journal" logged "${@:2}" || :
	check_match "journal: $1" "$3" "$(journal "$2" "${4:-$unit}")"
}

# inside CMD... - in what the agent sees of the file system
inside() {
	nsenter -t "$(property MainPID)" -m "$@"
}

# with LINE... - for all that is started from now on
with() {
	mkdir -p "$drop_in"
	printf '%s\n' '[Service]' "$@" >"$drop_in/test.conf"
	systemctl daemon-reload
}

check_start() {
	config 7000
	check "systemctl start" systemctl start $unit
	check_equal "it is active" "active running" "$(property ActiveState) $(property SubState)"
	check_equal "and says so" "Forwarding on eth0" "$(property StatusText)"
	check_traffic "started" 7000
	check "the pins are where everybody looks for them" xdpfwd status eth0
	check_match "ports of ranges are reserved" 7001-7004,7006-7009 \
		"$(sysctl -n net.ipv4.ip_local_reserved_ports)"
	check_match "metrics, on a port below 1024" '^xdpfwd_' \
		"$(wget -q -O - http://127.0.0.1:743/metrics 2>&1)"
	check_journal "news" 6 'eth0 is looked after'
	check_journal "warnings, and whose a socket of another user is" 4 \
		'port 7005 stays with this host: traffic listens there'
	check_match "systemctl status has them" 'eth0 is looked after' \
		"$(systemctl status $unit 2>&1)"
	check_equal "what is in force is not logged" '' "$(journalctl -o cat -u $unit | grep -i backend: || :)"
}

check_confined() {
	local path status
	status=/proc/$(property MainPID)/status
	for path in /etc/xdpfwd /usr /var /root /home; do
		check_fails "$path is not written to" inside touch $path/new
	done
	check_match "system calls are filtered" '^Seccomp:[[:space:]]*2' "$(cat "$status")"
	check_match "no new privileges" '^NoNewPrivs:[[:space:]]*1' "$(cat "$status")"
}

check_reload() {
	local pid
	pid=$(property MainPID)
	config 7100
	check "systemctl reload" systemctl reload $unit
	check_traffic "reloaded" 7100
	check_equal "the old port is closed" "traffic: connect: Connection refused" \
		"$(ask tcp 7000)"
	check_journal "the reload" 6 'eth0 reloaded from /etc/xdpfwd/eth0.toml'
	echo 'colour = "blue"' >>/etc/xdpfwd/eth0.toml
	check_fails "a bad reload fails" systemctl reload $unit
	check_journal "why" 3 'unknown key "colour"'
	check "the service goes on" is ActiveState active
	check_traffic "as before" 7100
	check "by the same process" is MainPID "$pid"
}

check_signal() {
	local pid
	pid=$(property MainPID)
	config 7000
	check "reload by a signal" systemctl kill -s HUP --kill-who=main $unit
	reloaded_again() {
		(($(journal 6 | grep -c 'reloaded from') > 1)) && is ActiveState active
	}
	lab_wait 10 "the signal's reload" reloaded_again || :
	check_traffic "a signal" 7000
	check "by the same process" is MainPID "$pid"
	check "and none was started anew" is NRestarts 0
}

check_follows() {
	local address
	for address in 198.18.9.3 "$HOME4"; do
		echo "$address home.example" >/etc/hosts
		check_journal "it follows a name" 6 "eth0 follows the host: .*$address"
	done
	check_traffic "followed" 7000
}

# The agent feeds the watchdog, and is replaced when it does not.
check_watchdog() {
	local pid
	pid=$(property MainPID)
	sleep 5
	check "longer than the watchdog waits" is MainPID "$pid"
	kill -STOP "$pid"
	check_traffic "stopped" 7000
	lab_wait 20 "the watchdog" restarted "$pid" || :
	check "an agent that hangs is replaced" restarted "$pid"
	check_equal "by the watchdog" 1 "$(property NRestarts)"
	check_traffic "another agent" 7000
}

check_killed() {
	local pid
	pid=$(property MainPID)
	: >/etc/hosts
	kill -KILL "$pid"
	check_traffic "killed" 7000
	lab_wait 20 "another agent" restarted "$pid" || :
	check "an agent that is killed is replaced" restarted "$pid"
	check_equal "once" 2 "$(property NRestarts)"
	check_journal "without the names of backends" 4 'cannot resolve "home.example" now'
	echo "$HOME4 home.example" >/etc/hosts
}

check_stop() {
	check "systemctl stop" systemctl stop $unit
	check_equal "a good end" "inactive success" "$(property ActiveState) $(property Result)"
	check_traffic "stop" 7000
	check "systemctl restart" systemctl restart $unit
	check_traffic "restarted" 7000
}

check_unload() {
	check "unload" xdpfwd unload eth0
	lab_wait 10 "the end" is ActiveState inactive || :
	check_equal "ends the service, for good" "inactive dead success" \
		"$(property ActiveState) $(property SubState) $(property Result)"
	check_equal "nothing is forwarded" "traffic: connect: Connection refused" "$(ask tcp 7000)"
	check_equal "nothing is pinned" '' "$(ls -A /sys/fs/bpf)"
}

# What the next try may find in order is tried again; a config that is wrong is not.
check_failures() {
	local other=xdpfwd@eth9
	echo 'colour = "blue"' >>/etc/xdpfwd/eth0.toml
	check_fails "systemctl start with a bad config fails" systemctl start $unit
	check_equal "and is not tried again" "failed 2" \
		"$(property ActiveState) $(property ExecMainStatus)"
	config 7000
	sed -i '/metrics/,+1d' /etc/xdpfwd/eth0.toml
	mv /etc/xdpfwd/eth0.toml /etc/xdpfwd/eth9.toml
	systemctl start $other 2>/dev/null || :
	check_journal "there is no such interface" 3 'no interface eth9' $other
	check_equal "it is tried again" "activating 1" \
		"$(property ActiveState $other) $(property ExecMainStatus $other)"
	sed -i 's/home.example/late.example/' /etc/xdpfwd/eth9.toml
	command ip link add eth9 type veth peer name eth8
	command ip address add 203.0.113.2/24 dev eth9
	command ip link set eth9 up
	command ip link set eth8 up
	check_journal "no such name" 3 'cannot resolve "late.example"' $other
	echo "$HOME4 late.example" >>/etc/hosts
	active() {
		[[ $(property ActiveState "$other") == active ]]
	}
	lab_wait 20 "$other" active || :
	check "until it works" active
	check "stop" systemctl stop $other
	check "unload" xdpfwd unload eth9
}

echo "kernel $(uname -r)"
echo "booted $(cut -d ' ' -f 1 /proc/uptime)"
echo "# $(systemctl --version | head -n 1)"
for module in /modules/*; do
	insmod "$module"
done
e2e_lab ethernet
unset XDPFWD_BPFFS
echo "$HOME4 home.example" >/etc/hosts
lab_address home eth0 198.18.9.3/24
lab_start traffic home "$tools/traffic" serve 9000
lab_start listener edge setpriv --reuid=65534 --regid=65534 --clear-groups "$tools/traffic" serve 7005
for name in traffic listener; do
	lab_wait 10 "$name" grep -q ready "$LAB_DIR/log/$name"
done

e2e_context="the unit: "
check_start
check_confined
check_reload
config 7000
check "reload" systemctl reload $unit
check_stop
check_unload

# Whoever makes a system call that is not allowed dies of it from here on.
e2e_context="strict: "
with SystemCallErrorNumber=kill WatchdogSec=4 RestartSec=1 Environment=XDPFWD_RESOLVE_INTERVAL=1 \
	ExecStart= 'ExecStart=/usr/sbin/xdpfwd load %i --config /etc/xdpfwd/%i.toml --mode native'
journalctl -q --rotate --vacuum-time=1s
check_start
check_reload
check_signal
check_follows
check_watchdog
check_killed
check_unload
e2e_context="failures: "
check_failures
e2e_done
