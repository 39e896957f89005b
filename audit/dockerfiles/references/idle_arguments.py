"""Arguments that change nothing: builds give them and no ARG takes them, or an ARG that nothing uses.

Rules: Dockerfile reference, "ARG" (scope, predefined arguments, "Automatic platform ARGs in the global
scope"), "Understand how ARG and FROM interact"; docs.docker.com, "Build variables" (BuildKit's own). A RUN
gets every argument of its stage in its environment, so that one before a RUN may be used unseen.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import takewhile

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.expansion import Scopes, scopes
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.references.agreed import NEAR, Agreed, parsed_or_none
from fleet_audit.audit.dockerfiles.references.argument_lines import ArgumentLines
from fleet_audit.audit.dockerfiles.references.in_dockerfiles import variables_of_bases
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import ArgumentUse, IdleArgument

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
_PARTS = ("PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION", "STAGE")
PREDEFINED = frozenset(
    {
        *_PROXIES,
        *(name.upper() for name in _PROXIES),
        *(f"{side}{part}" for side in ("TARGET", "BUILD") for part in _PARTS),
        "SOURCE_DATE_EPOCH",
    }
)
MAX_DECLARED = 200
"""Arguments among which one of nearly the same name is sought."""

COMMENT = "#"
"""What begins a comment at the start of a line, and is the name of an argument behind ARG."""

_OF_BUILDKIT = "BUILDKIT_"
_WORD = re.compile(r"[A-Za-z_]\w*")


def idle_arguments(
    repository: Repository, builds: Iterable[Build], agreed: Agreed, lines: ArgumentLines
) -> tuple[IdleArgument, ...]:
    """Return the arguments that change nothing, in order of places."""
    by_file: defaultdict[str, list[Build]] = defaultdict(list)
    for build in builds:
        by_file[build.dockerfile].append(build)
    found: dict[IdleArgument, None] = {}
    for path in sorted({*repository.files(FileRole.DOCKERFILE), *filter(repository.holds, by_file)} - {""}):
        dockerfile = repository.dockerfile(path)
        if dockerfile is None or dockerfile.foreign_frontend or not dockerfile.is_whole:
            continue
        reader = _Reader(path, dockerfile, agreed)
        found |= dict.fromkeys(reader.unused())
        for build in by_file[path]:
            found |= dict.fromkeys(reader.not_declared(build, lines))
    return tuple(sorted(found, key=lambda each: (each.location, each.argument)))


class _Reader:
    def __init__(self, path: str, dockerfile: Dockerfile, agreed: Agreed) -> None:
        self._path = path
        self._dockerfile = dockerfile
        self._agreed = agreed
        self._declared = frozenset(_declared(dockerfile))

    def not_declared(self, build: Build, lines: ArgumentLines) -> Iterator[IdleArgument]:
        """Yield the arguments of a build that no ARG of the Dockerfile takes."""
        if build.origin is BuildOrigin.DEFAULT:
            return
        for name, value in build.args:
            if name in self._declared or name in PREDEFINED or name.startswith(_OF_BUILDKIT):
                continue
            near = get_close_matches(name[:100], sorted(self._declared)[:MAX_DECLARED], n=1, cutoff=NEAR)
            yield IdleArgument(
                location=lines.of(build, name),
                dockerfile=self._path,
                argument=name,
                use=ArgumentUse.NOT_DECLARED,
                value=value or "",
                image=self._image(value or ""),
                near=near[0] if near else "",
                name=build.name,
                related=(SourceLocation(self._path),),
            )

    def unused(self) -> Iterator[IdleArgument]:
        """Yield the ARGs that nothing in the Dockerfile can use."""
        dockerfile = self._dockerfile
        if all(each.keyword != "ARG" for each in dockerfile.instructions):
            return
        values = scopes(dockerfile)
        in_bases = variables_of_bases(dockerfile)
        in_stages = {name for stage in dockerfile.stages for name in _args(stage)}
        for instruction in dockerfile.global_args:
            for name, default in _named(instruction):
                if name not in in_bases and name not in in_stages and name not in PREDEFINED:
                    yield self._unused(instruction, name, default)
        yield from self._unused_in_stages(values)
        for instruction in dockerfile.instructions:
            if instruction.keyword == "ARG" and any(name == COMMENT for name, _ in instruction.pairs):
                yield self._unused(instruction, COMMENT, None)

    def _unused_in_stages(self, values: Scopes) -> Iterator[IdleArgument]:
        last_use = _last_mentions(self._dockerfile)
        last_run = _last_runs(self._dockerfile, values)
        for stage in self._dockerfile.stages:
            for instruction in stage.instructions:
                for name, default in _named(instruction) if instruction.keyword == "ARG" else ():
                    may_be_seen = last_run.get(stage.index, 0) > instruction.line
                    is_image = bool(self._image(self._value(default, instruction, values)))
                    is_used = last_use.get(name, 0) > instruction.line or name in PREDEFINED
                    if not is_used and (is_image or not may_be_seen):
                        yield self._unused(instruction, name, default)

    def _value(self, default: str | None, at: Instruction, values: Scopes) -> str:
        return values.expand(default or "", at).value

    def _unused(self, instruction: Instruction, name: str, default: str | None) -> IdleArgument:
        return IdleArgument(
            location=SourceLocation(self._path, instruction.line),
            dockerfile=self._path,
            argument=name,
            use=ArgumentUse.NOT_USED,
            value=default or "",
            image=self._image((default or "").strip("\"'")),
        )

    def _image(self, value: str) -> str:
        """Return a value that names an image of the fleet; empty where it does not."""
        parsed = parsed_or_none(value)
        if parsed is None:
            return ""
        is_canonical = any(each.parsed.name == parsed.name for each in self._agreed.canonical)
        return value if is_canonical or self._agreed.is_below_prefix(parsed.name) else ""


def _named(instruction: Instruction) -> Iterator[tuple[str, str | None]]:
    """Return what an ARG declares, without what is meant as a comment behind it."""
    return takewhile(lambda pair: pair[0] != COMMENT, instruction.pairs)


def _declared(dockerfile: Dockerfile) -> Iterator[str]:
    for instruction in dockerfile.instructions:
        for each in (instruction, instruction.trigger):
            if each is not None and each.keyword == "ARG":
                yield from (name for name, _ in each.pairs)


def _args(stage: Stage) -> Iterator[str]:
    return (name for each in stage.instructions if each.keyword == "ARG" for name, _ in each.pairs)


def _last_mentions(dockerfile: Dockerfile) -> dict[str, int]:
    """Return the line of the last instruction that has a word, beside the names that ARG declares."""
    found: dict[str, int] = {}
    for instruction in dockerfile.instructions:
        texts = [instruction.text, *(heredoc.text for heredoc in instruction.heredocs)]
        if instruction.keyword == "ARG":
            texts = [default or "" for _, default in instruction.pairs]
        for text in texts:
            found |= dict.fromkeys(_WORD.findall(text), instruction.line)
    return found


def _last_runs(dockerfile: Dockerfile, values: Scopes) -> dict[int, int]:
    """Return the line of the last RUN in a stage or in those that are built from it, by its number."""
    found: dict[int, int] = {}
    for stage in dockerfile.stages:
        lines = [each.line for each in stage.instructions if "RUN" in (each.keyword, _trigger(each))]
        for each in values.lineage(stage) if lines else ():
            found[each.index] = max(lines[-1], found.get(each.index, 0))
    return found


def _trigger(instruction: Instruction) -> str:
    return instruction.trigger.keyword if instruction.trigger is not None else ""
