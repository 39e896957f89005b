"""What containers run as their process 1.

Rules: Dockerfile reference, "Shell form ENTRYPOINT example" (a shell passes no signals on); man 2 kill and
man 7 pid_namespaces (signals without a handler do not reach process 1); docker run --init; the compose
specification, ``init``.
"""

import re

from fleet_audit.audit.dockerfiles.running.inits import INITS, behind_init, init_of, shown
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.running import CommandLine, RunConfiguration, shell_text
from fleet_audit.audit.model.standards import FirstProcess, Observed

_SCRIPT_ENDS = (".sh", ".bash")
_SCRIPT_NAMES = re.compile(r"(?:docker-)?entry-?point|start|run|boot(?:strap)?|launch(?:er)?|init")
_EXEC = re.compile(r"\s*exec\s")


def first_process(
    image: MadeImage, *, wanted_init: str, has_outer_init: bool, script: str | None = None
) -> Observed | None:
    """Return what runs first in a container of an image; None where that is not known, or nothing does.

    Where CMD comes from an image of which nothing is known, so may an ENTRYPOINT. `script` is the text of the
    shell script that comes first, where it is known.
    """
    words = image.run.starting
    if not words or (image.run.entrypoint is None and not image.run.is_whole):
        return None
    text = shell_text(behind_init(words))
    record = FirstProcess(
        image=image.name,
        role=image.role,
        command=shown(words),
        init=init_of(words) or _init_in(script),
        wanted_init=wanted_init if image.role is not Role.OTHER else "",
        is_shell_form=text is not None,
        replaces_shell=text is not None and _EXEC.match(text) is not None,
        is_script=script is None and _is_script(words[0]),
        has_outer_init=has_outer_init,
        services=image.services,
    )
    command = _first(image.run)
    place = None if command is None else command.location
    is_own = image.stands_here(place)
    return Observed(
        record,
        f"image:{image.name}",
        location=place if is_own else image.line,
        related=() if is_own or place is None else (place,),
        # A script may start an init itself.
        confidence=Confidence.LIKELY if record.is_script else Confidence.CERTAIN,
    )


def _init_in(script: str | None) -> str:
    """Return the init that a script starts."""
    calls = (called(command) for command in read_script(script).commands) if script else ()
    return next((INITS[call.program] for call in calls if call is not None and call.program in INITS), "")


def _is_script(program: str) -> bool:
    name = program.rpartition("/")[2]
    return name.endswith(_SCRIPT_ENDS) or _SCRIPT_NAMES.fullmatch(name) is not None


def _first(run: RunConfiguration) -> CommandLine | None:
    return run.entrypoint or run.cmd
