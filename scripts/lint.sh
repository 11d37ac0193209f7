#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Layers, format, clang-tidy, cppcheck and shellcheck over the whole tree; says which ones failed.
set -u
cd "$(dirname "$0")/.." || exit 1

mapfile -t c_files < <(git ls-files '*.c' '*.h' '*.cpp' ':!vmlinux')
mapfile -t user_files < <(git ls-files 'user/*.c')
mapfile -t shell_files < <(git ls-files '*.sh' .ci/run)
passed=0 failed=0

# step NAME COMMAND... - run one linter; show what it says only when it fails
step() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		printf 'ok %s\n' "$name"
		passed=$((passed + 1))
	else
		printf '%s\nnot ok %s\n' "$out" "$name"
		failed=$((failed + 1))
	fi
}

tidy() {
	printf '%s\n' "${user_files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet \
		--extra-arg=-Wno-unknown-warning-option
}

# A compilation database of one command for all, since all are compiled alike.
flags() {
	printf '%s\n' -std=gnu11 -D_GNU_SOURCE -Iinclude -iquoteuser -isystembuild \
		'-DVERSION="lint"' '-DREVISION="lint"' > compile_flags.txt
}

long_files() {
	git ls-files '*.c' '*.h' '*.cpp' '*.sh' '*.py' ':!vmlinux' | xargs wc -l |
		awk '$2 != "total" && $1 > 420 { print $2 ": " $1 " lines"; bad = 1 } END { exit bad }'
}

flags
trap 'rm -f compile_flags.txt' EXIT
step layers scripts/check-layers.py
step file-length long_files
step clang-format clang-format --dry-run -Werror "${c_files[@]}"
step shellcheck shellcheck "${shell_files[@]}"
step cppcheck cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --suppress=missingInclude \
	--enable=warning,portability -D_GNU_SOURCE '-DLIBBPF_OPTS(type, name, ...)=struct type name = {}' \
	-Iinclude -Iuser user
step clang-tidy tidy
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
