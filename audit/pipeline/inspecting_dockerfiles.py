"""What the image of a Dockerfile would run: the answer of ``inspect`` for a Dockerfile."""

from collections.abc import Iterator, Mapping

from fleet_audit.audit.dockerfiles.copying.context_files import Contexts
from fleet_audit.audit.dockerfiles.running.bases import Bases, Making, making_of
from fleet_audit.audit.dockerfiles.running.detecting import (
    Seen,
    detected,
    imported_names,
    installed_names,
    started_programs,
)
from fleet_audit.audit.dockerfiles.running.masking import masked, masked_names
from fleet_audit.audit.dockerfiles.running.user_names import DeclaredNames, numbers
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.dockerfiles.standards.leftovers import is_package_installation, is_pip_installation
from fleet_audit.audit.dockerfiles.standards.probes import asked_health
from fleet_audit.audit.dockerfiles.standards.start_files import started_source
from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.inspection import InspectReport, ResolvedUser
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration, Setting
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.standards import bases_of

STAGE = "dockerfiles"


def inspect_dockerfile(
    name: str, path: str, grounds: Grounds, *, target: str = "", args: Mapping[str, str] | None = None
) -> InspectReport:
    """Return what the image of a Dockerfile of the repository would run.

    Where no target and no arguments are given, it is built as the first build that the repository shows.
    Raises UsageError where it cannot be read, or has no such stage.
    """
    bases = bases_of(grounds)
    making = _making(path, grounds, target, args or {})
    use = bases.use(making)
    if use is None or not use.dockerfile.stages:
        raise UsageError(f"{path}: is no Dockerfile that can be read; a Dockerfile has a FROM")
    run = bases.of(making)
    if run is None:
        names = ", ".join(stage.name for stage in use.dockerfile.stages if stage.name)
        raise UsageError(f"{path}: has no stage called {making[1]}; there is {names or 'none with a name'}")
    chain = tuple(_chain(making, bases))
    return InspectReport(
        subject=name,
        gaps=tuple(_unknown(run, path, use.stage.line if use.stage else 0)),
        dockerfile=path,
        target=making[1],
        bases=chain,
        run=masked(run),
        masked=masked_names(run),
        user=_user(run, making, bases),
        health=asked_health(run),
        services=detected(_seen(run, making, bases, grounds), grounds.shared.knowledge.services),
    )


def _making(path: str, grounds: Grounds, target: str, args: Mapping[str, str]) -> Making:
    first = next((build for build in grounds.builds if build.dockerfile == path), None)
    if target or args or first is None:
        return path, target, tuple(sorted(args.items()))
    return making_of(first)


def _unknown(run: RunConfiguration, path: str, line: int) -> Iterator[Gap]:
    if run.unknown_base:
        why = "nothing is known of this image here, so what it brings is not told"
        yield Gap(STAGE, GapKind.NOT_EXAMINED, run.unknown_base, why, SourceLocation(path, line))


def _chain(making: Making, bases: Bases) -> Iterator[str]:
    """Yield what an image is built on, nearest first, as it is written with its variables expanded."""
    seen: set[str] = set()
    for use, stage in bases.lineage(making):
        base = use.values().base(stage).value
        if base not in seen and use.values().parent(stage) is None:
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


def _seen(run: RunConfiguration, making: Making, bases: Bases, grounds: Grounds) -> Seen:
    packages: dict[str, str] = {}
    distributions: dict[str, str] = {}
    for call, where in _calls(making, bases):
        words = [word.value or "" for word in call.arguments]
        if is_package_installation(call):
            packages |= dict.fromkeys(installed_names(words), where)
        elif is_pip_installation(call):
            distributions |= dict.fromkeys((name.lower() for name in installed_names(words)), where)
    command = run.cmd or run.entrypoint
    place = "" if command is None or command.location is None else str(command.location)
    ports = ((port.value.partition("/")[0], port.location) for port in run.ports)
    return Seen(
        programs=started_programs(run.starting, place, lambda _: None),
        packages=packages,
        distributions=distributions,
        imports=_imports(run, making, bases, grounds),
        ports={int(number): str(line or "") for number, line in ports if number.isdecimal()},
    )


def _imports(run: RunConfiguration, making: Making, bases: Bases, grounds: Grounds) -> dict[str, str]:
    """Return what the program imports that is started, where the repository holds it."""
    use = bases.use(making)
    builds = tuple(build for build in grounds.builds if build.dockerfile == making[0])
    if use is None or not builds:
        return {}
    image = MadeImage(making[0], Role.OTHER, use, making, run, builds)
    path = started_source(image, bases, Contexts(grounds.repository))
    text = None if path is None else grounds.repository.text(path)
    return {} if path is None or text is None else imported_names(text, path)


def _calls(making: Making, bases: Bases) -> Iterator[tuple[Call, str]]:
    for use, stage in bases.lineage(making):
        for _, script in bases.runs(use, stage):
            for command in script.commands:
                call = called(command)
                if call is not None:
                    yield call, str(SourceLocation(use.path, command.line))
