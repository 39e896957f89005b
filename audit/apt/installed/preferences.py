"""Which versions an image's apt is told to prefer or refuse (apt_preferences(5)).

Pins by version are read in full, and those by release or origin where they mean every release (``a=*``).
From which release or host a version comes is not known where a plan is made, so other pins of that kind are
`unread`, and so are names given as regular expressions.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase, translate

import msgspec

from fleet_audit.audit.apt.debian.control import StanzaTooLong, fields, stanzas
from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath

PREFERENCES = ImagePath("/etc/apt/preferences")
PARTS = ImagePath("/etc/apt/preferences.d")

_LIMIT = 1 << 20
_MAX_FILES = 100
_MAX_NAMES = 2000
"""What all pins of an image may name together; real ones name a handful."""

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_EVERYTHING = re.compile(r'version \*|release (?:[acnolv]=)?"?\*"?|origin "?\*"?')
_PRIORITY = re.compile(r"[+-]?[0-9]{1,6}")


class Pin(msgspec.Struct, frozen=True):
    """One entry: which packages (patterns, as fnmatch(3) reads them), what of them, and its priority."""

    packages: tuple[str, ...]
    pin: str
    priority: int
    path: ImagePath

    @property
    def is_general(self) -> bool:
        """Say whether it is for all packages, so that entries for some of them outweigh it."""
        return self.packages == ("*",)

    @property
    def is_readable(self) -> bool:
        """Say whether it can be told which versions are meant."""
        has_names = not any(name.startswith(("/", "src:")) for name in self.packages)
        return has_names and (self.pin.startswith("version ") or _EVERYTHING.fullmatch(self.pin) is not None)

    def means(self, version: str) -> bool:
        """Say whether this version of a package that it is for is meant."""
        if _EVERYTHING.fullmatch(self.pin):
            return True
        return fnmatchcase(version, self.pin.removeprefix("version ").strip())


class Preferences:
    """The pins of one image, in apt's order: the first entry for a package that means a version holds."""

    def __init__(self, pins: Iterable[Pin] = (), gaps: Iterable[Gap] = ()) -> None:
        """Take entries, and what could not be read of their files."""
        every = tuple(pins)
        self.gaps = (*gaps, *_unread(every))
        self._pins = tuple(
            (pin, re.compile("|".join(map(translate, pin.packages)))) for pin in every if pin.is_readable
        )

    def refusal(self, name: str, version: str) -> str:
        """Return which file keeps a version of a package from being installed; empty where none does."""
        concerned = self._concerning(name)
        for pin in sorted(concerned, key=lambda pin: pin.is_general):
            if pin.means(version):
                return pin.path if pin.priority < 0 else ""
        return ""

    def doubts(self, planned: Mapping[str, str]) -> Iterator[Gap]:
        """Yield why apt may not choose these versions (by name of their packages)."""
        yield from self.gaps
        for name, version in sorted(planned.items()):
            path = self.others(name, version)
            if path:
                why = f"it asks for another version of {name} than {version}, which is planned"
                yield Gap(stage="apt", kind=GapKind.NOT_EXAMINED, what=path, why=why)

    def others(self, name: str, version: str) -> str:
        """Return which file asks for another version of a package than this one; empty where none does."""
        named = [pin for pin in self._concerning(name) if not pin.is_general and pin.priority >= 500]
        return "" if not named or any(pin.means(version) for pin in named) else named[0].path

    def _concerning(self, name: str) -> list[Pin]:
        return [pin for pin, names in self._pins if names.fullmatch(name)]


def read_preferences(tree: FileTree) -> Preferences:
    """Return the pins that an image's files hold; a file that cannot be read is a gap."""
    pins: list[Pin] = []
    gaps: list[Gap] = []
    for path in _files(tree):
        try:
            pins += _entries(path, tree.read(path, limit=_LIMIT))
        except (FileUnreadable, StanzaTooLong) as e:
            gaps.append(Gap(stage="apt", kind=GapKind.NOT_EXAMINED, what=path, why=str(e)))
        if sum(len(pin.packages) for pin in pins) > _MAX_NAMES:
            why = f"pins name more than {_MAX_NAMES} packages; none of them is followed"
            return Preferences(gaps=(*gaps, Gap("apt", GapKind.LIMIT_REACHED, path, why)))
    return Preferences(pins, gaps)


def _files(tree: FileTree) -> Iterator[ImagePath]:
    # Those of the folder come first, in order of their names (apt: ReadPinDir before ReadPinFile).
    names = sorted(
        name
        for name, entry in tree.listing(PARTS).items()
        if entry.kind is not FileKind.FOLDER and _is_part(name)
    )
    yield from (join(PARTS, name) for name in names[:_MAX_FILES])
    if tree.entry(PREFERENCES) is not None:
        yield PREFERENCES


def _is_part(name: str) -> bool:
    extension = name.partition(".")[2]
    return _PART.fullmatch(name) is not None and (not extension or name.endswith(".pref"))


def _entries(path: ImagePath, body: bytes) -> Iterator[Pin]:
    lines = (line for line in body.split(b"\n") if not line.lstrip().startswith(b"#"))
    for stanza in stanzas([b"\n".join(lines)]):
        found = fields(stanza)
        names = tuple(found.get("Package", "").split())
        pin, priority = " ".join(found.get("Pin", "").split()), found.get("Pin-Priority", "")
        if names and pin and _PRIORITY.fullmatch(priority):
            yield Pin(names, pin, int(priority), path)


def _unread(pins: Iterable[Pin]) -> Iterator[Gap]:
    by_path: dict[ImagePath, list[str]] = {}
    for pin in pins:
        if not pin.is_readable:
            by_path.setdefault(pin.path, []).append(f"Package: {' '.join(pin.packages)}, Pin: {pin.pin}")
    for path, entries in by_path.items():
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        why = f"plans do not go by pins of this kind ({entries[0][:200]}{more})"
        yield Gap(stage="apt", kind=GapKind.NOT_EXAMINED, what=path, why=why)
