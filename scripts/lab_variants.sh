# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The variants of the lab: who is connected with whom, and under which addresses.
#
# Sourced by lab.sh, whose lab_make calls the function named for the variant.
# shellcheck disable=SC2034 # the addresses are for those who use the lab

LAB_WG_PORT=51820

# The addresses are the same in every lab: each has namespaces of its own. The peer's come after
# the client's in IPv4 and before them in IPv6, where the newest is the one preferred.
lab_addresses() {
	EDGE4=198.51.100.2 EDGE6=2001:db8:51::2
	CLIENT4=198.51.100.10 CLIENT6=2001:db8:51::10
	PEER4=198.51.100.11 PEER6=2001:db8:51::11
	HOME4=198.18.9.2 HOME6=2001:db8:9::2
	EDGE_IN4=198.18.9.1 EDGE_IN6=2001:db8:9::1
	UNDERLAY4=198.51.100.20
	SECOND_EDGE4=203.0.113.2 SECOND_CLIENT4=203.0.113.10
	SECOND_EDGE6=2001:db8:113::2 SECOND_CLIENT6=2001:db8:113::10
	BACKEND_DEV=eth1
	case $1 in
	routed)
		CLIENT4=203.0.113.10 CLIENT6=2001:db8:113::10
		PEER4=203.0.113.11 PEER6=2001:db8:113::11
		;;
	wireguard)
		BACKEND_DEV=wg-edge-$LAB_ID
		;;
	one-armed)
		HOME4=198.51.100.20 HOME6=2001:db8:51::20
		BACKEND_DEV=eth0
		;;
	esac
}

# lab_segment NODE... - one Ethernet segment (a bridge on node "net") with each node's eth0 on it
lab_segment() {
	local node
	lab_node net
	lab_in net ip link add br0 type bridge
	lab_in net ip link set br0 up
	for node; do
		lab_cable "$node" eth0 net "to-$node"
		lab_in net ip link set "to-$node" master br0
	done
}

lab_home_ethernet() {
	lab_cable edge eth1 home eth0
	lab_address edge eth1 "$EDGE_IN4/24" "$EDGE_IN6/64"
	lab_address home eth0 "$HOME4/24" "$HOME6/64"
	lab_in home ip route add default via "$EDGE_IN4"
	lab_in home ip route add default via "$EDGE_IN6"
}

lab_make_ethernet() {
	lab_cable client eth0 edge eth0
	lab_address client eth0 "$CLIENT4/24" "$PEER4/24" "$PEER6/64" "$CLIENT6/64"
	lab_address edge eth0 "$EDGE4/24" "$EDGE6/64"
	lab_home_ethernet
}

lab_make_routed() {
	lab_node net
	lab_cable client eth0 net to-client
	lab_cable net to-edge edge eth0
	lab_sysctl net net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	lab_address net to-client 203.0.113.1/24 2001:db8:113::1/64
	lab_address net to-edge 198.51.100.1/24 2001:db8:51::1/64
	lab_address client eth0 "$CLIENT4/24" "$PEER4/24" "$PEER6/64" "$CLIENT6/64"
	lab_in client ip route add default via 203.0.113.1
	lab_in client ip route add default via 2001:db8:113::1
	lab_address edge eth0 "$EDGE4/24" "$EDGE6/64"
	lab_in edge ip route add default via 198.51.100.1
	lab_in edge ip route add default via 2001:db8:51::1
	lab_home_ethernet
}

lab_make_one_armed() {
	lab_segment client edge home
	lab_address client eth0 "$CLIENT4/24" "$PEER4/24" "$PEER6/64" "$CLIENT6/64"
	lab_address edge eth0 "$EDGE4/24" "$EDGE6/64"
	# No on-link prefix: everything home sends goes by way of the edge.
	lab_address home eth0 "$HOME4/32" "$HOME6/128"
	lab_in home ip route add default via "$EDGE4" dev eth0 onlink
	lab_in home ip route add "$EDGE6" dev eth0
	lab_in home ip route add default via "$EDGE6" dev eth0
}

# lab_tunnel NODE DEV - an empty WireGuard device
lab_tunnel() {
	local node=$1 dev=$2
	if [[ $LAB_WIREGUARD == auto ]]; then
		LAB_WIREGUARD=go
		if lab_in "$node" ip link add probe type wireguard 2>/dev/null; then
			lab_in "$node" ip link del probe
			LAB_WIREGUARD=kernel
		fi
	fi
	if [[ $LAB_WIREGUARD == kernel ]]; then
		lab_in "$node" ip link add "$dev" type wireguard
		return
	fi
	lab_start "$dev" "$node" wireguard-go --foreground "$dev"
	lab_wait 10 "wireguard-go on $node" lab_in "$node" wg show "$dev"
}

lab_make_wireguard() {
	local edge_dev=wg-edge-$LAB_ID home_dev=wg-home-$LAB_ID key
	lab_segment client edge home
	lab_address client eth0 "$CLIENT4/24" "$PEER4/24" "$PEER6/64" "$CLIENT6/64"
	lab_address edge eth0 "$EDGE4/24" "$EDGE6/64"
	# Home knows of nothing but the edge outside the tunnel; the rest goes through it.
	lab_address home eth0 "$UNDERLAY4/32"
	lab_in home ip route add "$EDGE4" dev eth0 src "$UNDERLAY4"

	for key in edge home; do
		(umask 077 && wg genkey >"$LAB_DIR/$key.key")
		wg pubkey <"$LAB_DIR/$key.key" >"$LAB_DIR/$key.pub"
	done
	lab_tunnel edge "$edge_dev"
	lab_tunnel home "$home_dev"
	lab_in edge wg set "$edge_dev" private-key "$LAB_DIR/edge.key" listen-port $LAB_WG_PORT \
		peer "$(cat "$LAB_DIR/home.pub")" allowed-ips "$HOME4/32,$HOME6/128"
	lab_in home wg set "$home_dev" private-key "$LAB_DIR/home.key" \
		peer "$(cat "$LAB_DIR/edge.pub")" allowed-ips 0.0.0.0/0,::/0 \
		endpoint "$EDGE4:$LAB_WG_PORT" persistent-keepalive 5
	lab_address edge "$edge_dev" "$EDGE_IN4/24" "$EDGE_IN6/64"
	lab_address home "$home_dev" "$HOME4/24" "$HOME6/64"
	lab_in edge ip link set "$edge_dev" mtu 1420 up
	lab_in home ip link set "$home_dev" mtu 1420 up
	lab_in home ip route add default dev "$home_dev"
	lab_in home ip -6 route add default dev "$home_dev"
	lab_wait 10 "the tunnel" lab_in home ping -q -c 1 -W 1 "$EDGE_IN4"
}

lab_add_second() {
	lab_cable client eth1 edge eth2
	lab_address client eth1 "$SECOND_CLIENT4/24" "$SECOND_CLIENT6/64"
	lab_address edge eth2 "$SECOND_EDGE4/24" "$SECOND_EDGE6/64"
}
