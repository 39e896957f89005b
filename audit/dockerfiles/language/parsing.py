"""Reads a Dockerfile as BuildKit does, and goes on where BuildKit gives up.

Rules: Dockerfile reference; BuildKit's packages frontend/dockerfile/parser and instructions.
"""

from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language import causes
from fleet_audit.audit.dockerfiles.language.arguments import (
    HeredocMark,
    NotOnlyStrings,
    blank_words,
    heredoc_marks,
    json_words,
    old_pair,
    quoted_words,
    split_flags,
    split_keyword,
    split_pairs,
)
from fleet_audit.audit.dockerfiles.language.causes import Cause
from fleet_audit.audit.dockerfiles.language.logical_lines import Directive, LogicalLine, SourceLines
from fleet_audit.audit.dockerfiles.language.shell_words import SPACES, SubstitutionInvalid
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Heredoc, Instruction, Stage
from fleet_audit.audit.dockerfiles.language.syntax import Refused, refuse, refused_check_option
from fleet_audit.audit.model.dockerfiles import Rejection

MAX_TEXT = 1 << 22
MAX_STAGES = 500
MAX_REJECTIONS = 1000

_WHOLE_OR_JSON = frozenset({"CMD", "ENTRYPOINT", "RUN", "SHELL"})
_LIST_OR_JSON = frozenset({"ADD", "COPY", "VOLUME"})
_LISTS = frozenset({"EXPOSE", "FROM"})
_WHOLE = frozenset({"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"})
_PAIRS = frozenset({"ARG", "ENV", "LABEL"})
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
_FRONTENDS = ("docker/dockerfile", "docker/dockerfile-upstream")


def parse(text: str) -> Dockerfile:
    """Return what a Dockerfile with this text says. Never raises, whatever the text is.

    Where BuildKit would give up, the reason is kept and reading goes on with the next line; a here-document
    that is never closed reaches to the end of the file. Of rejections, the first thousand are kept.
    """
    source = SourceLines(text[:MAX_TEXT])
    reader = _Reader(source)
    instructions = tuple(reader.instructions())
    before, stages = _staged(instructions)
    reader.check(instructions)
    foreign = _foreign_frontend(source.directives)
    return Dockerfile(
        directives=source.directives,
        escape=source.escape,
        global_args=tuple(each for each in before if each.keyword == "ARG"),
        stages=tuple(stages[:MAX_STAGES]),
        instructions=instructions,
        rejections=() if foreign else reader.rejections(),
        foreign_frontend=foreign,
        is_whole=len(text) <= MAX_TEXT and len(stages) <= MAX_STAGES,
    )


