"""What the lines of a requirements file say, as pip reads them (its "Requirements File Format")."""

import re
from collections.abc import Iterator

import msgspec

_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:[ \t]*=[ \t]*|[ \t]*)(\S.*)")
_EDITABLE = re.compile(r"(?:-e|--editable)[ \t=]*")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)")
_OPTION = re.compile(r"[ \t]--?[a-z]")
_COMMENT = re.compile(r"(?:^|[ \t])#")
_WHEEL = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-[^-/]+(?:-[^-/]+){3,4}\.whl(?:[#?].*)?")
_DIRECT = re.compile(
    r"(?:[a-z]+\+)?(?:https?|file|ssh|git|hg|svn|bzr)(?::|\+)|\.{0,2}/|[^\s@;]+\.(?:whl|zip|tar\.gz)\b"
)


class Include(msgspec.Struct, frozen=True):
    """Another file of the same form; `is_constraint` for ``-c``."""

    path: str
    is_constraint: bool


class Named(msgspec.Struct, frozen=True):
    """A requirement as PEP 508 writes it, its options taken off."""

    text: str


class Direct(msgspec.Struct, frozen=True):
    """A requirement by address or folder; `name` is what it says of itself, `folder` where its code is."""

    text: str
    name: str = ""
    folder: str = ""


Line = Include | Named | Direct


def requirement_lines(text: str) -> Iterator[tuple[int, Line]]:
    """Yield what each logical line asks for, with the number of its first line; options are passed over."""
    for number, line in _logical(text):
        if (parsed := _parsed(_COMMENT.split(line, maxsplit=1)[0].strip(), line)) is not None:
            yield number, parsed


def _logical(text: str) -> Iterator[tuple[int, str]]:
    held = ""
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if held else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held += line[:-1]
            continue
        yield first, held + line
        held = ""
    if held:
        yield first, held


def _parsed(bare: str, line: str) -> Line | None:
    if found := _INCLUDE.fullmatch(bare):
        return Include(found[2].strip("\"'"), found[1] in ("-c", "--constraint"))
    target = _EDITABLE.sub("", bare, count=1)
    is_editable = target != bare
    if not target or (target.startswith("-") and not is_editable):
        return None
    target = _OPTION.split(target, maxsplit=1)[0].strip()
    if is_editable or _DIRECT.match(target):
        return _direct(target, line)
    return Named(target)


def _direct(target: str, line: str) -> Direct:
    if found := _EGG.search(line):
        return Direct(target, found[1])
    last = target.partition("#")[0].rstrip("/").rpartition("/")[2]
    if wheel := _WHEEL.fullmatch(last):
        return Direct(target, wheel[1])
    is_folder = "://" not in target and not re.search(r"\.(?:whl|zip|gz|bz2)$", target)
    return Direct(target, folder=re.sub(r"\[[^\]]*\]$", "", target) if is_folder else "")
