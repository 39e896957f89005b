"""What is not in the repository and is no mistake: it is made before the build, or fetched by git.

Rules: git's gitignore(5) and gitmodules(5). What .gitignore names does not belong into the repository, so
that a build which takes it is one that follows another step.
"""

import posixpath
import re
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.dockerfiles.contexts.matching import PathPattern, PatternInvalid, path_pattern
from fleet_audit.audit.dockerfiles.repository import Repository

MAX_PATTERNS = 2000
MAX_ASKED = 500
"""Paths beyond these are taken to be missed."""

_SUBMODULE = re.compile(r"[ \t]*path[ \t]*=[ \t]*(.+)")


class _GitPattern(msgspec.Struct, frozen=True):
    line: int
    pattern: PathPattern
    takes_in: bool


class MadeElsewhere:
    """Says of paths that are not there whether they are made or fetched by something else than the build."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository; nothing is read before it is asked for."""
        self._repository = repository
        self._rules: dict[str, tuple[_GitPattern, ...]] = {}
        self._asked = 0
        self._submodules: tuple[str, ...] | None = None

    def reason(self, path: str) -> str:
        """Return who makes or fetches a path below the repository's root; empty where nothing says so."""
        self._asked += 1
        if self._asked > MAX_ASKED:
            return ""
        if self._submodules is None:
            self._submodules = tuple(_submodules(self._repository))
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            part = "/".join(parts[:length])
            if part in self._submodules:
                return f"{part} is a submodule, which git fetches"
            found = self._ignored(part)
            if found:
                return f"{found} keeps it out of git: something makes it before the build"
        return ""

    def _ignored(self, path: str) -> str:
        """Return the line that ignores a path; the last pattern of the nearest file that matches decides."""
        folder = posixpath.dirname(path)
        while True:
            below = path[len(folder) + 1 :] if folder else path
            for each in reversed(self._patterns(folder)):
                if each.pattern.matches(below):
                    where = f"line {each.line} of {posixpath.join(folder, '.gitignore')}"
                    return "" if each.takes_in else where
            if not folder:
                return ""
            folder = posixpath.dirname(folder)

    def _patterns(self, folder: str) -> tuple[_GitPattern, ...]:
        if folder not in self._rules:
            path = posixpath.join(folder, ".gitignore")
            text = self._repository.text(path) if self._repository.holds(path) else None
            self._rules[folder] = tuple(_patterns(text or ""))
        return self._rules[folder]


def _patterns(text: str) -> Iterator[_GitPattern]:
    for number, line in enumerate(text.split("\n")[:MAX_PATTERNS], 1):
        word = line.rstrip()
        takes_in = word.startswith("!")
        word = word.removeprefix("!").rstrip("/")
        if not word or line.startswith("#"):
            continue
        # Without a slash before its end a pattern holds at any depth.
        word = word.removeprefix("/") if "/" in word else f"**/{word}"
        try:
            yield _GitPattern(number, path_pattern(word, crosses_folders=True), takes_in)
        except PatternInvalid:
            continue


def _submodules(repository: Repository) -> Iterator[str]:
    text = repository.text(".gitmodules") if repository.holds(".gitmodules") else None
    for line in (text or "").split("\n"):
        match = _SUBMODULE.fullmatch(line.rstrip())
        if match is not None:
            yield match[1]
