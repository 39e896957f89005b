"""What ``site`` does before a program runs: the folders that it adds, and the lines of code that it runs.

As Lib/site.py has it (``addsitedir``, ``addpackage``); read, never run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.static_imports.resolution.editables import Redirects, is_finder
from fleet_audit.audit.static_imports.source.records import PathCall

MAX_ENTRIES = 5_000
"""How many entries ``sys.path`` may grow to; a real one has a handful."""

MAX_PTH_FILES = 2_000
"""How many ``.pth`` files are read; a real environment has a handful."""

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
_STAGE = "static_imports"
_PTH_LIMIT = 1 << 20
_FINDER_LIMIT = 4 << 20
_CODE = re.compile(rb"import[ \t]")
_DISTUTILS = re.compile(rb"\.get\(var, '(\w+)'\).*__import__\('_distutils_hack'\)\.add_shim\(\)")
"""The line of setuptools' own, with what holds where the variable SETUPTOOLS_USE_DISTUTILS is not set."""

_CHANGES = re.compile(rb"sys\.path|addsitedir|_editable")
"""What code must hold to change where modules are looked for in a way that is followed here."""


class SiteStart(msgspec.Struct, frozen=True):
    """What holds once ``site`` has run.

    `search_path` is ``sys.path`` without the script's folder. `code` are the ``.pth`` files whose lines of
    code run in every process, in their order. `redirects` are what editable installs have put elsewhere.
    """

    search_path: tuple[ImagePath, ...]
    code: tuple[ImagePath, ...] = ()
    redirects: Redirects = Redirects()
    gaps: tuple[Gap, ...] = ()


def site_start(
    tree: FileTree,
    before: Sequence[ImagePath],
    sites: Sequence[ImagePath],
    environment: Mapping[str, str] = _NO_VARIABLES,
) -> SiteStart:
    """Return what ``site`` makes of ``sys.path``: `before`, then every folder of `sites` that is there."""
    started = _Site(tree, before, environment)
    for folder in sites:
        if is_folder(tree, folder):
            started.add_folder(folder)
    return SiteStart(tuple(started.path), tuple(started.code), started.redirects, tuple(started.gaps))


def is_folder(tree: FileTree, path: ImagePath) -> bool:
    """Say whether a folder stands at `path`, links followed."""
    canonical = tree.realpath(path)
    entry = None if canonical is None else tree.entry(canonical)
    return entry is not None and entry.kind is FileKind.FOLDER


def code_lines(body: bytes) -> bytes:
    """Return the lines of a ``.pth`` file that Python runs, each on its own line; all others are blank."""
    return b"\n".join(line if _CODE.match(line) else b"" for line in body.splitlines())


