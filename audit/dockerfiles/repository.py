"""The repository that is asked what it claims: its files by what reads them, each read once.

Nothing here raises for what a file holds. What cannot be read is a gap, told once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from fleet_audit.audit.configuration.located import Foreign, load_foreign
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.dockerfiles.kinds import UNSEARCHED, FileRole, is_template, role_of
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.images.tree import Entry, FileKind, FileUnreadable, SearchedTree, join, normalise
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ROOT, ImagePath
from fleet_audit.audit.model.location import SourceLocation

MAX_TEXT = 4 << 20
MAX_FOLDERS = 200_000
MAX_INSTRUCTIONS = 10_000
"""No image could have the layers of a tenth of them."""


class Repository:
    """A repository's files by their paths below its root, without a leading slash; links do not leave it."""

    def __init__(self, tree: SearchedTree, *, dockerfiles: Iterable[str] = ()) -> None:
        """Take the files; nothing is looked at before it is asked for.

        Of `dockerfiles`, those whose names do not say what they are count as Dockerfiles.
        """
        self.tree = tree
        self._also = tuple(path for path in dockerfiles if role_of(path) is None)
        self._by_role: dict[FileRole, tuple[str, ...]] | None = None
        self._by_roles: dict[tuple[FileRole, ...], tuple[str, ...]] = {}
        self._texts: dict[str, str | None] = {}
        self._dockerfiles: dict[str, Dockerfile | None] = {}
        self._yaml: dict[str, Foreign | tuple[Problem, ...]] = {}
        self._gaps: dict[Gap, None] = {}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return what could not be read so far, in order of places."""
        return tuple(sorted(self._gaps, key=lambda gap: (str(gap.location), gap.why)))

    def files(self, *roles: FileRole) -> tuple[str, ...]:
        """Return the files that have one of these roles, sorted."""
        if self._by_role is None:
            self._by_role = self._found()
        if roles not in self._by_roles:
            paths = (path for role in roles for path in self._by_role.get(role, ()))
            self._by_roles[roles] = tuple(sorted(paths))
        return self._by_roles[roles]

    def holds(self, path: str) -> bool:
        """Say whether a file, folder or link stands at `path`."""
        return self.tree.entry(normalise(path)) is not None

    def entry(self, path: str) -> Entry | None:
        """Return what stands at `path`; links are followed in its folders, not in its last part."""
        return self.tree.entry(normalise(path))

    def listing(self, folder: str) -> Mapping[str, Entry]:
        """Return the entries of a folder; empty where it is none."""
        return self.tree.listing(normalise(folder))

    def text(self, path: str) -> str | None:
        """Return a file's text; None, and a gap, where it cannot be read or is no text."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def dockerfile(self, path: str) -> Dockerfile | None:
        """Return a Dockerfile as it was parsed; None, and a gap, where it cannot be read."""
        if path not in self._dockerfiles:
            text = self.text(path)
            self._dockerfiles[path] = None if text is None else self._parsed(path, text)
        return self._dockerfiles[path]

    def _parsed(self, path: str, text: str) -> Dockerfile | None:
        dockerfile = parse(text)
        if len(dockerfile.instructions) <= MAX_INSTRUCTIONS:
            return dockerfile
        why = f"has more than {MAX_INSTRUCTIONS} instructions"
        self.report(path, why, kind=GapKind.LIMIT_REACHED)
        return None

    def yaml(self, path: str, *, kind: GapKind = GapKind.UNREADABLE_FILE) -> Foreign | None:
        """Return the documents of a YAML file; None, and a gap of this kind, where it cannot be read."""
        if path not in self._yaml:
            self._yaml[path] = self._read_yaml(path)
        read = self._yaml[path]
        if isinstance(read, Foreign):
            return read
        for problem in read:
            self.report(path, problem.message, line=problem.line, kind=kind)
        return None

    def report(self, path: str, why: str, *, line: int = 0, kind: GapKind = GapKind.UNREADABLE_FILE) -> None:
        """Note that something at a place could not be examined."""
        self._gaps[Gap("dockerfiles", kind, path, why, SourceLocation(path, line))] = None

    def _read(self, path: str) -> str | None:
        try:
            body = self.tree.read(normalise(path), limit=MAX_TEXT)
        except FileUnreadable as e:
            self.report(path, e.why)
            return None
        if b"\0" in body:
            self.report(path, "holds a NUL byte: it is no text")
            return None
        return body.decode(errors="replace")

    def _read_yaml(self, path: str) -> Foreign | tuple[Problem, ...]:
        text = self.text(path)
        if text is None:
            return ()
        try:
            return load_foreign(text, name=path)
        except ConfigurationError as e:
            return e.problems

    def _found(self) -> dict[FileRole, tuple[str, ...]]:
        found: defaultdict[FileRole, list[str]] = defaultdict(list, {FileRole.DOCKERFILE: [*self._also]})
        for path in self._walk():
            role = role_of(path)
            if role is FileRole.DOCKERFILE and is_template(self.text(path) or ""):
                role = FileRole.DOCKERFILE_TEMPLATE
                self.report(path, "is a template, and no Dockerfile yet", kind=GapKind.NOT_EXAMINED)
            if role is not None:
                found[role].append(path)
        return {role: tuple(paths) for role, paths in found.items()}

    def _walk(self) -> Iterator[str]:
        pending: list[ImagePath] = [ROOT]
        seen = 0
        while pending:
            folder = pending.pop()
            seen += 1
            if seen > MAX_FOLDERS:
                self.report("", f"holds more than {MAX_FOLDERS} folders", kind=GapKind.LIMIT_REACHED)
                return
            for name, kind in self.tree.kinds(folder).items():
                path = join(folder, name)
                if kind is FileKind.FOLDER:
                    if name not in UNSEARCHED:
                        pending.append(path)
                elif kind is FileKind.FILE or self._is_read_through(path, kind):
                    yield path.removeprefix("/")
            if folder in self.tree.unlisted:
                self.report(folder.removeprefix("/"), self.tree.unlisted[folder])

    def _is_read_through(self, link: ImagePath, kind: FileKind) -> bool:
        """Say whether a link gives a file a role that the file does not have under its own name."""
        path = link.removeprefix("/")
        role = role_of(path)
        if role is None:
            return False
        if kind is not FileKind.SYMLINK:
            self.report(path, "is no regular file", kind=GapKind.NOT_EXAMINED)
            return False
        target = self.tree.realpath(link)
        if target is None:
            why = "is a link that leads to nothing in this repository"
            self.report(path, why, kind=GapKind.NOT_EXAMINED)
            return False
        entry = self.tree.entry(target)
        is_file = entry is not None and entry.kind is FileKind.FILE
        return is_file and role_of(target.removeprefix("/")) is not role
