"""The builds of bake files.

Rules: docs.docker.com, "Bake file reference", "Inheritance", "Matrix targets", "Variables". A variable that
has a default is taken to have it, though the environment of whoever builds may set another.
"""

import itertools
import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.hcl import Attribute, Block, read_blocks, read_template
from fleet_audit.audit.dockerfiles.contexts.hcl_values import (
    UNKNOWN,
    Expression,
    Listed,
    Literal,
    Mapped,
    Value,
    as_text,
    evaluated,
)
from fleet_audit.audit.dockerfiles.contexts.leading import Place, dockerfile_place, is_address, place
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.location import SourceLocation

ORDER = ("docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl")
"""The files that bake reads without being told, in its order; later ones come before earlier ones."""

MAX_COMBINATIONS = 256
MAX_TARGETS = 2000
MAX_INHERITED = 50
_DEFAULT = "default"
_OWN_FOLDER = "cwd://"
_ELSEWHERE = ("target:", "docker-image://", "oci-layout://")


class _Target(msgspec.Struct, frozen=True):
    """A target: its attributes with the files that say them, nearest first."""

    name: str
    location: SourceLocation
    attributes: Mapping[str, tuple[Attribute, SourceLocation]]

    def over(self, below: "_Target") -> "_Target":
        merged = {**below.attributes, **self.attributes}
        for name in ("args", "contexts"):
            if name in self.attributes and name in below.attributes:
                merged[name] = _joined(self.attributes[name], below.attributes[name])
        return _Target(self.name, self.location, merged)


def _joined(
    above: tuple[Attribute, SourceLocation], below: tuple[Attribute, SourceLocation]
) -> tuple[Attribute, SourceLocation]:
    first, second = below[0].value, above[0].value
    if isinstance(first, Mapped) and isinstance(second, Mapped):
        # What is inherited twice is one entry.
        pairs = dict((*first.pairs, *second.pairs))
        return Attribute(Mapped(tuple(pairs.items())), above[0].line), above[1]
    return above


class _Definition(msgspec.Struct):
    """What several bake files say together; `whole` are targets with what they inherit."""

    targets: dict[str, _Target]
    groups: dict[str, Expression]
    variables: dict[str, Value]
    whole: dict[str, _Target]


def bake_builds(repository: Repository, told: Collection[str] = ()) -> Iterator[Build]:
    """Yield every build that the repository's bake files ask for, in order of files and targets.

    A target that others inherit is one to build only where a group names it. Of files in `told` it is known
    with which others they are read: they are passed over unless bake reads them without being told.
    """
    by_folder: defaultdict[str, list[str]] = defaultdict(list)
    for path in repository.files(FileRole.BAKE):
        by_folder[posixpath.dirname(path) or "."].append(posixpath.basename(path))
    for folder, names in sorted(by_folder.items()):
        usual = [_path(folder, name) for name in ORDER if name in names]
        yield from given_builds(repository, usual, folder=folder)
        for path in (_path(folder, name) for name in sorted(set(names) - set(ORDER))):
            if path in told:
                continue
            definition = _definition(repository, [*usual, path])
            own = [name for name, target in definition.targets.items() if target.location.path == path]
            chosen = [name for name in _chosen(definition, ()) if name in own]
            yield from _builds(repository, definition, chosen, folder)


def given_builds(
    repository: Repository, paths: Sequence[str], *, folder: str = ".", targets: Iterable[str] = ()
) -> Iterator[Build]:
    """Yield the builds of bake files that are read together, run in `folder`: of `targets`, else of all."""
    definition = _definition(repository, paths)
    yield from _builds(repository, definition, _chosen(definition, tuple(targets)), folder)


def _definition(repository: Repository, paths: Sequence[str]) -> _Definition:
    definition = _Definition({}, {}, {}, {})
    for path in paths:
        for block in bake_blocks(repository, path):
            _add(definition, block, path)
    return definition


def _builds(
    repository: Repository, definition: _Definition, names: Sequence[str], folder: str
) -> Iterator[Build]:
    for name in names[:MAX_TARGETS]:
        target = _inherited(definition, name)
        for scope in _combinations(definition, target):
            yield _build(repository, _Settings(target, scope), folder)


def _path(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, name))


def bake_blocks(repository: Repository, path: str) -> Iterator[Block]:
    """Yield the blocks of a bake file, JSON or HCL; what cannot be read is a gap."""
    if path.endswith(".json"):
        read = repository.yaml(path)
        for kind, named in read.documents[0].view().entries() if read and read.documents else ():
            for name, view in named.entries():
                yield _json_block(kind, name, view)
        return
    blocks, problems = read_blocks(repository.text(path) or "")
    for problem in problems:
        repository.report(path, problem.why, line=problem.line, kind=GapKind.NOT_EXAMINED)
    yield from blocks


def _json_block(kind: str, name: str, view: View) -> Block:
    attributes = {
        key: Attribute(_json_value(entry.value), view.located.line(entry.path))
        for key, entry in view.entries()
    }
    return Block(kind, (name,), attributes, view.located.line(view.path))


def _json_value(value: object) -> Expression:
    match value:
        case str():
            return read_template(value)
        case list():
            return Listed(tuple(_json_value(item) for item in value))
        case dict():
            return Mapped(tuple((Literal(str(key)), _json_value(item)) for key, item in value.items()))
        case bool() | None:
            return Literal(value)
        case _:
            return Literal(str(value))