class _Site:
    """Goes through site folders and their ``.pth`` files, in the order of Lib/site.py."""

    def __init__(self, tree: FileTree, before: Sequence[ImagePath], environment: Mapping[str, str]) -> None:
        self._tree = tree
        self._environment = environment
        self.path = dict.fromkeys(before)
        self.code: list[ImagePath] = []
        self.redirects = Redirects()
        self.gaps: list[Gap] = []
        self._visited: set[ImagePath] = set()
        self._pth_files = 0

    def add_folder(self, folder: ImagePath) -> None:
        """Add a site folder, then what its ``.pth`` files add (``site.addsitedir``)."""
        pending = [folder]
        while pending:
            at = pending.pop(0)
            self._add(at)
            if at in self._visited:
                continue
            self._visited.add(at)
            for name in sorted(self._tree.listing(at)):
                # Python 3.11.9 and later pass over hidden ones, for safety; nobody ships any.
                if name.endswith(".pth") and not name.startswith("."):
                    pending.extend(self._add_pth(at, join(at, name)))

    def _add(self, entry: ImagePath) -> None:
        if len(self.path) < MAX_ENTRIES:
            self.path.setdefault(entry)
        elif entry not in self.path:
            self._add_limit(
                entry, f"sys.path grows to more than {MAX_ENTRIES} entries; the rest was not searched"
            )

    def _add_limit(self, what: ImagePath, why: str) -> None:
        if all(gap.why != why for gap in self.gaps):
            self.gaps.append(Gap(_STAGE, GapKind.LIMIT_REACHED, what, why))

    def _add_pth(self, site: ImagePath, file: ImagePath) -> list[ImagePath]:
        """Add what a file adds; return the site folders that its code adds."""
        self._pth_files += 1
        if self._pth_files > MAX_PTH_FILES:
            self._add_limit(file, f"there are more than {MAX_PTH_FILES} .pth files; the rest was not read")
            return []
        try:
            body = self._tree.read(file, limit=_PTH_LIMIT)
        except FileUnreadable as e:
            self.gaps.append(Gap(_STAGE, GapKind.UNREADABLE_FILE, file, e.why))
            return []
        body = body.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
        code = code_lines(body)
        for line in _plain_lines(body):
            folder = normalise(line if line.startswith("/") else f"{site}/{line}")
            if self._tree.realpath(folder) is not None:
                self._add(folder)
        if not code.strip():
            return []
        self.code.append(file)
        self._add_distutils(site, code)
        return list(self._run(site, file, code)) if _CHANGES.search(code) else []

    def _run(self, site: ImagePath, file: ImagePath, code: bytes) -> Iterator[ImagePath]:
        from fleet_audit.audit.static_imports.source.reading import (  # noqa: PLC0415  (few images need the parser here)
            read_source,
        )

        record = read_source(code, is_own_code=True)
        for statement in record.imports:
            if is_finder(statement.module):
                self._add_finder(site, statement.module)
        for call in record.path_edits:
            folders = [normalise(folder) for folder in call.folders if folder.startswith("/")]
            if not folders:
                self._add_unknown(file, call)
            if "addsitedir" in call.expression:
                yield from folders
            elif call.is_first:
                self.path = {**dict.fromkeys(folders), **self.path}
            else:
                self.path.update(dict.fromkeys(folders))

    def _add_distutils(self, site: ImagePath, code: bytes) -> None:
        """Let setuptools stand for distutils where its ``distutils-precedence.pth`` says so."""
        shim = _DISTUTILS.search(code)
        if shim is None:
            return
        wanted = self._environment.get("SETUPTOOLS_USE_DISTUTILS", shim[1].decode())
        folder = join(join(site, "setuptools"), "_distutils")
        if wanted == "local" and is_folder(self._tree, folder):
            self.redirects = self.redirects.merged(Redirects(first={ModuleName("distutils"): folder}))

    def _add_unknown(self, file: ImagePath, call: PathCall) -> None:
        why = f"its line {call.line} edits sys.path, and the folder could not be evaluated: {call.expression}"
        self.gaps.append(Gap(_STAGE, GapKind.PATH_EDIT, file, why))

    def _add_finder(self, site: ImagePath, module: str) -> None:
        from fleet_audit.audit.static_imports.resolution.built_editables import (  # noqa: PLC0415  (as above)
            built_redirects,
        )
        from fleet_audit.audit.static_imports.resolution.editable_finders import (  # noqa: PLC0415  (as above)
            redirects,
        )

        file = join(site, f"{module}.py")
        try:
            body = self._tree.read(file, limit=_FINDER_LIMIT)
            found = redirects(module, body)
            found = built_redirects(self._tree, file, body) if found is None else found
        except FileUnreadable:
            # Somewhere else on the path, or nowhere: then what it redirects is not found, and said so.
            found = None
        if found is None:
            why = "this finder of an editable install could not be read, so what it redirects is not known"
            self.gaps.append(Gap(_STAGE, GapKind.UNREADABLE_FILE, file, why))
        else:
            self.redirects = self.redirects.merged(found)


def _plain_lines(body: bytes) -> Iterator[str]:
    for line in body.splitlines():
        bare = line.decode("utf-8", errors="backslashreplace").rstrip()
        if bare.strip() and not bare.startswith("#") and not _CODE.match(line):
            yield bare
