"""Versions that the shell takes for a redirect: ``pip install foo>=1.2`` asks for any foo, and writes a file.

Rule: POSIX.1-2017, "Shell Command Language", 2.7 Redirection: an unquoted ``>`` or ``<`` ends the word.
"""

import re
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.dockerfiles.pinning.managers import Installing
from fleet_audit.audit.dockerfiles.shell.script import Command, Redirect, Word

_VERSION = re.compile(r"v?\d+(?:\.[\w*+!-]+)*,?")


class StrayFile(msgspec.Struct, frozen=True):
    """What was meant to be one requirement, as it is written; the file that the first sign in it opens."""

    written: str
    file: str
    line: int


def stray_files(command: Command, installing: Installing) -> Iterator[StrayFile]:
    """Yield the requirements of an installation that redirects cut off, in order."""
    packages = {word.end: word for word in installing.packages}
    stray: StrayFile | None = None
    end = -1
    for redirect in command.redirects:
        text = f"{redirect.operator}{redirect.target.text}"
        if stray is not None and redirect.start == end:
            stray = msgspec.structs.replace(stray, written=stray.written + text)
            end = redirect.target.end
            continue
        word = packages.get(redirect.start)
        before = word if word is not None else _nearest(installing, redirect)
        if before is None or not _is_version(redirect, is_adjacent=word is not None):
            continue
        if stray is not None:
            yield stray
        written = f"{before.text}{'' if word else ' '}{text}"
        stray = StrayFile(written, redirect.target.text, redirect.line)
        end = redirect.target.end
    if stray is not None:
        yield stray


def _nearest(installing: Installing, redirect: Redirect) -> Word | None:
    return next((word for word in reversed(installing.packages) if word.end <= redirect.start), None)


def _is_version(redirect: Redirect, *, is_adjacent: bool) -> bool:
    """Say whether what a redirect names is no file but the rest of a requirement."""
    target = redirect.target
    if redirect.operator not in (">", "<") or redirect.number or target.is_quoted:
        return False
    if target.text.startswith("="):
        return True
    return is_adjacent and _VERSION.fullmatch(target.text) is not None
