"""How an image's health is asked for, held against the manifest.

Rules: Dockerfile reference, HEALTHCHECK; the compose specification, ``healthcheck``.
"""

from collections.abc import Collection
from typing import Final

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.running.bases import Bases
from fleet_audit.audit.dockerfiles.running.inits import shown
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.instructions import SHELLS
from fleet_audit.audit.dockerfiles.shell.script import Command
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.dockerfiles.standards.probes import read_probe, swallowed_by
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.running import HealthSetting
from fleet_audit.audit.model.standards import Health, Observed

_BROUGHT_BY = {
    "nc": ("netcat", "ncat", "nmap", "busybox"),
    "ps": ("procps", "busybox"),
    "wget": ("busybox",),
}
"""How names of packages begin that bring a program of another name."""

_BEHIND_NAME = ("", "-", ".", *"0123456789")

HEALTH_PORT: Final = "health"
_PROGRAM_FOLDERS = (
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr",
    "/usr/local",
    "/",
)


def health(
    image: MadeImage,
    bases: Bases,
    *,
    wanted_path: str,
    lacked: Collection[str],
    outer: HealthSetting | None = None,
) -> Observed | None:
    """Return how an image's health is asked for; None where that is not known.

    `lacked` are programs that the image of others below all is known to lack; `outer` is the check that those
    who start the container put in the place of the image's.
    """
    check = outer or image.run.health
    if check is None and not image.run.is_whole:
        return None
    probe = read_probe(check.test if check else (), lambda name: _environment(image, name))
    service = image.service
    ports = {} if service is None else service.ports
    record = Health(
        image=image.name,
        role=image.role,
        is_set=check is not None and not check.is_none,
        is_disabled=check is not None and check.is_none,
        command=shown(check.test[1:]) if check is not None else "",
        swallowed_by=swallowed_by(check.test) if check is not None else "",
        program=probe.programs[0] if probe.programs else "",
        port=probe.port,
        path=probe.path,
        ports=tuple(str(port) for port in sorted(set(ports.values()))),
        wanted_port=str(ports.get(HEALTH_PORT, "")),
        wanted_path=wanted_path if image.role is not Role.OTHER else "",
        lacking=next((p for p in probe.programs if p in lacked and not _may_be_added(p, image, bases)), ""),
        services=image.services,
    )
    place = None if check is None else check.location
    is_own = image.stands_here(place) or outer is not None
    return Observed(
        record,
        f"image:{image.name}",
        location=place if is_own else image.line,
        related=() if is_own or place is None else (place,),
        # A package may bring the program along with what was asked for.
        confidence=Confidence.LIKELY if record.lacking else Confidence.CERTAIN,
    )


def _environment(image: MadeImage, name: str) -> str | None:
    variable = image.run.variable(name)
    return variable.value if variable is not None and variable.is_known else None


def _may_be_added(program: str, image: MadeImage, bases: Bases) -> bool:
    """Say whether an instruction of the image, or of those below it here, may bring a program."""
    for use, stage in bases.lineage(image.making):
        if any(_may_be_copied(program, instruction) for instruction in stage.instructions):
            return True
        for _, script in bases.runs(use, stage):
            if any(_may_install(program, command) for command in script.commands):
                return True
    return False


def _may_be_copied(program: str, instruction: Instruction) -> bool:
    if instruction.keyword not in ("COPY", "ADD") or not instruction.words:
        return False
    place = instruction.words[-1]
    return "$" in place or place.rstrip("/") in _PROGRAM_FOLDERS or place.rpartition("/")[2] == program


def _may_install(program: str, command: Command) -> bool:
    """Say whether a command names a program among its words, or runs a script of which nothing is known."""
    call = called(command)
    if call is None:
        return bool(command.words)
    if call.program in SHELLS or call.program.endswith(".sh") or "$" in call.word.text:
        return True
    # A package may have its version behind it, a file its folder before it.
    words = (word.value or word.text for word in command.words)
    names = (program, *_BROUGHT_BY.get(program, ()))
    return any(_is_named(word.partition("=")[0].rpartition("/")[2], names) for word in words)


def _is_named(package: str, names: Collection[str]) -> bool:
    """Say whether a package has one of these names, or one with a version or a variant behind it."""
    return any(
        package.startswith(name) and package[len(name) : len(name) + 1] in _BEHIND_NAME for name in names
    )
