"""What the image of a Dockerfile would run, over what it is built on.

Rules: Dockerfile reference (ENTRYPOINT, CMD, USER, WORKDIR, HEALTHCHECK, EXPOSE, VOLUME, ONBUILD); BuildKit's
dockerfile2llb for how one instruction acts on what another left.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.dockerfiles.language.expansion import Scopes, scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.ports import PortInvalid, parse_ports
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import (
    CommandLine,
    HealthSetting,
    RunConfiguration,
    Setting,
    Variable,
)

DEFAULT_SHELL = ("/bin/sh", "-c")
SCRATCH = "scratch"
MAX_PORTS = 100
"""Ports of one EXPOSE that are listed one by one; a longer range stands as its two ends."""

MAX_PATH = 4096
"""Characters that no path of Linux exceeds (limits.h)."""

BaseOf = Callable[[str], RunConfiguration | None]
"""Returns what the image with a reference would run; None where nothing is known of it."""


class Use:
    """One way to build a Dockerfile: the stage `target`, else its last, with these build arguments."""

    def __init__(
        self, dockerfile: Dockerfile, path: str, target: str = "", args: Mapping[str, str] | None = None
    ) -> None:
        """Take the Dockerfile and how it is built."""
        self.dockerfile = dockerfile
        self.path = path
        self.target = target
        self.args = args or {}

    @cached_property
    def stage(self) -> Stage | None:
        """Return the stage that becomes the image; None where there is none of that name."""
        return self.dockerfile.target(self.target)

    @cached_property
    def lineage(self) -> tuple[Stage, ...]:
        """Return the stage that becomes the image and those that it is built from, nearest first."""
        return () if self.stage is None else tuple(self.values.lineage(self.stage))

    @cached_property
    def values(self) -> Scopes:
        """Return the values of variables, as far as the Dockerfile itself gives them."""
        return scopes(self.dockerfile, self.args, target=self.target)

    def values_over(self, base_env: Mapping[str, str]) -> Scopes:
        """Return the values of variables over the environment of the image below."""
        return scopes(self.dockerfile, self.args, target=self.target, base_env=base_env)


class Step(msgspec.Struct, frozen=True):
    """An instruction, as whom it runs, and where; `user` and `folder` are None where that is not known."""

    stage: Stage
    instruction: Instruction
    user: Setting | None
    folder: str | None


def effective(use: Use, base_of: BaseOf) -> RunConfiguration | None:
    """Return what the image would run; None where there is no such stage.

    Every value has the line of the Dockerfile that sets it, be it one below.
    """
    stage = use.stage
    return None if stage is None else _Reading(use, base_of).of(stage)


def steps(use: Use, base_of: BaseOf) -> Iterator[Step]:
    """Yield the instructions of the stages that the image is built from, each as it would be carried out.

    Other stages are not looked at: what they do is their own.
    """
    lineage = {stage.index for stage in use.lineage}
    yield from (step for step in every_step(use, base_of) if step.stage.index in lineage)


def every_step(use: Use, base_of: BaseOf) -> Iterator[Step]:
    """Yield the instructions of all stages, in their order, each as it would be carried out."""
    yield from _Reading(use, base_of).steps()


class _Reading:
    """Reads the stages of one Dockerfile, lowest first."""

    def __init__(self, use: Use, base_of: BaseOf) -> None:
        self._use = use
        self._base_of = base_of
        self._values = use.values

    def of(self, stage: Stage) -> RunConfiguration:
        """Return what the image of a stage would run."""
        lineage = [*self._values.lineage(stage)]
        state = self._started(lineage[-1])
        for each in reversed(lineage):
            state.begin_stage(each.instructions[0])
            for instruction in each.instructions[1:]:
                state.apply(instruction)
        return state.configuration()

    def steps(self) -> Iterator[Step]:
        """Yield the instructions of every stage with the state before each."""
        ended: dict[int, _State] = {}
        for stage in self._use.dockerfile.stages:
            parent = self._values.parent(stage)
            state = self._started(stage) if parent is None else ended[parent.index].copy()
            state.begin_stage(stage.instructions[0])
            for instruction in stage.instructions[1:]:
                yield Step(stage, instruction, state.user_now, state.folder)
                state.apply(instruction)
            ended[stage.index] = state

    def _started(self, lowest: Stage) -> "_State":
        base = self._values.base(lowest)
        if base.value == SCRATCH:
            return _State(RunConfiguration(), self._use.path, self._values)
        below = self._base_of(base.value) if base.is_known else None
        if below is None:
            # A FROM that names nothing is refused; its image is not known all the same.
            below = RunConfiguration(unknown_base=(base.value if base.is_known else lowest.base) or "?")
        elif below.env:
            # What a word becomes depends on the environment of the image below.
            env = {variable.name: variable.value for variable in below.env if variable.is_known}
            self._values = self._use.values_over(env)
        return _State(below, self._use.path, self._values)


class _State:
    """The configuration as the instructions so far leave it."""

    def __init__(self, below: RunConfiguration, path: str, values: Scopes) -> None:
        self._now = below
        self._path = path
        self._values = values
        self._has_cmd = False
        self._env = {variable.name: variable for variable in below.env}
        self._labels = {label.name: label for label in below.labels}
        self._ports = {port.value: port for port in below.ports}
        self._volumes = {volume.value: volume for volume in below.volumes}
        self._triggers = list(below.triggers)

    def copy(self) -> "_State":
        """Return the same state, from which another stage goes on."""
        return _State(self.configuration(), self._path, self._values)

    @property
    def user_now(self) -> Setting | None:
        """Return as whom the next instruction runs; None where that is not known."""
        if self._now.user is not None:
            return self._now.user if self._now.user.is_known else None
        return Setting("0") if self._now.is_whole else None

    @property
    def folder(self) -> str | None:
        """Return the working folder; None where it is not known."""
        if self._now.working_dir is None:
            return "/" if self._now.is_whole else None
        return self._now.working_dir.value if self._now.working_dir.is_known else None

    def begin_stage(self, start: Instruction) -> None:
        """Carry out what ONBUILD kept for a stage, at the line of its FROM."""
        self._has_cmd = False
        kept, self._triggers = self._triggers, []
        for trigger in kept:
            for instruction in _triggered(trigger.value):
                self.apply(msgspec.structs.replace(instruction, line=start.line))

    def apply(self, instruction: Instruction) -> None:
        """Take one instruction."""
        action = _ACTIONS.get(instruction.keyword)
        if action is not None:
            action(self, instruction)

    def configuration(self) -> RunConfiguration:
        """Return the configuration."""
        return msgspec.structs.replace(
            self._now,
            env=tuple(self._env.values()),
            labels=tuple(self._labels.values()),
            ports=tuple(self._ports.values()),
            volumes=tuple(self._volumes.values()),
            triggers=tuple(self._triggers),
        )

    def place(self, instruction: Instruction) -> SourceLocation:
        return SourceLocation(self._path, instruction.line)

    def setting(self, word: str, instruction: Instruction) -> Setting:
        expanded = self._values.expand(word, instruction)
        return Setting(
            expanded.value if expanded.is_known else word, self.place(instruction), expanded.is_known
        )

    def user(self, instruction: Instruction) -> None:
        if instruction.words:
            self._now = msgspec.structs.replace(
                self._now, user=self.setting(instruction.words[0], instruction)
            )

    def working_dir(self, instruction: Instruction) -> None:
        if not instruction.words:
            return
        setting = self.setting(instruction.words[0], instruction)
        if not posixpath.isabs(setting.value):
            above = self.folder
            is_known = setting.is_known and above is not None and len(above) < MAX_PATH
            setting = msgspec.structs.replace(
                setting, value=posixpath.join(above or "", setting.value), is_known=is_known
            )
        value = posixpath.normpath(setting.value) if setting.is_known else setting.value
        self._now = msgspec.structs.replace(
            self._now, working_dir=msgspec.structs.replace(setting, value=value)
        )

    def entrypoint(self, instruction: Instruction) -> None:
        # An ENTRYPOINT resets the CMD from below, not one of this stage (BuildKit: dispatchEntrypoint).
        cmd = self._now.cmd if self._has_cmd else None
        self._now = msgspec.structs.replace(self._now, entrypoint=self._command(instruction), cmd=cmd)

    def cmd(self, instruction: Instruction) -> None:
        self._has_cmd = True
        self._now = msgspec.structs.replace(self._now, cmd=self._command(instruction))

    def _command(self, instruction: Instruction) -> CommandLine | None:
        place = self.place(instruction)
        if instruction.is_exec:
            return CommandLine(instruction.words, place) if instruction.words else None
        return CommandLine((*self._shell, instruction.body), place) if instruction.body else None

    @property
    def _shell(self) -> tuple[str, ...]:
        return self._now.shell or DEFAULT_SHELL

    def shell(self, instruction: Instruction) -> None:
        if instruction.is_exec and instruction.words:
            self._now = msgspec.structs.replace(self._now, shell=instruction.words)

    def health(self, instruction: Instruction) -> None:
        kind, *words = instruction.words or ("",)
        test: tuple[str, ...] = ("NONE",)
        if kind.upper() == "CMD":
            test = ("CMD", *words) if instruction.is_exec else ("CMD-SHELL", *words)
        elif kind.upper() != "NONE":
            return
        found = HealthSetting(
            test=test,
            location=self.place(instruction),
            interval=instruction.flag("interval") or "",
            timeout=instruction.flag("timeout") or "",
            retries=instruction.flag("retries") or "",
        )
        self._now = msgspec.structs.replace(self._now, health=found)

    def stop_signal(self, instruction: Instruction) -> None:
        if instruction.words:
            signal = self.setting(instruction.words[0], instruction)
            self._now = msgspec.structs.replace(self._now, stop_signal=signal)

    def env(self, instruction: Instruction) -> None:
        self._env |= {variable.name: variable for variable in self._variables(instruction)}

    def label(self, instruction: Instruction) -> None:
        self._labels |= {label.name: label for label in self._variables(instruction)}

    def _variables(self, instruction: Instruction) -> Iterator[Variable]:
        for name, written in instruction.pairs:
            setting = self.setting(written or "", instruction)
            key = self.setting(name, instruction)
            yield Variable(key.value, setting.value, setting.location, setting.is_known and key.is_known)

    def expose(self, instruction: Instruction) -> None:
        for written in instruction.words:
            expanded = self._values.expand(written, instruction)
            words = (expanded.words or (expanded.value,)) if expanded.is_known else ()
            for word in words:
                self._ports |= {port: Setting(port, self.place(instruction)) for port in _ports(word)}

    def volume(self, instruction: Instruction) -> None:
        for word in instruction.words:
            setting = self.setting(word, instruction)
            self._volumes[setting.value] = setting

    def onbuild(self, instruction: Instruction) -> None:
        if instruction.trigger is not None:
            self._triggers.append(Setting(instruction.body, self.place(instruction)))


def _triggered(kept: str) -> tuple[Instruction, ...]:
    """Return the instruction that ONBUILD kept."""
    return parse(f"FROM {SCRATCH}\n{kept}\n").instructions[1:2]


def _ports(word: str) -> Iterator[str]:
    try:
        ports, protocol = parse_ports(word)
    except PortInvalid:
        return
    if len(ports) > MAX_PORTS:
        yield f"{ports[0]}-{ports[-1]}/{protocol}"
        return
    for port in ports:
        yield f"{port}/{protocol}"


_ACTIONS: Mapping[str, Callable[[_State, Instruction], None]] = {
    "CMD": _State.cmd,
    "ENTRYPOINT": _State.entrypoint,
    "ENV": _State.env,
    "EXPOSE": _State.expose,
    "HEALTHCHECK": _State.health,
    "LABEL": _State.label,
    "ONBUILD": _State.onbuild,
    "SHELL": _State.shell,
    "STOPSIGNAL": _State.stop_signal,
    "USER": _State.user,
    "VOLUME": _State.volume,
    "WORKDIR": _State.working_dir,
}
