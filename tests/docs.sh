#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hold the docs to the code: commands, options, config keys, messages, reasons, examples and links.
# The last line counts: "N passed, N failed". $XDPFWD is the program to ask (build/xdpfwd).
# shellcheck disable=SC2016 # the backticks are those of Markdown
set -u
cd "$(dirname "$0")/.." || exit 1
: "${XDPFWD:=build/xdpfwd}"

man=docs/xdpfwd.8
config_man=docs/ports.toml.5
trouble=docs/troubleshooting.md
pages=(README.md CHANGELOG.md docs/*.md)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

# check WHAT CMD... - the command succeeds and has nothing to say
check() {
	local what=$1 out status=0
	shift
	out=$("$@" 2>&1) || status=$?
	if ((status == 0)) && [[ -z $out ]]; then
		passed=$((passed + 1))
		echo "ok - $what"
	else
		failed=$((failed + 1))
		echo "not ok - $what"
		printf '#   %s\n' "${out:-it ended with $status}" | sed '2,$s/^/#   /'
	fi
}

# check_lists WHAT - $tmp/code and $tmp/docs hold the same lines in any order, and some at all
check_lists() {
	sort -u -o "$tmp/code" "$tmp/code"
	sort -u -o "$tmp/docs" "$tmp/docs"
	check "$1: the code has some" test -s "$tmp/code"
	check "$1: in the code (<) and in the docs (>)" diff "$tmp/code" "$tmp/docs"
}

# quiet CMD... - what the command says counts only when it fails
quiet() {
	local out
	out=$("$@" 2>&1) || { echo "$out" && return 1; }
}

lint_man() {
	mandoc -T lint "$1" 2>/dev/null | grep -v 'referenced manual not found'
	return 0
}

# section PAGE NAME - the source of one section of a man page
section() {
	sed -n "/^\.Sh $2\$/,/^\.Sh /p" "$1" | sed '1d; /^\.Sh /d'
}

# help_commands - the commands that --help lists
help_commands() {
	"$XDPFWD" --help | sed -n '/^Options/q; s/^  \([a-z][a-z]*\) .*/\1/p'
}

# usage_stands COMMAND - its usage line is one of the synopsis
usage_stands() {
	local usage
	usage=$("$XDPFWD" "$1" --help | sed -n 's/^usage: //p')
	[[ $usage == "xdpfwd $1"* ]] || return 1
	mandoc -T ascii -O width=500 "$man" | sed 's/.\x08//g; s/^ *//' | grep -qxF -- "$usage"
}

# man_options - lines "--mode auto" or "--force": each option of the man page, with some value
man_options() {
	section "$man" COMMANDS | awk '
		/^\.It Fl / {
			value = / Op Ar / ? " 1" : / Ar / ? " x" : match($0, / Cm [a-z]+/) ? substr($0, RSTART + 3, RLENGTH - 3) : ""
			for (i = 2; i < NF; i++)
				if ($i == "Fl")
					print "-" $(i + 1) value
		}'
}

