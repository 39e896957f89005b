"""Which of the shell's options hold: what ``set`` and the shell's own arguments turn on and off.

Rules: POSIX.1-2017, "set"; bash reference manual, "The Set Builtin" and "Invoking Bash".
"""

from collections.abc import Iterable

from fleet_audit.audit.dockerfiles.shell.script import Options

_NAMED = {"errexit": "exits_on_error", "pipefail": "fails_in_pipes"}


def with_arguments(options: Options, arguments: Iterable[str | None]) -> Options:
    """Return the options behind a ``set`` with these arguments, None for one that is not known."""
    state = {"exits_on_error": options.exits_on_error, "fails_in_pipes": options.fails_in_pipes}
    is_on: bool | None = None
    for argument in arguments:
        if is_on is not None:
            if argument in _NAMED:
                state[_NAMED[argument]] = is_on
            is_on = None
        elif argument is None:
            continue
        elif argument in ("--", "-") or argument[:1] not in ("-", "+"):
            break
        else:
            sets = argument[0] == "-"
            letters = argument[1:]
            if "e" in letters and not letters.startswith("-"):
                state["exits_on_error"] = sets
            is_on = sets if letters.endswith("o") else None
    return Options(**state)
