"""What a build finds in its context: links stay within it, and .dockerignore leaves files out.

Rules: docs.docker.com, "Build context"; Dockerfile reference, "COPY"; BuildKit's dockerui (which
.dockerignore applies), fsutil (what is sent of a context, and how wildcards are looked up).
"""

import difflib
import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.contexts.matching import (
    PathPattern,
    PatternInvalid,
    has_wildcard,
    path_pattern,
)
from fleet_audit.audit.dockerfiles.copying.ignoring import (
    MAX_COMPARISONS,
    IgnorePattern,
    IgnoreRules,
    ignore_rules,
)
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.tree import Entry, FileKind, join, normalise, resolve_links
from fleet_audit.audit.model.copying import CopyProblem
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath

MAX_SEARCHED = 20_000
"""How many entries are looked at below a folder that is left out, for one that is taken back in."""

MAX_MATCHES = 10_000
MAX_GUESSES = 200
MAX_GUESSED = 1000
"""For how many missing files, and among how many names, another name is proposed."""

MAX_PATH = 4096
"""PATH_MAX of Linux (limits.h): no file has a longer one."""

IGNORE_NAME = ".dockerignore"


class Found(msgspec.Struct, frozen=True):
    """What stands at a path of a context; None where that cannot be told."""

    exists: bool | None
    problem: CopyProblem | None = None
    reason: str = ""
    near: str = ""
    left_out_by: IgnorePattern | None = None
    ignore_file: str = ""


_THERE = Found(exists=True)
_HISTORY = ".git"
_IN_CHECKOUTS = Found(None, reason="a checkout of the repository has it, this copy does not")


class ContextFiles:
    """The files of one folder of the repository as the context of builds."""

    def __init__(self, repository: Repository, folder: str) -> None:
        """Take the folder, by its path below the repository's root."""
        self.folder = folder
        self._repository = repository
        self._root = normalise(folder)
        self._real: dict[str, ImagePath | None] = {}
        self._guesses = 0

    @property
    def is_folder(self) -> bool:
        """Say whether the context is there."""
        if self._root == "/":
            return True
        found = self._repository.tree.realpath(self._root)
        entry = None if found is None else self._repository.tree.entry(found)
        return entry is not None and entry.kind is FileKind.FOLDER

    def find(self, path: str, ignored: IgnoreRules) -> Found:
        """Return whether a build that names `path`, clean and below the context, finds it."""
        if not path:
            return _THERE
        if len(path) > MAX_PATH:
            return Found(None, reason=f"it has more than {MAX_PATH} characters")
        if has_wildcard(path):
            return self._find_matches(path, ignored)
        real = self._resolved(path)
        if real is None and not self._is_in_checkouts(path):
            return self._absent(path)
        pattern = self._left_out((real or path).removeprefix("/"), ignored) or self._left_out(path, ignored)
        if pattern is None:
            return _THERE if real is not None else _IN_CHECKOUTS
        reason = f"line {pattern.line} of {ignored.path} leaves it out"
        return Found(False, CopyProblem.IGNORED, reason, left_out_by=pattern, ignore_file=ignored.path)

    def _is_in_checkouts(self, path: str) -> bool:
        """Say whether a path is git's own, where this copy of the repository came without that."""
        is_gits_own = self._root == "/" and path.partition("/")[0] == _HISTORY
        return is_gits_own and self._look(self._root, _HISTORY) is None

    def kind(self, path: str) -> FileKind | None:
        """Return what stands at `path` once links are followed; None where nothing does."""
        real = self._resolved(path)
        if real is None:
            return None
        entry = self._look(ImagePath(posixpath.dirname(real)), posixpath.basename(real))
        return FileKind.FOLDER if real == "/" else None if entry is None else entry.kind

    def listing(self, path: str) -> Mapping[str, Entry]:
        """Return what a folder of the context holds."""
        real = self._resolved(path)
        return {} if real is None else self._repository.listing(self._in_repository(real))

    def _resolved(self, path: str) -> ImagePath | None:
        if path not in self._real:
            self._real[path] = resolve_links(path, self._look)
        return self._real[path]

    def _look(self, folder: ImagePath, name: str) -> Entry | None:
        return self._repository.listing(self._in_repository(folder)).get(name)

    def _in_repository(self, path: ImagePath) -> str:
        return posixpath.join(self._root, path.lstrip("/"))

    def _left_out(self, path: str, ignored: IgnoreRules) -> IgnorePattern | None:
        pattern = ignored.deciding(path)
        if pattern is not None and ignored.may_take_in(path) and self._keeps_some(path, ignored):
            return None
        return pattern

    def _keeps_some(self, folder: str, ignored: IgnoreRules) -> bool:
        """Say whether a file below a folder that is left out is taken back in, or too many are there."""
        pending = [folder]
        seen = 0
        while pending:
            at = pending.pop()
            for name, entry in self.listing(at).items():
                seen += 1
                path = f"{at}/{name}"
                if seen > MAX_SEARCHED or not ignored.leaves_out(path):
                    return True
                if entry.kind is FileKind.FOLDER:
                    pending.append(path)
        return False

    def _absent(self, path: str) -> Found:
        """Say at which step a path ends, and what stands there in its place."""
        at = ImagePath("/")
        parts = path.split("/")
        for index, part in enumerate(parts):
            entry = self._look(at, part)
            if entry is None:
                near = self._near(at, part, parts[index + 1 :])
                return Found(False, CopyProblem.MISSING, f"{self._told(at)} holds no {part!r}", near)
            here = join(at, part)
            real = self._resolved(here) if entry.kind is FileKind.SYMLINK else here
            if real is None:
                return self._dead_link(here, entry)
            at = real
        return Found(False, CopyProblem.MISSING, "a file stands where a folder should")

    def _dead_link(self, path: ImagePath, entry: Entry) -> Found:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path).lstrip("/"), entry.link))
        if entry.link.startswith("/") or target == ".." or target.startswith("../"):
            reason = f"{path[1:]} is a link to {entry.link}, which leads out of the context"
            return Found(False, CopyProblem.OUTSIDE, reason)
        return Found(False, CopyProblem.DANGLING, f"{path[1:]} is a link to {entry.link}, where nothing is")

    def _told(self, folder: ImagePath) -> str:
        if folder != "/":
            return f"the folder {folder[1:]} of the context"
        return "the context" if self.folder == "." else f"the context {self.folder}"

    def _near(self, folder: ImagePath, part: str, rest: Sequence[str]) -> str:
        """Return the path with the name that was likely meant in place of `part`, `rest` behind it."""
        self._guesses += 1
        if self._guesses > MAX_GUESSES:
            return ""
        names = sorted(self._repository.listing(self._in_repository(folder)))[:MAX_GUESSED]
        same = [name for name in names if name.casefold() == part.casefold()]
        close = same or difflib.get_close_matches(part[:100], names, n=1, cutoff=0.8)
        meant = posixpath.join(folder.lstrip("/"), *close[:1], *rest)
        return meant if close and self._resolved(meant) is not None else ""

    def _find_matches(self, path: str, ignored: IgnoreRules) -> Found:
        """Look a wildcard up: that none matches is no error, but the folder where it starts must be there."""
        parts = path.split("/")
        first = next(at for at, part in enumerate(parts) if has_wildcard(part))
        folder = "/".join(parts[:first])
        if folder:
            found = self.find(folder, ignored)
            if found.exists is False or self.kind(folder) is not FileKind.FOLDER:
                return found if found.exists is False else self._absent(folder)
        try:
            patterns = [path_pattern(part, crosses_folders=False) for part in parts[first:]]
        except PatternInvalid as error:
            return Found(None, reason=str(error))
        matches = self._matches(folder, patterns)
        if any(
            ignored.deciding(match) is None or self._left_out(match, ignored) is None for match in matches
        ):
            return _THERE
        return Found(None, reason="nothing matches the wildcard, which is no error")

    def _matches(self, folder: str, patterns: list[PathPattern]) -> Iterator[str]:
        seen = 0
        pending = [(folder, 0)]
        while pending:
            at, depth = pending.pop()
            for name, entry in sorted(self.listing(at).items()):
                seen += 1
                if seen > MAX_MATCHES:
                    self._repository.report(
                        self.folder,
                        "a wildcard there has too many files to look at",
                        kind=GapKind.NOT_EXAMINED,
                    )
                    return
                if not patterns[depth].matches(name):
                    continue
                path = f"{at}/{name}" if at else name
                if depth + 1 == len(patterns):
                    yield path
                elif entry.kind is FileKind.FOLDER:
                    pending.append((path, depth + 1))


