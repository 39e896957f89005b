"""Reads what small repositories say of their own lines: which hold a defect, and which are fine."""

import re
from collections.abc import Iterator
from pathlib import Path

DEFECTS = Path(__file__).parents[1] / "fixtures" / "defects"
_MARK = re.compile(r"#\s*DEFECT((?:\s+FA-[A-Z]+-\d{3})+)")

Defect = tuple[str, str, int]
"""A rule, a path below the repository's root, and a line."""


def marked_defects(folder: Path) -> list[Defect]:
    """Return the defects that comments in the files of a repository mark, sorted.

    A comment behind something stands for its own line, one alone for the next line that is none.
    """
    return sorted(defect for path in folder.rglob("*") if path.is_file() for defect in _marked(path, folder))


def _marked(path: Path, folder: Path) -> Iterator[Defect]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        mark = _MARK.search(line)
        if mark is not None:
            at = _next_line(lines, number) if line.lstrip().startswith("#") else number
            yield from ((rule, path.relative_to(folder).as_posix(), at) for rule in mark[1].split())


def _next_line(lines: list[str], after: int) -> int:
    rest = enumerate(lines[after:], start=after + 1)
    return next(
        (number for number, line in rest if line.strip() and not line.lstrip().startswith("#")), after
    )
