"""What ld.so.cache says, in all its formats."""

import struct

import pytest

from fleet_audit.audit.ldd.loader_cache import CacheDamaged, CacheEntry, parse_cache


def old(*entries: tuple[str, str, int], strings_at: int = 0) -> bytes:
    strings, table = b"", b""
    for soname, path, flags in entries:
        key = strings_at + len(strings)
        strings += soname.encode() + b"\0" + path.encode() + b"\0"
        table += struct.pack("<iII", flags, key, key + len(soname) + 1)
    return b"ld.so-1.7.0\0" + struct.pack("<I", len(entries)) + table + strings


def new(*entries: tuple[str, str, int, int], hwcaps: tuple[str, ...] = (), order: str = "<") -> bytes:
    start = 48 + 24 * len(entries)
    strings, table = b"", b""
    for soname, path, flags, hwcap in entries:
        key = start + len(strings)
        strings += soname.encode() + b"\0" + path.encode() + b"\0"
        table += struct.pack(f"{order}iIIIQ", flags, key, key + len(soname) + 1, 0, hwcap)
    places = []
    for name in hwcaps:
        places.append(start + len(strings))
        strings += name.encode() + b"\0"
    strings += b"\0" * (-(start + len(strings)) % 4)
    at = start + len(strings)
    extension = struct.pack(f"{order}IIIIII", 0xEAA42174, 1, 1, 0, at + 24, 4 * len(hwcaps))
    extension += struct.pack(f"{order}{len(places)}I", *places)
    header = struct.pack(f"{order}IIB3xI", len(entries), len(strings), 2, at if hwcaps else 0) + b"\0" * 12
    return b"glibc-ld.so.cache1.1" + header + table + strings + (extension if hwcaps else b"")


ENTRY = ("liba.so.1", "/opt/liba.so.1", 0x0303)


def test_the_old_format_is_read() -> None:
    assert parse_cache(old(ENTRY)) == {"liba.so.1": [CacheEntry("/opt/liba.so.1", 0x0303)]}


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_new_format_is_read_in_both_byte_orders(order: str) -> None:
    data = new((*ENTRY, 0), order=order)

    assert parse_cache(data, little_endian=order == "<") == {
        "liba.so.1": [CacheEntry("/opt/liba.so.1", 0x0303)]
    }


def test_of_both_in_one_file_the_new_one_counts() -> None:
    before = old(("liba.so.1", "/old/liba.so.1", 0x0303))
    head = before[: 16 + 12]
    data = head + b"\0" * (-len(head) % 8) + new((*ENTRY, 0))

    assert parse_cache(data) == {"liba.so.1": [CacheEntry("/opt/liba.so.1", 0x0303)]}


def test_entries_for_particular_processors_name_their_subfolder() -> None:
    data = new((*ENTRY, (1 << 62) | 1), (*ENTRY, 0), hwcaps=("x86-64-v2", "x86-64-v3"))

    assert [entry.hwcaps for entry in parse_cache(data)["liba.so.1"]] == ["x86-64-v3", ""]


def test_an_entry_for_an_unknown_subfolder_is_left_out() -> None:
    data = new((*ENTRY, (1 << 62) | 7), hwcaps=("x86-64-v2",))

    assert parse_cache(data) == {}


def test_an_entry_that_points_out_of_the_file_is_left_out() -> None:
    data = old(ENTRY, ("libb.so", "/opt/libb.so", 3))
    broken = data[:28] + struct.pack("<iII", 3, 1 << 30, 1 << 30) + data[40:]

    assert list(parse_cache(broken)) == ["liba.so.1"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"ld.so-1.7.0",
        b"glibc-ld.so.cache1.1",
        b"ld.so-1.7.0\0" + b"\xff" * 4,
        b"glibc-ld.so.cache1.1" + b"\xff" * 28,
        new((*ENTRY, 0))[:60],
    ],
)
def test_a_broken_cache_is_named_as_such(data: bytes) -> None:
    with pytest.raises(CacheDamaged):
        parse_cache(data)
