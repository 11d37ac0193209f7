#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Wrong input and an unwilling system: the exit code, one clear line, and nothing changed.

# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

e2e_needs_xdpfwd
LAB_SECOND=1
e2e_lab ethernet
cd "$LAB_DIR" # so that messages say ports.toml as a user's would

# refused CODE REGEX COMMAND... - one line on stderr, this exit code, and the edge as before
#
# CODE may be several: "1 2".
refused() {
	local codes=$1 regex=$2 status=0 why='' lines
	shift 2
	e2e_snapshot "$LAB_DIR/before"
	lab_in edge "$@" >"$LAB_DIR/out" 2>"$LAB_DIR/err" || status=$?
	e2e_snapshot "$LAB_DIR/after"
	lines=$(wc -l <"$LAB_DIR/err")
	[[ " $codes " == *" $status "* ]] || why+="exit code $status instead of $codes"$'\n'
	((lines == 1)) || why+="$lines lines on stderr instead of one"$'\n'
	grep -qE -- "$regex" "$LAB_DIR/err" || why+="no match for /$regex/"$'\n'
	why+=$(diff "$LAB_DIR/before" "$LAB_DIR/after") || :
	if [[ $why ]]; then
		not_ok "$what" "$why"$'\n'"stderr: $(cat "$LAB_DIR/err")"
	else
		ok "$what"
	fi
}

# config - ports.toml from stdin, below a backend "home"
config() {
	{
		printf '[backend.home]\naddress = ["%s", "%s"]\n' "$HOME4" "$HOME6"
		cat
	} >ports.toml
}

