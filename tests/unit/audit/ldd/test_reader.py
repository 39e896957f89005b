"""What the reader makes of one file's bytes."""

import json
import pickle
import struct
from collections.abc import Callable

import msgspec
import pytest

from fleet_audit.audit.images.collector import BodyTooLarge, Member
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.reader import MAX_NEEDED, read_elf
from fleet_audit.audit.model.elf import SharedObject, VersionNeed
from fleet_audit.audit.model.identity import ImagePath, Soname
from tests.support.elf import AARCH64, I386, Needs, elf, facts


def known(body: bytes) -> SharedObject:
    found = facts(body)
    assert found is not None
    return found


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little_endian", [True, False])
def test_every_fact_is_read_in_every_class_and_byte_order(bits: int, little_endian: bool) -> None:
    body = elf(
        bits=bits,
        little_endian=little_endian,
        machine=AARCH64 if bits == 64 else I386,
        needed=["libm.so.6", "libc.so.6"],
        soname="libx.so.1",
        rpath="/r",
        runpath="/a:/b",
        interpreter="/lib/ld.so.1",
        version_needs=[
            Needs("libc.so.6", ["GLIBC_2.34"], ["GLIBC_2.38"]),
            Needs("libm.so.6", ["GLIBC_2.2.5"]),
        ],
        version_definitions=["libx.so.1", "X_1", "X_2"],
        flags=8,
        flags_1=0x800,
        executable_stack=True,
    )

    assert known(body) == SharedObject(
        elf_class=bits,
        is_little_endian=little_endian,
        machine=AARCH64 if bits == 64 else I386,
        elf_type=3,
        soname=Soname("libx.so.1"),
        needed=(Soname("libm.so.6"), Soname("libc.so.6")),
        rpath="/r",
        runpath="/a:/b",
        interpreter="/lib/ld.so.1",
        version_needs=(
            VersionNeed(Soname("libc.so.6"), ("GLIBC_2.34",), ("GLIBC_2.38",)),
            VersionNeed(Soname("libm.so.6"), ("GLIBC_2.2.5",)),
        ),
        version_definitions=("libx.so.1", "X_1", "X_2"),
        has_version_table=True,
        flags=8,
        flags_1=0x800,
        has_executable_stack=True,
        is_dynamic=True,
    )


def test_an_empty_runpath_differs_from_none() -> None:
    assert known(elf(runpath="")).runpath == ""
    assert known(elf()).runpath is None


def test_a_file_without_stack_header_says_nothing_of_its_stack() -> None:
    assert known(elf(executable_stack=None)).has_executable_stack is None


@pytest.mark.parametrize("body", [b"", b"\x7fEL", b"#!/bin/sh\n", b"/* GNU ld script */"])
def test_other_files_are_not_elf(body: bytes) -> None:
    assert facts(body) is None


def test_names_that_are_not_utf8_keep_their_bytes() -> None:
    body = elf(soname="libQQ.so").replace(b"libQQ.so", b"lib\xff\xfe.so")

    assert known(body).soname == r"lib\xff\xfe.so"


def test_an_interpreters_path_that_does_not_end_with_its_segment_is_none() -> None:
    path = b"/lib/ld.so.1"

    assert known(elf(interpreter=path.decode())).interpreter == "/lib/ld.so.1"
    assert known(elf(interpreter=path.decode()).replace(path + b"\0", path + b"x")).interpreter is None


# libraries named in notes


def note(*features: object) -> bytes:
    return json.dumps(features).encode() + b"\0"


def test_a_dlopen_note_names_libraries_and_their_alternatives() -> None:
    body = elf(
        dlopen_note=note(
            {"feature": "bpf", "soname": ["libbpf.so.1", "libbpf.so.0"], "priority": "required"},
            {"soname": ["libz.so.1"], "priority": "suggested"},
        )
    )

    assert known(body).dlopen_notes == ("libbpf.so.1|libbpf.so.0", "libz.so.1")
    assert known(body).dlopen_required == ("libbpf.so.1|libbpf.so.0",)


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"soname": 1}', b'[{"soname": ["a\\n"]}]', b"[" * 5000, b"\xff"]
)
def test_a_dlopen_note_that_makes_no_sense_says_nothing(content: bytes) -> None:
    found = known(elf(dlopen_note=content, needed=["libc.so.6"]))

    assert found.dlopen_notes == ()
    assert found.needed == ("libc.so.6",)
    assert found.oddity == ""


# damaged files


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda body: body[:40], "file too short"),
        (lambda body: body[:6] + b"\2" + body[7:], "ELF file version ident does not match current one"),
        (lambda body: body[:7] + b"\x42" + body[8:], "ELF file OS ABI invalid"),
        (lambda body: body[:8] + b"\1" + body[9:], "ELF file ABI version invalid"),
        (lambda body: body[:10] + b"\1" + body[11:], "nonzero padding in e_ident"),
        (lambda body: body[:54] + b"\x20" + body[55:], "ELF file's phentsize not the expected size"),
        (lambda body: body[:100], "cannot read file data"),
        (lambda body: body[:-8], "cannot read file data: the file ends before its segments do"),
        (lambda body: body[:4] + b"\5" + body[5:], "invalid ELF header"),
    ],
)
def test_a_damaged_file_says_why_the_loader_refuses_it(
    change: Callable[[bytes], bytes], refusal: str
) -> None:
    assert known(change(elf(needed=["libc.so.6"]))).refusal == refusal


