# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Bash completion for xdpfwd. Commands and options are asked of the program itself.

_xdpfwd() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local program=${COMP_WORDS[0]} command='' words='' i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config | --mode | --bpffs | --log-format | --proto | --client | --backend | --forward) i=$((i + 1)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $previous in
	-c | --config)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--bpffs)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--mode) words='auto native generic tc' ;;
	--proto) words='tcp udp' ;;
	--log-format) words='text json' ;;
	--client | --backend | --forward) return ;;
	*)
		if [[ $current == -* ]]; then
			words=$("$program" ${command:+"$command"} --help 2>/dev/null | grep -oE -- '--[a-z-]+')
		else
			case $command in
			'') words=$("$program" --help 2>/dev/null |
				sed -n '/^Options/q; s/^  \([a-z][a-z]*\) .*/\1/p') ;;
			flows) words="list count flush $(ls /sys/class/net)" ;;
			load | reload | unload | status | stats | top | metrics) words=$(ls /sys/class/net) ;;
			presets) words=$("$program" presets 2>/dev/null | awk 'NR > 1 { print $1 }') ;;
			esac
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _xdpfwd xdpfwd
