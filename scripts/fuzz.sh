#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the fuzzers and run each of them; ends with the first input that breaks something.
#
#   fuzz.sh [SECONDS]    how long each runs; 60 by default
#
# What was found interesting stays in build/fuzz/corpus/NAME and is where the next run begins; an
# input that broke something is build/fuzz/NAME-crash-..., to be given to build/fuzz/NAME again.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
out=build/fuzz
sanitizers=fuzzer-no-link,address,undefined
flags=(-g -O1 "-fsanitize=$sanitizers" -fno-sanitize-recover=undefined
	-fno-omit-frame-pointer -Wall -Wextra -Wno-missing-field-initializers -D_GNU_SOURCE
	-Iinclude -iquote user) # -I would hide glibc's features.h behind ours

# What is pure: of "user" all that needs neither kernel nor libbpf.
config=(diag ipaddr portset clients presets facts)
for file in user/config*.c; do
	config+=("$(basename "$file" .c)")
done
plan=(ruleset ruleset_number)
for file in user/plan*.c; do
	[[ $file == user/planning.c ]] || plan+=("$(basename "$file" .c)")
done

# compile SOURCE - to an object, unless it is newer than the source and every header
compile() {
	local object=$out/${1//\//_}.o compiler=(clang -std=gnu11)
	[[ $1 != *.cpp ]] || compiler=(clang++ -std=c++17)
	if [[ $1 -nt $object || -n $(find include user tests/fuzz -name '*.h' \
		-newer "$object" -print -quit) ]]; then
		"${compiler[@]}" "${flags[@]}" -c "$1" -o "$object"
	fi
	objects+=("$object")
}

# build NAME SOURCE... - the fuzzer tests/fuzz/NAME.c with these
build() {
	local name=$1 objects=()
	shift
	for source; do
		compile "$source"
	done
	clang++ -fsanitize=fuzzer,address,undefined -o "$out/$name" "${objects[@]}"
}

# run NAME OPTION...
run() {
	local name=$1
	shift
	mkdir -p "$out/corpus/$name"
	printf '== %s, %d s\n' "$name" "$seconds"
	"$out/$name" -max_total_time="$seconds" -timeout=10 -artifact_prefix="$out/$name-" \
		-print_final_stats=1 "$@" "$out/corpus/$name" 2>"$out/$name.log" || {
		cat "$out/$name.log"
		exit 1
	}
	grep -E '^stat::(number_of_executed_units|average_exec_per_sec):|^#.*DONE' "$out/$name.log"
}

mkdir -p "$out"
sources=(user/toml.cpp)
for name in "${config[@]}"; do
	sources+=("user/$name.c")
done
build fuzz_config tests/fuzz/fuzz_config.c "${sources[@]}"
for name in "${plan[@]}"; do
	sources+=("user/$name.c")
done
build fuzz_plan tests/fuzz/fuzz_plan.c tests/fuzz/fuzz_input.c "${sources[@]}"

# Every key and value that the config knows, so that the fuzzer need not guess them.
grep -hoE '"[a-z_.-]+"' user/config*.c user/presets.c | sort -u >"$out/dictionary"
printf '"[[forward]]"\n"[backend.home]"\n"198.18.9.2"\n"2001:db8::1"\n' >>"$out/dictionary"

run fuzz_config -max_len=2000 -dict="$out/dictionary"
run fuzz_plan -max_len=1000 -len_control=0
