"""What a compiled extension module says of other modules: the names among its constants.

C, Cython and Rust import by name when a module is initialised (PyImport_ImportModule and its kin), and
so the names stand in the file. Which of them are imports only the modules around it can tell: what is
kept here are strings that could be names of modules.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.compiled.constant_data import NoConstants, Read, constant_data
from fleet_audit.audit.static_imports.compiled.cython_tables import is_cython, string_rows

NAMES_VERSION = 3
"""Raise whenever the same bytes give other names."""

MAX_NAMES = 128 << 10
"""Bytes of names of one kind; what goes beyond is cut and said."""

_LONGEST = 120
_STRING = re.compile(rb"\0([A-Za-z0-9_][A-Za-z0-9_.]{2,%d})(?=\0)" % (_LONGEST - 1))
_TEXT_ALONE = bytes(byte if 0x20 <= byte < 0x7F and byte not in b"?@" else 0 for byte in range(256))
"""Makes what is no text a NUL, and what fractions end in: numbers lie before strings too."""

_DOTTED = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_LOWER = re.compile(rb"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+")
_WORD = re.compile(rb"[a-z_][a-z0-9_]{2,40}|[0-9a-f]{20}__mypyc")
_FOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUN = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z0-9_]++)++")
_INSIDE = re.compile(rb"[a-z0-9_]\.[a-z_]")
"""Where a module's name goes on; a class and its method differ in case, mostly."""


RUNS_INTO = b"~"
"""Ends a name that another string follows which is no name: the end of a row, or bytes that are no text."""


class CompiledNames(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The strings of one file that could name modules, each field one per line, in order.

    `dotted` and `words` are whole strings. `fused` are parts of rows of strings that hold dotted names, run
    into what stands before and behind them; only Cython writes such rows. `why_unknown` says why the file
    could not be read.
    """

    dotted: str = ""
    words: str = ""
    fused: str = ""
    is_cython: bool = False
    is_cut: bool = False
    why_unknown: str = ""


def read_compiled_names(read: Read, size: int, path: ImagePath) -> CompiledNames:
    """Return the names in the ELF file of `size` bytes at `path`; never raises for what the file holds."""
    try:
        data = constant_data(read, size)
    except NoConstants as e:
        return CompiledNames(why_unknown=str(e))
    whole = set(_strings(data))
    packages = _packages(path)
    dotted, is_cut = _lines(_modules(whole, packages, _own_names(path)))
    words, are_words_cut = _lines(name for name in whole if _WORD.fullmatch(name))
    fused, is_fused_cut = _lines(_fused(string_rows(data)))
    return CompiledNames(dotted, words, fused, is_cython(data), is_cut or are_words_cut or is_fused_cut)


def names_of_body(body: bytes, path: ImagePath) -> CompiledNames:
    """Return the names in a file that is read already."""
    return read_compiled_names(lambda offset, length: body[offset : offset + length], len(body), path)


def _strings(data: bytes) -> Iterator[bytes]:
    """Yield what could be a name: what begins behind something that is no text, and ends with a NUL."""
    for match in _STRING.finditer(b"\0" + data.translate(_TEXT_ALONE)):
        if data[match.end() - 1 : match.end()] == b"\0":
            yield match[1]


def _lines(names: Iterable[bytes]) -> tuple[str, bool]:
    text = b"\n".join(sorted(set(names)))
    if len(text) <= MAX_NAMES:
        return text.decode("ascii"), False
    return text[: text.rindex(b"\n", 0, MAX_NAMES)].decode("ascii"), True


def _modules(whole: Iterable[bytes], packages: list[bytes], own: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the dotted names that are no names of the file's own classes and functions."""
    for name in whole:
        is_near = name.partition(b".")[0] in packages
        if (_DOTTED if is_near else _LOWER).fullmatch(name) and not name.startswith(own):
            yield name


def _own_names(path: ImagePath) -> tuple[bytes, ...]:
    folders = path.split("/")
    folders[-1] = folders[-1].partition(".")[0]
    return tuple(f"{'.'.join(folders[at:])}.".encode() for at in range(len(folders)))


def _packages(path: ImagePath) -> list[bytes]:
    """Return the folders above that may be the module's top-level package."""
    folders = path.split("/")[:-1]
    return [name.encode() for name in folders if _FOLDER.fullmatch(name)]


def _fused(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what could be a dotted name and more; a sign says where no running text follows it."""
    for row in rows:
        for run in _RUN.finditer(row):
            if _INSIDE.search(run[0]):
                following = row[run.end() : run.end() + 1]
                is_text = bool(following) and following.isascii() and following >= b"\t"
                yield run[0] if is_text else run[0] + RUNS_INTO
