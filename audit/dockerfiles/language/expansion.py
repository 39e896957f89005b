"""Which value each ARG and ENV has at each instruction, and what that makes of a word.

Rules: Dockerfile reference, "ARG", "ENV" and "Environment replacement"; BuildKit's dockerfile2llb.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.dockerfiles.language.patterns import Effort
from fleet_audit.audit.dockerfiles.language.shell_words import (
    LIMITS,
    Manner,
    Read,
    SubstitutionInvalid,
    read_words,
)
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage

DEFAULT_PLATFORM = "linux/amd64"
MAX_KEPT = 16 << 20
"""Characters in all values of one way to build a file; it could ask for 64 KiB in each of 100,000 lines."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What BuildKit sets for PATH where the base image sets none."""


class Expanded(msgspec.Struct, frozen=True):
    """What became of a word: the variables that it names with and without a value, or why it is refused.

    `words` are what it falls apart into where BuildKit splits after the expansion (EXPOSE). Where `refusal`
    is set, `value` is the word as it was.
    """

    value: str
    words: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()
    unset: frozenset[str] = frozenset()
    refusal: SubstitutionInvalid | None = None

    @property
    def is_known(self) -> bool:
        """Say whether every variable in the word has a value here."""
        return not self.unset and self.refusal is None


class _History:
    """The values of variables over the instructions of one stage, each from its instruction onwards."""

    def __init__(self) -> None:
        self._lines: dict[str, list[int]] = {}
        self._values: dict[str, list[str]] = {}

    def put(self, name: str, value: str, line: int) -> None:
        self._lines.setdefault(name, []).append(line)
        self._values.setdefault(name, []).append(value)

    def get(self, name: str, line: int) -> str | None:
        lines = self._lines.get(name)
        at = bisect_left(lines, line) if lines else 0
        return self._values[name][at - 1] if at else None


class _Scope:
    """The variables of one stage: its own, behind them those of the stage that it is built from."""

    def __init__(self, above: "_Scope | None", last_line: int) -> None:
        self.env = _History()
        self.args = _History()
        self.base_env: Mapping[str, str] = {}
        self.above = above
        self.last_line = last_line

    def get(self, name: str, line: int) -> str | None:
        # ENV always overrides ARG (Dockerfile reference, "Using ARG variables").
        value = self._find(name, line, env=True)
        return value if value is not None else self._find(name, line, env=False)

    def _find(self, name: str, line: int, *, env: bool) -> str | None:
        scope: _Scope | None = self
        while scope is not None:
            value = (scope.env if env else scope.args).get(name, line)
            if value is not None:
                return value
            if scope.above is None:
                return scope.base_env.get(name) if env else None
            line = scope.above.last_line + 1
            scope = scope.above
        return None