# complete_words WORD... - what the completion offers for the last word of a command line
complete_words() {
	bash -c '. packaging/completion/xdpfwd.bash
		compopt() { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_xdpfwd
		printf "%s\n" "${COMPREPLY[@]}"' - "$XDPFWD" "$@"
}

# config_keys - every key that the config knows; man_keys - every one that its page describes
config_keys() {
	cat user/config*.c | tr '\n' ' ' | grep -oE '\{ "[a-z_]+",\s+(config_)?read_' | cut -d '"' -f 2
}
man_keys() {
	sed -nE 's/^\.(It )?Ic //p' "$config_man" | tr ' ' '\n' | sed 's/[][]//g; s/\.NAME//' |
		grep -E '^[a-z_]+$'
}

# all_explained - every error and warning in the sources has its row under "Messages"
all_explained() {
	sed -n '/^## Messages/,$p' "$trouble" | grep '^|' >"$tmp/rows"
	perl -0777 -e '
		open my $file, "<", shift or die; my $rows = <$file>;
		my ($count, $call) = (0, qr/diag_add|config_error|config_warn|log_error|log_warning|no_room/);
		while (my $source = <>) {
			$source =~ s/"\s*\n\s*"//g;
			while ($source =~ /\b$call\s*\([^";]*?"((?:[^"\\]|\\.)*)"/g) {
				(my $text = $1) =~ s/\\n.*//;
				$text =~ s/\\"/"/g;
				my $row = join ".*", map { quotemeta } split /%[-.*\d]*l*[a-z]/, $text;
				print "no row for: $text\n" unless $rows =~ /(?:$row)/;
				$count++;
			}
		}
		print "no messages in the sources\n" unless $count;
	' "$tmp/rows" user/*.c user/*.cpp
}

# extract_toml - every TOML block of the pages as a file of its own in $tmp
extract_toml() {
	awk -v dir="$tmp" '
		FNR == 1 { count = 0; name = FILENAME; gsub("/", "_", name) }
		/^(```|\.Ed)/ && file { close(file); file = ""; next }
		file { print > file }
		/^```toml/ || (/^\.Bd -literal/ && FILENAME ~ /ports\.toml\.5$/) {
			file = dir "/" name "-" ++count ".toml"
		}' "${pages[@]}" "$config_man"
}

# loadable FILE - check has no finding, and load none but that lo is not a public interface
loadable() {
	"$XDPFWD" check --config "$1" >/dev/null
	"$XDPFWD" load lo --config "$1" --dry-run 2>&1 | grep -v '^lo is the loopback device'
	return 0
}

# anchors FILE - the names of its headings, as the links of a web view have them
anchors() {
	sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# links_lead FILE - every relative link leads to a file, and to a heading of it
links_lead() {
	local link path anchor status=0
	while IFS= read -r link; do
		path=$(dirname "$1")/${link%%#*}
		[[ $link != '#'* ]] || path=$1
		anchor=
		[[ $link != *'#'* ]] || anchor=${link#*#}
		if [[ ! -e $path ]]; then
			echo "no file: $link" && status=1
		elif [[ $anchor ]] && ! anchors "$path" | grep -qx -- "$anchor"; then
			echo "no heading: $link" && status=1
		fi
	done < <(grep -oE '\]\([^)]+\)' "$1" | sed 's/^](//; s/)$//' | grep -v '^https\?:')
	return $status
}

# files_exist FILE - every path of the tree that it names is there
files_exist() {
	local path status=0
	while IFS= read -r path; do
		compgen -G "$path" >/dev/null || { echo "no file: $path" && status=1; }
	done < <(grep -oE '`(bpf|docs|include|packaging|scripts|tests|user|vmlinux)/[A-Za-z0-9_./*-]+`' "$1" |
		tr -d '`')
	return $status
}

# test_names - "suite/test" of everything that the test programs would run
test_names() {
	local program
	for program in build/test-unit build/test-bpf; do
		"$program" --list | sed 's/\x1b\[[0-9;]*m//g' | awk -F ': ' '
			/^[a-z]/ { suite = $1 }
			/^[^a-z]/ { sub(/^[^a-z]*/, ""); print suite "/" $0 }'
	done
}

# rows_are_proved FILE - each row of its tables has a status and tests, which exist
rows_are_proved() {
	local row name names rows=0
	names=$(test_names)
	while IFS= read -r row; do
		rows=$((rows + 1))
		[[ $(cut -d '|' -f 5 <<<"$row") =~ ^\ (yes|none|\[partly\]\(#|\[differs\]\(#) ]] ||
			echo "no status: $row"
		[[ $(cut -d '|' -f 6 <<<"$row") == *'`'* ]] || echo "no test: $row"
		while IFS= read -r name; do
			[[ $name == tests/e2e/*.sh && -f $name ]] || grep -qx -- "$name" <<<"$names" ||
				echo "no test $name"
		done < <(cut -d '|' -f 6 <<<"$row" | grep -o '`[^`]*`' | tr -d '`')
	done < <(grep '^|' "$1" | grep -v -e '^|--' -e '^| Requirement ')
	((rows)) || echo "no rows"
}

# targets_exist FILE - every `make TARGET` of a code block is one
targets_exist() {
	local target status=0
	while IFS= read -r target; do
		make -n "$target" >/dev/null 2>&1 || { echo "no target: $target" && status=1; }
	done < <(sed -nE 's/^(\$ )?(sudo )?make ([a-z-]+).*/\3/p' "$1")
	return $status
}

for tool in "$XDPFWD" build/test-unit build/test-bpf mandoc perl python3 promtool; do
	if ! command -v "$tool" >/dev/null; then
		printf 'no %s\n0 passed, 1 failed\n' "$tool"
		exit 1
	fi
done

for page in "$man" "$config_man"; do
	check "$page: mandoc finds nothing to say" lint_man "$page"
done

help_commands >"$tmp/code"
section "$man" COMMANDS | sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' >"$tmp/docs"
check_lists "commands"
while IFS= read -r command; do
	check "$command: its usage stands in the synopsis" usage_stands "$command"
done < <(help_commands)

sed -nE 's/.*\{ "([a-z-]+)", (no|required|optional)_argument.*/--\1/p' user/options.c >"$tmp/code"
man_options | sed -n 's/^\(--[a-z-]*\).*/\1/p' >"$tmp/docs"
check_lists "options"
while read -r option value; do
	check "$option is accepted" bash -c '"$@" >/dev/null' - "$XDPFWD" "$option" ${value:+"$value"} --help
done < <(man_options)

help_commands >"$tmp/code"
complete_words '' >"$tmp/docs"
check_lists "completion of commands"
"$XDPFWD" load --help | grep -oE -- '--[a-z-]+' >"$tmp/code"
complete_words load eth0 -- >"$tmp/docs"
check_lists "completion of options"

grep -ohE 'getenv\("[A-Z_]+"' user/*.c | cut -d '"' -f 2 >"$tmp/code"
sed -n 's/^\.It Ev //p' "$man" >"$tmp/docs"
check_lists "environment"

config_keys >"$tmp/code"
man_keys >"$tmp/docs"
check_lists "config keys"

sed -nE 's/^X\(([A-Z0-9_]+), ([A-Z]+), "(.*)"\)$/| `\L\1\E` | \L\2\E | \3 |/p' \
	include/xdpfwd/reasons.def >"$tmp/code"
sed -nE 's/^(\| `[a-z0-9_]+` \| (forward|pass|drop) \| [^|]* \|).*/\1/p' "$trouble" >"$tmp/docs"
check_lists "reasons"
check "reasons: none is missed by its form" test "$(wc -l <"$tmp/code")" \
	= "$(grep -c '^X(' include/xdpfwd/reasons.def)"
check "$trouble explains every message" all_explained

perl -0777 -ne 's/"\s*\n\s*"//g;
	print "| `$1` | \L$2\E | $3 |\n" while /\{ "(\w+)", TYPE_(\w+),\s+"([^"]*)"/g' \
	user/metrics.c >"$tmp/code"
sed -nE 's/^(\| `(xdpfwd|process)_[a-z_]+` \| (info|counter|gauge) \|) .*\| ([^|]*) \|$/\1 \4 |/p' \
	docs/metrics.md >"$tmp/docs"
check_lists "metrics"
check "metrics: none is missed by its form" test "$(wc -l <"$tmp/code")" \
	= "$(grep -c '", TYPE_' user/metrics.c)"
check "dashboard and alerts ask for what there is" tests/lib/queries.py check
check "docs/alerts.yml is understood" quiet promtool check rules docs/alerts.yml
check "docs/alerts.yml alerts when it should" quiet promtool test rules tests/lib/alerts.yml

check "docs/rfc-compliance.md: each row names tests, which exist" rows_are_proved \
	docs/rfc-compliance.md

extract_toml
check "README.md has a config" test -e "$tmp/README.md-1.toml"
for file in docs/examples/*.toml "$tmp"/*.toml; do
	check "$(basename "$file") can be loaded" loadable "$file"
done

for page in "${pages[@]}"; do
	check "$page: links lead somewhere" links_lead "$page"
	check "$page: the files it names are there" files_exist "$page"
	check "$page: the make targets it names are there" targets_exist "$page"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
