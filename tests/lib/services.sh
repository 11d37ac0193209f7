# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The real services of a lab: Prosody (XMPP) and coturn (TURN) on home, and what proves they work.
#
# Source after scripts/lab.sh and call after lab_make. Everything lives in the lab's directory and
# ends with the lab; the distribution's own instances and their files are not touched.

SERVICE_DOMAIN=chat.example
SERVICE_PASSWORD='correct horse'
TURN_USER=alice
TURN_PASSWORD=secret
TURN_PEER_PORT=3480

# service_prosody_start - c2s on 5222 and s2s on 5269, with the users alice and bob
service_prosody_start() {
	local dir=$LAB_DIR/prosody user
	mkdir "$dir" "$dir/data"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$SERVICE_DOMAIN" \
		-keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
	cat >"$dir/prosody.cfg.lua" <<-END
		pidfile = "$dir/prosody.pid"
		data_path = "$dir/data"
		certificates = "$dir"
		log = { debug = "*console" }
		interfaces = { "*", "::" }
		modules_enabled = { "roster", "saslauth", "tls", "disco", "dialback" }
		modules_disabled = { "admin_shell" }
		c2s_require_encryption = true
		authentication = "internal_plain"
		VirtualHost "$SERVICE_DOMAIN"
		ssl = { certificate = "$dir/cert.pem", key = "$dir/key.pem" }
	END
	chown -R prosody: "$dir"
	for user in alice bob; do
		prosodyctl --config "$dir/prosody.cfg.lua" register "$user" "$SERVICE_DOMAIN" \
			"$SERVICE_PASSWORD" >>"$LAB_DIR/log/prosodyctl" 2>&1
	done
	lab_start prosody home setpriv --reuid prosody --regid prosody --init-groups \
		prosody -F --config "$dir/prosody.cfg.lua"
	lab_wait 15 "Prosody's client port" lab_listens home tcp 5222
	lab_wait 5 "Prosody's server port" lab_listens home tcp 5269
}

# service_coturn_start - TURN on 3478-3479, relaying on 49152-65535 under the edge's address
service_coturn_start() {
	local dir=$LAB_DIR/coturn
	mkdir "$dir"
	chown turnserver: "$dir"
	cat >"$dir/turnserver.conf" <<-END
		listening-ip=$HOME4
		listening-ip=$HOME6
		relay-ip=$HOME4
		relay-ip=$HOME6
		external-ip=$EDGE4/$HOME4
		external-ip=$EDGE6/$HOME6
		min-port=49152
		max-port=65535
		realm=$SERVICE_DOMAIN
		lt-cred-mech
		user=$TURN_USER:$TURN_PASSWORD
		userdb=$dir/turndb
		pidfile=$dir/turnserver.pid
		log-file=stdout
		relay-threads=1
		verbose
		no-cli
		no-tls
		no-dtls
	END
	lab_start coturn home setpriv --reuid turnserver --regid turnserver --init-groups \
		stdbuf -oL turnserver -c "$dir/turnserver.conf"
	lab_wait 15 "coturn's UDP port" lab_listens home udp 3478 2
	lab_wait 5 "coturn's TCP port" lab_listens home tcp 3478 2
	lab_start turn-peer4 client turnutils_peer -p $TURN_PEER_PORT -L "$PEER4"
	lab_start turn-peer6 client turnutils_peer -p $TURN_PEER_PORT -L "$PEER6"
	lab_wait 5 "the TURN peers" lab_listens client udp $TURN_PEER_PORT 2
}

# service_logged NAME TEXT - true when a service's log holds a text, perhaps in a moment
service_logged() {
	lab_wait 8 "\"$2\" in the log of $1" grep -qF -- "$2" "$LAB_DIR/log/$1"
}

# service_chat HOST [MESSAGE [OPTION...]] - two users log in from the client and pass a message
service_chat() {
	lab_in client "$LAB_ROOT/tests/lib/xmpp_chat.py" "$1" "$SERVICE_DOMAIN" \
		--password "$SERVICE_PASSWORD" ${2:+--message "$2"} "${@:3}"
}

# service_server_stream HOST - the first step of another XMPP server
service_server_stream() {
	lab_in client "$LAB_ROOT/tests/lib/xmpp_chat.py" "$1" "$SERVICE_DOMAIN" --s2s
}

# service_relay HOST PEER [OPTION...] - packets to a peer and back through coturn, none lost
#
# turnutils_uclient ends with 0 whatever happened: what counts is what it prints.
service_relay() {
	local host=$1 peer=$2 count=50 output
	shift 2
	[[ $peer != *:* ]] || set -- -x "$@"
	output=$(lab_in client timeout "${TURN_PATIENCE:-20}" \
		stdbuf -oL turnutils_uclient -c -n $count -m 1 -l 170 -z 5 \
		-u "$TURN_USER" -w "$TURN_PASSWORD" -e "$peer" -r $TURN_PEER_PORT "$@" "$host" 2>&1) || :
	printf '%s\n' "$output" >>"$LAB_DIR/log/turn-client"
	if ! grep -q "tot_send_msgs=$count, tot_recv_msgs=$count\$" <<<"$output" ||
		! grep -q 'Total lost packets 0 ' <<<"$output"; then
		tail -n 6 <<<"$output" >&2
		return 1
	fi
	echo "$count packets sent, $count came back, 0 lost"
}