class _Reader:
    """Reads instructions, and gathers what BuildKit refuses: its parser's reasons come before all others."""

    def __init__(self, source: SourceLines) -> None:
        self._source = source
        self._first: list[Rejection] = list(source.rejections)
        self._then: list[Rejection] = []

    def rejections(self) -> tuple[Rejection, ...]:
        return (*sorted(self._first, key=_by_line), *sorted(self._then, key=_by_line))

    def instructions(self) -> Iterator[Instruction]:
        at = 0
        while at < len(self._source.lines):
            if self._source.is_empty(at) or self._source.is_comment(at):
                at += 1
                continue
            line = self._source.join(at)
            instruction = self._with_heredocs(self._read(line, line.text, 0))
            yield instruction
            at = instruction.last_line

    def check(self, instructions: Sequence[Instruction]) -> None:
        """Refuse what can be told of instructions one by one, and of their order."""
        self._check_file(instructions)
        previous: Instruction | None = None
        first_from = next((each.line for each in instructions if each.keyword == "FROM"), None)
        refused = {rejection.line for rejection in self._first}
        for instruction in instructions:
            if len(self._then) >= MAX_REJECTIONS:
                return
            try:
                if instruction.line not in refused:
                    refuse(instruction)
            except Refused as error:
                self._then.append(self._refused(error, instruction, previous))
            else:
                if first_from is None or instruction.line < first_from:
                    self._check_before_from(instruction, first_from)
            previous = instruction

    def _check_file(self, instructions: Sequence[Instruction]) -> None:
        if not instructions:
            self._first.append(Rejection(1, "no-instructions", "the file has no instructions"))
        elif all(each.keyword == "ARG" for each in instructions):
            last = instructions[-1].line
            self._then.append(
                Rejection(last, "no-stage", "the file has no FROM, so there is nothing to build")
            )
        for directive in self._source.directives:
            why = refused_check_option(directive.value) if directive.name == "check" else None
            if why is not None:
                self._first.append(Rejection(directive.line, "bad-check-directive", why))

    def _check_before_from(self, instruction: Instruction, first_from: int | None) -> None:
        if instruction.keyword == "ARG":
            return
        cause = None if first_from is None else Cause(first_from, "the first FROM stands only here")
        why = f"{instruction.keyword} stands before any FROM; only ARG may"
        self._then.append(_rejection(instruction.line, "before-from", why, cause))

    def _refused(self, error: Refused, instruction: Instruction, previous: Instruction | None) -> Rejection:
        if error.kind == "unknown-instruction":
            cause = causes.of_unknown_instruction(instruction, previous, self._source)
        else:
            cause = causes.of_swallowed_line(instruction, self._source)
        return _rejection(instruction.line, error.kind, error.why, cause)

    def _read(self, line: LogicalLine, text: str, start: int) -> Instruction:
        """Return the instruction in `text`, which begins at the offset `start` of a logical line."""
        keyword, rest = split_keyword(text)
        flags, body = split_flags(rest)
        body_start = start + len(text.rstrip(SPACES)) - len(body)
        instruction = Instruction(
            keyword=keyword.upper(),
            line=line.line,
            last_line=line.last_line,
            text=text,
            body=body,
            flags=flags,
            pieces=line.pieces,
            body_start=body_start,
        )
        try:
            return self._with_words(instruction, line)
        except Refused as error:
            cause = causes.of_part(instruction, error.offset) or causes.of_swallowed_line(
                instruction, self._source
            )
            self._first.append(_rejection(line.line, error.kind, error.why, cause))
            return instruction

    def _with_words(self, instruction: Instruction, line: LogicalLine) -> Instruction:
        keyword, body = instruction.keyword, instruction.body
        if keyword in _WHOLE_OR_JSON or keyword in _LIST_OR_JSON:
            return _with_array(instruction)
        if keyword in _PAIRS:
            return self._with_pairs(instruction)
        if keyword == "HEALTHCHECK":
            return _with_check(instruction)
        if keyword == "ONBUILD":
            return self._with_trigger(instruction, line)
        if keyword in _LISTS:
            return msgspec.structs.replace(instruction, words=blank_words(body))
        return msgspec.structs.replace(instruction, words=_whole(body)) if keyword in _WHOLE else instruction

    def _with_trigger(self, instruction: Instruction, line: LogicalLine) -> Instruction:
        body = instruction.body
        if not body:
            return instruction
        if split_keyword(body)[0].upper() == "ONBUILD":
            # Refused in any case, so that how often it is repeated need not be followed.
            trigger = Instruction("ONBUILD", line.line, line.last_line, body, "")
        else:
            trigger = self._read(line, body, instruction.body_start)
        words = (trigger.keyword, *trigger.words)
        return msgspec.structs.replace(instruction, trigger=trigger, words=words)

    def _with_pairs(self, instruction: Instruction) -> Instruction:
        placed = quoted_words(instruction.body, self._source.escape)
        words = tuple(word for word, _ in placed)
        if instruction.keyword != "ARG" and words and "=" not in words[0]:
            pair = old_pair(instruction.body)
            if pair is None:
                raise Refused("wrong-arguments", f"{instruction.keyword} requires a name and a value")
            return msgspec.structs.replace(instruction, words=pair, pairs=(pair,))
        if instruction.keyword != "ARG":
            for word, offset in placed:
                if "=" not in word:
                    why = f"{instruction.keyword} has {word[:80]!r}, which is not of the form name=value"
                    raise Refused("missing-equals", why, offset)
        return msgspec.structs.replace(instruction, words=words, pairs=split_pairs(words))

    def _with_heredocs(self, instruction: Instruction) -> Instruction:
        inner = instruction.trigger or instruction
        if inner.keyword not in _WITH_HEREDOCS or inner.is_exec:
            return instruction
        try:
            marks = heredoc_marks(instruction.text)
        except SubstitutionInvalid as error:
            self._first.append(
                Rejection(instruction.line, error.kind, f"a here-document's name: {error.why}")
            )
            return instruction
        found = []
        at = instruction.last_line
        for mark in marks:
            heredoc = self._heredoc(mark, at, instruction.line)
            at = heredoc.last_line
            found.append(heredoc)
        heredocs = tuple(found)
        if instruction.trigger is not None:
            inner = msgspec.structs.replace(inner, heredocs=heredocs)
            instruction = msgspec.structs.replace(instruction, trigger=inner)
        return msgspec.structs.replace(instruction, heredocs=heredocs, last_line=at)

    def _heredoc(self, mark: HeredocMark, at: int, line: int) -> Heredoc:
        lines = self._source.lines
        end = self._source.next_line(mark.name, at, "\t" if mark.drops_tabs else "")
        if end is None:
            why = f"the here-document {mark.name[:80]!r} is never closed"
            cause = causes.of_open_heredoc(mark.name, at + 1, self._source)
            self._first.append(_rejection(line, "unterminated-heredoc", why, cause))
            end = len(lines) if cause is None else cause.line - 1
        text = "".join(f"{each}\n" for each in lines[at:end])
        last = min(end + 1, len(lines))
        return Heredoc(mark.name, text, at + 1, last, mark.expands, mark.drops_tabs)


