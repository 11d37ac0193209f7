# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of path MTU and of ICMP share: a server one hop behind home, and large TLS hellos.
#
# Source after e2e.sh.

INNER4=198.18.77.2 INNER6=2001:db8:77::2
INNER_ROUTER4=198.18.77.1 INNER_ROUTER6=2001:db8:77::1
# It fills the hello: with the key share of a large group, with every cipher that there is, and with
# the ticket of an earlier session.
TLS_NAME=$(printf 'a%.0s' {1..63}).$(printf 'b%.0s' {1..63}).$(printf 'c%.0s' {1..63}).example

# inner_make - a host "inner" on Ethernet behind home, which is its router
inner_make() {
	lab_node inner
	lab_cable home lan0 inner eth0
	lab_address home lan0 $INNER_ROUTER4/24 $INNER_ROUTER6/64
	lab_address inner eth0 $INNER4/24 $INNER6/64
	lab_sysctl home net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	lab_in inner ip route add default via $INNER_ROUTER4
	lab_in inner ip route add default via $INNER_ROUTER6
	if [[ $BACKEND_DEV == wg-* ]]; then
		lab_in edge wg set "$BACKEND_DEV" peer "$(cat "$LAB_DIR/home.pub")" \
			allowed-ips "$HOME4/32,$HOME6/128,$INNER4/32,$INNER6/128"
		lab_in edge ip route add $INNER4 dev "$BACKEND_DEV"
		lab_in edge ip route add $INNER6 dev "$BACKEND_DEV"
	else
		lab_in edge ip route add $INNER4 via "$HOME4"
		lab_in edge ip route add $INNER6 via "$HOME6"
	fi
}

# tunnel_mtu MTU - of what lies between the edge and home
tunnel_mtu() {
	local home_dev=eth0
	[[ $BACKEND_DEV != wg-* ]] || home_dev=wg-home-$LAB_ID
	lab_in edge ip link set "$BACKEND_DEV" mtu "$1"
	lab_in home ip link set "$home_dev" mtu "$1"
}

# inner_forward NAME PORTS [LINE...] - to the same ports of inner by preserve, and from 1,000 further
# further up by masquerade
inner_forward() {
	local last=${2##*-} first=${2%%-*}
	inner_forward_one "$1" "\"$first-$last\"" 'source = "preserve"' "${@:3}"
	inner_forward_one "$1-masquerade" "\"$((first + 1000))-$((last + 1000))\"" \
		"to_port = $first" "${@:3}"
}

inner_forward_one() {
	printf '%s\n' '[[forward]]' "name = \"$1\"" "ports = [$2]" 'protocol = ["tcp", "udp"]' \
		'backend = "inner"' "${@:3}" >>"$LAB_DIR/ports.toml"
}

# inner_config - ports.toml with inner as a backend
inner_config() {
	cat >"$LAB_DIR/ports.toml" <<-END
		[backend.inner]
		address = ["$INNER4", "$INNER6"]
		device = "$BACKEND_DEV"
	END
}

# tls_start - an HTTPS server on inner's port 4430; its log says how large each hello is
tls_start() {
	mkdir -p "$LAB_DIR/www"
	head -c 300000 /dev/urandom >"$LAB_DIR/www/file"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=inner \
		-addext "subjectAltName=DNS:$TLS_NAME" \
		-keyout "$LAB_DIR/www/key.pem" -out "$LAB_DIR/www/cert.pem" 2>/dev/null
	lab_start tls inner sh -c "cd '$LAB_DIR/www' && exec openssl s_server -accept 4430 -WWW -msg \
		-groups ffdhe8192 -cert cert.pem -key key.pem"
	lab_wait 5 "the HTTPS server" lab_listens inner tcp 4430
}

# tls_get HOST PORT [SECONDS] - curl fetches a file twice, the second time with the ticket of the first
tls_get() {
	local files host=$1
	files=$(mktemp -d "$LAB_DIR/got.XXXXXX")
	[[ $host != *:* ]] || host="[$host]"
	lab_in client curl -sS --max-time "${3:-8}" --cacert "$LAB_DIR/www/cert.pem" --http1.0 \
		--curves ffdhe8192 --ciphers 'ALL:COMPLEMENTOFALL@SECLEVEL=0' \
		--connect-to "$TLS_NAME:443:$host:$2" -o "$files/1" "https://$TLS_NAME/file" \
		-o "$files/2" "https://$TLS_NAME/file" &&
		cmp "$files/1" "$LAB_DIR/www/file" && cmp "$files/2" "$LAB_DIR/www/file"
}

# tls_hello - bytes of the last hello that the server has seen
tls_hello() {
	echo $((0x$(sed -nE 's/^<<< .*\[length ([0-9a-f]+)\], ClientHello/\1/p' "$LAB_DIR/log/tls" |
		tail -n 1)))
}

# icmp_blind NODE... - they hear nothing of packets that are too big, as behind many a firewall
icmp_blind() {
	local node
	for node; do
		lab_in "$node" nft -f - <<-END
			table inet blind {
				chain in {
					type filter hook prerouting priority raw
					icmp type destination-unreachable icmp code 4 drop
					icmpv6 type packet-too-big drop
				}
			}
		END
	done
}

# icmp_seeing NODE... - the way back
icmp_seeing() {
	local node
	for node; do
		lab_in "$node" nft delete table inet blind
	done
}

# mtu_forget NODE... - what they have learnt of paths
mtu_forget() {
	local node
	for node; do
		lab_in "$node" ip route flush cache
		lab_in "$node" ip -6 route flush cache
	done
}
