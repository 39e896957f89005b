"""Which comments of a repository's files waive a rule: ``# fleet-audit: ignore[RULE] reason``."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.pragma import Pragma, pragma_words

MAX_PRAGMAS = 500
MAX_COMMENTS_BELOW = 20

_MARK = "fleet-audit:"
_PRAGMA = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*fleet-audit:[ \t]*(.*)")
_COMMENT = re.compile(r"[ \t]*(?:#.*)?")

_ALONE = (FileRole.DOCKERFILE, FileRole.DOCKERFILE_TEMPLATE)
"""Files in which a comment has its line to itself: what follows a word there belongs to it."""


def pragmas(repository: Repository) -> tuple[Pragma, ...]:
    """Return the pragmas of all files that are read for what they claim, in order of files and lines.

    One above an instruction of a Dockerfile speaks of all its lines, one between its lines of the line below.
    In other files it speaks of its own line, or where it stands alone of the line below.
    """
    found: list[Pragma] = []
    for path in repository.files(*FileRole):
        text = repository.text(path)
        if text is not None and _MARK in text:
            lines = text.split("\n")
            is_alone = path in repository.files(*_ALONE)
            found += islice(_of_file(path, lines, repository, is_alone=is_alone), MAX_PRAGMAS)
    return tuple(found)


def _of_file(path: str, lines: Sequence[str], repository: Repository, *, is_alone: bool) -> Iterator[Pragma]:
    for number, line in enumerate(lines, start=1):
        match = _PRAGMA.search(line)
        if match is None or (is_alone and line[: match.start()].strip()):
            continue
        first, last = number, number
        if not line[: match.start()].strip():
            first, last = _below(path, lines, number, repository, is_alone=is_alone)
        said = pragma_words(match[1].strip())
        problem = said.problem or ("" if first else "nothing stands below it that it could speak of")
        yield Pragma(SourceLocation(path, number), first, last, said.rules, said.reason, problem)


def _below(
    path: str, lines: Sequence[str], number: int, repository: Repository, *, is_alone: bool
) -> tuple[int, int]:
    """Return the first and last line of what stands below a comment; zeros where nothing does."""
    for at in range(number + 1, min(number + 1 + MAX_COMMENTS_BELOW, len(lines) + 1)):
        if _COMMENT.fullmatch(lines[at - 1]) is None:
            dockerfile = repository.dockerfile(path) if is_alone else None
            instructions = () if dockerfile is None else dockerfile.instructions
            whole = (each.last_line for each in instructions if each.line == at)
            return at, next(whole, at)
    return 0, 0
