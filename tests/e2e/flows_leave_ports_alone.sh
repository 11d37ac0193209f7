#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Flows take no port that a socket of the host has, from when it has it until it has it no more.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
PORTS='20000, 20001' # all that flows may take: one for the odd ports of clients and one for the even

# without_port - how many new flows found no port
without_port() {
	lab_xdpfwd stats eth0 --json | e2e_json 'd["interfaces"][0]["drops"].get("no_port", 0)'
}
# begins PROTOCOL - a new flow finds a port, there being no other flow; home may still think of the
# one before, so the answer does not count
begins() {
	local before
	lab_xdpfwd flows flush eth0 >/dev/null
	before=$(without_port)
	e2e_ask "$EDGE4" 7000 --protocol "$1" --timeout 0.5 >/dev/null
	(($(without_port) == before))
}
refused() {
	! begins "$1"
}
# holder CODE - a process of the edge that has a socket until its log says so and it is told to end
holder() {
	lab_start holder edge python3 -u -c "import socket, time
$1
print('ready')
time.sleep(1000)"
	lab_wait 10 "the socket" grep -q ready "$LAB_DIR/log/holder"
}

no_listener() {
	! lab_listens edge tcp 20000 && ! lab_listens edge tcp 20001
}

e2e_lab ethernet
e2e_config masquerade
printf '%s\n' '[limits]' "masquerade_ports = \"20000-20001\"" >>"$LAB_DIR/ports.toml"
e2e_echo home udp 7000 tcp 7000
e2e_agent eth0
check_equal "there is a port for a flow" "$EDGE_IN4 7000 home" "$(e2e_ask "$EDGE4" 7000)"
check "and for the next when that is over" begins udp

# With TCP there is one try only: a port rests for a while after a flow. What a look at the sockets
# has found is seen by UDP, of which the same process has sockets on the same ports.
holder "u = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ($PORTS)]
for i, port in enumerate(($PORTS)):
    u[i].bind(('', port))
l = [socket.create_server(('127.0.0.1', port)) for port in ($PORTS)]
c = [socket.create_connection(('127.0.0.1', port)) for port in ($PORTS)]
a = [listener.accept()[0] for listener in l]
import signal
signal.signal(signal.SIGUSR1, lambda *_: l.clear() or u.clear())"
lab_wait 15 "the ports to be left" refused udp || :
check "UDP: ports of sockets are left to them" refused udp
check "TCP: so are those of listeners" refused tcp
kill -USR1 "$(lab_pid holder)"
lab_wait 10 "the listeners to end" no_listener
lab_wait 15 "the ports to come back" begins udp || :
check "UDP: until they are closed" begins udp
check "TCP: and then to the connections that they have accepted" refused tcp
lab_stop holder KILL
lab_wait 30 "the ports to come back" begins tcp
ok "until those end, too"
check "unload" lab_xdpfwd unload eth0
e2e_done
