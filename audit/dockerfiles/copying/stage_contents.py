"""What a stage of a Dockerfile holds, as far as that is certain.

A stage on ``scratch`` without commands holds what its COPY and ADD lines bring, and nothing else. On the
image of a distribution it holds the folders of the Filesystem Hierarchy Standard besides. Of every other
stage nothing is said: commands and other images may bring anything.
"""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.copying.context_files import Found
from fleet_audit.audit.dockerfiles.copying.matching import clean_path, has_wildcard
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

    It makes `paths`; `open_folders` hold what is not known, `copies` what a folder of the context holds.
    """

    paths: set[str]
    open_folders: set[str]
    copies: list[tuple[str, str]]
    workdir: str = "/"
    is_known: bool = True
    is_plain_image: bool = False

    def may_hold(self, path: str, kind: KindInContext) -> bool:
        made = {*self.paths, *self.open_folders, *(folder for folder, _ in self.copies)}
        if path in made or any(each.startswith(f"{path}/") for each in made):
            return True
        if any(_is_below(path, folder) for folder in self.open_folders):
            return True
        below = ((folder, source) for folder, source in self.copies if _is_below(path, folder))
        return any(
            kind(clean_path(f"{source}/{path[len(folder) :]}")) is not None for folder, source in below
        )


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


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
            return Found(None), False
        contents = self._contents(stage)
        if not contents.is_known:
            return Found(None), False
        if contents.may_hold(path, self._kind):
            return Found(True), False
        if contents.is_plain_image and path.split("/")[0] in STANDARD_FOLDERS:
            return Found(None), False
        reason = f"nothing in the stage {stage.name or stage.index} makes /{path}"
        return Found(False, CopyProblem.STAGE, reason), contents.is_plain_image

    def _contents(self, stage: Stage) -> _Contents:
        if stage.index not in self._known:
            contents = self._known[stage.index] = _Contents(set(), set(), [])
            lineage = list(self._scopes.lineage(stage))
            base = self._scopes.base(lineage[-1])
            contents.is_plain_image = base.is_known and _is_plain(base.value)
            contents.is_known = contents.is_plain_image or (base.is_known and base.value == SCRATCH)
            for each in reversed(lineage):
                self._read(each, contents)
        return self._known[stage.index]

    def _read(self, stage: Stage, contents: _Contents) -> None:
        taken: defaultdict[int, list[Taking]] = defaultdict(list)
        for taking in takings(self._dockerfile, self._scopes, stage):
            taken[taking.instruction.line].append(taking)
        for instruction in stage.instructions[1:]:
            if instruction.keyword in ("RUN", "ADD", "ONBUILD"):
                contents.is_known = False
            elif instruction.keyword == "WORKDIR":
                contents.workdir = self._destination(instruction, contents)
                contents.paths.add(clean_path(contents.workdir))
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
        if len(taken) < len(instruction.words) - 1:
            contents.open_folders.add(destination)
        for taking in taken:
            kind = (
                None if taking.origin or has_wildcard(taking.path or "*") else self._kind(taking.path or "")
            )
            if kind is FileKind.FOLDER:
                contents.copies.append((destination, taking.path or ""))
            elif kind is FileKind.FILE and is_folder:
                contents.paths.add(clean_path(f"{destination}/{posixpath.basename(taking.path or '')}"))
            else:
                contents.open_folders.add(destination)


def _is_plain(image: str) -> bool:
    try:
        return parse_reference(image).name in PLAIN_IMAGES
    except ReferenceInvalid:
        return False
