"""What BuildKit refuses once it knows the values of variables and which stages a build reaches.

Rules: BuildKit's package frontend/dockerfile/dockerfile2llb. Only the stages that the target needs are
carried out; references and ``--from`` are checked in all of them.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from fleet_audit.audit.dockerfiles.language.expansion import Expanded, Scopes
from fleet_audit.audit.dockerfiles.language.mounts import Mount, MountInvalid, parse_mount
from fleet_audit.audit.dockerfiles.language.needed import needed_stages
from fleet_audit.audit.dockerfiles.language.parsing import MAX_REJECTIONS
from fleet_audit.audit.dockerfiles.language.ports import PortInvalid, parse_ports
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.language.shell_words import LIMITS, Manner, SubstitutionInvalid, read_words
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Heredoc, Instruction, Stage
from fleet_audit.audit.dockerfiles.language.syntax import Refused, refuse
from fleet_audit.audit.model.dockerfiles import Rejection

SCRATCH = "scratch"
NO_TARGET = "no-target"
"""The kind of the rejection where no stage has the name that a build asks for."""

_PLATFORM = re.compile(r"[A-Za-z0-9_.-]+(?:\([^()/]*\))?(?:/[A-Za-z0-9_.-]+){0,2}")
_OCTAL_MODE = re.compile(r"[0-7]{1,12}")
_MODE_CLAUSE = r"[ugoa]*(?:[-+=](?:[ugo]|[rwxXst]*))+"
_SYMBOLIC_MODE = re.compile(f"{_MODE_CLAUSE}(?:,{_MODE_CLAUSE})*")
_SIGNALS = frozenset(
    (
        *("ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL"),
        *("PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP"),
        *("TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX"),
        *(f"RTMIN+{n}" for n in range(1, 16)),
        *(f"RTMAX-{n}" for n in range(1, 15)),
    )
)
"""The signals of Linux, as Docker names them (moby/sys/signal)."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_HEREDOC = Manner(reads_quotes=False)


def refusals(dockerfile: Dockerfile, scopes: Scopes, target: str = "") -> tuple[Rejection, ...]:
    """Return why BuildKit does not build the stage `target`, else the last, in the order in which it looks.

    This holds for the values in `scopes`, and adds to the rejections of the Dockerfile itself. Instructions
    that are refused there are passed over. What is too large to be followed is no reason; `scopes.limited`
    says where that is so.
    """
    if dockerfile.foreign_frontend:
        return ()
    found = _Build(dockerfile, scopes, target).refusals()
    return tuple(islice((each for each in found if each.kind not in LIMITS), MAX_REJECTIONS))


