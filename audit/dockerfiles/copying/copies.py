"""Which files of the build context a Dockerfile puts into its image."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from fleet_audit.audit.dockerfiles.contexts.matching import PathPattern, PatternInvalid, path_pattern
from fleet_audit.audit.dockerfiles.copying.ignoring import IgnoreRules
from fleet_audit.audit.dockerfiles.copying.takings import Taking, takings
from fleet_audit.audit.dockerfiles.language.expansion import Scopes, scopes
from fleet_audit.audit.dockerfiles.language.needed import origin_stage
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.shell.calls import called, with_inner
from fleet_audit.audit.dockerfiles.shell.instructions import run_script

_FETCHERS = frozenset({"git", "curl", "wget", "tar", "unzip", "rsync", "aws", "gsutil", "svn", "hg", "scp"})
_REMOTE = re.compile(r"(?:git\+|https?:|ssh:|git@)\S")
_ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".whl", ".zip")
_SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/usr/", "/lib", "/etc/", "/opt/nvidia")


class CopiedFiles(msgspec.Struct, frozen=True):
    """What the COPY and ADD instructions of an image take from the build context.

    `base` is the image that it starts from, empty where that is not known; `line` is that of the last
    instruction that copies, else of the FROM. `unknown` says how files may come that these do not show, at
    which line; it is empty where nothing else brings any.
    """

    base: str
    line: int
    sources: tuple[str, ...] = ()
    unknown: str = ""
    ignored: IgnoreRules = IgnoreRules()

    def hold(self, path: str) -> bool:
        """Say whether a file of the context is copied; `path` is relative to the context."""
        is_named = any(not source or _covers(source, path) for source in self.sources)
        return is_named and not self.ignored.leaves_out(path)


def copied_files(
    dockerfile: str, *, target: str, build_args: Mapping[str, str], ignored: IgnoreRules
) -> CopiedFiles | None:
    """Return what a Dockerfile with this text copies into the stage `target`, else into its last.

    None where there is no such stage. Stages that it copies from, or is built from, count as its own: what
    they leave behind on the way is not followed.
    """
    parsed = parse(dockerfile)
    stage = parsed.target(target)
    if stage is None:
        return None
    reader = _Reader(parsed, scopes(parsed, build_args, target=target))
    reader.read(stage)
    return CopiedFiles(
        base=reader.base_of(stage),
        line=reader.lines.get(stage.index, stage.line),
        sources=tuple(sorted(reader.sources)),
        unknown=reader.unknown,
        ignored=ignored,
    )


class _Reader:
    """Gathers what one stage copies, with the stages that it takes from."""

    def __init__(self, dockerfile: Dockerfile, values: Scopes) -> None:
        self.sources: set[str] = set()
        self.unknown = ""
        self.lines: dict[int, int] = {}
        self._dockerfile = dockerfile
        self._values = values
        self._seen: set[int] = set()

    def base_of(self, stage: Stage) -> str:
        """Return what the first of a stage's lineage starts from; empty where that is not known."""
        base = self._values.base([*self._values.lineage(stage)][-1])
        return base.value if base.is_known else ""

    def read(self, stage: Stage) -> None:
        """Read a stage and those that it is built from."""
        for each in reversed([*self._values.lineage(stage)]):
            if each.index in self._seen:
                continue
            self._seen.add(each.index)
            taken: defaultdict[int, list[Taking]] = defaultdict(list)
            for taking in takings(self._dockerfile, self._values, each):
                taken[taking.instruction.line].append(taking)
            for instruction in each.instructions[1:]:
                self._read_instruction(instruction, each, taken[instruction.line])

    def _read_instruction(self, instruction: Instruction, stage: Stage, taken: Sequence[Taking]) -> None:
        if instruction.keyword in ("COPY", "ADD"):
            self.lines[stage.index] = instruction.line
            for taking in taken:
                self._read_copied(taking)
        elif taken or (instruction.keyword == "RUN" and _fetches(instruction)):
            self._doubt(instruction, "a command there fetches files")

    def _read_copied(self, taking: Taking) -> None:
        instruction = taking.instruction
        source = self._values.expand(taking.source, instruction)
        destination = self._values.expand(instruction.words[-1], instruction)
        unset = sorted(source.unset | destination.unset)
        if taking.path is None or unset:
            self._doubt(instruction, f"the variable {(*unset, '')[0]} has no value")
        elif taking.origin:
            self._read_origin(taking, destination.value)
        elif taking.is_address or (instruction.keyword == "ADD" and taking.path.endswith(_ARCHIVE)):
            self._doubt(instruction, f"it adds {source.value}")
        else:
            self.sources.add(taking.path)

    def _read_origin(self, taking: Taking, destination: str) -> None:
        other = origin_stage(self._dockerfile, taking.origin)
        if other is not None and other.index < taking.stage.index:
            self.read(other)
        elif not destination.startswith(_SYSTEM_FOLDERS):
            self._doubt(taking.instruction, f"it copies from {taking.origin}")

    def _doubt(self, instruction: Instruction, why: str) -> None:
        self.unknown = self.unknown or f"line {instruction.line}: {why}"


def _fetches(instruction: Instruction) -> bool:
    """Say whether a RUN may bring files that no COPY names."""
    if instruction.is_exec and _brings(instruction.words):
        return True
    for command in with_inner(run_script(instruction)):
        call = called(command)
        values = (word.value or word.text for word in command.words)
        if _brings([call.program if call is not None else "", *values]):
            return True
    return False


def _brings(words: Sequence[str]) -> bool:
    """Say whether a program with its arguments may bring files: from an address, or out of an archive."""
    is_fetcher = bool(words) and words[0].rpartition("/")[2] in _FETCHERS
    return is_fetcher or any(_REMOTE.match(word) or word.endswith(_ARCHIVE) for word in words)


def _covers(source: str, path: str) -> bool:
    pattern = _pattern(source)
    return pattern is not None and pattern.covers(path)


@lru_cache(maxsize=1000)
def _pattern(source: str) -> PathPattern | None:
    try:
        return path_pattern(source, crosses_folders=False)
    except PatternInvalid:
        return None  # BuildKit takes a pattern that is malformed for one that nothing matches


def repository_name(reference: str) -> str:
    """Return the last part of an image reference's repository, without tag and digest."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