def _add(definition: _Definition, block: Block, path: str) -> None:
    name = block.labels[0] if block.labels else ""
    location = SourceLocation(path, block.line)
    if block.kind == "target":
        attributes = {
            key: (attribute, SourceLocation(path, attribute.line))
            for key, attribute in block.attributes.items()
        }
        target = _Target(name, location, attributes)
        below = definition.targets.get(name)
        definition.targets[name] = target if below is None else target.over(below)
    elif block.kind == "group" and "targets" in block.attributes:
        definition.groups[name] = block.attributes["targets"].value
    elif block.kind == "variable" and "default" in block.attributes:
        definition.variables[name] = evaluated(block.attributes["default"].value, definition.variables)


def _chosen(definition: _Definition, wanted: tuple[str, ...]) -> list[str]:
    if wanted:
        return [name for name in _grouped(definition, wanted) if name in definition.targets]
    grouped = set(_grouped(definition, tuple(definition.groups)))
    inherited = {
        name for target in definition.targets.values() for name in _names(definition, target, "inherits")
    }
    return [
        name
        for name, target in definition.targets.items()
        if name in grouped or name == _DEFAULT or (name not in inherited and target.attributes)
    ]


def _grouped(definition: _Definition, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the targets that names stand for, those of groups in their place, each once."""
    pending = list(reversed(names))
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in definition.groups:
            pending += reversed(_texts(evaluated(definition.groups[name], definition.variables)))
        if name in definition.targets:
            yield name


def _names(definition: _Definition, target: _Target, attribute: str) -> list[str]:
    said = target.attributes.get(attribute)
    return [] if said is None else _texts(evaluated(said[0].value, definition.variables))


def _inherited(definition: _Definition, name: str, depth: int = 0) -> _Target:
    """Return a target over those that it inherits, the last of them nearest; a cycle or long chain ends."""
    if name in definition.whole:
        return definition.whole[name]
    target = definition.whole[name] = definition.targets[name]
    merged: _Target | None = None
    for each in _names(definition, target, "inherits"):
        if each in definition.targets and depth < MAX_INHERITED:
            below = _inherited(definition, each, depth + 1)
            merged = below if merged is None else below.over(merged)
    if merged is not None:
        definition.whole[name] = target.over(merged)
    return definition.whole[name]


def _combinations(definition: _Definition, target: _Target) -> Iterator[Mapping[str, Value]]:
    """Yield the variables of each build that a matrix makes of a target."""
    axes = _Settings(target, definition.variables).value("matrix")
    if not isinstance(axes, dict):
        yield definition.variables
        return
    known = {name: values for name, values in axes.items() if isinstance(values, list)}
    for values in itertools.islice(itertools.product(*known.values()), MAX_COMBINATIONS):
        yield {**definition.variables, **dict(zip(known, values, strict=True))}


class _Settings:
    """The attributes of a target, with the values that variables have."""

    def __init__(self, target: _Target, scope: Mapping[str, Value]) -> None:
        self.target = target
        self._scope = scope

    def value(self, name: str) -> Value:
        said = self.target.attributes.get(name)
        return None if said is None else evaluated(said[0].value, self._scope)

    def text(self, name: str) -> str:
        return as_text(self.value(name)) or ""

    def line(self, *names: str) -> SourceLocation:
        said = (self.target.attributes.get(name) for name in names)
        return next((each[1] for each in said if each is not None), self.target.location)


def _build(repository: Repository, settings: _Settings, folder: str) -> Build:
    context, dockerfile = _places(repository, settings, folder)
    unknown = [name for name in ("args", "target") if settings.value(name) is UNKNOWN]
    unknown += [name for name, known in (("context", context), ("dockerfile", dockerfile)) if known.is_open]
    return Build(
        origin=BuildOrigin.BAKE,
        location=settings.line("dockerfile", "context"),
        dockerfile=dockerfile.path,
        context=context.path,
        name=settings.text("name") or settings.target.name,
        args=tuple(sorted(_pairs(settings.value("args")))),
        target=settings.text("target"),
        platforms=tuple(_texts(settings.value("platforms"))),
        tags=tuple(_texts(settings.value("tags"))),
        contexts=tuple(sorted(_contexts(settings.value("contexts"), folder))),
        unknown=tuple(unknown),
        inline=settings.text("dockerfile-inline"),
        reason=context.reason or dockerfile.reason,
    )


def _places(repository: Repository, settings: _Settings, folder: str) -> tuple[Place, Place]:
    """Return the context and the Dockerfile, from where bake runs: the file's folder, or else the root."""
    places = [_places_from(settings, each) for each in dict.fromkeys((folder, "."))]
    return next((each for each in places if each[1].is_known and repository.holds(each[1].path)), places[0])


def _places_from(settings: _Settings, folder: str) -> tuple[Place, Place]:
    written = settings.value("context")
    text = "." if written is None else as_text(written)
    if text is None:
        context = Place(reason="the context holds a value that is not known here", is_open=True)
    else:
        context = place(folder, text)
    if settings.value("dockerfile-inline") is not None:
        return context, Place()
    named = settings.value("dockerfile")
    name = "" if named is None else as_text(named)
    if name is None:
        return context, Place(reason="its name holds a value that is not known here", is_open=True)
    if name.startswith(_OWN_FOLDER):
        return context, place(folder, name.removeprefix(_OWN_FOLDER))
    return context, dockerfile_place(context, name)


def _pairs(value: Value) -> Iterator[tuple[str, str | None]]:
    for name, each in value.items() if isinstance(value, dict) else ():
        if each is not None:
            yield name, as_text(each)


def _contexts(value: Value, folder: str) -> Iterator[tuple[str, str]]:
    for name, written in _pairs(value):
        if written is not None:
            is_elsewhere = written.startswith(_ELSEWHERE) or is_address(written)
            yield name, written if is_elsewhere else place(folder, written).path


def _texts(value: Value) -> list[str]:
    """Return the texts of a list that are known."""
    texts = [as_text(item) for item in value] if isinstance(value, list) else []
    return [text for text in texts if text]
