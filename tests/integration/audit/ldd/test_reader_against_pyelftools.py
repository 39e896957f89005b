"""The own reader and pyelftools agree on every fact of ELF files: this machine's, and whole systems'."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.segments import InterpSegment, NoteSegment, Segment

from fleet_audit.audit.model.elf import SharedObject, VersionNeed
from fleet_audit.audit.model.identity import Soname
from tests.support.folders import facts_of
from tests.support.roots import SUITES, root_with_wheels, roots

pytestmark = pytest.mark.integration

FOLDERS = ("/usr/lib", "/usr/bin")
SAMPLE = 300


def elf_files(*folders: Path) -> list[Path]:
    found = (path for folder in folders for path in sorted(folder.rglob("*")) if not path.is_symlink())
    return [path for path in found if path.is_file() and _is_elf(path)]


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def by_pyelftools(path: Path) -> SharedObject | None:
    """Return what pyelftools says; None where it fails, as it does over files of debugging symbols."""
    try:
        with path.open("rb") as stream:
            return oracle(ELFFile(stream))
    except (ELFError, UnicodeDecodeError):
        return None


def oracle(file: ELFFile) -> SharedObject:
    """Return what pyelftools says of a file, in the terms of `SharedObject`."""
    segments = list(file.iter_segments())
    dynamic = next((s for s in segments if isinstance(s, DynamicSegment) and s["p_filesz"]), None)
    tags = list(dynamic.iter_tags()) if dynamic is not None else []
    values = {tag.entry.d_tag: tag for tag in tags}
    stack = next((s for s in segments if s["p_type"] == "PT_GNU_STACK"), None)

    def string(tag: str, field: str) -> str | None:
        return str(getattr(values[tag], field)) if tag in values else None

    def number(tag: str) -> int:
        return int(values[tag].entry.d_val) if tag in values else 0

    soname = string("DT_SONAME", "soname")
    return SharedObject(
        elf_class=file.elfclass,
        is_little_endian=file.little_endian,
        machine=_raw_machine(file),
        elf_type={"ET_REL": 1, "ET_EXEC": 2, "ET_DYN": 3}[file["e_type"]],
        soname=None if soname is None else Soname(soname),
        needed=tuple(Soname(str(getattr(t, "needed"))) for t in tags if t.entry.d_tag == "DT_NEEDED"),  # noqa: B009  (pyelftools sets it at run time)
        rpath=string("DT_RPATH", "rpath"),
        runpath=string("DT_RUNPATH", "runpath"),
        interpreter=next((s.get_interp_name() for s in segments if isinstance(s, InterpSegment)), None),
        version_needs=tuple(_needs(file)) if dynamic else (),
        version_definitions=tuple(_definitions(file)) if dynamic else (),
        has_version_table="DT_VERSYM" in values,
        flags=number("DT_FLAGS"),
        flags_1=number("DT_FLAGS_1"),
        has_executable_stack=None if stack is None else bool(stack["p_flags"] & 1),
        is_dynamic=dynamic is not None,
        x86_isa_needed=_isa_needed(segments),
    )


def _raw_machine(file: ELFFile) -> int:
    file.stream.seek(18)
    return int.from_bytes(file.stream.read(2), "little" if file.little_endian else "big")


def _isa_needed(segments: Sequence[Segment]) -> int:
    notes = [
        note
        for s in segments
        if isinstance(s, NoteSegment) and s["p_type"] == "PT_NOTE"
        for note in s.iter_notes()
    ]
    properties = [p for note in notes if note["n_type"] == "NT_GNU_PROPERTY_TYPE_0" for p in note["n_desc"]]
    data = [p["pr_data"] for p in properties if p["pr_type"] in ("GNU_PROPERTY_X86_ISA_1_NEEDED", 0xC0008002)]
    return sum({d if isinstance(d, int) else int.from_bytes(bytes(d), "little") for d in data})


def _needs(file: ELFFile) -> Iterator[VersionNeed]:
    for section in file.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for need, names in section.iter_versions():
                found = [(str(n.name), bool(n["vna_flags"] & 2)) for n in names]
                strong = tuple(name for name, is_weak in found if not is_weak)
                weak = tuple(name for name, is_weak in found if is_weak)
                yield VersionNeed(Soname(str(need.name)), strong, weak)


def _definitions(file: ELFFile) -> Iterator[str]:
    for section in file.iter_sections():
        if isinstance(section, GNUVerDefSection):
            for _, names in section.iter_versions():
                yield str(next(iter(names)).name)


_OWN = frozenset({"dlopen_notes", "dlopen_required", "oddity", "refusal", "filters", "auxiliaries"})
"""What pyelftools has no word for, or no string."""


def differing(paths: Sequence[Path]) -> list[tuple[Path, SharedObject | None, SharedObject]]:
    """Return the files of which the two say different things; without those that pyelftools fails over."""
    found = []
    for path in paths:
        theirs = by_pyelftools(path)
        if theirs is not None and (ours := _shared_with(path, theirs)) != theirs:
            found.append((path, ours, theirs))
    return found


def _shared_with(path: Path, theirs: SharedObject) -> SharedObject | None:
    ours = facts_of(path)
    names = (name for name in theirs.__struct_fields__ if name not in _OWN)
    return None if ours is None else SharedObject(**{name: getattr(ours, name) for name in names})


def test_every_fact_of_this_machines_files_agrees() -> None:
    found = elf_files(*map(Path, FOLDERS))
    if not found:
        pytest.skip("this machine has no ELF files below " + " and ".join(FOLDERS))

    assert differing(found[:: max(1, len(found) // SAMPLE)]) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping needs root")
@pytest.mark.parametrize("suite", SUITES)
def test_every_fact_of_a_whole_system_agrees(suite: str) -> None:
    found = elf_files(roots(suite)[suite].place)

    assert len(found) > SAMPLE
    assert differing(found) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping needs root")
def test_every_fact_of_real_wheels_agrees() -> None:
    root = root_with_wheels("bookworm")
    found = elf_files(root.place / root.site.lstrip("/"))

    assert len(found) > SAMPLE
    assert differing(found) == []
