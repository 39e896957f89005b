"""What pyelftools can still make of a file that the own reader found odd."""

import io
import struct
from collections.abc import Callable
from itertools import islice

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection, DynamicSegment, DynamicTag
from elftools.elf.elffile import ELFFile

from fleet_audit.audit.model.identity import Soname

MAX_SIZE = 4 << 20
"""Larger files are left as odd: pyelftools follows section headers, which lie at the file's end."""

MAX_READS = 5_000
MAX_TAGS = 4_096
MAX_STRING = 64 << 10

_STRINGS = {"DT_SONAME": "soname", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}

_FAILURES = (
    ELFError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
"""As many ways as pyelftools has to fail over a damaged file."""


def read_with_pyelftools(read: Callable[[int, int], bytes], size: int) -> dict[str, object] | None:
    """Return the dynamic facts by the names of `SharedObject`'s fields, or None where there are none.

    Bounded in file size, reads and entries; never raises for what the file holds.
    """
    if size > MAX_SIZE:
        return None
    try:
        return _facts(ELFFile(_Bounded(read(0, size))))
    except _FAILURES:
        return None


class _Bounded(io.BytesIO):
    """A file that can be read only so often, so that no table of it can lead on for ever."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError("read too often")
        return super().read(size)


def _facts(file: ELFFile) -> dict[str, object] | None:
    dynamic = _dynamic(file)
    if dynamic is None:
        return None
    needed: list[Soname] = []
    facts: dict[str, object] = {"is_dynamic": True}
    for tag in islice(dynamic.iter_tags(), MAX_TAGS):
        kind = tag.entry.d_tag
        if kind == "DT_NEEDED":
            needed.append(Soname(_name(tag, "needed")))
        elif kind in _STRINGS:
            facts[_STRINGS[kind]] = _name(tag, _STRINGS[kind])
    facts["needed"] = tuple(needed)
    return facts


def _dynamic(file: ELFFile) -> DynamicSegment | DynamicSection | None:
    for segment in islice(file.iter_segments(), MAX_TAGS):
        if isinstance(segment, DynamicSegment):
            return segment
    for section in islice(file.iter_sections(), MAX_TAGS):
        if isinstance(section, DynamicSection):
            return section
    return None


def _name(tag: DynamicTag, field: str) -> str:
    found = str(getattr(tag, field))
    if len(found) > MAX_STRING:
        raise ValueError("a string without end")
    return found.encode("utf-8", "backslashreplace").decode()
