"""What a stage of a Dockerfile holds, as far as that is certain.

A stage on ``scratch`` without commands holds what its COPY and ADD lines bring, and nothing else. On the
image of a distribution it holds the folders of the Filesystem Hierarchy Standard besides. Of every other
stage nothing is said: commands and other images may bring anything.
"""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.contexts.matching import clean_path, has_wildcard
from fleet_audit.audit.dockerfiles.copying.context_files import Found
from fleet_audit.audit.dockerfiles.copying.kept import kept_by
from fleet_audit.audit.dockerfiles.copying.takings import Taking, takings
from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.model.copying import CopyProblem

SCRATCH = "scratch"
PLAIN_IMAGES = frozenset(
    f"docker.io/library/{name}"
    for name in ("alpine", "almalinux", "archlinux", "busybox", "debian", "fedora", "rockylinux", "ubuntu")
)
"""Images that hold a distribution and no more."""

STANDARD_FOLDERS = frozenset(
    {
        *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt"),
        *("proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
    }
)
"""Filesystem Hierarchy Standard 3.0, section 3.2, and the folders that Linux distributions add."""

KindInContext = Callable[[str], FileKind | None]


class _Contents(msgspec.Struct):
    """What is known of a stage.

    It makes `paths`, with the folders around them; `open_folders` hold what is not known, `copies` what
    folders of the context hold.
    """

    paths: set[str]
    open_folders: set[str]
    copies: dict[str, list[str]]
    workdir: str = "/"
    is_known: bool = True
    is_plain_image: bool = False

    def make(self, path: str) -> None:
        while path not in self.paths:
            self.paths.add(path)
            path = path.rpartition("/")[0]

    def may_hold(self, path: str, kind: KindInContext) -> bool:
        if path in self.paths:
            return True
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self.open_folders:
                return True
            for source in self.copies.get(folder, ()):
                if kind(clean_path(f"{source}/{path[len(folder) :]}")) is not None:
                    return True
        return False


class StageContents:
    """The contents of the stages of one build, each worked out once."""

    def __init__(self, dockerfile: Dockerfile, scopes: Scopes, kind_in_context: KindInContext) -> None:
        """Take the Dockerfile with its values; `kind_in_context` says what a path of the context is."""
        self._dockerfile = dockerfile
        self._scopes = scopes
        self._kind = kind_in_context
        self._known: dict[int, _Contents] = {}

    def find(self, stage: Stage, taking: Taking) -> tuple[Found, bool]:
        """Return whether a stage holds what is taken from it, and whether a "no" is likely, not certain."""
        path = taking.path
        if not path or has_wildcard(path) or taking.is_optional:
            return Found(None, reason="it is not looked for in a stage"), False
        contents = self._contents(stage)
        if not contents.is_known:
            return Found(None, reason="commands or an image that is not looked into may bring it"), False
        if contents.may_hold(path, self._kind):
            return Found(True), False
        if contents.is_plain_image and path.split("/")[0] in STANDARD_FOLDERS:
            return Found(None, reason="the image may hold it"), False
        reason = f"nothing in the stage {stage.name or stage.index} makes /{path}"
        return Found(False, CopyProblem.STAGE, reason), contents.is_plain_image

    def _contents(self, stage: Stage) -> _Contents:
        if stage.index not in self._known:
            contents = self._known[stage.index] = _Contents(set(), set(), {})
            lineage = list(self._scopes.lineage(stage))
            base = self._scopes.base(lineage[-1])
            contents.is_plain_image = base.is_known and _is_plain(base.value)
            contents.is_known = contents.is_plain_image or (base.is_known and base.value == SCRATCH)
            for each in reversed(lineage):
                self._read(each, contents)
            if any(True for each in lineage[1:] for _ in kept_by(each, "")):
                contents.is_known = False
        return self._known[stage.index]

    def _read(self, stage: Stage, contents: _Contents) -> None:
        taken: defaultdict[int, list[Taking]] = defaultdict(list)
        for taking in takings(self._dockerfile, self._scopes, stage):
            taken[taking.instruction.line].append(taking)
        for instruction in stage.instructions[1:]:
            if instruction.keyword in ("RUN", "ADD"):
                contents.is_known = False
            elif instruction.keyword == "WORKDIR":
                contents.workdir = self._destination(instruction, contents)
                contents.make(clean_path(contents.workdir))
            elif instruction.keyword == "COPY":
                self._copy(instruction, taken[instruction.line], contents)

    def _destination(self, instruction: Instruction, contents: _Contents) -> str:
        word = self._scopes.expand(instruction.words[-1] if instruction.words else "", instruction)
        contents.is_known = contents.is_known and word.is_known
        return posixpath.join(contents.workdir, word.value)

    def _copy(self, instruction: Instruction, taken: Sequence[Taking], contents: _Contents) -> None:
        written = self._destination(instruction, contents)
        destination = clean_path(written)
        is_folder = written.endswith(("/", "/.")) or len(instruction.words) > 2
        contents.make(destination)
        if len(taken) < len(instruction.words) - 1:
            contents.open_folders.add(destination)
        for taking in taken:
            kind = self._kind_of(taking)
            if kind is FileKind.FOLDER:
                contents.copies.setdefault(destination, []).append(taking.path or "")
            elif kind is FileKind.FILE and is_folder:
                contents.make(clean_path(f"{destination}/{posixpath.basename(taking.path or '')}"))
            else:
                contents.open_folders.add(destination)

    def _kind_of(self, taking: Taking) -> FileKind | None:
        """Return what a source of the context is; None where it is none, or not known."""
        is_known = taking.path is not None and not taking.origin and not has_wildcard(taking.path)
        return self._kind(taking.path or "") if is_known else None


def _is_plain(image: str) -> bool:
    try:
        return parse_reference(image).name in PLAIN_IMAGES
    except ReferenceInvalid:
        return False
