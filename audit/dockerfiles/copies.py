"""Which files of the build context a Dockerfile puts into its image."""

import json
import re
from collections.abc import Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.ignoring import IgnoreRules, matches_above, path_parts
from fleet_audit.audit.dockerfiles.lines import Instruction
from fleet_audit.audit.dockerfiles.stages import Stage, alias, base, lineage, stages
from fleet_audit.audit.dockerfiles.variables import Unset, declare, expanded

_COMMANDS = re.compile(r"&&|\|\||[;|\n]")
_FETCHERS = frozenset({"git", "curl", "wget", "tar", "unzip", "rsync", "aws", "gsutil", "svn", "hg", "scp"})
_REMOTE = re.compile(r"(?:git\+|https?:|ssh:|git@)\S")
_ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".whl", ".zip")
_SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/usr/", "/lib", "/etc/", "/opt/nvidia")
_HARMLESS_MOUNTS = ("type=cache", "type=secret", "type=ssh", "type=tmpfs")


class CopiedFiles(msgspec.Struct, frozen=True):
    """What the COPY and ADD instructions of an image take from the build context.

    `base` is the image that it starts from, empty where that is not known; `line` is that of the last
    instruction that copies, else of the FROM. `unknown` says how files may come that these do not show, at
    which line; it is empty where nothing else brings any.
    """

    base: str
    line: int
    sources: tuple[tuple[str, ...], ...] = ()
    unknown: str = ""
    ignored: IgnoreRules = IgnoreRules()

    def hold(self, path: str) -> bool:
        """Say whether a file of the context is copied; `path` is relative to the context."""
        parts = path.split("/")
        is_named = any(not source or matches_above(source, parts) for source in self.sources)
        return is_named and not self.ignored.leaves_out(path)


def copied_files(
    dockerfile: str, *, target: str, build_args: Mapping[str, str], ignored: IgnoreRules
) -> CopiedFiles | None:
    """Return what a Dockerfile with this text copies into the stage `target`, else into its last.

    None where there is no such stage. Stages that it copies from, or is built from, count as its own: what
    they leave behind on the way is not followed.
    """
    before, found = stages(dockerfile)
    last = next((at for at, stage in enumerate(found) if alias(stage) == target.lower() and target), -1)
    if not found or (target and last < 0):
        return None
    at = last % len(found)
    reader = _Reader(before, found, build_args)
    reader.read(at)
    return CopiedFiles(
        base=reader.base_of(at),
        line=reader.lines.get(at, found[at][0].line),
        sources=tuple(sorted(reader.sources)),
        unknown=reader.unknown,
        ignored=ignored,
    )


class _Reader:
    """Gathers what one stage copies, with the stages that it takes from."""

    def __init__(self, before: Stage, found: Sequence[Stage], build_args: Mapping[str, str]) -> None:
        self.sources: set[tuple[str, ...]] = set()
        self.unknown = ""
        self.lines: dict[int, int] = {}
        self._found = found
        self._given = build_args
        self._global: dict[str, str] = {}
        self._seen: set[int] = set()
        for instruction in before:
            declare(instruction, self._global, build_args)

    def base_of(self, at: int) -> str:
        """Return what the first of a stage's lineage starts from; empty where that is not known."""
        try:
            return expanded(base(lineage(self._found, at)[-1]), self._global)
        except Unset:
            return ""

    def read(self, at: int) -> None:
        """Read a stage and those that it is built from."""
        chain = lineage(self._found, at)
        values: dict[str, str] = {}
        for stage in reversed(chain):
            index = next(number for number, each in enumerate(self._found) if each is stage)
            if index in self._seen:
                continue
            self._seen.add(index)
            for instruction in stage[1:]:
                self._read_instruction(instruction, values, index)

    def _read_instruction(self, instruction: Instruction, values: dict[str, str], stage: int) -> None:
        if instruction.keyword == "ARG":
            # An argument that is declared before the first FROM has its value there (Dockerfile reference).
            name = instruction.body.strip()
            values.update({name: self._global[name]} if name in self._global else {})
        declare(instruction, values, self._given)
        if instruction.keyword in ("COPY", "ADD"):
            self.lines[stage] = instruction.line
            self._read_copy(instruction, values, stage)
        elif instruction.keyword == "RUN" and _fetches(instruction.body):
            self._doubt(instruction, "a command there fetches files")

    def _read_copy(self, instruction: Instruction, values: Mapping[str, str], stage: int) -> None:
        flags, words = _words(instruction.body)
        if len(words) < 2:
            return
        try:
            *sources, destination = (expanded(word, values) for word in words)
            origin = expanded(flags.get("from", ""), {**self._global, **values})
        except Unset as e:
            self._doubt(instruction, f"the variable {e} has no value")
            return
        if origin:
            self._read_origin(instruction, origin, destination, stage)
            return
        for source in sources:
            if _REMOTE.match(source) or (instruction.keyword == "ADD" and source.endswith(_ARCHIVE)):
                self._doubt(instruction, f"it adds {source}")
            elif not source.startswith("<<"):
                self.sources.add(path_parts(source))

    def _read_origin(self, instruction: Instruction, origin: str, destination: str, stage: int) -> None:
        for at, other in enumerate(self._found[:stage]):
            if origin.lower() == alias(other) or origin == str(at):
                self.read(at)
                return
        if not destination.startswith(_SYSTEM_FOLDERS):
            self._doubt(instruction, f"it copies from {origin}")

    def _doubt(self, instruction: Instruction, why: str) -> None:
        self.unknown = self.unknown or f"line {instruction.line}: {why}"


def _words(body: str) -> tuple[dict[str, str], list[str]]:
    """Return the flags and the paths of a COPY or ADD, which may be written as JSON."""
    flags: dict[str, str] = {}
    rest = body.partition("\n")[0].strip()
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        name, _, value = flag.removeprefix("--").partition("=")
        flags[name] = value
        rest = rest.strip()
    if rest.startswith("["):
        try:
            listed = json.loads(rest)
        except (ValueError, RecursionError):
            return flags, rest.split()
        return flags, [word for word in listed if isinstance(word, str)]
    return flags, rest.split()


def _fetches(body: str) -> bool:
    """Say whether a RUN may bring files that no COPY names."""
    mounts = [word for word in body.split() if word.startswith("--mount=")]
    if any(not any(kind in mount for kind in _HARMLESS_MOUNTS) for mount in mounts):
        return True
    commands = (command.split() for command in _COMMANDS.split(body))
    return any(_is_fetch([word for word in words if not word.startswith("--mount=")]) for words in commands)


def _is_fetch(words: Sequence[str]) -> bool:
    program = next((word.rpartition("/")[2] for word in words if "=" not in word), "")
    return program in _FETCHERS or any(_REMOTE.match(word) or word.endswith(_ARCHIVE) for word in words)


def repository_name(reference: str) -> str:
    """Return the last part of an image reference's repository, without tag and digest."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
