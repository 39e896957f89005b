"""Which package ships which library and program, from an archive's Contents files.

Only direct children of the loader's and the shell's default directories count: a private library answers
no loader, and a cross package's library is for another machine. `/bin` and `/usr/bin` (and their like) are
one, as in every merged system (https://wiki.debian.org/UsrMerge).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from fleet_audit.audit.apt.archive.compressed import Damaged

LINE_LIMIT = 1 << 20

_SONAME = re.compile(rb"[^\s/]+\.so(?:\.[^\s/]+)?")

Providers = dict[str, set[str]]
"""Names of packages by the name of what they ship."""


class Shipped:
    """The sonames and programs that Contents files speak of, by name."""

    def __init__(self, triplet: str) -> None:
        """Look for libraries of the architecture with this multiarch triplet."""
        self.sonames: defaultdict[str, set[str]] = defaultdict(set)
        self.programs: defaultdict[str, set[str]] = defaultdict(set)
        library_folder = rf"(?:usr/)?lib(?:64)?/(?:{re.escape(triplet)}/(?:glibc-hwcaps/[^/\s]+/)?)?"
        # The literal newline in front lets the engine skip from line to line; a lookbehind would not.
        self._line = re.compile(
            rb"\n(?:(?P<library>%s)|(?:usr/)?s?bin/|usr/games/)"
            rb"(?P<name>[^/\s]+)[ \t]+(?P<packages>[^\s]+)(?=\n)" % library_folder.encode()
        )

    def read(self, chunks: Iterable[bytes]) -> None:
        """Take in one Contents file (https://wiki.debian.org/DebianRepository/Format, "Contents" indices).

        A heading as older archives write it is passed over. Raises `compressed.Damaged` for a file that has
        no lines.
        """
        pending = b"\n"
        for chunk in chunks:
            text = pending + chunk
            end = text.rfind(b"\n")
            self._take(text[: end + 1])
            pending = text[end:]
            if len(pending) > LINE_LIMIT:
                raise Damaged("holds a line of over 1 MiB, so it is no Contents file")
        self._take(pending + b"\n")

    def _take(self, lines: bytes) -> None:
        for library, name, packages in self._line.findall(lines):
            if not library:
                found = self.programs
            elif _SONAME.fullmatch(name):
                found = self.sonames
            else:
                continue
            found[_text(name)].update(_text(place).rpartition("/")[2] for place in packages.split(b","))


def known(
    providers: Mapping[str, Iterable[str]], packages: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    """Return `providers` without the packages that the archive no longer offers, sorted by name."""
    kept = {name: tuple(sorted(p for p in names if p in packages)) for name, names in providers.items()}
    return {name: names for name, names in sorted(kept.items()) if names}


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