def test_a_sound_file_is_not_refused() -> None:
    found = known(elf(needed=["libc.so.6"]))

    assert (found.refusal, found.oddity) == ("", "")


def test_a_dynamic_segment_without_end_is_odd() -> None:
    body = elf(needed=["a"])
    cut = body[:-16] + struct.pack("<QQ", 0x6FFFFEF5, 1)

    assert known(cut).oddity == "the dynamic segment has no end"


def test_strings_outside_the_file_are_odd() -> None:
    body = elf(needed=["a"]).replace(struct.pack("<QQ", 1, 1), struct.pack("<QQ", 1, 1 << 40))

    assert known(body).oddity == "a string of the dynamic segment lies outside the file"


def test_a_string_table_at_no_address_is_odd() -> None:
    body = elf(needed=["a"])
    at = body.index(struct.pack("<Q", 10), len(body) - 48) - 16
    moved = body[: at + 8] + struct.pack("<Q", 1 << 50) + body[at + 16 :]

    assert known(moved).oddity == "the string table lies in no loaded segment"


def test_version_tables_that_turn_on_themselves_end() -> None:
    body = elf(version_needs=[Needs("libc.so.6", ["V1", "V2"])])
    looping = body.replace(struct.pack("<I", 16) + b"\0" * 2, struct.pack("<I", 0) + b"\0" * 2)

    assert facts(looping) is not None


def test_a_version_count_out_of_all_proportion_is_odd() -> None:
    body = elf(version_definitions=["a", "b"]).replace(
        struct.pack("<QQ", 0x6FFFFFFD, 2), struct.pack("<QQ", 0x6FFFFFFD, 1 << 60)
    )

    assert "over 4096 entries" in known(body).oddity


def test_too_many_needed_libraries_are_odd() -> None:
    assert "needs 4097 libraries" in known(elf(needed=["a"] * (MAX_NEEDED + 1))).oddity


def test_what_stands_before_the_damage_is_kept() -> None:
    body = elf(needed=["libc.so.6"], version_definitions=["a"])
    at = body.index(struct.pack("<Q", 0x6FFFFFFC)) + 8
    damaged = body[:at] + struct.pack("<Q", 1 << 50) + body[at + 8 :]

    found = known(damaged)

    assert found.oddity == "the table of defined versions lies in no loaded segment"
    assert found.needed == ("libc.so.6",)


def test_a_file_of_debugging_symbols_has_no_dynamic_section() -> None:
    found = known(elf(dynamic=False))

    assert (found.is_dynamic, found.refusal, found.oddity) == (
        False,
        "object file has no dynamic section",
        "",
    )


# the collector


class Body:
    """A body that only runs forward and counts how far it was asked for."""

    def __init__(self, content: bytes, limit: int = 1 << 40, size: int | None = None) -> None:
        self._content = content
        self._limit = limit
        self.size = len(content) if size is None else size
        self.asked = 0

    def upto(self, end: int) -> memoryview:
        if end > self._limit:
            raise BodyTooLarge
        self.asked = max(self.asked, min(end, self.size))
        return memoryview(self._content)[:end]

    def part(self, offset: int, length: int) -> bytes:
        return bytes(self.upto(offset + length)[offset : offset + length])


def member(body: Body) -> Member:
    return Member(ImagePath("/usr/lib/libx.so"), body.size, 0o644)


def test_the_collector_asks_four_bytes_of_a_file_that_is_not_elf() -> None:
    body = Body(b"PK\3\4" + b"x" * 100_000)

    assert ElfCollector().collect(member(body), body) is None
    assert body.asked == 4


def test_the_collector_leaves_what_follows_the_last_table() -> None:
    body = Body(elf(needed=["libc.so.6"]) + b"\0" * 1_000_000)

    found = ElfCollector().collect(member(body), body)

    assert found is not None
    assert found.needed == ("libc.so.6",)
    assert body.asked < 10_000


def test_a_body_that_may_not_be_held_is_odd_and_not_refused() -> None:
    content = elf(needed=["libc.so.6"])
    at = content.index(struct.pack("<II", 2, 6)) + 8
    far = content[:at] + struct.pack("<Q", 1 << 31) + content[at + 8 :]
    body = Body(far, limit=1 << 20, size=1 << 32)

    found = ElfCollector().collect(member(body), body)

    assert found is not None
    assert found.refusal == ""
    assert "too far into" in found.oddity


def test_records_survive_their_encoding() -> None:
    found = known(elf(needed=["libc.so.6"], version_needs=[Needs("libc.so.6", ["V"])]))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=ElfCollector().record_type) == found


def test_a_read_that_ends_early_is_odd() -> None:
    body = elf(needed=["libc.so.6"])

    found = read_elf(lambda offset, length: body[offset : offset + length], len(body) + 10_000)

    assert found is not None


def test_the_collector_can_be_sent_to_another_process() -> None:
    assert type(pickle.loads(pickle.dumps(ElfCollector()))) is ElfCollector  # noqa: S301  (made on this line)
