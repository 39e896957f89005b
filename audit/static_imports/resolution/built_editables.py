"""Where the editable installs of projects with compiled parts lead, by what their finders say; never run.

Those of scikit-build-core hold tables of modules and files; those of meson-python name a build folder, whose
install plan says which file stands for which.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename, join, normalise, parent
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.static_imports.resolution.editables import Redirects
from fleet_audit.audit.static_imports.source.constants import closing
from fleet_audit.audit.static_imports.source.lexer import Text, decode, lex

MOST_FILES = 20_000
_PLAN_LIMIT = 64 << 20
_DEEPEST = 40

_OF_SCIKIT = b"class ScikitBuild"
_OF_MESON = b"class MesonpyMetaFinder"
_CALL = re.compile(rb"(?m)^[ \t]*(?:finder[ \t]*=[ \t]*MesonpyMetaFinder|install)\(")
_STRING = re.compile(rb"\"+")
_KEY = re.compile(rb"[ \t\x01]*(\"+)[ \t\x01]*:[ \t\x01]*")
_PLACES = ("{py_purelib}", "{py_platlib}")
_ENDINGS = (".so", ".py", ".pyc")
"""What modules end with, the kind that is taken first first (importlib.machinery)."""


def built_redirects(tree: FileTree, finder: ImagePath, body: bytes) -> Redirects | None:
    """Return what the finder in the file `finder` redirects; None where that cannot be read."""
    text = lex(decode(body))
    calls = list(_CALL.finditer(text.shadow))
    if not calls:
        return None
    start = calls[-1].end()
    pieces = list(_pieces(text.shadow, start, closing(text.shadow, start, len(text.shadow))))
    if _OF_SCIKIT in text.source:
        return _by_tables(text, pieces, parent(finder))
    return _by_plan(tree, text, pieces, finder) if _OF_MESON in text.source else None


def _by_tables(text: Text, pieces: list[tuple[int, int]], site: ImagePath) -> Redirects | None:
    if len(pieces) < 2:
        return None
    sources, installed = (dict(_pairs(text, *piece)) for piece in pieces[:2])
    if max(len(sources), len(installed)) >= MOST_FILES:
        return None
    files = {name: _within(site, file) for name, file in {**sources, **installed}.items()}
    # Since version 1 a third table has the folders; before, those of the files in a package were its own.
    listed = list(_listed(text, *pieces[2])) if len(pieces) > 2 else []
    folders: defaultdict[ModuleName, dict[ImagePath, None]] = defaultdict(dict)
    named = listed or list(_folders_of((*installed.items(), *sources.items())))
    # What was installed comes before what stands among the sources.
    for package, folder in sorted(named, key=lambda pair: (pair[0], pair[1].startswith("/"), pair[1])):
        folders[package][_within(site, folder)] = None
    return Redirects(files=files, paths={name: tuple(found) for name, found in folders.items()})


def _within(site: ImagePath, path: str) -> ImagePath:
    return normalise(path if path.startswith("/") else f"{site}/{path}")


def _folders_of(files: tuple[tuple[ModuleName, str], ...]) -> Iterator[tuple[ModuleName, str]]:
    for name, file in files:
        folder, _, last = file.rpartition("/")
        package = name if last.startswith("__init__.") else ModuleName(name.rpartition(".")[0])
        if package:
            yield package, folder


def _pairs(text: Text, start: int, end: int) -> Iterator[tuple[ModuleName, str]]:
    """Yield the entries of a literal dictionary of strings; others are passed over."""
    for at, stop in islice(_pieces(text.shadow, start + 1, end - 1), MOST_FILES):
        key = _KEY.match(text.shadow, at, stop)
        value = None if key is None else _STRING.fullmatch(text.shadow, key.end(), stop)
        if key is not None and value is not None:
            name, path = _literal(text, key.span(1)), _literal(text, value.span())
            if name and path:
                yield ModuleName(name), path


def _listed(text: Text, start: int, end: int) -> Iterator[tuple[ModuleName, str]]:
    """Yield the entries of a literal dictionary of lists of strings, one for each string."""
    for at, stop in islice(_pieces(text.shadow, start + 1, end - 1), MOST_FILES):
        if (key := _KEY.match(text.shadow, at, stop)) is None:
            return
        name = _literal(text, key.span(1))
        for found in _STRING.finditer(text.shadow, key.end(), stop):
            if path := _literal(text, found.span()):
                yield ModuleName(name), path


def _literal(text: Text, span: tuple[int, int]) -> str:
    """Return the value of a string literal; empty where it is none."""
    source = text.source[slice(*span)]
    if b"\\" not in source:
        return source[1:-1].decode(errors="replace")
    try:
        value = ast.literal_eval(source.decode(errors="replace"))
    except (SyntaxError, ValueError):
        return ""
    return value if isinstance(value, str) else ""


def _pieces(shadow: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where the items between two offsets stand, without the blanks around them."""
    at, depth = start, 0
    for mark in re.finditer(rb"[()\[\]{},]|\Z", shadow[start:stop]):
        if mark[0] in (b"(", b"[", b"{"):
            depth += 1
        elif mark[0] in (b")", b"]", b"}"):
            depth -= 1
        elif depth == 0:
            end = start + mark.start()
            item = shadow[at:end]
            if bare := item.strip(b" \t\n\x01"):
                begin = at + item.find(bare)
                yield begin, begin + len(bare)
            at = end + 1