class _Build:
    def __init__(self, dockerfile: Dockerfile, scopes: Scopes, target: str) -> None:
        self._dockerfile = dockerfile
        self._scopes = scopes
        self._target = target
        self._refused = {rejection.line for rejection in dockerfile.rejections}
        self._sources: dict[int, list[tuple[int, Instruction]]] = {}

    def refusals(self) -> Iterator[Rejection]:
        for argument in self._dockerfile.global_args:
            yield from self._value_refusal(argument)
        for stage in self._dockerfile.stages:
            yield from self._stage_refusals(stage)
        target = self._dockerfile.target(self._target)
        if target is None:
            if self._dockerfile.stages:
                yield Rejection(1, NO_TARGET, f"no stage is named {self._target[:80]!r}")
            return
        for stage in self._dockerfile.stages:
            for instruction in self._sound(stage):
                yield from self._origin_refusals(stage, instruction)
        yield from self._cycles()
        needed = needed_stages(self._dockerfile, self._scopes, self._target)
        reached = {stage.index for stage in needed}
        for stage in self._dockerfile.stages:
            if stage.index in reached:
                yield from self._trigger_refusals(stage)
                for instruction in self._sound(stage):
                    yield from self._instruction_refusals(stage, instruction)

    def _sound(self, stage: Stage) -> Iterator[Instruction]:
        return (each for each in stage.instructions[1:] if each.line not in self._refused)

    def _value_refusal(self, instruction: Instruction) -> Iterator[Rejection]:
        refusal = self._scopes.refusal(instruction)
        if refusal is not None and instruction.line not in self._refused:
            yield Rejection(instruction.line, refusal.kind, f"{instruction.keyword}: {refusal.why}")

    def _stage_refusals(self, stage: Stage) -> Iterator[Rejection]:
        if stage.line in self._refused:
            return
        start = stage.instructions[0]
        base = self._scopes.base(stage)
        if base.refusal is not None:
            yield _substitution(start, stage.base, base.refusal)
        elif not base.value:
            yield self._blank_base(stage, base)
        elif base.value != SCRATCH and self._scopes.parent(stage) is None:
            yield from self._reference_refusal(start, base.value)
        if stage.platform:
            yield from self._platform_refusal(start, stage.platform)

    def _blank_base(self, stage: Stage, base: Expanded) -> Rejection:
        why = f"the base {stage.base[:80]!r} becomes an empty word"
        for instruction in self._dockerfile.instructions:
            names = {name for name, _ in instruction.pairs} if instruction.keyword == "ARG" else set()
            if not names & (base.unset | base.used):
                continue
            name = min(names & (base.unset | base.used))
            if instruction in self._dockerfile.global_args:
                cause = f"{name} is declared here without a value"
            else:
                cause = (
                    f"{name} is declared here for one stage; FROM sees only what stands before the first FROM"
                )
            return Rejection(stage.line, "blank-base", why, instruction.line, cause)
        return Rejection(stage.line, "blank-base", why)

    def _reference_refusal(self, instruction: Instruction, reference: str) -> Iterator[Rejection]:
        try:
            parse_reference(reference)
        except ReferenceInvalid as error:
            named = self._dockerfile.stage(reference)
            if named is not None and named.line < instruction.line:
                cause = f"the stage is named {named.name!r} here, and FROM compares letter by letter"
                yield Rejection(instruction.line, "bad-reference", str(error), named.line, cause)
            else:
                yield Rejection(instruction.line, "bad-reference", str(error))

    def _platform_refusal(self, instruction: Instruction, platform: str) -> Iterator[Rejection]:
        expanded = self._scopes.expand(platform, instruction)
        if expanded.refusal is not None:
            yield _substitution(instruction, platform, expanded.refusal)
        elif _PLATFORM.fullmatch(expanded.value) is None:
            why = f"--platform={platform[:80]} becomes {expanded.value[:80]!r}, which is no platform"
            yield Rejection(instruction.line, "bad-platform", why)

    def _origin_refusals(self, stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        """Check where COPY --from and RUN --mount take from, and remember the stages among them."""
        found = self._sources.setdefault(stage.index, [])
        if instruction.keyword == "COPY" and instruction.flag("from"):
            yield from self._copy_origin(instruction, instruction.flag("from") or "", found)
        for mount in self._mounts(instruction):
            origin = self._dockerfile.stage(mount.origin)
            if origin is not None:
                found.append((origin.index, instruction))
            elif mount.origin and mount.origin != SCRATCH and mount.type != "tmpfs":
                yield from self._reference_refusal(instruction, mount.origin)

    def _copy_origin(
        self, instruction: Instruction, origin: str, found: list[tuple[int, Instruction]]
    ) -> Iterator[Rejection]:
        try:
            read = read_words(origin, {}, Manner(escape=self._dockerfile.escape))
        except SubstitutionInvalid as error:
            yield _substitution(instruction, origin, error)
            return
        if read.value != origin:
            why = "--from takes no variable: name a stage for it (FROM … AS …)"
            yield Rejection(instruction.line, "variable-in-from", why)
            return
        stage = self._dockerfile.stage(origin)
        if _NUMBER.fullmatch(origin):
            index = int(origin)
            if not 0 <= index < len(self._dockerfile.stages):
                yield Rejection(instruction.line, "no-such-stage", f"there is no stage number {origin}")
                return
            found.append((index, instruction))
        elif stage is not None:
            found.append((stage.index, instruction))
        elif origin != SCRATCH:
            yield from self._reference_refusal(instruction, origin)

    def _mounts(self, instruction: Instruction) -> Iterator[Mount]:
        for value in instruction.flag_values("mount") if instruction.keyword == "RUN" else ():
            try:
                yield parse_mount(value, lambda word: word)
            except MountInvalid:
                continue  # told where the instruction is carried out, with variables expanded

    def _cycles(self) -> Iterator[Rejection]:
        done: set[int] = set()
        for start in range(len(self._dockerfile.stages)):
            path: dict[int, Instruction | None] = {}
            stack: list[tuple[int, Instruction | None, bool]] = [(start, None, False)]
            while stack:
                index, by, is_left = stack.pop()
                if is_left:
                    path.pop(index)
                    done.add(index)
                    continue
                if index in path and by is not None:
                    yield self._cycle(index, by, path)
                    return
                if index in done:
                    continue
                path[index] = by
                stack.append((index, by, True))
                stack += [
                    (ahead, each, False) for ahead, each in self._sources.get(index, ()) if ahead not in done
                ]

    def _cycle(self, index: int, by: Instruction, path: dict[int, Instruction | None]) -> Rejection:
        members = list(path)[list(path).index(index) :]
        steps = [by, *(step for at in members[1:] if (step := path[at]) is not None)]
        first, *others = sorted(steps, key=lambda each: each.line)
        name = self._name(self._dockerfile.stages[min(members)])
        lines = ", ".join(str(each.line) for each in (first, *others))
        why = f"stage {name} needs itself" + (f", by lines {lines}" if others else "")
        if others:
            return Rejection(first.line, "stage-cycle", why, others[-1].line, "this closes the cycle")
        return Rejection(first.line, "stage-cycle", why)

    def _name(self, stage: Stage) -> str:
        return stage.name or f"number {stage.index}"

    def _trigger_refusals(self, stage: Stage) -> Iterator[Rejection]:
        parent = self._scopes.parent(stage)
        for kept in parent.instructions if parent is not None else ():
            if kept.trigger is None or kept.line in self._refused:
                continue
            try:
                refuse(kept.trigger)
            except Refused as error:
                yield Rejection(stage.line, error.kind, error.why, kept.line, "ONBUILD keeps it here")

    def _instruction_refusals(self, stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        yield from self._value_refusal(instruction)
        for word in _expanded_words(instruction):
            expanded = self._scopes.expand(word, instruction)
            if expanded.refusal is not None:
                yield _substitution(instruction, word, expanded.refusal)
                return
        check = {
            "ADD": self._copy_refusals,
            "COPY": self._copy_refusals,
            "EXPOSE": self._expose_refusals,
            "RUN": self._mount_refusals,
            "STOPSIGNAL": self._signal_refusals,
            "VOLUME": self._volume_refusals,
        }.get(instruction.keyword)
        if check is not None:
            yield from check(stage, instruction)

    def _value(self, word: str, instruction: Instruction) -> str:
        return self._scopes.expand(word, instruction).value

    def _copy_refusals(self, stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        yield from self._order_refusals(stage, instruction)
        for heredoc in instruction.heredocs:
            yield from self._heredoc_refusals(instruction, heredoc)
        mode = self._value(instruction.flag("chmod") or "", instruction)
        if mode and not _is_mode(mode):
            yield Rejection(
                instruction.line, "bad-flag", f"--chmod={mode[:80]} is no mode such as 755 or u=rwX"
            )
        if instruction.keyword == "ADD" and instruction.flag("checksum"):
            yield from self._checksum_refusals(instruction)

    def _order_refusals(self, stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        for index, by in self._sources.get(stage.index, ()):
            if by is instruction and index > stage.index:
                later = self._dockerfile.stages[index]
                why = f"stage {self._name(later)} stands behind this one; it must stand before"
                cause = f"stage {self._name(later)} begins here"
                yield Rejection(instruction.line, "later-stage", why, later.line, cause)

    def _heredoc_refusals(self, instruction: Instruction, heredoc: Heredoc) -> Iterator[Rejection]:
        if not heredoc.expands or "$" not in heredoc.text:
            return
        try:
            read_words(heredoc.text, lambda name: self._scopes.value(name, instruction), _HEREDOC)
        except SubstitutionInvalid as error:
            line = heredoc.line + heredoc.text.count("\n", 0, error.at)
            why = f"the here-document {heredoc.name[:80]}: {error.why}"
            yield Rejection(instruction.line, error.kind, why, line, "it begins here")

    def _checksum_refusals(self, instruction: Instruction) -> Iterator[Rejection]:
        sources = [self._value(word, instruction) for word in instruction.words[:-1]]
        if len(sources) != 1:
            yield Rejection(instruction.line, "bad-flag", "--checksum is for a single source")
        elif not sources[0].startswith(("http://", "https://", "git@", "git://", "ssh://")):
            yield Rejection(instruction.line, "bad-flag", "--checksum is for an HTTP or Git source")

    def _expose_refusals(self, _stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        for word in instruction.words:
            for port in self._scopes.expand(word, instruction).words:
                try:
                    parse_ports(port)
                except PortInvalid as error:
                    yield Rejection(instruction.line, "bad-port", str(error))
                    return

    def _mount_refusals(self, stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        yield from self._order_refusals(stage, instruction)
        for value in instruction.flag_values("mount"):
            try:
                parse_mount(value, lambda word: self._strict(word, instruction))
            except MountInvalid as error:
                yield Rejection(instruction.line, "bad-mount", error.why)
            except SubstitutionInvalid as error:
                yield _substitution(instruction, value, error)

    def _strict(self, word: str, instruction: Instruction) -> str:
        expanded = self._scopes.expand(word, instruction)
        if expanded.refusal is not None:
            raise expanded.refusal
        return expanded.value

    def _signal_refusals(self, _stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        signal = self._value(instruction.words[0], instruction)
        is_number = _NUMBER.fullmatch(signal) is not None
        is_good = int(signal) != 0 if is_number else signal.upper().removeprefix("SIG") in _SIGNALS
        if not is_good:
            yield Rejection(instruction.line, "bad-signal", f"{signal[:80]!r} is no signal")

    def _volume_refusals(self, _stage: Stage, instruction: Instruction) -> Iterator[Rejection]:
        for word in instruction.words:
            if not self._value(word, instruction):
                yield Rejection(instruction.line, "empty-volume", f"VOLUME {word[:80]} becomes an empty path")


def _is_mode(mode: str) -> bool:
    if mode.isdecimal():
        return _OCTAL_MODE.fullmatch(mode) is not None and int(mode, 8) <= 0o7777
    return len(mode) <= 200 and _SYMBOLIC_MODE.fullmatch(mode) is not None


def _expanded_words(instruction: Instruction) -> Sequence[str]:
    """Return the words of an instruction that BuildKit expands one by one."""
    if instruction.keyword in ("ADD", "COPY"):
        flags = [instruction.flag(name) or "" for name in ("chown", "chmod", "checksum")]
        sources = [word for word in instruction.words if not instruction.heredocs or "<<" not in word]
        return [*flags, *instruction.flag_values("exclude"), *sources]
    if instruction.keyword in ("EXPOSE", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"):
        return instruction.words
    if instruction.keyword == "LABEL":
        return [word for pair in instruction.pairs for word in pair if word]
    return ()


def _substitution(instruction: Instruction, word: str, error: SubstitutionInvalid) -> Rejection:
    why = f"{instruction.keyword} {word[:80]!r}: {error.why}"
    offset = instruction.body.find(word)
    line, _ = (
        instruction.place(offset + error.at) if offset >= 0 and instruction.pieces else (instruction.line, 0)
    )
    if line == instruction.line:
        return Rejection(instruction.line, error.kind, why)
    return Rejection(instruction.line, error.kind, why, line, "it begins here")
