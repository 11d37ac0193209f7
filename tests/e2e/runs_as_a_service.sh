#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What systemd asks of the agent: readiness, watchdog, few capabilities, errors of a reload, the log.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd

UNIT=$LAB_ROOT/packaging/systemd/xdpfwd@.service

# The unit itself, with the executable that is being tested.
e2e_lab ethernet
mkdir "$LAB_DIR/unit"
sed "s|=/usr/sbin/xdpfwd|=$XDPFWD|" "$UNIT" >"$LAB_DIR/unit/xdpfwd@.service"
version=$(systemd-analyze --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if ((${version:-0} >= 250)); then
	check_equal "systemd-analyze verify has nothing to say" '' \
		"$(systemd-analyze verify --man=no "$LAB_DIR/unit/xdpfwd@.service" 2>&1)"
	score=$(systemd-analyze security --offline=true --no-pager "$LAB_DIR/unit/xdpfwd@.service" |
		sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
	echo "# systemd-analyze security: $score"
	check "its exposure is at most 3.5 of 10" awk -v score="$score" 'BEGIN { exit !(score && score <= 3.5) }'
else
	echo "# systemd-analyze is not there, or too old: the unit is not verified"
fi

# As the unit runs it: the same capabilities, no new privileges, the same umask.
caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$UNIT" | tr '[:upper:]' '[:lower:]' | sed 's/cap_/+/g; s/ /,/g')
confined=(env "NOTIFY_SOCKET=$LAB_DIR/notify" WATCHDOG_USEC=60000000 bash -c "umask 0077 && { ulimit -l unlimited 2>/dev/null || :; } &&
	exec setpriv --bounding-set=-all,$caps --inh-caps=-all --no-new-privs \"\$@\"" -)
e2e_config
e2e_echo home udp 7000,50000
lab_start notify edge python3 -u "$E2E_TOOLS/notify_socket.py" "$LAB_DIR/notify"
lab_wait 10 "the socket" grep -q ready "$LAB_DIR/log/notify"
lab_start agent edge "${confined[@]}" "$XDPFWD" load eth0 --config "$LAB_DIR/ports.toml"
directory_modes() {
	stat -c %a "$XDPFWD_BPFFS/xdpfwd" "$XDPFWD_BPFFS/xdpfwd/eth0" | xargs
}
notified() {
	grep -qxF "$1" "$LAB_DIR/log/notify"
}
lab_wait 10 "readiness" notified READY=1 || :
check "it says when it is ready" notified READY=1
check "which is when it forwards" e2e_agent_is eth0 "$(lab_pid agent)"
check_equal "indeed" "$CLIENT4 50000 home" "$(e2e_ask "$EDGE4" 50000)"
lab_wait 10 "the watchdog" notified WATCHDOG=1 || :
check "it feeds the watchdog" notified WATCHDOG=1

# Nothing beyond what the unit names, whatever it was started with.
status=/proc/$(lab_pid agent)/status
effective=$(sed -n 's/^CapEff:[[:space:]]*//p' "$status")
check_equal "it keeps the capabilities of the unit and no other" "$(tr ',' '\n' <<<"${caps//+/cap_}" | sort)" \
	"$(capsh --decode="$effective" | sed 's/.*=//' | tr ',' '\n' | sort)"
for task in "/proc/$(lab_pid agent)/task/"*; do
	check_equal "and so does each thread" "$effective" "$(sed -n 's/^CapEff:[[:space:]]*//p' "$task/status")"
done
check_equal "nor new privileges" 1 "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "$status")"
check_equal "pins are nobody else's to see" "700 700" "$(directory_modes)"
check_equal "nor to read" 600 "$(stat -c %a "$XDPFWD_BPFFS"/xdpfwd/eth0/* | sort -u)"

# With these it follows the host, and is reloaded as ExecReload does.
lab_in edge ip address del "$EDGE4/24" dev eth0
lab_address edge eth0 198.51.100.3/24
EDGE4=198.51.100.3
follows() {
	[[ $(e2e_ask "$EDGE4" 50000 --timeout 0.5) == "$CLIENT4 50000 home" ]]
}
lab_wait 15 "another address" follows || :
check "it follows the host" follows
cp "$LAB_DIR/ports.toml" "$LAB_DIR/good.toml"
echo 'colour = "blue"' >"$LAB_DIR/ports.toml"
check_equal "a bad reload fails" 2 \
	"$(lab_in edge "${confined[@]}" "$XDPFWD" reload eth0 2>"$LAB_DIR/reload.err" && echo 0 || echo $?)"
check_match "with the reason" 'unknown key "colour"' "$(cat "$LAB_DIR/reload.err")"
cp "$LAB_DIR/good.toml" "$LAB_DIR/ports.toml"
check "a good one does not" lab_in edge "${confined[@]}" "$XDPFWD" reload eth0
kill -HUP "$(lab_pid agent)"
lab_wait 10 "the reload by a signal" notified RELOADING=1 || :
check "a reload by a signal is told" notified RELOADING=1
lab_stop agent
check "its end, too" notified STOPPING=1
check "and forwarding goes on" follows
check "unload" lab_in edge "${confined[@]}" "$XDPFWD" unload eth0

# By root's hand, with all capabilities there are, it keeps few of them as well.
umask 0
lab_start agent edge "$XDPFWD" load eth0 --config "$LAB_DIR/ports.toml" --log-format json
umask 022
lab_wait 10 "the agent" e2e_agent_is eth0 "$(lab_pid agent)"
check_fails "without a unit: no CAP_CHOWN" grep -q cap_chown \
	<(capsh --decode="$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$(lab_pid agent)/status")")
# Nor are its pins anybody else's where the umask takes nothing away.
check_equal "without a unit: pins are nobody else's to see" "700 700" "$(directory_modes)"
check "root sees the state" test -r "$XDPFWD_BPFFS/xdpfwd/eth0/state"
check_fails "another user does not" lab_in edge setpriv --reuid=65534 --regid=65534 --clear-groups \
	test -r "$XDPFWD_BPFFS/xdpfwd/eth0/state"
kill -HUP "$(lab_pid agent)"
lab_wait 10 "the reload" grep -q 'reloaded from' "$LAB_DIR/log/agent" || :
lab_stop agent
# Its messages; the plan it prints goes to standard output, which is the same file here.
check_equal "--log-format=json: an object a line" true "$(grep '^{' "$LAB_DIR/log/agent" | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
print(json.dumps(len(lines) > 2 and all(
	line["level"] in ("info", "warning", "error") and line["message"] and line["time"].endswith("Z")
	for line in lines) and any(line.get("line", 0) > 1 and line["file"].endswith("ports.toml")
	for line in lines)))')"
check_fails "and no other" grep -qE '^xdpfwd:|warning:' "$LAB_DIR/log/agent"

# stderr is the journal when systemd says so, and only then.
journal() {
	lab_in edge python3 - "$XDPFWD" "$@" <<-'END'
		import os, subprocess, sys
		read, write = os.pipe()
		st = os.fstat(write)
		env = dict(os.environ, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}")
		subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=write, env=env)
		os.close(write)
		print(os.fdopen(read).read(), end="")
	END
}
out=$(journal reload eth0)
check_match "journal: warnings have their priority" '^<4>.*ports.toml:.*: warning:' "$out"
check_match "news theirs" '^<6>eth0 reloaded from' "$out"
check_equal "no line is without" '' "$(grep -v '^<[346]>' <<<"$out" || :)"
check_match "errors theirs" '^<3>eth7 is not loaded' "$(journal reload eth7)"
check_match "another stream is not the journal" '^xdpfwd: eth7 is not loaded' \
	"$(JOURNAL_STREAM=1:1 lab_xdpfwd reload eth7 2>&1 || :)"
check "unload" lab_xdpfwd unload eth0
e2e_done