class Scopes:
    """The values of variables at every instruction of a Dockerfile, for one way to build it.

    `build_args` are what the build is given; `base_env` is the environment of images that stages start from,
    as far as it is known. `limited` are the lines with values that are not followed, for their size.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        *,
        build_args: Mapping[str, str],
        platform: str,
        target: str,
        base_env: Mapping[str, str],
    ) -> None:
        self.limited: set[int] = set()
        self._kept = 0
        self._dockerfile = dockerfile
        self._manner = Manner(escape=dockerfile.escape)
        self._effort = _effort(dockerfile)
        self._given = build_args
        self._global = _Scope(None, 0)
        self._bases: list[Expanded] = []
        self._parents: list[Stage | None] = []
        self._stages: list[_Scope] = []
        self._scopes: dict[int, _Scope] = {}
        self._refused: dict[int, SubstitutionInvalid] = {}
        for name, value in _platform_args(platform, target).items():
            self._global.args.put(name, build_args.get(name, value), 0)
        for instruction in dockerfile.global_args:
            self._declare(instruction, self._global)
        for stage in dockerfile.stages:
            self._read_stage(stage, base_env)

    def expand(self, word: str, at: Instruction) -> Expanded:
        """Return what a word becomes in an instruction, by the values that hold before it.

        Global arguments hold in FROM and before the first; in a stage they do where an ARG repeats them.
        """
        scope = self._scopes.get(at.line, self._global)
        return self._expanded(word, scope, at.line)

    def value(self, name: str, at: Instruction) -> str | None:
        """Return the value of a variable before an instruction; None where it has none."""
        return self._scopes.get(at.line, self._global).get(name, at.line)

    def refusal(self, at: Instruction) -> SubstitutionInvalid | None:
        """Return why a value that an ARG or ENV gives is refused; None where it is not."""
        return self._refused.get(at.line)

    def base(self, stage: Stage) -> Expanded:
        """Return what a stage is built from, variables expanded."""
        return self._bases[stage.index]

    def parent(self, stage: Stage) -> Stage | None:
        """Return the earlier stage that a stage is built from; None where it is an image."""
        return self._parents[stage.index]

    def lineage(self, stage: Stage) -> Iterator[Stage]:
        """Yield a stage and the earlier stages that it is built from, nearest first."""
        found: Stage | None = stage
        while found is not None:
            yield found
            found = self.parent(found)

    def _read_stage(self, stage: Stage, base_env: Mapping[str, str]) -> None:
        base = self._expanded(stage.base, self._global, stage.line)
        parent = self._dockerfile.parent(stage, base.value)
        above = None if parent is None else self._stages[parent.index]
        scope = _Scope(above, stage.instructions[-1].line)
        scope.base_env = base_env if parent is None else {}
        if base.value == "scratch":
            scope.base_env = {"PATH": PATH}
        self._bases.append(base)
        self._parents.append(parent)
        self._stages.append(scope)
        for instruction in stage.instructions[1:]:
            self._scopes[instruction.line] = scope
            self._declare(instruction, scope)

    def _declare(self, instruction: Instruction, scope: _Scope) -> None:
        if instruction.keyword == "ARG":
            self._declare_args(instruction, scope)
        elif instruction.keyword == "ENV":
            self._declare_env(instruction, scope)

    def _declare_args(self, instruction: Instruction, scope: _Scope) -> None:
        line = instruction.line
        for name, default in instruction.pairs:
            value: str | None
            if name in self._given:
                value = self._given[name]
            elif default is None:
                value = None if scope is self._global else self._global.get(name, line)
            else:
                # One ARG may use what it declares further left: the values hold from here, not from the next.
                value = self._noted(self._expanded(default, scope, line + 1), instruction)
            if value is not None:
                scope.args.put(name, value, line)

    def _declare_env(self, instruction: Instruction, scope: _Scope) -> None:
        # All values of one ENV are those from before it (Dockerfile reference, "Environment replacement").
        for name, written in instruction.pairs:
            key = self._noted(self._expanded(name, scope, instruction.line), instruction)
            value = self._noted(self._expanded(written or "", scope, instruction.line), instruction)
            if key is not None and value is not None:
                scope.env.put(key, value, instruction.line)

    def _noted(self, expanded: Expanded, instruction: Instruction) -> str | None:
        if expanded.refusal is not None:
            self._refused.setdefault(instruction.line, expanded.refusal)
            return None
        self._kept += len(expanded.value)
        if self._kept > MAX_KEPT:
            self.limited.add(instruction.line)
            return None
        return expanded.value

    def _expanded(self, word: str, scope: _Scope, line: int) -> Expanded:
        try:
            read: Read = read_words(word, lambda name: scope.get(name, line), self._manner, self._effort)
        except SubstitutionInvalid as refusal:
            if refusal.kind in LIMITS:
                self.limited.add(line)
            return Expanded(word, refusal=refusal)
        return Expanded(read.value, read.words, read.used, read.unset)


def scopes(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str] | None = None,
    platform: str = DEFAULT_PLATFORM,
    target: str = "",
    base_env: Mapping[str, str] | None = None,
) -> Scopes:
    """Return the values of variables at every instruction, for one way to build a Dockerfile.

    They are worked out once for each way: many ask for the same.
    """
    given, env = build_args or {}, base_env or {}
    key = ("scopes", frozenset(given.items()), platform, target, frozenset(env.items()))
    found = dockerfile.worked_out.get(key)
    if not isinstance(found, Scopes):
        found = Scopes(dockerfile, build_args=given, platform=platform, target=target, base_env=env)
        dockerfile.worked_out[key] = found
    return found


def _effort(dockerfile: Dockerfile) -> Effort:
    """Return what all patterns of a file may cost together, however often it is built."""
    found = dockerfile.worked_out.setdefault("effort", Effort())
    return found if isinstance(found, Effort) else Effort()


def _platform_args(platform: str, target: str) -> dict[str, str]:
    """Return the arguments that BuildKit declares itself, built on the platform that is built for."""
    system, architecture, variant = (*platform.split("/", 2), "", "")[:3]
    parts = {"PLATFORM": platform, "OS": system, "ARCH": architecture, "VARIANT": variant}
    sides = {f"{side}{name}": value for side in ("BUILD", "TARGET") for name, value in parts.items()}
    return {**sides, "TARGETSTAGE": target}
