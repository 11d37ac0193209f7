#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The agent's HTTP listener: who may ask what, slow and hostile clients, reloads, TLS and passwords.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
e2e_lab ethernet
e2e_echo_servers

# http PATH|URL [OPTION...] - the whole answer; status - only that
http() {
	[[ $1 != /* ]] || set -- "$url$1" "${@:2}"
	lab_in edge "$E2E_TOOLS/http_client.py" get "$@" 2>&1
}
status() {
	http "$@" | head -n 1
}
# config LINE... - the usual forwards, and these lines in [metrics]
config() {
	e2e_config
	printf '%s\n' '[metrics]' "$@" >>"$LAB_DIR/ports.toml"
}
log_says() {
	grep -q -- "$1" "$LAB_DIR/log/agent"
}
is() {
	[[ $("${@:2}") == "$1" ]]
}
url=http://127.0.0.1:9743

# A port that cannot be had: one line, and nothing has changed.
config 'listen = "127.0.0.1:9743"'
lab_start squatter edge python3 -m http.server --bind 127.0.0.1 9743
lab_wait 10 "a squatter" lab_listens edge tcp 9743
e2e_snapshot "$LAB_DIR/before"
code=0
message=$(lab_xdpfwd load eth0 --config "$LAB_DIR/ports.toml" 2>&1 >/dev/null) || code=$?
e2e_snapshot "$LAB_DIR/after"
check_equal "a port in use: load ends with 1" 1 "$code"
check_equal "and one line" "xdpfwd: metrics: cannot listen on 127.0.0.1:9743: Address already in use; \
end what listens there, or change listen in [metrics]" "$message"
check_same "and changes nothing" "$LAB_DIR/before" "$LAB_DIR/after"
lab_stop squatter KILL
e2e_load
check_match "--detach says that nobody listens" 'with --detach there is no agent' \
	"$(cat "$LAB_DIR/load.err")"
check_fails "and nobody does" http /metrics
e2e_unload

# What is answered.
e2e_agent eth0
check_match "/ has a link" 'href="/metrics"' "$(http /)"
check_equal "/-/healthy" 200 "$(status /-/healthy)"
check_equal "/-/ready" 200 "$(status /-/ready)"
check_equal "HEAD" 200 "$(status /metrics --method HEAD)"
check_equal "no such page" 404 "$(status /metric)"
check_equal "no way out" 404 "$(status /../../etc/passwd)"
check_equal "POST" 405 "$(status /metrics --method POST --body 1000)"
check_match "with what is allowed" '^Allow: GET, HEAD$' "$(http /metrics --method DELETE)"
check_fails "the address is the one that was asked for, and no other" \
	http "http://$EDGE4:9743/metrics"

# Clients that are up to no good.
# send TEXT - the first line of the answer to raw bytes
send() {
	printf '%b' "$1" >"$LAB_DIR/raw"
	lab_in edge "$E2E_TOOLS/http_client.py" raw 127.0.0.1:9743 "$LAB_DIR/raw" | head -n 1 | tr -d '\r'
}
check_match "headers without end" ' 431 ' \
	"$(send "GET / HTTP/1.1\r\nHost: a\r\nX: $(printf '%050000d' 0)\r\n\r\n")"
check_match "a line without end" ' 414 ' "$(send "GET /$(printf '%050000d' 0)")"
check_equal "no HTTP at all is not answered" '' "$(send '\0001\0002\0003\r\n\r\n')"
check_match "a header that is none" ' 400 ' "$(send 'GET / HTTP/1.1\r\nHost: a\r\nnone\r\n\r\n')"
head -c 100000 /dev/urandom >"$LAB_DIR/noise"
lab_in edge "$E2E_TOOLS/http_client.py" raw 127.0.0.1:9743 "$LAB_DIR/noise" >/dev/null || :
check_equal "noise, and still there" 200 "$(status /metrics)"

lab_start drip edge "$E2E_TOOLS/http_client.py" hold 127.0.0.1:9743 8 --drip
lab_wait 10 "connections that drip" grep -q held "$LAB_DIR/log/drip"
lab_start crowd edge "$E2E_TOOLS/http_client.py" hold 127.0.0.1:9743 100
lab_wait 10 "more connections than there may be" grep -q held "$LAB_DIR/log/crowd"
check_lossless "a reload meanwhile loses nothing" lab_xdpfwd reload eth0
check "reload by signal, too" kill -HUP "$(lab_pid agent)"
check "the agent is not kept busy by them" python3 - "$(lab_pid agent)" <<-'END'
	import sys, time
	def ticks():
	    return sum(map(int, open(f"/proc/{sys.argv[1]}/stat").read().rsplit(")")[1].split()[11:13]))
	before = ticks()
	time.sleep(2)
	assert ticks() - before < 50, f"{ticks() - before} of 200 ticks"
END
lab_wait 30 "an end to all that drip" grep -q cut "$LAB_DIR/log/drip" || :
check_equal "a client that drips is cut" cut "$(tail -n 1 "$LAB_DIR/log/drip")"
lab_stop crowd KILL
lab_wait 15 "an answer" is 200 status /metrics || :
check_equal "and the next one is answered" 200 "$(status /metrics)"
check "the agent lives" lab_in edge kill -0 "$(lab_pid agent)"
check_equal "with few descriptors" true "$(http /metrics |
	awk '/^process_open_fds/ { print ($2 < 24 ? "true" : $2) }')"

# A reload moves the listener, or keeps it when the new place cannot be had.
config 'listen = "127.0.0.1:9744"'
check "reload to another port" lab_xdpfwd reload eth0
lab_wait 10 "the new port" is 200 status http://127.0.0.1:9744/metrics || :
check_equal "the new port answers" 200 "$(status http://127.0.0.1:9744/metrics)"
check_fails "the old one does not" http /metrics
lab_start squatter edge python3 -m http.server --bind 127.0.0.1 9743
lab_wait 10 "a squatter" lab_listens edge tcp 9743
config 'listen = "127.0.0.1:9743"'
check "reload to a port in use" lab_xdpfwd reload eth0
lab_wait 10 "a complaint" log_says 'the listener stays as it was' || :
check_match "the agent says so" 'cannot listen on 127.0.0.1:9743: Address already in use' \
	"$(cat "$LAB_DIR/log/agent")"
check_equal "and listens where it did" 200 "$(status http://127.0.0.1:9744/metrics)"
lab_stop squatter KILL
e2e_config
check "reload without [metrics]" lab_xdpfwd reload eth0
lab_wait 10 "silence" is '' lab_in edge ss -Hltn 'sport = :9744' || :
check_fails "nobody listens" http http://127.0.0.1:9744/metrics

# TLS and a password, on the public address.
# certificate NAME - a key, and a certificate signed by itself
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=IP:$EDGE4" -keyout "$LAB_DIR/key.pem" -out "$LAB_DIR/$1.pem" \
		2>/dev/null
	cp "$LAB_DIR/$1.pem" "$LAB_DIR/cert.pem"
}
certificate first
url=https://$EDGE4:9743
config "listen = \"$EDGE4:9743\"" "tls_certificate = \"$LAB_DIR/cert.pem\"" \
	"tls_key = \"$LAB_DIR/key.pem\"" 'username = "prometheus"' \
	"password_hash = \"$(openssl passwd -6 'correct horse')\""
first=(--ca "$LAB_DIR/first.pem")
good=(--user 'prometheus:correct horse')
check "reload to TLS and a password" lab_xdpfwd reload eth0
lab_wait 10 "TLS" is 200 status /metrics "${first[@]}" "${good[@]}" || :
check_equal "the right password" 200 "$(status /metrics "${first[@]}" "${good[@]}")"
check_equal "none" 401 "$(status /metrics "${first[@]}")"
check_match "and what is asked for" '^WWW-Authenticate: Basic realm="xdpfwd"$' \
	"$(http /metrics "${first[@]}")"
check_equal "a wrong password" 401 "$(status /metrics "${first[@]}" --user 'prometheus:correct hors')"
check_equal "an empty one" 401 "$(status /metrics "${first[@]}" --user 'prometheus:')"
check_equal "a wrong name" 401 "$(status /metrics "${first[@]}" --user 'root:correct horse')"
check_equal "the hash for the password" 401 "$(status /metrics "${first[@]}" \
	--user "prometheus:$(sed -n 's/^password_hash = "\(.*\)"/\1/p' "$LAB_DIR/ports.toml")")"
for page in / /-/healthy /-/ready /nowhere; do
	check_equal "$page is behind it, too" 401 "$(status "$page" "${first[@]}")"
done
check_fails "no plain HTTP" http "http://$EDGE4:9743/metrics" "${good[@]}"
check_fails "not with TLS 1.1" lab_in edge openssl s_client -connect "$EDGE4:9743" -tls1_1
certificate second
check "reload with a renewed certificate" lab_xdpfwd reload eth0
lab_wait 10 "the renewed certificate" is 200 status /metrics --ca "$LAB_DIR/second.pem" \
	"${good[@]}" || :
check_equal "which is the one that is shown" 200 \
	"$(status /metrics --ca "$LAB_DIR/second.pem" "${good[@]}")"
cp "$LAB_DIR/first.pem" "$LAB_DIR/cert.pem" # of another key
lab_xdpfwd reload eth0 2>/dev/null
lab_wait 10 "a complaint" log_says "cannot serve on $EDGE4:9743" || :
check "files that do not belong together are complained of" log_says "cannot serve on $EDGE4:9743"
check_equal "and the listener stays" 200 "$(status /metrics --ca "$LAB_DIR/second.pem" "${good[@]}")"

# Not without an interface.
e2e_unload
lab_wait 10 "the agent to end with its interface" lab_gone "$(lab_pid agent)"
check_fails "the listener ends with the agent" http /metrics --ca "$LAB_DIR/second.pem"
e2e_done
