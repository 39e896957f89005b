"""Whole repositories in one body: for fuzzing, which knows nothing of folders."""

from collections.abc import Mapping
from pathlib import Path

MARK = "%%%% "
"""Begins a line that names the file whose lines follow."""

_MAX_FILES = 40
_MAX_PATH = 200


def body_of(files: Mapping[str, str]) -> bytes:
    """Return these files as one body."""
    return "\n".join(f"{MARK}{path}\n{text}" for path, text in files.items()).encode()


def repository_of(body: bytes) -> dict[str, str]:
    """Return the files that a body stands for: none lies below another file."""
    files: dict[str, str] = {}
    folders: set[str] = set()
    for section in ("\n" + body.decode("utf-8", "replace")).split(f"\n{MARK}")[1 : _MAX_FILES + 1]:
        name, _, text = section.partition("\n")
        parts = [part for part in name[:_MAX_PATH].split("/") if part not in ("", ".", "..")]
        path = "/".join(parts)
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        if path and path not in folders and files.keys().isdisjoint(above):
            folders.update(above)
            files[path] = text
    return files


def files_below(folder: Path, *, most: int = 3000) -> dict[str, str]:
    """Return the short text files below a folder by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.stat().st_size <= most
    }
