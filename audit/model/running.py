"""What a container of an image would run, as whom and with what, and the lines that say so."""

import msgspec

from fleet_audit.audit.model.location import SourceLocation

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})


class Setting(msgspec.Struct, frozen=True):
    """A value and the line that sets it; None where an image does, or nothing is known of its Dockerfile.

    `is_known` is false where the value holds a variable without a value; it is then as it is written.
    """

    value: str
    location: SourceLocation | None = None
    is_known: bool = True


class Variable(msgspec.Struct, frozen=True):
    """A variable of the environment, or a label, and the line that sets it."""

    name: str
    value: str
    location: SourceLocation | None = None
    is_known: bool = True


class CommandLine(msgspec.Struct, frozen=True):
    """An ENTRYPOINT or CMD as an image holds it: in shell form, the shell's words and then the text."""

    words: tuple[str, ...]
    location: SourceLocation | None = None

    @property
    def is_shell_form(self) -> bool:
        """Say whether a shell is given the command as one text."""
        return shell_text(self.words) is not None


class HealthSetting(msgspec.Struct, frozen=True):
    """A HEALTHCHECK. `test` is as images hold it: ``NONE``, ``CMD`` and words, ``CMD-SHELL`` and text."""

    test: tuple[str, ...]
    location: SourceLocation | None = None
    interval: str = ""
    timeout: str = ""
    retries: str = ""

    @property
    def is_none(self) -> bool:
        """Say whether the check of an image below is turned off."""
        return self.test[:1] == ("NONE",)


class RunConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """What an image would run. What is not set is None or empty.

    `unknown_base` names the image below of which nothing is known: what is not set here may then be set
    there. It is empty where all that is below is known; `lowest` is then the image of others that all is
    built on, as a full name without a tag, empty where there is none. `ports` are written ``8080/tcp``.
    `triggers` are what ONBUILD keeps for the images that are built on this one.
    """

    user: Setting | None = None
    entrypoint: CommandLine | None = None
    cmd: CommandLine | None = None
    working_dir: Setting | None = None
    health: HealthSetting | None = None
    stop_signal: Setting | None = None
    env: tuple[Variable, ...] = ()
    labels: tuple[Variable, ...] = ()
    ports: tuple[Setting, ...] = ()
    volumes: tuple[Setting, ...] = ()
    triggers: tuple[Setting, ...] = ()
    shell: tuple[str, ...] = ()
    unknown_base: str = ""
    lowest: str = ""

    @property
    def is_whole(self) -> bool:
        """Say whether all that the image is built on is known."""
        return not self.unknown_base

    @property
    def starting(self) -> tuple[str, ...]:
        """Return the words of the first process: those of ENTRYPOINT, then those of CMD.

        An ENTRYPOINT in shell form is given no words.
        """
        entrypoint = () if self.entrypoint is None else self.entrypoint.words
        if self.entrypoint is not None and self.entrypoint.is_shell_form:
            return entrypoint
        return entrypoint + (() if self.cmd is None else self.cmd.words)

    def variable(self, name: str) -> Variable | None:
        """Return a variable of the environment."""
        return next((each for each in self.env if each.name == name), None)

    def label(self, name: str) -> Variable | None:
        """Return a label."""
        return next((each for each in self.labels if each.name == name), None)


def shell_text(words: tuple[str, ...]) -> str | None:
    """Return the text that a shell is given with ``-c``; None where the words start no shell so.

    The options before it may be several, as in ``/bin/bash -o pipefail -c TEXT``.
    """
    if len(words) < 3 or words[0].rpartition("/")[2] not in SHELLS:
        return None
    *options, last = words[1:]
    is_command = (
        options[-1].startswith("-") and not options[-1].startswith("--") and options[-1].endswith("c")
    )
    return last if is_command else None
