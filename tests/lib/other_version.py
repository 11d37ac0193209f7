#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a pinned state that of a version with other map layouts: other_version.py PIN ABI."""
import ctypes
import mmap
import os
import re
import sys

BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_OBJ_GET = 7


class Attr(ctypes.Structure):
    """Of BPF_OBJ_GET."""
    _fields_ = [("pathname", ctypes.c_uint64), ("bpf_fd", ctypes.c_uint32),
                ("file_flags", ctypes.c_uint32)]


def main():
    """Replace the number in both texts of the map, in place."""
    path = ctypes.create_string_buffer(sys.argv[1].encode())
    attr = Attr(ctypes.addressof(path), 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(BPF_SYSCALL, BPF_OBJ_GET, ctypes.byref(attr), ctypes.sizeof(attr))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), sys.argv[1])
    with mmap.mmap(fd, 4 + 2 * 1024 * 1024) as state:
        found = 0
        for match in re.finditer(rb'\{"abi":(\d+),', state[:]):
            if match.end(1) - match.start(1) != len(sys.argv[2]):
                raise ValueError("a number of another length")
            state[match.start(1):match.end(1)] = sys.argv[2].encode()
            found += 1
    if not found:
        raise ValueError("no state in there")


main()
