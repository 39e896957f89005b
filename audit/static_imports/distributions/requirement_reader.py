"""Reads requirement files, and what they include, one after another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from fleet_audit.audit.configuration.requirement_lines import (
    Direct,
    Include,
    Line,
    Named,
    Setting,
    requirement_lines,
)
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename, normalise, parent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, distribution_name
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.distributions.requirement_tables import (
    TableUnreadable,
    asked_in_tables,
    has_tables,
)
from fleet_audit.audit.static_imports.distributions.requirements import Required

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MAX_FILES = 50
_LIMIT = 8 << 20
_STAGE = "static_imports"
_OTHER_FORMS = re.compile(r"setup\.(?:py|cfg)|.*\.(?:ya?ml|json|in\.py)|conda-lock.*|Gemfile.*")


class RequirementReader:
    """Reads requirement files, each once; `found` keeps their order."""

    def __init__(self, sources: FileTree, markers: Mapping[str, str] | None) -> None:
        """Take the repository, and what decides markers (see `read_requirements`)."""
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
            elif isinstance(line, Setting):
                continue
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
