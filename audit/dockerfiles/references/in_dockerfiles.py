"""The images that a Dockerfile names.

Rules: Dockerfile reference, "FROM", "COPY --from", "RUN --mount", "Parser directives" and "Understand how ARG
and FROM interact"; BuildKit's dockerfile2llb for what is a stage, a number or a named context instead.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import msgspec

from fleet_audit.audit.dockerfiles.language.expansion import Expanded, Scopes, scopes
from fleet_audit.audit.dockerfiles.language.logical_lines import position
from fleet_audit.audit.dockerfiles.language.mounts import MountInvalid, parse_mount
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, reference_at
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

SCRATCH = "scratch"
_WHOLE_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-[^{}]*)?\})")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_NUMBER = re.compile(r"\d+")
_FROM_OPTION = "from="
_IMAGE_CONTEXT = "docker-image://"


class _Origin(NamedTuple):
    """Where the text of a base stands, what it is there, and the lines that have to do with it."""

    location: SourceLocation
    kind: ReferenceKind
    written: str
    related: tuple[SourceLocation, ...]


Given = tuple[tuple[str, str], ...]
"""Arguments of a build and their values, sorted by name."""

LineOf = Callable[[Build, str], SourceLocation]
"""Returns where a build gives an argument its value."""


def references_in(
    path: str, dockerfile: Dockerfile, builds: Sequence[Build], line_of: LineOf
) -> Iterator[Reference]:
    """Yield the references of a Dockerfile, and those that its builds give it.

    Names of stages, numbers of stages, ``scratch`` and contexts that a build names are none.
    """
    reader = _Reader(path, dockerfile, builds, line_of)
    yield from reader.frontend()
    if dockerfile.foreign_frontend:
        return
    for stage in dockerfile.stages:
        yield from reader.base(stage)
        for instruction in stage.instructions[1:]:
            yield from reader.origins(instruction.trigger or instruction, instruction, stage)
    yield from reader.contexts()


MAX_STAGES = 200
MAX_NAME = 100
"""Among how many stages, and by how many characters, one is sought that may be meant."""

NEAR_STAGE = 0.8


def bases_in_use(
    path: str, dockerfile: Dockerfile, builds: Sequence[Build], line_of: LineOf, target: str = ""
) -> Iterator[Reference]:
    """Yield what the lineage of a stage, the last one unless `target` names one, starts from.

    That is the default only where a build leaves it as it is, or where none is known.
    """
    reader = _Reader(path, dockerfile, builds, line_of)
    stage = dockerfile.target(target)
    if stage is not None and not dockerfile.foreign_frontend:
        yield from reader.bases_in_use([*reader.values.lineage(stage)][-1])


def variables_of_bases(dockerfile: Dockerfile) -> frozenset[str]:
    """Return the names of the arguments that a FROM may use, also by way of another argument."""
    written = {name: default or "" for each in dockerfile.global_args for name, default in each.pairs}
    texts = [text for stage in dockerfile.stages for text in (stage.base, stage.platform)]
    found: set[str] = set()
    while texts:
        wanted = {name for text in texts for name in _VARIABLE.findall(text)} - found
        found |= wanted
        texts = [written[name] for name in sorted(wanted) if name in written]
    return frozenset(found)


def _names(expanded: Expanded) -> frozenset[str]:
    return expanded.used | expanded.unset


class _Reader:
    def __init__(self, path: str, dockerfile: Dockerfile, builds: Sequence[Build], line_of: LineOf) -> None:
        self._path = path
        self._line_of = line_of
        self._stages = {stage.name for stage in dockerfile.stages}
        self._dockerfile = dockerfile
        self.builds = builds
        self.values = scopes(dockerfile)
        self._arguments = {name: each for each in dockerfile.global_args for name, _ in each.pairs}
        self._variables = variables_of_bases(dockerfile)
        self._named = {name for build in builds for name, _ in build.contexts}
        self._given = [(build, given) for build in builds if (given := self._arguments_of(build))]
        self._scopes: dict[Given, Scopes] = {(): self.values}
        self._told: set[tuple[int, str]] = set()

    def frontend(self) -> Iterator[Reference]:
        """Yield the image of the frontend that the first directive asks for."""
        for directive in self._dockerfile.directives:
            if directive.name == "syntax" and directive.value:
                place = Place(SourceLocation(self._path, directive.line), ReferenceKind.FRONTEND)
                yield reference_at(place, directive.value.split(" ")[0])

    def base(self, stage: Stage) -> Iterator[Reference]:
        """Yield what a stage is built from by default, and what builds make of that."""
        yield from self._default_base(stage)
        yield from self._given_bases(stage)

    def bases_in_use(self, stage: Stage) -> Iterator[Reference]:
        """Yield what builds make of a base, and the default where one of them leaves it so.

        ``scratch`` is a base here as any other, though it is no image.
        """
        if self.values.base(stage).value == SCRATCH:
            location = self._place(stage.instructions[0], stage.base)
            yield Reference(location=location, kind=ReferenceKind.FROM, written=SCRATCH, image=SCRATCH)
        usual = self._image(stage, ())
        if not self.builds or any(
            self._image(stage, self._arguments_of(build)) == usual for build in self.builds
        ):
            yield from self._default_base(stage)
        yield from self._given_bases(stage)

    def _default_base(self, stage: Stage) -> Iterator[Reference]:
        usual = self._image(stage, ())
        if usual and usual not in self._named:
            yield self._base_reference(stage, usual, self._origin(stage, self.values.base(stage)))

    def _given_bases(self, stage: Stage) -> Iterator[Reference]:
        usual = self._image(stage, ())
        for at, (build, given) in enumerate(self._given):
            value = self._image(stage, given)
            if value not in ("", usual, OPEN) and (at, value) not in self._told:
                self._told.add((at, value))
                yield self._given_reference(stage, value, build)

    def _base_reference(self, stage: Stage, value: str, origin: _Origin) -> Reference:
        place = Place(origin.location, origin.kind, stage.name, related=origin.related)
        return reference_at(place, value, origin.written)

    def _given_reference(self, stage: Stage, value: str, build: Build) -> Reference:
        related = (SourceLocation(self._path, stage.line),)
        match = _WHOLE_VARIABLE.fullmatch(stage.base)
        name = (match[1] or match[2]) if match else ""
        text = dict(build.args).get(name)
        used = sorted(_names(self.values.base(stage)) & dict(build.args).keys())
        location = self._line_of(build, name if text is not None else used[0] if used else "")
        place = Place(location, ReferenceKind.BUILD_ARGUMENT, build.name or stage.name, related=related)
        return reference_at(place, value, text or "")

    def _origin(self, stage: Stage, base: Expanded) -> _Origin:
        """Follow a base that is one variable to the ARG with its text."""
        instruction, word = stage.instructions[0], stage.base
        start = self._place(instruction, word)
        at, kind, passed = start, ReferenceKind.FROM, []
        for _ in range(len(self._arguments)):
            match = _WHOLE_VARIABLE.fullmatch(word.strip("\"'"))
            argument = self._arguments.get(match[1] or match[2]) if match else None
            default = dict(argument.pairs).get(match[1] or match[2]) if argument and match else None
            if argument is None or default is None or argument.line >= at.line:
                break
            passed.append(at)
            word, at, kind = default, self._place(argument, default), ReferenceKind.ARGUMENT
        parts = [] if passed else [self._arguments[n] for n in sorted(_names(base)) if n in self._arguments]
        related = tuple(dict.fromkeys([*passed, *(self._place(each, "") for each in parts)]))
        is_plain = "$" not in word
        return _Origin(at, kind, word.strip("\"'") if is_plain else word, related)

    def origins(self, instruction: Instruction, at: Instruction, stage: Stage) -> Iterator[Reference]:
        """Yield what COPY and the mounts of RUN take from, where that is no stage."""
        kind, given = ReferenceKind.MOUNT, _mounted(instruction)
        if instruction.keyword in ("COPY", "ADD"):
            kind, given = ReferenceKind.COPY_FROM, instruction.flag_values("from")
        for origin in given:
            if origin and self._is_image(origin):
                location = self._place(at, origin, behind=_FROM_OPTION)
                found = reference_at(Place(location, kind, stage.name), origin)
                yield msgspec.structs.replace(found, near_stage=self._near_stage(origin))

    def _near_stage(self, origin: str) -> str:
        """Return a stage of nearly the same name; empty where the name is one of an image in any case."""
        if ":" in origin or "/" in origin or "@" in origin:
            return ""
        names = sorted(filter(None, self._stages))[:MAX_STAGES]
        return next(iter(get_close_matches(origin.lower()[:MAX_NAME], names, n=1, cutoff=NEAR_STAGE)), "")

    def _is_image(self, origin: str) -> bool:
        # A variable there is refused (BuildKit, dockerfile2llb); it names no image in any case.
        if "$" in origin or origin == SCRATCH or _NUMBER.fullmatch(origin):
            return False
        return origin.lower() not in self._stages and origin not in self._named

    def contexts(self) -> Iterator[Reference]:
        """Yield the images that builds put in the place of a name (``--build-context NAME=docker-image://…``)."""
        for build in self.builds:
            for name, where in build.contexts:
                if where.startswith(_IMAGE_CONTEXT):
                    place = Place(build.location, ReferenceKind.BUILD_CONTEXT, name)
                    yield reference_at(place, where.removeprefix(_IMAGE_CONTEXT))

    def _arguments_of(self, build: Build) -> Given:
        """Return what a build gives to arguments that a FROM uses, OPEN for what is not known."""
        given = {name: value for name, value in build.args if name in self._variables}
        return tuple(sorted((name, OPEN if value is None else value) for name, value in given.items()))

    def _values_with(self, given: Given) -> Scopes:
        if given not in self._scopes:
            self._scopes[given] = scopes(self._dockerfile, dict(given))
        return self._scopes[given]

    def _image(self, stage: Stage, given: Given) -> str:
        """Return what a stage is built from, OPEN for what is not known; empty where that is no image."""
        values = self._values_with(given)
        base = values.base(stage)
        if base.refusal is not None or values.parent(stage) is not None or base.value == SCRATCH:
            return ""
        if not base.unset:
            return base.value
        opened = dict.fromkeys(base.unset, OPEN) | dict(given)
        filled = self._values_with(tuple(sorted(opened.items()))).base(stage)
        # What no ARG declares stays empty whatever a build gives: then it is not known what was meant.
        return OPEN if filled.unset else filled.value

    def _place(self, instruction: Instruction, word: str, behind: str = "") -> SourceLocation:
        offset = instruction.text.find(behind + word) if word else -1
        if offset < 0 or not instruction.pieces:
            return SourceLocation(self._path, instruction.line)
        offset += len(behind)
        line, column = position(instruction.pieces, offset)
        return SourceLocation(self._path, line, column + 1)


def _mounted(instruction: Instruction) -> Iterable[str]:
    for value in instruction.flag_values("mount") if instruction.keyword == "RUN" else ():
        try:
            mount = parse_mount(value, lambda word: word)
        except MountInvalid:
            continue
        if mount.origin and mount.type != "tmpfs":
            yield mount.origin
