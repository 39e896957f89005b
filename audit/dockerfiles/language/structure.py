"""What a Dockerfile consists of: directives, stages, instructions, and what BuildKit refuses of it."""

from collections.abc import Hashable
from functools import cached_property

import msgspec

from fleet_audit.audit.dockerfiles.language.arguments import Flag
from fleet_audit.audit.dockerfiles.language.logical_lines import Directive, Piece, position
from fleet_audit.audit.model.dockerfiles import Rejection

KEYWORDS = (
    *(
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
    ),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)


class Heredoc(msgspec.Struct, frozen=True):
    """A here-document: its name and text; `line` is that of its first line, `last_line` that of its end."""

    name: str
    text: str
    line: int
    last_line: int
    expands: bool = True
    drops_tabs: bool = False

    @property
    def content(self) -> str:
        """Return the text as it is used: without leading tabs where ``<<-`` drops them."""
        if not self.drops_tabs:
            return self.text
        return "".join(line.lstrip("\t") for line in self.text.splitlines(keepends=True))


class Instruction(msgspec.Struct, frozen=True):
    """One instruction, with its place.

    `keyword` is in capitals, `body` what follows it and its flags, continuations joined. `words` are what
    BuildKit makes of the body before variables are expanded: the strings of a JSON array (`is_exec`), the
    words of a list, or one word where the body is taken whole (the shell form of RUN, CMD, ENTRYPOINT).
    `pairs` are the names and values of ARG, ENV and LABEL, a value None where ARG gives none. `trigger` is
    what ONBUILD keeps for later. The last line is that of the end of the last here-document.
    """

    keyword: str
    line: int
    last_line: int
    text: str
    body: str
    flags: tuple[Flag, ...] = ()
    words: tuple[str, ...] = ()
    is_exec: bool = False
    pairs: tuple[tuple[str, str | None], ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    trigger: "Instruction | None" = None
    pieces: tuple[Piece, ...] = ()
    body_start: int = 0

    def flag(self, name: str) -> str | None:
        """Return the value of a flag; None where it is not given, or without a value."""
        return next((flag.value for flag in self.flags if flag.name == name), None)

    def flag_values(self, name: str) -> tuple[str, ...]:
        """Return all values of a flag that may be repeated."""
        return tuple(flag.value for flag in self.flags if flag.name == name and flag.value is not None)

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column where a character of `body` stands in the file."""
        return position(self.pieces, self.body_start + offset)

    @property
    def script(self) -> str:
        """Return what a shell gets to read: the body, and the here-documents on lines of their own."""
        return "\n".join((self.body, *(heredoc.content for heredoc in self.heredocs)))


class Stage(msgspec.Struct, frozen=True):
    """A FROM and what follows it, to the next.

    `name` is in small letters, empty where there is none; `base` and `platform` are as they are written.
    """

    index: int
    name: str
    base: str
    platform: str
    instructions: tuple[Instruction, ...]

    @property
    def line(self) -> int:
        """Return the line of the FROM."""
        return self.instructions[0].line


class Dockerfile(msgspec.Struct, frozen=True, dict=True):
    """A Dockerfile as it was read.

    `rejections` are reasons to refuse it that hold whatever is built with it, the one that BuildKit reports
    first at the front. `foreign_frontend` names another frontend than Docker's that the file asks for, whose
    language is not known; nothing is refused then. `is_whole` is false where the file is too long to be read
    to its end.
    """

    directives: tuple[Directive, ...]
    escape: str
    global_args: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    instructions: tuple[Instruction, ...]
    rejections: tuple[Rejection, ...]
    foreign_frontend: str = ""
    is_whole: bool = True

    @cached_property
    def worked_out(self) -> dict[Hashable, object]:
        """Return what was worked out of this file so far, to be asked and added to by who works it out."""
        return {}

    def stage(self, name: str) -> Stage | None:
        """Return the stage with a name in any case of letters, the last of several; None if none has it."""
        wanted = name.lower()
        return next((stage for stage in reversed(self.stages) if wanted and stage.name == wanted), None)

    def target(self, name: str) -> Stage | None:
        """Return the stage that is built: the one with a name, or the last where that is empty."""
        if name:
            return self.stage(name)
        return self.stages[-1] if self.stages else None

    def parent(self, stage: Stage, base: str) -> Stage | None:
        """Return the earlier stage that a stage is built from, where its base expands to `base`.

        BuildKit keeps names in small letters and compares the base as it is.
        """
        earlier = reversed(self.stages[: stage.index])
        return next((other for other in earlier if other.name and other.name == base), None)
