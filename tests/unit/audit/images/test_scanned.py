import struct

import pytest

from fleet_audit.audit.images.collector import Member
from fleet_audit.audit.images.kept import MAX_KEPT, is_kept_for_content, keep_facts
from fleet_audit.audit.images.layer import Desk, StreamedBody
from fleet_audit.audit.images.scanned import (
    MAX_SCANNED,
    holds_build_record,
    is_scanned,
    is_scanned_by_later_syft,
)
from fleet_audit.audit.images.tar import TarStream
from fleet_audit.audit.model.identity import ImagePath


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/dpkg/status",
        "/var/lib/dpkg/info/libc6:amd64.md5sums",
        "/usr/share/doc/libc6/copyright",
        "/lib/apk/db/installed",
        "/usr/lib/sysimage/rpm/rpmdb.sqlite",
        "/etc/os-release",
        "/etc/alpine-release",
        "/app/a-1.0.dist-info/licenses/LICENSE",
        "/usr/lib/python3/dist-packages/a.egg-info",
        "/app/node_modules/left-pad/package.json",
        "/app/lib/core.jar",
        "/app/tools.zip",
        "/opt/jdk/release",
        "/opt/conda/conda-meta/numpy-1.json",
        "/app/service.deps.json",
        "/usr/lib/python3/dist-packages/pip/_vendor/distlib/t64.exe",
        "/usr/local/bin/python3.11",
        "/usr/local/lib/libpython3.11.so.1.0",
        "/usr/bin/openssl",
        "/bin/busybox",
    ],
)
def test_what_a_cataloger_reads_is_kept(path: str) -> None:
    assert is_scanned(ImagePath(path))
    assert keep_facts(ImagePath(path), MAX_KEPT + 1)


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/x86_64-linux-gnu/libssl.so.3",
        "/usr/share/doc/openssl/changelog.gz",
        "/app/models/weights.bin",
        "/app/python_client.py",
        "/usr/lib/python3.11/pydoc_data/topics.py",
        "/app/LICENSE",
        "/usr/bin/openssl.cnf",
    ],
)
def test_what_none_reads_is_not(path: str) -> None:
    assert not is_scanned(ImagePath(path))
    assert not is_scanned_by_later_syft(ImagePath(path))


def test_libraries_that_only_a_later_syft_reads_are_not_kept() -> None:
    path = ImagePath("/opt/a.libs/libavcodec-1a77568c.so.62.28.102")

    assert not is_scanned(path)
    assert is_scanned_by_later_syft(path)
    assert not keep_facts(path, 1000)


def test_a_file_that_no_name_speaks_for_is_kept_for_its_content() -> None:
    assert is_kept_for_content(ImagePath("/usr/local/bin/restic"), 20 << 20)
    assert not is_kept_for_content(ImagePath("/app/main.py"), 100)


def elf(*, sections: bytes = b".text\0", data: bytes = b"", is_64: bool = True, order: str = "<") -> bytes:
    """Return an ELF file with these names of sections, and a writable segment that holds `data`."""
    head, segment, section = (64, 56, 64) if is_64 else (52, 32, 40)
    data_at = head + segment
    names_at = data_at + len(data)
    table_at = names_at + len(sections)
    ident = b"\x7fELF" + bytes([2 if is_64 else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    words = "QQQ" if is_64 else "III"
    header = struct.pack(
        f"{order}HHI{words}IHHHHHH", 2, 62, 1, 0, head, table_at, 0, head, segment, 1, section, 1, 0
    )
    if is_64:
        load = struct.pack(f"{order}IIQQQQQQ", 1, 6, data_at, 0, 0, len(data), len(data), 4096)
        names = struct.pack(f"{order}IIQQQQIIQQ", 0, 3, 0, 0, names_at, len(sections), 0, 0, 1, 0)
    else:
        load = struct.pack(f"{order}IIIIIIII", 1, data_at, 0, 0, len(data), len(data), 6, 4096)
        names = struct.pack(f"{order}IIIIIIIIII", 0, 3, 0, 0, names_at, len(sections), 0, 0, 1, 0)
    return (ident + header + load + data + sections + names).ljust(400, b"\0")


def is_held(body: bytes, *, size: int | None = None) -> bool:
    member = Member(ImagePath("/opt/tool"), len(body) if size is None else size, 0o755)
    return holds_build_record(member, StreamedBody(TarStream(iter([body])), len(body), Desk(1 << 30)))


@pytest.mark.parametrize("section", [b".go.buildinfo", b".dep-v0", b".note.package", b".svm_heap"])
@pytest.mark.parametrize("is_64", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_section_that_says_what_a_file_was_built_from_is_seen(
    section: bytes, is_64: bool, order: str
) -> None:
    assert is_held(elf(sections=b"\0.text\0" + section + b"\0", is_64=is_64, order=order))
    assert not is_held(elf(sections=b"\0.text\0" + section + b"x\0", is_64=is_64, order=order))


@pytest.mark.parametrize("is_64", [True, False])
def test_go_says_it_in_its_data_where_sections_are_stripped(is_64: bool) -> None:
    record = b"\xff Go buildinf:"

    assert is_held(elf(data=bytes(64) + record + bytes(32), is_64=is_64))
    assert not is_held(elf(data=bytes(64) + record[:-1] + bytes(32), is_64=is_64))


def test_what_is_no_elf_file_or_too_large_is_not_looked_into() -> None:
    body = elf(sections=b"\0.go.buildinfo\0")

    assert is_held(body)
    assert not is_held(b"#!" + body[2:])
    assert not is_held(body, size=MAX_SCANNED + 1)


def test_damage_anywhere_is_no_error() -> None:
    body = elf(sections=b"\0.go.buildinfo\0", data=bytes(32))

    for at in range(len(body)):
        changed = body[:at] + b"\xff" + body[at + 1 :]
        assert is_held(changed) in (True, False)
        assert is_held(body[:at].ljust(len(body), b"\xff")) in (True, False)
