# SPDX-License-Identifier: GPL-2.0-only
"""ICMP errors, fragments and options in bytes, made and taken apart. Packets start with IP."""

import struct

from wire import checksum


def with_checksum4(header):
    header = bytearray(header)
    header[10:12] = bytes(2)
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return bytes(header)


def ip_header(src, dst, proto, length, rng, extra=0):
    """A random one in front of length bytes; extra: the fragment field of IPv4."""
    ttl = rng.choice((2, 64, 255, rng.randrange(2, 256)))
    if len(src) == 16:
        return struct.pack("!IHBB", 6 << 28 | rng.getrandbits(28), length, proto, ttl) + src + dst
    return with_checksum4(struct.pack("!BBHHHBBH", 0x45, rng.getrandbits(8), 20 + length,
                                      rng.getrandbits(16), extra, ttl, proto, 0) + src + dst)


def icmp(src, dst, kind, word, body, rng):
    """An ICMP error around body; word: the second one of its header."""
    data = struct.pack("!BBHI", *kind, 0, word) + body
    pseudo = src + dst + struct.pack("!II", len(data), 58) if len(src) == 16 else b""
    data = data[:2] + struct.pack("!H", checksum(pseudo + data)) + data[4:]
    return ip_header(src, dst, 58 if pseudo else 1, len(data), rng) + data


def with_options(packet, option):
    """An IPv4 packet with an option behind its header."""
    header = bytearray(packet[:20] + option)
    header[0] = 0x40 | len(header) // 4
    header[2:4] = struct.pack("!H", len(packet) + len(option))
    return with_checksum4(header) + packet[20:]


def header_length(packet):
    return 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4


def is_icmp_error(data):
    if data[0] >> 4 == 4:
        return data[9] == 1 and data[header_length(data)] in (3, 4, 11, 12)
    return data[6] == 58 and data[40] < 128


def is_fragment(data):
    if data[0] >> 4 == 4:
        return struct.unpack_from("!H", data, 6)[0] & 0x3FFF != 0
    return data[6] == 44 and struct.unpack_from("!H", data, 42)[0] & 0xFFF9 != 0


def cut(data):
    """Without padding."""
    if data[0] >> 4 == 4:
        return data[:struct.unpack_from("!H", data, 2)[0]]
    return data[:40 + struct.unpack_from("!H", data, 4)[0]]


def fragment(whole, number, body, begin, end):
    more = int(end < len(body))
    if whole[0] >> 4 == 4:
        header = whole[:2] + struct.pack("!HHH", 20 + end - begin, number & 0xFFFF,
                                         more << 13 | begin // 8) + whole[8:20]
        return with_checksum4(header) + body[begin:end]
    return (whole[:4] + struct.pack("!H", 8 + end - begin) + b"\x2c" + whole[7:40] +
            struct.pack("!BBHI", whole[6], 0, begin | more, number) + body[begin:end])


def piece(data):
    """Offset and flag, number, length."""
    if data[0] >> 4 == 4:
        return data[6:8], data[4:6], len(data)
    return data[42:44], data[44:48], len(data)


def join(parts):
    """The packet that fragments make: plain, its number 0 and without DF."""
    v6 = parts[0][0] >> 4 == 6
    at = 48 if v6 else 20
    pieces = {}
    for part in parts:
        field = struct.unpack_from("!H", part, 42 if v6 else 6)[0]
        pieces[field & 0xFFF8 if v6 else (field & 0x1FFF) * 8] = part[at:]
    body = b"".join(pieces[offset] for offset in sorted(pieces))
    first = parts[0]
    if v6:
        return first[:4] + struct.pack("!H", len(body)) + first[40:41] + first[7:40] + body
    return with_checksum4(first[:2] + struct.pack("!HHH", 20 + len(body), 0, 0) +
                          first[8:20]) + body


def without_fragment_header(data):
    if data[6] != 44:
        return data
    return data[:4] + struct.pack("!H", len(data) - 48) + data[40:41] + data[7:40] + data[48:]


def blank_header(data):
    """An ICMP error without what each host chooses: DSCP, number and DF; flow label."""
    if data[0] >> 4 == 6:
        return b"\x60\0\0\0" + data[4:]
    return data[:1] + b"\0" + data[2:4] + bytes(4) + data[8:10] + bytes(2) + data[12:]
