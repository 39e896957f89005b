"""Damaged libraries, caches and files: each is told with its reason, and none takes the command down."""

import errno
import os
from types import SimpleNamespace

import pytest

from tests.fuzz.make_corpus import corpus
from tests.support.elf import elf, facts
from tests.support.images import Content
from tests.support.pythons import SITE, TAG
from tests.support.worlds import FAMILY, Document, World, installed, library, opencv

ELF_FILES = sorted(name for name in corpus() if not name.startswith("cache-"))


def _wheel() -> dict[str, Content]:
    """Return a distribution with one module for each damaged file, which it needs."""
    files: dict[str, Content] = {"bad/__init__.py": ""}
    for name in ELF_FILES:
        module = f"m_{name.replace('-', '_')}"
        files[f"bad/{module}{TAG}"] = elf(needed=[f"{name}.so", "libc.so.6"], runpath="$ORIGIN/lib")
        files[f"bad/lib/{name}.so"] = corpus()[name]
    return installed("bad", files)


@pytest.fixture
def told(world: World) -> Document:
    world.family(FAMILY, _wheel())
    answer = world.run("ldd", FAMILY)
    assert answer.code == 1, answer.err
    return answer.document


def _is_loadable(name: str) -> bool:
    known = facts(corpus()[name])
    if known is None or known.oddity or known.refusal:
        return False
    return (known.elf_class, known.is_little_endian, known.machine, known.elf_type) == (64, True, 62, 3)


def test_every_damaged_library_is_told_with_its_reason(told: Document) -> None:
    entries = {entry["path"]: entry for entry in told["entries"]}
    gaps = " ".join(f"{gap['what']} {gap['why']}" for gap in told["gaps"])
    silent = []
    for name in ELF_FILES:
        entry = entries[f"{SITE}/bad/m_{name.replace('-', '_')}{TAG}"]
        problem = next((p for p in entry["problems"] if p["soname"] == f"{name}.so"), None)
        if problem is None and f"/{name}.so" not in gaps and not _is_loadable(name):
            silent.append(name)
        if problem is not None:
            assert problem["detail"], name
            assert not _is_loadable(name), (name, problem)

    assert silent == []


def test_a_folder_or_text_where_a_library_should_be_is_refused_in_the_loaders_words(world: World) -> None:
    script = "INPUT ( libz.so.1.2 ) /* a linker script that is longer than an ELF header */\n"
    files: dict[str, Content] = {"usr/lib/libGL.so.1/x": "", "usr/lib/libz.so.1": script}
    world.family(FAMILY, opencv("libGL.so.1", "libz.so.1"), files)

    (entry,) = (e for e in world.run("ldd", FAMILY).document["entries"] if e["problems"])

    assert {p["soname"]: (p["kind"], p["detail"]) for p in entry["problems"]} == {
        "libGL.so.1": ("fatal", "/usr/lib/libGL.so.1: cannot read file data: Is a directory"),
        "libz.so.1": ("fatal", "/usr/lib/libz.so.1: invalid ELF header"),
    }


@pytest.mark.parametrize(
    "body", [b"", b"ld.so-1.7.0\0\xff\xff\xff\xff", b"glibc-ld.so.cache1.1" + b"\xff" * 40]
)
def test_a_broken_cache_of_the_loader_is_a_gap(world: World, body: bytes) -> None:
    world.family(FAMILY, opencv("libgone.so"), {"etc/ld.so.cache": body})

    answer = world.run("ldd", FAMILY)

    assert answer.gaps["unreadable-file"]["what"] == "/etc/ld.so.cache"
    assert answer.code in (1, 3)


def test_a_library_of_a_folder_that_cannot_be_read_is_a_gap_and_no_claim(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: str, flags: int) -> int:
        if path.endswith("/libsecret.so"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags)

    monkeypatch.setattr("fleet_audit.audit.images.folder.os", SimpleNamespace(**{**vars(os), "open": refuse}))
    world.family(FAMILY, image="dir:root")
    files = {
        "opt/app": elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libsecret.so"], runpath="/opt")
    }
    for path, body in {**files, **library("opt/libsecret.so")}.items():
        assert isinstance(body, bytes)
        world.file(f"root/{path}", body)
    loader = "root/lib64/ld-linux-x86-64.so.2"
    world.file(loader, elf(soname="ld-linux-x86-64.so.2"))
    (world.folder / loader).chmod(0o755)

    answer = world.run("ldd", FAMILY, "--tree", "/opt/app")

    assert answer.code == 3
    assert any(
        "Permission denied" in gap["why"] or "could not be read" in gap["why"]
        for gap in answer.document["gaps"]
    )
    assert answer.document["entries"][0]["problems"] == []
