"""The requirements files that installations read, and what they include, each read once."""

import posixpath
from collections.abc import Hashable, Iterator

import msgspec

from fleet_audit.audit.configuration.requirement_lines import (
    Direct,
    Include,
    Line,
    Named,
    Setting,
    requirement_lines,
)
from fleet_audit.audit.dockerfiles.pinning.hashes import StatedHash
from fleet_audit.audit.dockerfiles.pinning.packages import Wanted, sources, wanted
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import distribution_name
from fleet_audit.audit.model.location import SourceLocation

MAX_INCLUDED = 50
MAX_LINES = 20_000


class Asked(msgspec.Struct, frozen=True):
    """One requirement of a file: what it asks for, None for a local folder or file, and its hashes."""

    text: str
    what: Wanted | None
    hashes: tuple[StatedHash, ...]
    location: SourceLocation
    is_editable: bool = False
    is_address: bool = False


class RequirementsRead(msgspec.Struct, frozen=True):
    """What a file and those that it includes ask for, constrain, and set; `is_whole` if all could be read."""

    asked: tuple[Asked, ...] = ()
    constraints: tuple[Asked, ...] = ()
    settings: tuple[tuple[Setting, SourceLocation], ...] = ()
    is_whole: bool = True


class RequirementFiles:
    """Reads the requirements files of a repository."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository; a file is read when it is first asked for."""
        self._repository = repository
        self._lines: dict[str, tuple[tuple[int, Line], ...] | None] = {}
        self._read: dict[str, RequirementsRead] = {}
        self._told: set[tuple[int, Hashable]] = set()

    def read(self, path: str) -> RequirementsRead:
        """Return what a file asks for, with what it includes."""
        if path not in self._read:
            self._read[path] = self._with_included(path)
        return self._read[path]

    def is_new(self, read: RequirementsRead, how: Hashable) -> bool:
        """Say, the first time only, that what a file asks for has not been told in this way."""
        size = len(self._told)
        # What was read is kept for as long as this reader is, so its identity stays its own.
        self._told.add((id(read), how))
        return len(self._told) > size

    def paths(self) -> tuple[str, ...]:
        """Return the files that were asked for so far and are there."""
        return tuple(path for path, lines in self._lines.items() if lines is not None)

    def asked(self, path: str) -> Iterator[Asked]:
        """Yield what one file asks for itself."""
        for number, line in self._own_lines(path) or ():
            if isinstance(line, Named | Direct):
                yield _asked(line, SourceLocation(path, number))

    def settings(self, path: str) -> Iterator[tuple[Setting, SourceLocation]]:
        """Yield the options that one file sets itself."""
        for number, line in self._own_lines(path) or ():
            if isinstance(line, Setting):
                yield line, SourceLocation(path, number)

    def _with_included(self, path: str) -> RequirementsRead:
        asked: list[Asked] = []
        constraints: list[Asked] = []
        settings: list[tuple[Setting, SourceLocation]] = []
        is_whole = True
        pending = [(path, False)]
        seen: set[tuple[str, bool]] = set()
        while pending and len(seen) < MAX_INCLUDED:
            at, constrains = pending.pop()
            if (at, constrains) in seen:
                continue
            seen.add((at, constrains))
            lines = self._own_lines(at)
            is_whole = is_whole and lines is not None
            (constraints if constrains else asked).extend(self.asked(at))
            settings += self.settings(at)
            for _, line in lines or ():
                if isinstance(line, Include):
                    target = posixpath.normpath(posixpath.join(posixpath.dirname(at), line.path))
                    pending.append((target, constrains or line.is_constraint))
        return RequirementsRead(
            tuple(asked), tuple(constraints), tuple(settings), is_whole=is_whole and not pending
        )

    def _own_lines(self, path: str) -> tuple[tuple[int, Line], ...] | None:
        """Return the lines of a file; None where it is not in the repository, or cannot be read."""
        if path not in self._lines:
            text = self._repository.text(path) if self._is_here(path) else None
            lines = None if text is None else tuple(requirement_lines(text))
            if lines is not None and len(lines) > MAX_LINES:
                why = f"has more than {MAX_LINES} requirements"
                self._repository.report(path, why, kind=GapKind.LIMIT_REACHED)
                lines = lines[:MAX_LINES]
            self._lines[path] = lines
        return self._lines[path]

    def _is_here(self, path: str) -> bool:
        return not path.startswith(("/", "..")) and self._repository.holds(path)


def _asked(line: Named | Direct, location: SourceLocation) -> Asked:
    if isinstance(line, Named):
        what = wanted("pip", line.text)
        return Asked(line.text, what, _stated(line, what, location), location)
    what = sources(line.text)
    return Asked(
        line.text,
        what,
        _stated(line, what, location),
        location,
        is_editable=line.is_editable,
        is_address="://" in line.text,
    )


def _stated(line: Named | Direct, what: Wanted | None, location: SourceLocation) -> tuple[StatedHash, ...]:
    if isinstance(line, Direct):
        name = line.name or line.text
    else:
        name = "".join(line.text.partition(";")[0].split()) if what is None else _normalised(what)
    return tuple(
        StatedHash(name, each.algorithm, each.digest, SourceLocation(location.path, each.line))
        for each in line.hashes
    )


def _normalised(what: Wanted) -> str:
    """Return a requirement without extras, markers and blanks, its name as PEP 503 writes it."""
    version = what.requirement.partition(";")[0]
    version = version[version.find("]") + 1 :] if "[" in version else version[len(what.name) :]
    return f"{distribution_name(what.name)}{''.join(version.split())}"
