"""Which words stand in the command lines of files that start programs (supervisor, systemd, shell …)."""

import re
from collections.abc import Iterable, Iterator

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, basename, normalise
from fleet_audit.audit.model.identity import ImagePath

MAX_FILES = 200
_LIMIT = 256 << 10

_STARTING = re.compile(r"supervisor.*\.(?:conf|ini)|Procfile.*|.+\.(?:service|sh)")
_LINES = (
    re.compile(r"(?m)^[ \t]*command[ \t]*=(.*)$"),
    re.compile(r"(?m)^ExecStart[ \t]*=(.*)$"),
    re.compile(r"(?m)^[A-Za-z0-9_-]+[ \t]*:(.*)$"),
)
_WORD = re.compile(r"[A-Za-z0-9_./@+-]+")


def started_words(sources: FileTree, paths: Iterable[str]) -> frozenset[str]:
    """Return the words, without folders, of every command line in such files at or below `paths`.

    More than MAX_FILES, and files that are long or cannot be read, are passed over: what they start is then
    not known to run.
    """
    words: set[str] = set()
    for count, file in enumerate(_files(sources, paths)):
        if count == MAX_FILES:
            break
        try:
            text = sources.read(file, limit=_LIMIT).decode(errors="replace")
        except FileUnreadable:
            continue
        for line in _command_lines(basename(file), text):
            words.update(word.rpartition("/")[2] for word in _WORD.findall(line))
    return frozenset(words - {""})


def _files(sources: FileTree, paths: Iterable[str]) -> Iterator[ImagePath]:
    for path in paths:
        place = sources.realpath(normalise(path))
        entry = None if place is None else sources.entry(place)
        if place is None or entry is None:
            continue
        found = [place] if entry.kind is FileKind.FILE else (file for file, _ in sources.files(place))
        yield from (file for file in found if _STARTING.fullmatch(basename(file)))


def _command_lines(name: str, text: str) -> list[str]:
    if name.endswith(".sh"):
        return [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [found for form in _LINES for found in form.findall(text)]
