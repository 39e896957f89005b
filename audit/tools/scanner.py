"""Which build of a scanner is asked: those that this machine has, and what version each of them is."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.version import InvalidVersion, Version

from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError

VERSION_SECONDS = 60.0
"""Packed builds take seconds to start, and more where the machine is busy."""

_SCRIPT = b"#!"
_COLOURS = re.compile("\x1b\\[[0-9;]*[A-Za-z]")


class AnswerUnreadable(ToolError):
    """A scanner ended well and its answer is none: empty, cut short, or of a form that is not known here."""


class Scanner(msgspec.Struct, frozen=True):
    """A program that was found; `version` is what it calls itself, ``dev`` for some builds.

    `identity` is a digest of the file's place, size and times: another build has another one.
    """

    name: str
    path: Path
    version: str
    identity: str


def find_scanner(
    name: str,
    candidates: Iterable[Path],
    ask: Callable[[Path], str],
    *,
    versions: FolderStore | None = None,
) -> Scanner | None:
    """Return the newest of the programs among `candidates`, the earlier of two that are alike; None without.

    `ask` starts one and returns its version; the answer is kept in `versions` for as long as the file is the
    same, unless that is a script: what it starts may be another build tomorrow. What gives no version is
    passed over while another one does; raises its ToolError when none does.
    """
    found: list[Scanner] = []
    failed: list[ToolError] = []
    for path in dict.fromkeys(candidates):
        if (identity := _identity(path)) is None or not os.access(path, os.X_OK):
            continue
        try:
            found.append(Scanner(name, path, _version(path, identity, ask, versions), identity))
        except ToolError as e:
            failed.append(e)
    if not found and failed:
        raise failed[0]
    return max(found, key=lambda scanner: _rank(scanner.version), default=None)


def sole_scanner(name: str, candidates: Iterable[Path]) -> Scanner | None:
    """Return the one program among `candidates`, known by its file alone: its `version` is empty.

    None where there are none or several, of which versions tell the newest, and for a script: what it starts
    may be another build tomorrow.
    """
    there = {
        path: identity for path in candidates if (identity := _identity(path)) and os.access(path, os.X_OK)
    }
    if len(there) != 1:
        return None
    ((path, identity),) = there.items()
    return None if _is_script(path) else Scanner(name, path, "", identity)


def named_program(
    name: str, environment: Mapping[str, str], *, named: str = "", variable: str = ""
) -> Path | None:
    """Return the program that the user named, as a path or as what is on PATH; None where none is named.

    `named` goes before the environment's `variable`. Raises ToolError where that program is not there.
    """
    stated = named or environment.get(variable, "")
    if not stated:
        return None
    found = shutil.which(stated, path=environment.get("PATH", ""))
    if found is None:
        by = "" if named else f" by {variable}"
        raise ToolError((name,), f"{stated} is named{by} and is no program that can be started")
    return Path(found).absolute()


def on_path(name: str, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return every program of this name on PATH, in its order."""
    folders = environment.get("PATH", "").split(os.pathsep)
    found = (shutil.which(name, path=folder) for folder in folders if folder)
    return tuple(Path(path).absolute() for path in found if path is not None)


def without_colours(text: str) -> str:
    """Return what a program wrote for a terminal as plain text (ECMA-48, "Select Graphic Rendition")."""
    return _COLOURS.sub("", text)


def unreadable(argv: Sequence[str], why: str) -> AnswerUnreadable:
    """Return the error for an answer that cannot be used."""
    return AnswerUnreadable(argv[:1], f"its answer cannot be read: {why}")


def _version(path: Path, identity: str, ask: Callable[[Path], str], versions: FolderStore | None) -> str:
    if versions is not None and (kept := versions.get(identity)) is not None:
        return kept.decode(errors="replace")
    version = ask(path)
    if versions is not None and not _is_script(path):
        versions.put(identity, version.encode())
    return version


def _identity(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return None
    words = (
        os.fspath(path),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_dev,
        status.st_ino,
    )
    return hashlib.sha256(repr(words).encode()).hexdigest()


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SCRIPT)) == _SCRIPT
    except OSError:
        return True


def _rank(version: str) -> tuple[bool, Version]:
    # What does not say which version it is goes behind everything that does.
    try:
        return True, Version(version)
    except InvalidVersion:
        return False, Version("0")