class Contexts:
    """The contexts of a repository and their .dockerignore files, each read once."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository; nothing is read before it is asked for."""
        self.repository = repository
        self._contexts: dict[str, ContextFiles] = {}
        self._rules: dict[str, IgnoreRules] = {}

    def files(self, folder: str) -> ContextFiles:
        """Return the context that a folder is."""
        if folder not in self._contexts:
            self._contexts[folder] = ContextFiles(self.repository, folder)
        return self._contexts[folder]

    def ignore_path(self, context: str, dockerfile: str = "") -> str:
        """Return the .dockerignore that applies; empty where none is there.

        One that is named for the Dockerfile and stands beside it comes before that of the context.
        """
        own = f"{dockerfile}{IGNORE_NAME}"
        shared = posixpath.normpath(posixpath.join(context, IGNORE_NAME))
        if dockerfile and self._is_file(own):
            return own
        return shared if self._is_file(shared) else ""

    def rules(self, context: str, dockerfile: str = "") -> IgnoreRules:
        """Return what is left out of a context for a Dockerfile."""
        return self.rules_at(self.ignore_path(context, dockerfile))

    def rules_at(self, path: str) -> IgnoreRules:
        """Return the rules of the .dockerignore at `path`; none where that is empty."""
        if path not in self._rules:
            text = self.repository.text(path) if path else None
            self._rules[path] = ignore_rules(text or "", path=path)
        return self._rules[path]

    def report_limits(self) -> None:
        """Note which .dockerignore files were compared with too many paths to be followed."""
        for path, rules in self._rules.items():
            if rules.comparisons > MAX_COMPARISONS:
                why = f"it would be compared more than {MAX_COMPARISONS} times"
                self.repository.report(path, why, kind=GapKind.LIMIT_REACHED)

    def _is_file(self, path: str) -> bool:
        entry = self.repository.entry(path)
        return entry is not None and entry.kind in (FileKind.FILE, FileKind.SYMLINK)
