"""What a service's requirement files name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename, normalise, parent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, distribution_name
from fleet_audit.audit.model.imports import RequiredDistribution
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.requirement_lines import Direct, Include, Line, Named, requirement_lines
from fleet_audit.audit.static_imports.requirement_tables import TableUnreadable, asked_in_tables, has_tables

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MAX_FILES = 50
_LIMIT = 8 << 20
_STAGE = "static_imports"
_OTHER_FORMS = re.compile(r"setup\.(?:py|cfg)|.*\.(?:ya?ml|json|in\.py)|conda-lock.*|Gemfile.*")


class Required(msgspec.Struct, frozen=True):
    """One name of a requirement file, with the line that is the first to ask for it.

    `specifier` is PEP 440's. `is_constraint` where only a constraints file names it, `is_locked` where only a
    lock file does: nobody asked for it by name.
    """

    name: DistributionName
    location: SourceLocation
    specifier: str = ""
    is_constraint: bool = False
    is_locked: bool = False


class Requirements(msgspec.Struct, frozen=True):
    """What requirement files name, in the order of reading, and what of them could not be read."""

    every: tuple[Required, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def installs(self) -> dict[DistributionName, SourceLocation]:
        """Return what is installed from them: everything but mere constraints."""
        return {r.name: r.location for r in reversed(self.every) if not r.is_constraint}

    @property
    def asked(self) -> frozenset[DistributionName]:
        """Return what somebody asked for by name: neither constraints nor what a lock file brings along."""
        return frozenset(r.name for r in self.every if not (r.is_constraint or r.is_locked))


def read_requirements(
    sources: FileTree, paths: Iterable[str], markers: Mapping[str, str] | None = None
) -> Requirements:
    """Read requirement files, and what they include, inside `sources`.

    Read are pip's format, pyproject.toml, Pipfile, and the locks of uv, poetry, PDM and pipenv; a file of
    another form is a gap. A requirement whose environment marker does not hold for `markers` (PEP 508) is
    none; without `markers`, or where one cannot be evaluated, it is one. Files that cannot be read, and lines
    that do not tell what they install, are gaps.
    """
    reader = _Reader(sources, markers)
    for path in paths:
        reader.read(normalise(path))
    return Requirements(tuple(reader.found), tuple(reader.gaps))


def required_names(
    sources: FileTree, paths: Iterable[str]
) -> tuple[dict[DistributionName, SourceLocation], tuple[Gap, ...]]:
    """Return the distributions that requirement files install, each with its line, and the gaps."""
    read = read_requirements(sources, paths)
    return read.installs, read.gaps


def marker_environment(version: tuple[int, ...], machine: str) -> dict[str, str]:
    """Return what markers ask about, for CPython of `version` on Linux (PEP 508, "Environment Markers")."""
    full = ".".join(map(str, (*version, 0, 0)[:3]))
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(map(str, version[:2])),
        "sys_platform": "linux",
        "extra": "",
    }


def compared(
    requirements: Requirements, installed: Mapping[DistributionName, str]
) -> tuple[RequiredDistribution, ...]:
    """Return every requirement beside the version that is installed, by name and line."""
    rows = [
        RequiredDistribution(
            name=r.name,
            location=r.location,
            specifier=r.specifier,
            installed=installed.get(r.name, ""),
            is_satisfied=_is_satisfied(r.specifier, installed.get(r.name, "")),
            is_constraint=r.is_constraint or r.is_locked,
        )
        for r in requirements.every
    ]
    return tuple(sorted(set(rows), key=lambda row: (row.name, row.location, row.specifier)))


def _is_satisfied(specifier: str, version: str) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  (loads slowly)
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  (as above)

    if not specifier or not version:
        return None
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return None


class _Reader:
    """Reads requirement files, each once."""

    def __init__(self, sources: FileTree, markers: Mapping[str, str] | None) -> None:
        self.found: dict[Required, None] = {}
        self.gaps: list[Gap] = []
        self._sources = sources
        self._markers = markers
        self._seen: set[tuple[ImagePath, bool]] = set()

    def read(self, path: ImagePath) -> None:
        """Read one file and what it includes."""
        pending = [(path, False)]
        while pending:
            at, is_constraint = pending.pop()
            if (at, is_constraint) in self._seen:
                continue
            if len(self._seen) == MAX_FILES:
                why = f"more than {MAX_FILES} requirement files include each other"
                self._add_gap(GapKind.UNREADABLE_FILE, at, why)
                return
            self._seen.add((at, is_constraint))
            try:
                text = self._sources.read(at, limit=_LIMIT).decode("utf-8-sig", errors="replace")
            except FileUnreadable as e:
                self._add_gap(GapKind.UNREADABLE_FILE, at, e.why)
                continue
            pending.extend(reversed(self._read_text(at, text, is_constraint=is_constraint)))

    def _read_text(self, path: ImagePath, text: str, *, is_constraint: bool) -> list[tuple[ImagePath, bool]]:
        included: list[tuple[ImagePath, bool]] = []
        for number, line, is_locked in self._lines(path, text):
            where = SourceLocation(path.removeprefix("/"), number)
            if isinstance(line, Include):
                target = normalise(f"{parent(path)}/{line.path}")
                included.append((target, is_constraint or line.is_constraint))
            elif (required := self._required(line, where, path)) is not None:
                self.found.setdefault(
                    msgspec.structs.replace(required, is_constraint=is_constraint, is_locked=is_locked)
                )
        return included

    def _lines(self, path: ImagePath, text: str) -> list[tuple[int, Line, bool]]:
        file = basename(path)
        if not has_tables(file):
            if _OTHER_FORMS.fullmatch(file):
                why = "what it requires is not read from a file of this form"
                self._add_gap(GapKind.NOT_EXAMINED, path, why)
                return []
            return [(number, line, False) for number, line in requirement_lines(text)]
        try:
            return [(asked.line, asked.what, asked.is_locked) for asked in asked_in_tables(file, text)]
        except TableUnreadable as e:
            self._add_gap(GapKind.UNREADABLE_FILE, path, str(e))
            return []

    def _required(self, line: Named | Direct, where: SourceLocation, path: ImagePath) -> Required | None:
        if isinstance(line, Direct):
            return self._direct(line, where, path)
        parsed = _parsed(line.text)
        if parsed is None:
            why = f"says {line.text[:80]!r}, which names no distribution"
            self._add_gap(GapKind.NOT_EXAMINED, path, why, where)
            return None
        if not self._holds(parsed):
            return None
        return Required(distribution_name(parsed.name), where, str(parsed.specifier))

    def _direct(self, line: Direct, where: SourceLocation, path: ImagePath) -> Required | None:
        name = line.name or self._name_of_project(normalise(f"{parent(path)}/{line.folder}"), line.folder)
        if name:
            return Required(distribution_name(name), where)
        why = f"installs {line.text[:80]!r} without saying what distribution that is"
        self._add_gap(GapKind.NOT_EXAMINED, path, why, where)
        return None

    def _name_of_project(self, folder: ImagePath, asked: str) -> str:
        """Return the name that the project in a folder gives itself; empty where it does not say."""
        if not asked:
            return ""
        try:
            text = self._sources.read(normalise(f"{folder}/pyproject.toml"), limit=_LIMIT)
        except FileUnreadable:
            return ""
        project = text.decode(errors="replace").partition("[project]")[2].partition("\n[")[0]
        found = re.search(r"(?m)^[ \t]*name[ \t]*=[ \t]*[\"']([A-Za-z0-9][-A-Za-z0-9._]*)[\"']", project)
        return found[1] if found else ""

    def _holds(self, requirement: Requirement) -> bool:
        from packaging.markers import (  # noqa: PLC0415  (loads slowly)
            UndefinedComparison,
            UndefinedEnvironmentName,
        )
        from packaging.version import InvalidVersion  # noqa: PLC0415  (as above)

        if requirement.marker is None or self._markers is None or _asks_the_kernel(requirement):
            return True
        try:
            return requirement.marker.evaluate(dict(self._markers))
        except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
            return True

    def _add_gap(self, kind: GapKind, path: ImagePath, why: str, where: SourceLocation | None = None) -> None:
        relative = path.removeprefix("/")
        self.gaps.append(Gap(_STAGE, kind, relative, why, where or SourceLocation(relative)))


def _asks_the_kernel(requirement: Requirement) -> bool:
    # What machine an image will run on, it does not say.
    return re.search(r"\bplatform_(?:release|version)\b", str(requirement.marker)) is not None


def _parsed(text: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  (loads slowly)

    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError):
        return None