def _with_array(instruction: Instruction) -> Instruction:
    listed = _json(instruction, instruction.body)
    if listed is not None:
        return msgspec.structs.replace(instruction, words=listed, is_exec=True)
    as_words = _whole if instruction.keyword in _WHOLE_OR_JSON else blank_words
    return msgspec.structs.replace(instruction, words=as_words(instruction.body))


def _with_check(instruction: Instruction) -> Instruction:
    kind, command, *_ = (*instruction.body.split(maxsplit=1), "", "")
    listed = _json(instruction, command)
    words = (*_whole(kind), *(_whole(command) if listed is None else listed))
    return msgspec.structs.replace(instruction, words=words, is_exec=listed is not None)


def _json(instruction: Instruction, text: str) -> tuple[str, ...] | None:
    try:
        return json_words(text)
    except NotOnlyStrings:
        why = f"the JSON array of {instruction.keyword} holds something other than strings"
        raise Refused("json-not-strings", why) from None


def _whole(body: str) -> tuple[str, ...]:
    return (body,) if body else ()


def _staged(instructions: Sequence[Instruction]) -> tuple[list[Instruction], list[Stage]]:
    """Return what stands before the first FROM, and the stages."""
    before: list[Instruction] = []
    groups: list[list[Instruction]] = []
    for instruction in instructions:
        if instruction.keyword == "FROM":
            groups.append([instruction])
        else:
            (groups[-1] if groups else before).append(instruction)
    return before, [_stage(index, group) for index, group in enumerate(groups)]


def _stage(index: int, group: Sequence[Instruction]) -> Stage:
    words = group[0].words
    is_named = len(words) == 3 and words[1].lower() == "as"
    return Stage(
        index=index,
        name=words[2].lower() if is_named else "",
        base=words[0] if words else "",
        platform=group[0].flag("platform") or "",
        instructions=tuple(group),
    )


def _foreign_frontend(directives: Sequence[Directive]) -> str:
    syntax = next((each.value for each in directives if each.name == "syntax"), "").split(" ")[0]
    repository = syntax.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    # A mirror of Docker's frontend keeps its name behind the registry.
    return "" if not syntax or repository.endswith(_FRONTENDS) else syntax


def _rejection(line: int, kind: str, why: str, cause: Cause | None) -> Rejection:
    if cause is None:
        return Rejection(line, kind, why)
    return Rejection(line, kind, why, cause.line, cause.why)


def _by_line(rejection: Rejection) -> int:
    return rejection.line
