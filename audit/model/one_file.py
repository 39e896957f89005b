"""The answers of ``ldd`` about single files: how one loads, what one holds, how files are hardened."""

import msgspec

from fleet_audit.audit.model.elf import EntryPoint, Trace
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.report import LddReport

HARMLESS = frozenset({"execstack", "host-driver", "optional", "relative-rpath"})
"""Kinds of problems that do not keep an entry point from loading where it runs."""


class TreeReport(LddReport, frozen=True, kw_only=True):
    """How one file loads, step by step; its only entry is that file.

    The verdict is the loader's: pass where the file loads, fail where it does not, incomplete where that is
    not known.
    """

    tree: Trace

    @property
    def verdict(self) -> Verdict:
        """Say whether the file loads."""
        if any(p.kind not in HARMLESS for entry in self.entries for p in entry.problems):
            return Verdict.FAIL
        if any(gap.blocking for gap in self.gaps):
            return Verdict.INCOMPLETE
        return Verdict.PASS


class Hardening(msgspec.Struct, frozen=True):
    """What protects an ELF file against attackers.

    `is_pie` is None for a library, which is position-independent as it is. `relro` is ``full``, ``partial``
    or ``none``. `fortified` counts the checked functions of the C library that the file calls, `fortifiable`
    the unchecked ones that have a checked twin.
    """

    is_pie: bool | None
    has_executable_stack: bool
    relro: str
    has_canary: bool
    fortified: int
    fortifiable: int
    has_writable_code: bool = False
    has_text_relocations: bool = False
    is_stripped: bool = True


class DepthSymbol(msgspec.Struct, frozen=True):
    """One dynamic symbol; `version` is empty where it has none, `kind` is FUNC, OBJECT, and so on."""

    name: str
    version: str = ""
    kind: str = ""
    is_weak: bool = False


class DepthSegment(msgspec.Struct, frozen=True):
    """One program header; `flags` are of ``rwx``."""

    kind: str
    flags: str
    offset: int
    file_size: int
    memory_size: int


class DepthNote(msgspec.Struct, frozen=True):
    """One note: its owner, its type, and its content in hexadecimal, cut where it is long."""

    owner: str
    kind: str
    content: str


class DepthVersions(msgspec.Struct, frozen=True):
    """The versions that are needed from `file`, or that the file itself defines, where `file` is empty."""

    file: str
    names: tuple[str, ...]


class Depth(msgspec.Struct, frozen=True):
    """One ELF file in depth. Long lists are cut; the totals beside them are of the whole file."""

    machine: str
    elf_class: str
    elf_type: str
    hardening: Hardening
    entry: int = 0
    interpreter: str = ""
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    build_id: str = ""
    imported: tuple[DepthSymbol, ...] = ()
    imported_total: int = 0
    exported: tuple[DepthSymbol, ...] = ()
    exported_total: int = 0
    relocations: dict[str, int] = {}
    segments: tuple[DepthSegment, ...] = ()
    sections: tuple[str, ...] = ()
    notes: tuple[DepthNote, ...] = ()
    versions_needed: tuple[DepthVersions, ...] = ()
    versions_defined: tuple[str, ...] = ()


class DepthReport(LddReport, frozen=True, kw_only=True):
    """One file in depth; `depth` is None where it could not be read, and a gap says why."""

    path: ImagePath
    size: int = 0
    depth: Depth | None = None

    @property
    def verdict(self) -> Verdict:
        """Say whether the file could be read: nothing is held against it."""
        return Verdict.INCOMPLETE if self.depth is None else Verdict.PASS


class Hardened(msgspec.Struct, frozen=True):
    """One executable or extension module and what protects it."""

    entry: EntryPoint
    hardening: Hardening


class HardeningReport(LddReport, frozen=True, kw_only=True):
    """What protects the executables and extension modules of an image; facts, and no judgement."""

    hardened: tuple[Hardened, ...] = ()
