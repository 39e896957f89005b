"""What the lines of a requirements file say, as pip reads them (its "Requirements File Format")."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:[ \t]*=[ \t]*|[ \t]*)(\S.*)")
_EDITABLE = re.compile(r"^(?:-e|--editable)[ \t=]*")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)")
_OPTION = re.compile(r"[ \t]--?[a-z]")
_SETTING = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:[ \t]*=[ \t]*|[ \t]*)(.*)")
_HASH = re.compile(r"(?:^|[ \t])--hash[ \t]*[=:]?[ \t]*([^\s:=]+)[:=]([^\s]*)")
_COMMENT = re.compile(r"(?:^|[ \t])#")
_WHEEL = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-[^-/]+(?:-[^-/]+){3,4}\.whl(?:[#?].*)?")
_DIRECT = re.compile(
    r"(?:[a-z]+\+)?(?:https?|file|ssh|git|hg|svn|bzr)(?::|\+)|\.{0,2}/|[^\s@;]+\.(?:whl|zip|tar\.gz)\b"
)


class Include(msgspec.Struct, frozen=True):
    """Another file of the same form; `is_constraint` for ``-c``."""

    path: str
    is_constraint: bool


class Hash(msgspec.Struct, frozen=True):
    """What ``--hash=ALGORITHM:DIGEST`` says, and the line on which it stands."""

    algorithm: str
    digest: str
    line: int


class Named(msgspec.Struct, frozen=True):
    """A requirement as PEP 508 writes it, its options taken off."""

    text: str
    hashes: tuple[Hash, ...] = ()


class Direct(msgspec.Struct, frozen=True):
    """A requirement by address or folder; `name` is what it says of itself, `folder` where its code is."""

    text: str
    name: str = ""
    folder: str = ""
    hashes: tuple[Hash, ...] = ()
    is_editable: bool = False


class Setting(msgspec.Struct, frozen=True):
    """An option for all of the file (``--extra-index-url ADDRESS``, ``--require-hashes``)."""

    name: str
    value: str = ""


Line = Include | Named | Direct | Setting


def requirement_lines(text: str) -> Iterator[tuple[int, Line]]:
    """Yield what each logical line asks for, with the number of its first line."""
    for number, line, starts in _logical(text):
        bare = _COMMENT.split(line, maxsplit=1)[0].strip()
        parsed = _parsed(bare, line)
        if isinstance(parsed, Named | Direct) and (hashes := tuple(_hashes(line, number, starts))):
            parsed = msgspec.structs.replace(parsed, hashes=hashes)
        if parsed is not None:
            yield number, parsed


def _logical(text: str) -> Iterator[tuple[int, str, Sequence[int]]]:
    """Yield each logical line, the number of its first line, and the offsets at which its lines begin."""
    held: list[str] = []
    starts: list[int] = []
    size = 0
    for number, line in enumerate(text.splitlines(), 1):
        starts.append(size)
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held.append(line[:-1])
            size += len(line) - 1
            continue
        yield number - len(held), "".join((*held, line)), starts
        held, starts, size = [], [], 0
    if held:
        yield len(text.splitlines()) - len(held) + 1, "".join(held), starts


def _hashes(line: str, number: int, starts: Sequence[int]) -> Iterator[Hash]:
    for found in _HASH.finditer(_COMMENT.split(line, maxsplit=1)[0]):
        yield Hash(found[1], found[2], number + bisect_right(starts, found.start(1)) - 1)


def _parsed(bare: str, line: str) -> Line | None:
    if found := _INCLUDE.fullmatch(bare):
        return Include(found[2].strip("\"'"), found[1] in ("-c", "--constraint"))
    target = _EDITABLE.sub("", bare, count=1)
    is_editable = target != bare
    if not target:
        return None
    if target.startswith("-") and not is_editable:
        setting = _SETTING.fullmatch(target)
        return None if setting is None else Setting(setting[1], setting[2].strip("\"'"))
    target = _OPTION.split(target, maxsplit=1)[0].strip()
    if is_editable or _DIRECT.match(target):
        return _direct(target, line, is_editable=is_editable)
    return Named(target)


def _direct(target: str, line: str, *, is_editable: bool) -> Direct:
    if found := _EGG.search(line):
        return Direct(target, found[1], is_editable=is_editable)
    last = target.partition("#")[0].rstrip("/").rpartition("/")[2]
    if wheel := _WHEEL.fullmatch(last):
        return Direct(target, wheel[1], is_editable=is_editable)
    is_folder = "://" not in target and not re.search(r"\.(?:whl|zip|gz|bz2)$", target)
    folder = re.sub(r"\[[^\]]*\]$", "", target) if is_folder else ""
    return Direct(target, folder=folder, is_editable=is_editable)
