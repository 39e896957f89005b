"""What the image of a Dockerfile would run: the answer of ``inspect`` for a Dockerfile."""

import posixpath
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from fleet_audit.audit.dockerfiles.language.structure import Instruction, Stage
from fleet_audit.audit.dockerfiles.pinning.managers import Installing, installing
from fleet_audit.audit.dockerfiles.pinning.origins import Origins
from fleet_audit.audit.dockerfiles.pinning.packages import wanted
from fleet_audit.audit.dockerfiles.pinning.requirement_files import RequirementFiles
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases, Making, making_of
from fleet_audit.audit.dockerfiles.running.detecting import (
    Seen,
    detected,
    imported_names,
    started_programs,
)
from fleet_audit.audit.dockerfiles.running.masking import masked, masked_names
from fleet_audit.audit.dockerfiles.running.user_names import DeclaredNames, numbers
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.script import Lookup
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.dockerfiles.standards.probes import asked_health
from fleet_audit.audit.dockerfiles.standards.start_files import copied_script, started_source
from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import distribution_name
from fleet_audit.audit.model.inspection import InspectReport, ResolvedUser
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration, Setting
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.standards import bases_of

STAGE = "dockerfiles"


class Question(msgspec.Struct, frozen=True):
    """Which Dockerfile is asked about: how the user calls it, its path, and how it is to be built.

    Without a target and arguments of its own it is built as the first build that the repository shows.
    `is_alone` where nothing around it is to be read.
    """

    name: str
    path: str
    target: str = ""
    args: dict[str, str] = {}
    is_alone: bool = False


def inspect_dockerfile(question: Question, grounds: Grounds) -> InspectReport:
    """Return what the image of a Dockerfile would run.

    Raises UsageError where it cannot be read, or has no such stage.
    """
    path = question.path
    builds = (_alone(path),) if question.is_alone else grounds.builds
    bases = bases_of(grounds, builds)
    making = _making(question, builds)
    use = bases.use(making)
    if use is None or not use.dockerfile.stages:
        raise UsageError(f"{path}: is no Dockerfile that can be read; a Dockerfile has a FROM")
    run = bases.of(making)
    if run is None:
        names = ", ".join(stage.name for stage in use.dockerfile.stages if stage.name)
        raise UsageError(f"{path}: has no stage called {making[1]}; there is {names or 'none with a name'}")
    chain = tuple(_chain(making, bases))
    return InspectReport(
        subject=question.name,
        gaps=tuple(_unknown(run, path, use.stage.line if use.stage else 0)),
        dockerfile=path,
        target=making[1],
        bases=chain,
        run=masked(run),
        masked=masked_names(run),
        user=_user(run, making, bases),
        health=asked_health(run),
        services=detected(_seen(run, making, bases, grounds, builds), grounds.shared.knowledge.services),
    )


def _alone(path: str) -> Build:
    return Build(origin=BuildOrigin.DEFAULT, location=SourceLocation(path), dockerfile=path)


def _making(question: Question, builds: Sequence[Build]) -> Making:
    first = next((build for build in builds if build.dockerfile == question.path), None)
    if question.target or question.args or first is None:
        return question.path, question.target, tuple(sorted(question.args.items()))
    return making_of(first)


def _unknown(run: RunConfiguration, path: str, line: int) -> Iterator[Gap]:
    if run.unknown_base:
        why = "nothing is known of this image here, so what it brings is not told"
        yield Gap(STAGE, GapKind.NOT_EXAMINED, run.unknown_base, why, SourceLocation(path, line))


def _chain(making: Making, bases: Bases) -> Iterator[str]:
    """Yield what an image is built on, nearest first, as it is written with its variables expanded."""
    seen: set[str] = set()
    for use, stage in bases.lineage(making):
        base = use.values.base(stage).value
        if base not in seen and use.values.parent(stage) is None:
            seen.add(base)
            yield base


def _user(run: RunConfiguration, making: Making, bases: Bases) -> ResolvedUser | None:
    user = run.user
    if user is None:
        if not run.is_whole:
            return None
        user = Setting("0")
    users, groups = DeclaredNames(bases).of(making)
    uid, gid = numbers(user.value, users, groups) if user.is_known else (-1, -1)
    name = next((name for name, number in users.items() if number == uid), "root" if uid == 0 else "")
    written = (masked(run).user or user).value
    return ResolvedUser(written, uid, gid, name, location=user.location)


def _seen(
    run: RunConfiguration, making: Making, bases: Bases, grounds: Grounds, builds: Sequence[Build]
) -> Seen:
    packages, distributions = _installed(making, bases, grounds.repository, builds)
    own = tuple(build for build in builds if build.dockerfile == making[0])
    use = bases.use(making)
    image = None if use is None else MadeImage(making[0], Role.OTHER, use, making, run, own)
    command = run.cmd or run.entrypoint
    place = "" if command is None or command.location is None else str(command.location)
    ports = ((port.value.partition("/")[0], port.location) for port in run.ports)
    return Seen(
        programs=started_programs(
            run.starting,
            place,
            lambda program: None if image is None else copied_script(image, grounds.repository, program),
        ),
        packages=packages,
        distributions=distributions,
        imports={} if image is None else _imports(image, grounds),
        ports={int(number): str(line or "") for number, line in ports if number.isdecimal()},
    )


def _installed(
    making: Making, bases: Bases, repository: Repository, builds: Sequence[Build]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the packages and the distributions that RUNs install by name or by requirements files."""
    packages: dict[str, str] = {}
    distributions: dict[str, str] = {}
    files = RequirementFiles(repository)
    for use, stage in bases.lineage(making):
        values = use.values
        origins = Origins(repository, use.dockerfile, values, _contexts(use.path, builds))
        for instruction, script in bases.runs(use, stage):
            lookup = partial(values.value, at=instruction)
            for command in script.commands:
                call = called(command)
                found = None if call is None else installing(call, lookup)
                if found is None:
                    continue
                place = str(SourceLocation(use.path, command.line))
                named = dict.fromkeys(_names(found, lookup), place)
                if found.manager == "pip":
                    read = _required(found, origins, stage, instruction, files)
                    distributions |= {distribution_name(n): where for n, where in (named | read).items()}
                else:
                    packages |= named
    return packages, distributions


def _names(found: Installing, lookup: Lookup) -> Iterator[str]:
    for word in found.packages:
        package = wanted(found.manager, word.expanded(lookup) or word.text)
        if package is not None:
            yield package.name


def _required(
    found: Installing, origins: Origins, stage: Stage, instruction: Instruction, files: RequirementFiles
) -> dict[str, str]:
    """Return what the requirements files ask for that an installation reads, each with its line."""
    required: dict[str, str] = {}
    for option in found.values("-r", "--requirement"):
        place = posixpath.join(origins.folder(instruction), option.value or "")
        path = origins.find(posixpath.normpath(place), stage, instruction) if option.value else None
        for asked in files.read(path).asked if path is not None else ():
            if asked.what is not None:
                required.setdefault(asked.what.name, str(asked.location))
    return required


def _contexts(path: str, builds: Sequence[Build]) -> tuple[str, ...]:
    named = [build.context for build in builds if build.dockerfile == path and build.context]
    return tuple(dict.fromkeys((*named, ".")))


def _imports(image: MadeImage, grounds: Grounds) -> dict[str, str]:
    """Return what the program imports that is started, where the repository holds it."""
    path = started_source(image, grounds.repository)
    text = None if path is None else grounds.repository.text(path)
    return {} if path is None or text is None else imported_names(text, path)
