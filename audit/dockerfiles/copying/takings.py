"""What the instructions of a build take: the sources of COPY and ADD, and of bind mounts.

Rules: Dockerfile reference, "COPY", "ADD", "RUN --mount=type=bind"; BuildKit's dockerfile2llb.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.contexts.matching import clean_path
from fleet_audit.audit.dockerfiles.copying.kept import Kept
from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.mounts import Mount, MountInvalid, parse_mount
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.model.location import SourceLocation

_REMOTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|git@)\S")
"""What ADD fetches: addresses of files and of Git repositories."""


class Taking(msgspec.Struct, frozen=True):
    """One source: as it is written, and what it becomes, clean and below where it is taken from.

    `path` is None where a variable in it has no known value. `origin` is what ``--from`` names; empty for the
    context. `is_optional` where BuildKit does not mind that it is not there, `is_address` where it is fetched
    from elsewhere. `uses` are the variables in it. `kept_at` is the ONBUILD that it comes from: it is carried
    out at the FROM.
    """

    stage: Stage
    instruction: Instruction
    source: str
    path: str | None
    origin: str = ""
    is_optional: bool = False
    is_address: bool = False
    uses: frozenset[str] = frozenset()
    kept_at: SourceLocation | None = None


def takings(dockerfile: Dockerfile, scopes: Scopes, stage: Stage) -> Iterator[Taking]:
    """Yield what the instructions of a stage take from elsewhere, in their order."""
    refused = {rejection.line for rejection in dockerfile.rejections}
    for instruction in stage.instructions[1:]:
        if instruction.line not in refused:
            yield from _taken(instruction, scopes, stage)


def kept_takings(kept: Iterable[Kept], scopes: Scopes, stage: Stage) -> Iterator[Taking]:
    """Yield what a stage takes at its FROM; what depends on variables of the image is not known."""
    for each in kept:
        for taking in _taken(each.instruction, scopes, stage):
            yield replace(taking, path=None if taking.uses else taking.path, kept_at=each.location)


def _taken(instruction: Instruction, scopes: Scopes, stage: Stage) -> Iterator[Taking]:
    if instruction.keyword in ("COPY", "ADD"):
        yield from _copied(instruction, scopes, stage)
    elif instruction.keyword == "RUN":
        yield from _mounted(instruction, scopes, stage)


def _copied(instruction: Instruction, scopes: Scopes, stage: Stage) -> Iterator[Taking]:
    documents = {f"<<{heredoc.name}" for heredoc in instruction.heredocs}
    # --parents takes what matches, and what does not is left away (moby/buildkit, issue 4900).
    is_optional = instruction.flag("parents") not in (None, "false") or _is_set(instruction, "parents")
    for source in instruction.words[:-1]:
        if _document(source) in documents:
            continue
        expanded = scopes.expand(source, instruction)
        yield Taking(
            stage,
            instruction,
            source,
            path=clean_path(expanded.value) if expanded.is_known else None,
            origin=instruction.flag("from") or "",
            is_optional=is_optional,
            is_address=instruction.keyword == "ADD" and _REMOTE.match(expanded.value) is not None,
            uses=expanded.used | expanded.unset,
        )


def _is_set(instruction: Instruction, name: str) -> bool:
    return any(flag.name == name and flag.value is None for flag in instruction.flags)


def _document(source: str) -> str:
    mark = source.lstrip("0123456789")
    return "<<" + mark.removeprefix("<<").lstrip("-").strip("'\"") if mark.startswith("<<") else ""


def _mounted(instruction: Instruction, scopes: Scopes, stage: Stage) -> Iterator[Taking]:
    for value in instruction.flag_values("mount"):
        used: set[str] = set()
        mount, is_known = _mount(value, instruction, scopes, used)
        if mount is not None and mount.type == "bind":
            path = clean_path(mount.source) if is_known else None
            yield Taking(stage, instruction, mount.source or "/", path, mount.origin, uses=frozenset(used))


def _mount(value: str, instruction: Instruction, scopes: Scopes, used: set[str]) -> tuple[Mount | None, bool]:
    unset: set[str] = set()

    def expand(word: str) -> str:
        expanded = scopes.expand(word, instruction)
        used.update(expanded.used)
        unset.update(expanded.unset)
        return expanded.value

    try:
        return parse_mount(value, expand), not unset
    except MountInvalid:
        return None, False
