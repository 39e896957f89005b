"""On which lines of a family's files a distribution is named: those that a person changes to take another."""

import posixpath
import re
from collections.abc import Iterable, Iterator

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.location import SourceLocation

MAX_FILES = 50
_LIMIT = 1 << 20
_LISTS = re.compile(r"[\w./+-]+(?:\.txt|\.in|pyproject\.toml)(?![\w.-])")
"""How files of requirements are called, wherever a Dockerfile speaks of one."""


def lines_naming(
    name: DistributionName, sources: FileTree, dockerfiles: Iterable[str], context: str = "."
) -> tuple[SourceLocation, ...]:
    """Return where the Dockerfiles, and the lists of requirements that they speak of, name a distribution.

    Names are compared as PEP 503 normalises them. What cannot be read is left out: others tell of it.
    """
    pattern = re.compile(rf"(?<![\w.-]){re.sub('-', '[-_.]+', name)}(?![\w.-])", re.IGNORECASE)
    texts = {path: _text(sources, path) for path in dockerfiles}
    lists = {
        posixpath.normpath(posixpath.join(context, named))
        for text in texts.values()
        for named in _LISTS.findall(text)
    }
    texts.update({path: _text(sources, path) for path in sorted(lists - texts.keys())[:MAX_FILES]})
    return tuple(sorted(found for path, text in texts.items() for found in _lines(path, text, pattern)))


def _lines(path: str, text: str, pattern: re.Pattern[str]) -> Iterator[SourceLocation]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("#") and pattern.search(line):
            yield SourceLocation(path, number)


def _text(sources: FileTree, path: str) -> str:
    if path.startswith(("/", "../")):
        return ""
    try:
        return sources.read(normalise(path), limit=_LIMIT).decode(errors="replace")
    except FileUnreadable:
        return ""
