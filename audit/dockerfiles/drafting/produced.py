"""Which image each Dockerfile of a repository makes, and which of them are built on which."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.dockerfiles.drafting.shipping import default_context
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases, Making, full_name, making_of
from fleet_audit.audit.dockerfiles.running.configuration import Use
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration

_OWN_NAME = re.compile(r"(?:Dockerfile|Containerfile)[.\-_](?P<behind>.+)|(?P<before>.+)\.(?i:dockerfile)")
MAX_TARGETS = 100
"""Stages of one Dockerfile that are images of their own."""

TITLE = "org.opencontainers.image.title"


class Produced(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a Dockerfile makes: its name, why it is called so, and what it starts from.

    `base` is the reference behind its FROM, at `base_line`, empty where that is not known; `parent` is the
    path of the Dockerfile that makes that image, where one of the repository does. `others` are the images
    that builds of other stages make. `context` is the folder that it is built from, a guess where no build
    says so.
    """

    path: str
    name: str
    why: str
    use: Use
    builds: tuple[Build, ...]
    run: RunConfiguration
    base: str = ""
    base_line: SourceLocation
    parent: str = ""
    others: tuple["Produced", ...] = ()
    context: str = "."

    @property
    def said(self) -> list[Build]:
        """Return the builds that something in the repository asks for."""
        return _said(self.builds)

    @property
    def why_context(self) -> str:
        """Say why the context is taken to be that."""
        build = next((build for build in self.said if build.context), None)
        return "what the Dockerfile copies is there" if build is None else f"the build at {build.location}"


def produced(repository: Repository, builds: Iterable[Build]) -> tuple[Produced, ...]:
    """Return the image of each Dockerfile that can be read, in order of paths."""
    by_file: defaultdict[str, list[Build]] = defaultdict(list)
    for build in builds:
        if build.dockerfile:
            by_file[build.dockerfile].append(build)
    paths = sorted({*repository.files(FileRole.DOCKERFILE), *filter(repository.holds, by_file)})
    making = {path: _making(path, by_file[path]) for path in paths}
    named = {path: _name(path, by_file[path]) for path in paths}
    makers = _makers(named, by_file)
    bases = Bases(repository, _Names(makers, making), lambda _: None)
    found = []
    for path in paths:
        image = _produced(path, making[path], named[path], tuple(by_file[path]), bases)
        if image is not None:
            others = tuple(_placed(each, makers) for each in _others(image, making[path], bases))
            if not any(build.context for build in image.said):
                context = default_context(image.use, path, repository)
                image = msgspec.structs.replace(image, context=context)
            own = tuple(build for build in image.builds if build.target == making[path][1])
            image = msgspec.structs.replace(
                image, builds=own if others and own else image.builds, others=others
            )
            found.append(_placed(image, makers))
    return tuple(found)


def _placed(image: Produced, makers: Mapping[str, str]) -> Produced:
    return msgspec.structs.replace(image, parent=_maker(makers, image.base))


def _others(image: Produced, making: Making, bases: Bases) -> Iterator[Produced]:
    """Yield the images that builds of other stages make, each with its own builds."""
    by_target: defaultdict[str, list[Build]] = defaultdict(list)
    for build in image.builds:
        if build.origin is not BuildOrigin.DEFAULT and build.target != making[1]:
            by_target[build.target].append(build)
    for target, builds in sorted(by_target.items())[:MAX_TARGETS]:
        name, why = _name(image.path, builds)
        if name == image.name and target:
            name, why = target, f"the stage that is built at {builds[0].location}"
        other = _produced(image.path, making_of(builds[0]), (name, why), tuple(builds), bases)
        if other is not None and other.use.stage is not image.use.stage:
            yield other


class _Names(Mapping[str, Making]):
    """What makes the image of a full name: the Dockerfile of that name, whatever registry it is pushed to."""

    def __init__(self, makers: Mapping[str, str], making: Mapping[str, Making]) -> None:
        self._makers = makers
        self._making = making

    def __getitem__(self, name: str) -> Making:
        path = _maker(self._makers, name)
        if not path:
            raise KeyError(name)
        return self._making[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def _maker(makers: Mapping[str, str], reference: str) -> str:
    """Return the Dockerfile that makes the image with a reference; empty where none does."""
    name = full_name(reference)
    return makers.get(name) or makers.get(name.rpartition("/")[2], "") if name else ""


def _makers(named: Mapping[str, tuple[str, str]], by_file: Mapping[str, list[Build]]) -> dict[str, str]:
    """Return the Dockerfile of each name, short and in full; names that several have are left out."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, (name, _) in named.items():
        found[name].add(path)
        for tag in (tag for build in by_file[path] for tag in build.tags):
            found[full_name(tag)].add(path)
    return {name: min(paths) for name, paths in found.items() if name and len(paths) == 1}


def _making(path: str, builds: Iterable[Build]) -> Making:
    said = _said(builds)
    return making_of(said[0]) if said else (path, "", ())


def _said(builds: Iterable[Build]) -> list[Build]:
    return [build for build in builds if build.origin is not BuildOrigin.DEFAULT]


def _name(path: str, builds: Iterable[Build]) -> tuple[str, str]:
    for build in builds:
        for tag in build.tags:
            try:
                return parse_reference(tag).repository.rpartition("/")[2], f"the tag at {build.location}"
            except ReferenceInvalid:
                continue
    folder, _, file = path.rpartition("/")
    match = _OWN_NAME.fullmatch(file)
    if match is not None:
        return match["behind"] or match["before"], "the Dockerfile's name"
    return folder.rpartition("/")[2], "the folder's name" if folder else ""


def _produced(
    path: str, making: Making, named: tuple[str, str], builds: tuple[Build, ...], bases: Bases
) -> Produced | None:
    use, run = bases.use(making), bases.of(making)
    stage = None if use is None else use.stage
    if use is None or run is None or stage is None:
        return None
    values = use.values
    lowest = [*values.lineage(stage)][-1]
    base = values.base(lowest)
    said = next((build.context for build in _said(builds) if build.context), "")
    return Produced(
        path=path,
        name=named[0],
        why=named[1],
        use=use,
        builds=builds,
        run=run,
        base=base.value if base.is_known else "",
        base_line=SourceLocation(path, lowest.line),
        context=said or ".",
    )
