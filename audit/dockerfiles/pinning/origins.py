"""Which file of the repository stands at a path in a stage, by the COPYs and mounts that bring it there.

Rules: Dockerfile reference, "COPY", "ADD", "WORKDIR", "RUN --mount=type=bind". What a context leaves out is
not asked here: a file that is not there is the business of the sources of COPY.
"""

import posixpath
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import msgspec

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.mounts import MountInvalid, parse_mount
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.tree import FileKind

MAX_QUESTIONS = 500
MAX_COPIES = 1000
_MAX_DEPTH = 8


class _Copy(msgspec.Struct, frozen=True):
    """Something that is put at `target`, from the stage or image `origin`, or from the context."""

    line: int
    source: str
    target: str
    origin: str
    into_folder: bool


class Origins:
    """Where the files of a Dockerfile's stages come from."""

    def __init__(
        self, repository: Repository, dockerfile: Dockerfile, values: Scopes, contexts: Sequence[str]
    ) -> None:
        """Take the Dockerfile, its variables, and the folders that are its contexts, the likeliest first."""
        self._repository = repository
        self._dockerfile = dockerfile
        self._values = values
        self._contexts = contexts
        self._copies: dict[int, tuple[_Copy, ...]] = {}
        self._folders: dict[int, str] = {}
        self._questions = 0

    def folder(self, instruction: Instruction) -> str:
        """Return the working directory of an instruction, as far as the Dockerfile tells; else the root."""
        for stage in self._dockerfile.stages:
            self._copies_of(stage)
        return self._folders.get(instruction.line, "/")

    def find(self, path: str, stage: Stage, instruction: Instruction) -> str | None:
        """Return the file of the repository that an instruction finds at a path; None if unknown."""
        self._questions += 1
        if self._questions > MAX_QUESTIONS:
            return None
        for mount in self._mounts(instruction):
            found = self._taken(mount, path, stage, 0)
            if found is not None:
                return found
        return self._find(path, stage, instruction.line, 0)

    def _find(self, path: str, stage: Stage, before: int, depth: int) -> str | None:
        for own in self._values.lineage(stage):
            for copy in reversed(self._copies_of(own)):
                if copy.line >= before:
                    continue
                found = self._taken(copy, path, own, depth)
                if found is not None:
                    return found
        return None

    def _taken(self, copy: _Copy, path: str, stage: Stage, depth: int) -> str | None:
        """Return the file that a copy puts at `path`; None where it puts none there."""
        for source in _sources(copy, path):
            if not copy.origin:
                found = self._in_contexts(source)
            elif depth >= _MAX_DEPTH:
                found = None
            else:
                other = self._origin(copy.origin, stage)
                found = None if other is None else self._of_stage(source, other, depth)
            if found is not None:
                return found
        return None

    def _of_stage(self, path: str, stage: Stage, depth: int) -> str | None:
        return self._find(posixpath.join("/", path), stage, stage.instructions[-1].line + 1, depth + 1)

    def _origin(self, name: str, stage: Stage) -> Stage | None:
        earlier = self._dockerfile.stages[: stage.index]
        return next(
            (each for each in reversed(earlier) if name.lower() == each.name or name == str(each.index)), None
        )

    def _in_contexts(self, source: str) -> str | None:
        for context in self._contexts:
            path = posixpath.normpath(posixpath.join(context, source.lstrip("/")))
            if path.startswith("../"):
                continue
            entry = self._repository.entry(path)
            if entry is not None and entry.kind is FileKind.FILE:
                return path
        return None

    def _copies_of(self, stage: Stage) -> tuple[_Copy, ...]:
        if stage.index not in self._copies:
            self._copies[stage.index] = tuple(self._read(stage))[:MAX_COPIES]
        return self._copies[stage.index]

    def _read(self, stage: Stage) -> Iterator[_Copy]:
        parent = self._values.parent(stage)
        folder = "/"
        if parent is not None:
            self._copies_of(parent)
            folder = self._folders.get(-1 - parent.index, "/")
        for instruction in stage.instructions[1:]:
            self._folders[instruction.line] = folder
            if instruction.keyword == "WORKDIR":
                folder = posixpath.join(folder, self._values.expand(instruction.body, instruction).value)
            elif instruction.keyword in ("COPY", "ADD"):
                yield from self._copied(instruction, folder)
        # What is built from this stage starts in its last folder.
        self._folders[-1 - stage.index] = folder

    def _copied(self, instruction: Instruction, folder: str) -> Iterator[_Copy]:
        words = [self._values.expand(word, instruction) for word in instruction.words]
        if len(words) < 2 or not all(word.is_known for word in words):
            return
        target = words[-1].value
        into_folder = target.endswith(("/", "/.")) or target in (".", "..") or len(words) > 2
        absolute = posixpath.normpath(posixpath.join("/", folder, target))
        for word in words[:-1]:
            origin = instruction.flag("from") or ""
            yield _Copy(instruction.line, word.value, absolute, origin, into_folder)

    def _mounts(self, instruction: Instruction) -> Iterator[_Copy]:
        folder = self.folder(instruction)
        for value in instruction.flag_values("mount"):
            try:
                mount = parse_mount(value, lambda word: self._values.expand(word, instruction).value)
            except MountInvalid:
                continue
            if mount.type == "bind" and mount.target:
                target = posixpath.normpath(posixpath.join("/", folder, mount.target))
                yield _Copy(instruction.line, mount.source or ".", target, mount.origin, into_folder=False)


def _sources(copy: _Copy, path: str) -> Iterator[str]:
    """Yield the places below its origin from which a copy could put something at `path`."""
    source = copy.source
    if path == copy.target and not copy.into_folder:
        yield source
    prefix = copy.target.rstrip("/") + "/"
    if not path.startswith(prefix):
        return
    below = path[len(prefix) :]
    name = posixpath.basename(source.rstrip("/"))
    if below == name or ("*" in name and "/" not in below and fnmatchcase(below, name)):
        yield posixpath.join(posixpath.dirname(source), below)
    # A folder is copied with what it holds, without its own name.
    yield posixpath.join(source, below)