class _Target(msgspec.Struct):
    destination: str
    exclude_files: tuple[str, ...] = ()
    exclude_dirs: tuple[str, ...] = ()


def _by_plan(
    tree: FileTree, text: Text, pieces: list[tuple[int, int]], finder: ImagePath
) -> Redirects | None:
    given = [_literal(text, piece) for piece in pieces if text.shadow[piece[0] : piece[0] + 1] == b'"']
    build = next((path for path in given if path.startswith("/")), "")
    names = next((piece for piece in pieces if text.shadow[piece[0] : piece[0] + 1] == b"{"), None)
    if not build or names is None:
        return None
    tops = {_literal(text, found.span()) for found in _STRING.finditer(text.shadow, *names)}
    plan = normalise(f"{build}/meson-info/intro-install_plan.json")
    try:
        sections = msgspec.json.decode(tree.read(plan, limit=_PLAN_LIMIT), type=dict[str, dict[str, _Target]])
    except (FileUnreadable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    placed = {at: file for file, at in islice(_placed(tree, sections), MOST_FILES)}
    if len(placed) == MOST_FILES:
        return None
    own = {at: file for at, file in placed.items() if at.partition("/")[0].partition(".")[0] in tops}
    return _of_placed(own, finder)


def _placed(tree: FileTree, sections: Mapping[str, Mapping[str, _Target]]) -> Iterator[tuple[ImagePath, str]]:
    """Yield each file of an install plan, and where below a site folder it would be installed."""
    for section, targets in sections.items():
        for source, target in targets.items():
            place, _, inner = target.destination.partition("/")
            if place not in _PLACES or not source.startswith("/") or not inner:
                continue
            path = normalise(source)
            if section in ("install_subdirs", "targets") and tree.listing(path):
                yield from _below(tree, path, inner, target)
            else:
                yield path, inner


def _below(tree: FileTree, folder: ImagePath, inner: str, target: _Target) -> Iterator[tuple[ImagePath, str]]:
    left_out = {normalise(path) for path in (*target.exclude_files, *target.exclude_dirs)}
    for file, _ in tree.files(folder):
        relative = ImagePath(file.removeprefix(folder))
        above = relative
        while above != "/" and above not in left_out:
            above = parent(above)
        if above == "/":
            yield file, f"{inner}{relative}"


def _of_placed(placed: Mapping[str, ImagePath], finder: ImagePath) -> Redirects:
    """Return the modules among files by where they would be installed; their packages lead nowhere else.

    What meson-python puts on a package's ``__path__`` is the finder's own file with their name behind.
    """
    files: dict[ModuleName, ImagePath] = {}
    packages: set[ModuleName] = set()
    for ending in reversed(_ENDINGS):
        for destination in sorted(placed):
            *folders, last = destination.split("/")
            if not last.endswith(ending) or len(folders) > _DEEPEST:
                continue
            stem = last.partition(".")[0]
            name = ModuleName(".".join(folders if stem == "__init__" else [*folders, stem]))
            files[name] = placed[destination]
            packages.update(ModuleName(".".join(folders[:count])) for count in range(1, len(folders) + 1))
    # A package comes before a module of its name.
    files = {n: f for n, f in files.items() if n not in packages or basename(f).startswith("__init__.")}
    return Redirects(files=files, paths={name: (join(finder, name),) for name in packages})