# forward LINE... - ports.toml with one forward; LINEs add to or replace its keys
forward() {
	local line key
	declare -A keys=([protocol]='"tcp"' [ports]='[7000]' [backend]='"home"'
		[source]='"preserve"')
	for line; do
		key=${line%% = *}
		keys[$key]=${line#* = }
	done
	{
		echo '[[forward]]'
		echo 'name = "web"'
		for key in "${!keys[@]}"; do
			[[ -z ${keys[$key]} ]] || echo "$key = ${keys[$key]}"
		done
	} | config
}

load=("$XDPFWD" load eth0 --config ports.toml --detach)

# --- the config is wrong: 2, with file and place, from check and load alike

# wrong WHAT REGEX - ports.toml is refused by check and by load
wrong() {
	what="check: $1" refused 2 "^ports\.toml:[0-9]+:[0-9]+: .*$2" \
		"$XDPFWD" check --config ports.toml
	what="load: $1" refused 2 "^ports\.toml:[0-9]+:[0-9]+: .*$2" "${load[@]}"
}

what="check: a missing file" refused 2 'missing\.toml.*No such file' \
	"$XDPFWD" check --config missing.toml
what="load: a missing file" refused 2 'missing\.toml.*No such file' \
	"$XDPFWD" load eth0 --config missing.toml --detach
what="a directory" refused 2 '/run: Is a directory' "$XDPFWD" check --config /run

config <<<'[[forward]'
wrong "broken TOML" '.'
forward 'protocl = "tcp"'
wrong "an unknown key names the nearest" 'protocl.*protocol'
for ports in '0' '70000' '-1' '"22-70000"'; do
	forward "ports = [$ports]"
	wrong "port $ports" 'not a port \(1-65535\)'
done
forward 'ports = ["200-100"]'
wrong "a reversed range" '200-100'
forward 'ports = ["http"]'
wrong "a port by name" 'http'
forward 'ports = 3.5'
wrong "a port of the wrong type" 'ports'
forward 'ports = []'
wrong "no ports" 'ports'
forward 'protocol = "sctp"'
wrong "an unknown protocol" 'sctp'
forward 'backend = "hme"'
wrong "an unknown backend" 'hme'
forward 'source = "keep"'
wrong "an unknown source mode" 'keep'
forward 'to_port = 65535' 'ports = ["7000-7001"]'
wrong "to_port that shifts beyond 65535" 'to_port'
forward 'address = "198.51.100"'
wrong "an address that is none" '198\.51\.100'
forward 'allow = ["198.51.100.1/24"]'
wrong "a prefix with host bits" '198\.51\.100\.1/24'
config <<-'END'
	[[forward]]
	name = "one"
	protocol = "udp"
	ports = ["7000-7010"]
	backend = "home"
	source = "preserve"
	[[forward]]
	name = "two"
	protocol = "udp"
	ports = [7005]
	backend = "home"
	source = "preserve"
END
wrong "overlapping forwards" '7005.*"one"|"one".*7005'
sed -i 's/^ports = \[7005\]/ports = [8005]\nto_port = 7005/' ports.toml
wrong "preserve with an ambiguous way back names the other one, too" '"two".*"one" \(line [0-9]+\)'
sed -i 's/"two"/"one"/; s/^to_port.*//' ports.toml
wrong "two forwards of one name" '"one"'

config <<-'END'
	[[forward]]
	name = "bad"
	protocl = "tcp"
	ports = [0, 70000]
	backend = "nobody"
END
check_equal "all errors of a file are reported" 4 \
	"$(lab_xdpfwd check --config ports.toml 2>&1 | grep -cE \
		'^ports\.toml:[0-9]+:[0-9]+: .*(protocl|\<0 is not|70000 is not|nobody)')"

# --- the command line is wrong: 2

forward
what="no command" refused 2 '.' "$XDPFWD"
what="an unknown command" refused 2 'laod' "$XDPFWD" laod eth0
what="an unknown option" refused 2 'frobnicate' "${load[@]}" --frobnicate
what="an unknown mode" refused 2 'fast' "${load[@]}" --mode fast
what="load without --config" refused 2 'config' "$XDPFWD" load eth0 --detach
what="load without an interface" refused 2 '[Ii]nterface|IFACE' \
	"$XDPFWD" load --config ports.toml --detach

# --- the system refuses: 1, with the cause

what="no such interface" refused 1 'nope0' "$XDPFWD" load nope0 --config ports.toml --detach
cp "$XDPFWD" xdpfwd && chmod 755 xdpfwd
what="not root" refused 1 'root|CAP_|[Pp]ermi' setpriv --reuid 65534 --regid 65534 --clear-groups \
	./xdpfwd load eth0 --config ports.toml --detach
# shellcheck disable=SC2016 # expanded by the inner shell
what="a kernel without BTF" refused 1 'BTF.*CONFIG_DEBUG_INFO_BTF' unshare --mount \
	sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh "${load[@]}"
what="a BPF file system where none can be" refused 1 '/dev/null' "${load[@]}" --bpffs /dev/null/bpf
what="a BPF file system on a plain directory's file" refused 1 'ports\.toml' \
	"${load[@]}" --bpffs "$LAB_DIR/ports.toml"
what="unload of what is not loaded" refused 1 'eth0' "$XDPFWD" unload eth0
what="reload of what is not loaded" refused 1 'eth0' "$XDPFWD" reload eth0
what="stats of what is not loaded" refused 1 'eth0' "$XDPFWD" stats eth0
what="status of what is not loaded" refused 1 'eth0' "$XDPFWD" status eth0

# backend LINE... - ports.toml with another backend
backend() {
	forward
	sed -i '/^address/d' ports.toml
	printf '%s\n' "$@" >backend.toml
	sed -i '/^\[backend.home\]/r backend.toml' ports.toml
}
backend "address = [\"$HOME4\", \"$HOME6\"]" 'masquerade_address = "203.0.113.99"'
sed -i '/^source/d' ports.toml
what="masquerade as somebody else" refused 1 'masquerade_address: 203\.0\.113\.99' "${load[@]}"
backend 'address = "home.invalid"'
what="a name that does not resolve" refused 1 'home\.invalid' "${load[@]}"
backend 'address = "203.1.113.77"'
what="no route to the backend" refused 1 '203\.1\.113\.77' "${load[@]}"
backend "address = \"$HOME4\"" 'device = "wg7"'
what="a backend device that is not there" refused 1 'wg7' "${load[@]}"
backend "address = \"$EDGE4\""
what="the edge itself as backend" refused 1 "$EDGE4" "${load[@]}"
lab_in edge ip link set eth2 down
backend "address = \"$HOME4\"" 'device = "eth2"'
what="a backend device that is down" refused 1 'eth2.*down' "${load[@]}"
forward
what="an interface that is down" refused 1 'eth2.*down' \
	"$XDPFWD" load eth2 --config ports.toml --detach
lab_in edge ip link set eth2 up

forward 'ports = ["1024-65535"]' 'protocol = ["tcp", "udp"]'
what="a range that leaves the edge no port of its own" refused '1 2' 'ephemeral|of its own' \
	"${load[@]}"

# Somebody else's XDP program.
e2e_xdp_program edge eth0 someone_elses
forward
what="another XDP program is named and stays" refused 1 'someone_elses' "${load[@]}" --mode native
check_match "it is still attached" 'prog/xdp id [0-9]+' "$(lab_in edge ip link show eth0)"
e2e_echo home tcp 7000
check "--mode tc forwards beside it" lab_in edge "${load[@]}" --mode tc
check_equal "and home is reached" "$CLIENT4 7000 home" \
	"$(e2e_ask "$EDGE4" 7000 --protocol tcp)"
check "unload" lab_xdpfwd unload eth0
check_match "it stays after unload" 'prog/xdp id [0-9]+' "$(lab_in edge ip link show eth0)"
lab_in edge ip link set dev eth0 xdpdrv off

# A server of the edge's own on a port that is named.
e2e_echo edge tcp 7000 udp 7000
for protocol in tcp udp; do
	forward "protocol = \"$protocol\""
	what="a $protocol port in use on the edge" refused 1 "$protocol.*7000" "${load[@]}"
done
forward
check "--force forwards it all the same" lab_in edge "${load[@]}" --force
check_equal "and home answers" "$CLIENT4 7000 home" "$(e2e_ask "$EDGE4" 7000 --protocol tcp)"
check "unload" lab_xdpfwd unload eth0
check_equal "after unload the edge does" "$CLIENT4 7000 edge" \
	"$(e2e_ask "$EDGE4" 7000 --protocol tcp)"
lab_stop echo-edge

# The operator's own way in.
for ports in 2222 '"2200-2299"'; do
	forward "ports = [$ports]"
	what="the port of the SSH session, by $ports" refused 1 '2222.*--force' \
		env SSH_CONNECTION="$CLIENT4 40000 $EDGE4 2222" "${load[@]}"
done
check "--force forwards it all the same" lab_in edge env \
	SSH_CONNECTION="$CLIENT4 40000 $EDGE4 2222" "${load[@]}" --force --dry-run

# Two agents for one interface.
forward
e2e_agent eth0
what="a second agent" refused 1 "$(lab_pid agent)" "$XDPFWD" load eth0 --config ports.toml
check_equal "the first one's forwards are in force" "$CLIENT4 7000 home" \
	"$(e2e_ask "$EDGE4" 7000 --protocol tcp)"
lab_stop agent
check "unload" lab_xdpfwd unload eth0
e2e_done
