#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Cut a vmlinux.h down to the types a list names and what those need.

usage: bpftool btf dump file /sys/kernel/btf/vmlinux format c | vmlinux-trim.py TYPES > vmlinux.h
"""
import re
import sys

HEAD = """/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by `make vmlinux` from the running kernel's BTF and vmlinux/types.txt; do not edit. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif
"""
TAIL = """
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif
"""


def definitions(text):
    """Yield (name, source) of each top-level definition, in the dump's (dependency) order."""
    for match in re.finditer(
            r"^(struct|union|enum) (\w+) \{\n.*?^\}[^;\n]*;|^typedef [^;{]+;|"
            r"^typedef (?:struct|union|enum) \{\n.*?^\} \w+;|^enum \{\n.*?^\};", text, re.M | re.S):
        source = match.group(0)
        if match.group(1):
            yield f"{match.group(1)} {match.group(2)}", source
        elif source.startswith("typedef"):
            name = re.search(r"\(\*(\w+)\)\(|(\w+)(?:\[\d+\])*(?: __attribute__.*)?;$|(\w+)\(", source)
            if name:
                yield next(group for group in name.groups() if group), source
        else:
            for name in re.findall(r"^\t(\w+) =", source, re.M):
                yield f"enumerator {name}", source


def needs(source):
    """Names a definition uses by value: pointers to structs need no definition."""
    body = source.split("{", 1)[1] if "{" in source else source
    for kind, name, star in re.findall(r"\b(struct|union|enum) (\w+)( \*)?", body):
        if not star:
            yield f"{kind} {name}"
    if not source.startswith("enum"):
        yield from re.findall(r"\b(\w+)\b", body)


def main():
    wanted = [line.strip() for line in open(sys.argv[1], encoding="utf-8")
              if line.strip() and not line.startswith("#")]
    table = dict(definitions(sys.stdin.read()))
    missing = [name for name in wanted if name not in table]
    if missing:
        sys.exit(f"vmlinux-trim: not in this kernel's BTF: {', '.join(missing)}")
    keep, todo = set(), wanted
    while todo:
        name = todo.pop()
        if name in keep or name not in table:
            continue
        keep.add(name)
        todo.extend(needs(table[name]))
    print(HEAD)
    for source in dict.fromkeys(source for name, source in table.items() if name in keep):
        print(source + "\n")
    print(TAIL.lstrip("\n"), end="")


main()
