"""As whom images run, and what is done as whom while they are built (Dockerfile reference, USER)."""

from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.running.user_names import DeclaredNames, numbers
from fleet_audit.audit.dockerfiles.shell.script import BlockKind, Command, Operator, Script
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import Setting
from fleet_audit.audit.model.standards import Observed, PrivilegedStep, RunAs

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


def run_as(image: MadeImage, names: DeclaredNames, wanted: str) -> Observed | None:
    """Return as whom an image runs; None where nothing is known of it.

    It stands at the USER, where that is in the image's own Dockerfile, else at its FROM.
    """
    setting = image.run.user or (Setting("0") if image.run.is_whole else None)
    if setting is None or not setting.is_known:
        return None
    users, groups = names.of(image.making)
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


def privileged_steps(image: MadeImage, names: DeclaredNames) -> Iterator[Observed]:
    """Yield the commands that only root may run and that another user runs, in any stage of the Dockerfile.

    What stands behind a condition, and what may fail (``|| …``), is left out.
    """
    bases = names.bases
    users = {step.instruction.line: step.user for step in bases.steps(image.making)}
    known = names.of(image.making)
    for stage in image.use.dockerfile.stages:
        for instruction, script in bases.runs(image.use, stage):
            user = users.get(instruction.line)
            uid = 0 if user is None or not user.value else numbers(user.value, *known)[0]
            command = None if user is None or uid == 0 else next(_commands_of_root(script), None)
            if user is not None and command is not None and instruction.keyword == "RUN":
                yield _privileged(image, command, user, is_sure=uid > 0)


def _privileged(image: MadeImage, command: Command, user: Setting, *, is_sure: bool) -> Observed:
    path, words = image.use.path, _roots_command(command)
    record = PrivilegedStep(
        image=image.name, role=image.role, path=path, command=words, user=user.value, services=image.services
    )
    return Observed(
        record,
        f"file:{path}#{words}",
        location=SourceLocation(path, command.line),
        related=() if user.location is None else (user.location,),
        confidence=Confidence.CERTAIN if is_sure else Confidence.LIKELY,
    )


def _commands_of_root(script: Script) -> Iterator[Command]:
    for command, blocks in script.walk():
        is_certain = command.after is not Operator.OR and all(b.kind in _CERTAIN_BLOCKS for b in blocks)
        if is_certain and _roots_command(command):
            yield command


def _roots_command(command: Command) -> str:
    """Return the words of a command that only root may run; empty for all others."""
    program = command.name
    if program in _ROOTS_PROGRAMS:
        return program
    if program not in _PACKAGE_PROGRAMS:
        return ""
    verb = next((word.value for word in command.words[1:] if word.value in _PACKAGE_VERBS), None)
    return "" if verb is None else f"{program} {verb}"
