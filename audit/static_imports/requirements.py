"""What a service's requirement files name."""

import re
from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise, parent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.location import SourceLocation

MAX_FILES = 50
_LIMIT = 4 << 20
_INCLUDE = re.compile(r"(?:-r|--requirement)[ \t=]*(\S+)")
_EGG = re.compile(r"#egg=([A-Za-z0-9][-A-Za-z0-9._]*)")
_HASH = re.compile(r"[ \t]--(?:hash|config-settings|global-option)\b")


def required_names(
    sources: FileTree, paths: Iterable[str]
) -> tuple[dict[DistributionName, SourceLocation], tuple[Gap, ...]]:
    """Return the distributions that requirement files name, each with the line that does so first.

    ``-r`` and what it includes are followed inside `sources`; options, constraints and comments are
    passed over (pip's requirements file format). Files that cannot be read are gaps.
    """
    reader = _Reader(sources)
    for path in paths:
        reader.read(normalise(path))
    return reader.names, tuple(reader.gaps)


class _Reader:
    """Reads requirement files, each once."""

    def __init__(self, sources: FileTree) -> None:
        self.names: dict[DistributionName, SourceLocation] = {}
        self.gaps: list[Gap] = []
        self._sources = sources
        self._seen: set[ImagePath] = set()

    def read(self, path: ImagePath) -> None:
        """Read one file and what it includes."""
        pending = [path]
        while pending:
            at = pending.pop()
            if at in self._seen:
                continue
            if len(self._seen) == MAX_FILES:
                self._add_gap(at, f"more than {MAX_FILES} requirement files include each other")
                return
            self._seen.add(at)
            try:
                text = self._sources.read(at, limit=_LIMIT).decode(errors="replace")
            except FileUnreadable as e:
                self._add_gap(at, e.why)
                continue
            pending.extend(self._read_lines(at, text))

    def _read_lines(self, path: ImagePath, text: str) -> list[ImagePath]:
        included: list[ImagePath] = []
        for number, line in _logical_lines(text):
            if found := _INCLUDE.match(line):
                included.append(normalise(f"{parent(path)}/{found[1]}"))
            elif name := _named(line):
                self.names.setdefault(name, SourceLocation(path.removeprefix("/"), number))
        return included

    def _add_gap(self, path: ImagePath, why: str) -> None:
        relative = path.removeprefix("/")
        self.gaps.append(
            Gap("static_imports", GapKind.UNREADABLE_FILE, relative, why, SourceLocation(relative))
        )


def _logical_lines(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    held = ""
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if held else number
        if line.endswith("\\"):
            held += line[:-1]
            continue
        lines.append((first, (held + line).strip()))
        held = ""
    return [*lines, (first, held.strip())] if held else lines


def _named(line: str) -> DistributionName | None:
    if found := _EGG.search(line):
        return DistributionName(canonicalize_name(found[1]))
    if not line or line.startswith(("#", "-")):
        return None
    bare = re.split(r"(?:^|[ \t])#", line, maxsplit=1)[0]
    bare = _HASH.split(bare, maxsplit=1)[0].strip()
    try:
        return DistributionName(canonicalize_name(Requirement(bare).name))
    except InvalidRequirement:
        return None
