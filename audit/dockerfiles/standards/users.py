"""As whom images run, and what is done as whom while they are built.

Rules: Dockerfile reference, USER; man 8 useradd and groupadd, Debian's adduser, BusyBox's adduser.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.running.bases import Bases, Making
from fleet_audit.audit.dockerfiles.running.configuration import Step, steps
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.instructions import run_scripts
from fleet_audit.audit.dockerfiles.shell.script import BlockKind, Command, Lookup, Operator
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import Setting
from fleet_audit.audit.model.standards import Observed, PrivilegedStep, RunAs

UNKNOWN: Final = -1
Names = Mapping[str, int]
"""Users or groups, and their numbers."""

_ADDERS = frozenset({"useradd", "adduser", "groupadd", "addgroup"})
_GROUP_ADDERS = frozenset({"groupadd", "addgroup"})
_WITH_VALUE = frozenset(
    {
        *("-b", "-c", "-d", "-e", "-f", "-g", "-G", "-h", "-k", "-K", "-p", "-s", "-u", "-Z"),
        *("--base-dir", "--comment", "--expiredate", "--firstuid", "--gecos", "--gid", "--groups", "--home"),
        *("--home-dir", "--inactive", "--ingroup", "--key", "--lastuid", "--password", "--prefix", "--root"),
        *("--shell", "--skel", "--uid"),
    }
)
"""Options of these programs that take the next word as value."""

_PACKAGE_VERBS = frozenset(
    {
        "install",
        "update",
        "upgrade",
        "dist-upgrade",
        "full-upgrade",
        "remove",
        "purge",
        "autoremove",
        "add",
        "del",
    }
)
_PACKAGE_PROGRAMS = frozenset({"apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "zypper"})
_ROOTS_PROGRAMS = frozenset(
    {
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "usermod",
        "groupmod",
        "userdel",
        "update-ca-certificates",
        "ldconfig",
    }
)
_CERTAIN_BLOCKS = frozenset({BlockKind.GROUP, BlockKind.SUBSHELL})


def run_as(image: MadeImage, bases: Bases, wanted: str) -> Observed | None:
    """Return as whom an image runs; None where nothing is known of it.

    It stands at the USER, where that is in the image's own Dockerfile, else at its FROM.
    """
    setting = image.run.user or (Setting("0") if image.run.is_whole else None)
    if setting is None or not setting.is_known:
        return None
    users, groups = declared_names(image.making, bases)
    written = setting.value
    uid, gid = numbers(written, users, groups)
    wanted_uid, wanted_gid = numbers(wanted, users, groups)
    place = setting.location
    is_own = image.stands_here(place)
    record = RunAs(
        image=image.name,
        role=image.role,
        user=written,
        uid=uid,
        gid=gid,
        is_named=bool(written) and not written.partition(":")[0].isdecimal(),
        is_inherited=not is_own,
        wanted=wanted,
        wanted_uid=wanted_uid,
        wanted_gid=wanted_gid,
        services=image.services,
    )
    return Observed(
        record,
        f"image:{image.name}",
        location=place if is_own else image.line,
        related=() if is_own or place is None else (place,),
    )


def numbers(user: str, users: Names, groups: Names) -> tuple[int, int]:
    """Return the numbers of a user and group as USER writes them; UNKNOWN for what is not known."""
    name, _, group = user.partition(":")
    return _number(name, users), _number(group, groups)


def _number(name: str, known: Names) -> int:
    if name.isascii() and name.isdecimal() and len(name) <= 10:
        return int(name)
    return 0 if name == "root" else known.get(name, UNKNOWN)


def declared_names(making: Making, bases: Bases) -> tuple[Names, Names]:
    """Return the users and groups that the RUNs of an image, and of those below it here, add by number."""
    users: dict[str, int] = {}
    groups: dict[str, int] = {}
    for call, lookup in _calls_below(making, bases):
        if call.program in _ADDERS:
            name, number = _added(call, lookup)
            if name and number != UNKNOWN:
                (groups if call.program in _GROUP_ADDERS else users).setdefault(name, number)
    return users, groups


def _calls_below(making: Making, bases: Bases) -> Iterator[tuple[Call, Lookup]]:
    for use, stage in bases.lineage(making):
        values = use.values()
        for instruction, script in run_scripts(stage.instructions):
            lookup = partial(values.value, at=instruction)
            yield from ((call, lookup) for each in script.commands if (call := called(each)) is not None)


def _added(call: Call, lookup: Lookup) -> tuple[str, int]:
    """Return the user or group that a call adds, and its number."""
    option = {"-g", "--gid"} if call.program in _GROUP_ADDERS else {"-u", "--uid"}
    number = UNKNOWN
    operands: list[str] = []
    words = iter([word.expanded(lookup) or "" for word in call.arguments])
    for word in words:
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE:
            value = value if equals else next(words, "")
            number = _number(value, {}) if name in option else number
        elif not word.startswith("-"):
            operands.append(word)
    return (operands[-1] if operands else ""), number


def privileged_steps(image: MadeImage, bases: Bases) -> Iterator[Observed]:
    """Yield the commands that only root may run and that another user runs, in any stage of the Dockerfile.

    What stands behind a condition, and what may fail (``|| …``), is left out.
    """
    users, groups = declared_names(image.making, bases)
    seen: set[int] = set()
    for stage in image.use.dockerfile.stages:
        stepped = [step for step in steps(image.use, bases.below, stage) if step.instruction.line not in seen]
        seen.update(step.instruction.line for step in stepped)
        yield from _privileged(image, stepped, users, groups)


def _privileged(image: MadeImage, stepped: Sequence[Step], users: Names, groups: Names) -> Iterator[Observed]:
    by_line = {step.instruction.line: step for step in stepped}
    runs = (step.instruction for step in stepped if step.instruction.keyword in ("RUN", "SHELL"))
    for instruction, commands in _certain_commands(runs):
        user = by_line[instruction.line].user if instruction.line in by_line else None
        if user is None or (uid := numbers(user.value, users, groups)[0]) == 0 or not user.value:
            continue
        for command in commands:
            words = _roots_command(command)
            if words:
                path = image.use.path
                yield Observed(
                    PrivilegedStep(
                        image=image.name,
                        role=image.role,
                        path=path,
                        command=words,
                        user=user.value,
                        services=image.services,
                    ),
                    f"file:{path}#{words}",
                    location=SourceLocation(path, command.line),
                    related=() if user.location is None else (user.location,),
                    confidence=Confidence.CERTAIN if uid > 0 else Confidence.LIKELY,
                )
                break


def _certain_commands(instructions: Iterable[Instruction]) -> Iterator[tuple[Instruction, list[Command]]]:
    for instruction, script in run_scripts(instructions):
        yield (
            instruction,
            [
                command
                for command, blocks in script.walk()
                if command.after is not Operator.OR and all(block.kind in _CERTAIN_BLOCKS for block in blocks)
            ],
        )


def _roots_command(command: Command) -> str:
    """Return the words of a command that only root may run; empty for all others."""
    program = command.name
    if program in _ROOTS_PROGRAMS:
        return program
    if program not in _PACKAGE_PROGRAMS:
        return ""
    verb = next((word.value for word in command.words[1:] if word.value in _PACKAGE_VERBS), None)
    return "" if verb is None else f"{program} {verb}"
