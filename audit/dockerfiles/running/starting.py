"""The words of what the container of a Dockerfile's image runs by itself."""

import shlex
from collections.abc import Sequence

from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.running.configuration import Use, effective
from fleet_audit.audit.model.running import shell_text


def start_words(dockerfile: str, *, target: str) -> tuple[str, ...]:
    """Return the words of the command lines that the stage `target`, else the last one, runs by itself.

    These are its ENTRYPOINT, CMD and HEALTHCHECK, those of stages below it included; nothing is known of the
    image that it starts from. Empty where there is no such stage.
    """
    run = effective(Use(parse(dockerfile), "", target), lambda _: None)
    if run is None:
        return ()
    words = [word for each in (run.entrypoint, run.cmd) if each is not None for word in _words(each.words)]
    test = () if run.health is None else run.health.test
    match test:
        case ["CMD-SHELL", text]:
            words += _split(text)
        case ["CMD", *command]:
            words += command
        case _:
            pass
    return tuple(words)


def _words(command: tuple[str, ...]) -> Sequence[str]:
    text = shell_text(command)
    return command if text is None else _split(text)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
