"""The dynamic symbols of one ELF file, small enough to keep: what it defines, and what it wants from others.

Names of defined symbols are not kept. Like the loader, a lookup goes by the hash of a name (DT_GNU_HASH); the
loader compares the name as well. Of two billion hashes a library uses some thousands, so that once in very
many times a symbol is taken for defined that is not; never the other way round.
"""

import sys
from array import array
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

import msgspec
import zstandard

from fleet_audit.audit.ldd import layout as elf
from fleet_audit.audit.ldd.reader import MAX_STRING, DynamicFile, dynamic_file
from fleet_audit.audit.ldd.relocations import looked_up_at_once
from fleet_audit.audit.ldd.symbol_columns import BINDS_LOCALLY, SymbolColumns
from fleet_audit.audit.ldd.symbol_versions import INDEX_MASK, defined_by_index, needed_by_index
from fleet_audit.audit.ldd.window import Damaged, Read, Window

MAX_WANTED = 1 << 18
MAX_DEFINED = 2 << 20
MAX_BUCKETS = 4 << 20
MAX_NAMES = 32 << 20
"""Bytes of all wanted names of one file; the largest real files have some five million."""

_MODULUS = 1 << 32
_COMPRESSOR = zstandard.ZstdCompressor(level=1)
_TOO_LONG = "the names of the symbols are too long together"
_STRINGS_AT_ONCE = 4 << 20
_USUAL_NAME = 512
"""Longer names are not kept in memory: real ones are rare, and a hostile file has as many as it likes."""

_FEW = 4_096
"""The lowest bit of a hash is lost in a chain, and only the choice between buckets brings it back."""


class SymbolTable(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Symbols that bind to those of other files. All arrays are of 32-bit or 16-bit little-endian numbers.

    `buckets` and `chain` are those of DT_GNU_HASH, `first` the number of the symbol that `chain` begins
    with, and `versions` the entries of DT_VERSYM for `chain`; empty where there are none. `wanted` holds
    the hashes of undefined symbols that are not weak, `wanted_versions` their entries of DT_VERSYM,
    `names` their names, compressed; `called` the numbers of those, among the wanted, that the loader looks up
    only when they are called, unless it is told to bind all at once. `opens` are names of libraries among the
    strings of a file that loads libraries by name. `damage` says why the rest is not known.
    """

    first: int = 0
    buckets: bytes = b""
    chain: bytes = b""
    versions: bytes = b""
    version_names: dict[int, str] = {}
    wanted: bytes = b""
    wanted_versions: bytes = b""
    names: bytes = b""
    damage: str = ""
    opens: tuple[str, ...] = ()
    called: bytes = b""

    def wanted_names(self) -> Sequence[str]:
        """Return the names of the wanted symbols, in their order; fewer where the record is damaged."""
        try:
            if not 0 < zstandard.frame_content_size(self.names) <= MAX_NAMES:
                return ()
            raw = zstandard.ZstdDecompressor().decompress(self.names)
        except zstandard.ZstdError:
            return ()
        return [name.decode("utf-8", "backslashreplace") for name in raw.split(b"\0")]


def gnu_hash(name: bytes) -> int:
    """Return the hash of a symbol's name that DT_GNU_HASH goes by (dl_new_hash: ``h * 33 + c``)."""
    if 0 < len(name) <= _USUAL_NAME:
        return _usual_hash(name)
    found = 5381
    for byte in name:
        found = (found * 33 + byte) % _MODULUS
    return found


def gnu_hashes(names: Collection[bytes]) -> Iterator[int]:
    """Return the hash of each name."""
    is_usual = max(map(len, names), default=0) <= _USUAL_NAME and b"" not in names
    return map(_usual_hash if is_usual else gnu_hash, names)


@lru_cache(maxsize=1 << 16)
def _usual_hash(name: bytes) -> int:
    # The hash is a polynomial in 33, which `int` evaluates at once, for digits below 33: those of a byte.
    high, low = int(name.translate(_HIGH), 33), int(name.translate(_LOW), 33)
    return (_STARTS[len(name)] + 32 * high + low) % _MODULUS


_DIGITS = b"0123456789abcdefghijklmnopqrstuv"
_HIGH = bytes(_DIGITS[byte >> 5] for byte in range(256))
_LOW = bytes(_DIGITS[byte & 31] for byte in range(256))
_STARTS = [5381 * pow(33, length, _MODULUS) for length in range(_USUAL_NAME + 1)]


_FOR_OTHERS = bytes(other for other in range(256) if other & 3 not in BINDS_LOCALLY)


def read_symbols(read: Read, size: int) -> SymbolTable | None:
    """Return the dynamic symbols of a file of `size` bytes; None where it has no dynamic segment.

    `read` is as in `read_elf`. Never raises for what the file holds: `damage` says what is wrong.
    """
    try:
        file = dynamic_file(read, size)
        if file is None:
            return None
        if elf.DT_SYMTAB not in file.values or elf.DT_STRTAB not in file.values:
            return SymbolTable()
        return _Tables(read, size, file).table()
    except Damaged as e:
        return SymbolTable(damage=str(e))


class _Tables:
    def __init__(self, read: Read, size: int, file: DynamicFile) -> None:
        self._read = read
        self._size = size
        self._file = file
        self._swaps = (file.layout.symbol.format[0] == "<") != (sys.byteorder == "little")
        self._symbols = file.offset(elf.DT_SYMTAB, "the symbol table")
        self._strings = file.offset(elf.DT_STRTAB, "the string table")
        self._text = self._window()
        self._left = MAX_NAMES
        size_of_strings = file.values.get(elf.DT_STRSZ, 0)
        is_small = 0 < size_of_strings <= _STRINGS_AT_ONCE and self._strings + size_of_strings <= size
        self._names = self._text.at(self._strings, size_of_strings, "the string table") if is_small else b""

    def table(self) -> SymbolTable:
        versions = self._version_names()
        if elf.DT_GNU_HASH in self._file.values:
            first, buckets, chain = self._gnu_hash()
            count = self._count_without_hashes() if first <= 1 and not chain else first
            numbered = self._versions(first, len(chain))
            is_short = len(buckets) == 1 and 0 < len(chain) <= _FEW
            if is_short or self._has_local(first, len(chain)):
                first, buckets, chain, numbered = self._hashed(first + len(chain))
        else:
            count = self._sysv_count()
            first, buckets, chain, numbered = self._hashed(count)
        wanted, indexes = self._columns(count).wanted()
        if len(wanted) > MAX_WANTED:
            raise Damaged(f"the file wants over {MAX_WANTED} symbols")
        names = self._strings_at(indexes)
        of_wanted = self._versions(0, count) if wanted else array("H")
        at_once = looked_up_at_once(self._file, self._words, frozenset(wanted)) if wanted else None
        called = () if at_once is None else [at for at, number in enumerate(wanted) if number not in at_once]
        return SymbolTable(
            first=first,
            buckets=_packed(buckets),
            chain=_packed(chain),
            versions=_packed(numbered),
            version_names=versions,
            wanted=_packed(array("I", gnu_hashes(names))),
            wanted_versions=_packed(_without_flags(of_wanted, wanted)) if versions else b"",
            names=_COMPRESSOR.compress(b"\0".join(names)) if names else b"",
            called=_packed(array("I", called)),
        )

    def _window(self) -> Window:
        return Window(self._read, self._size)

    def _string(self, index: int) -> bytes:
        end = self._names.find(b"\0", index)
        if end >= 0:
            found = self._names[index : min(end, index + MAX_STRING)]
        else:
            found = self._text.string(self._strings + index, MAX_STRING, "the name of a symbol")
        self._left -= len(found) + 1
        if self._left < 0:
            raise Damaged(_TOO_LONG)
        return found

    def _strings_at(self, indexes: Sequence[int]) -> list[bytes]:
        """Return the strings that `_string` does, for many at once."""
        # If each is as short as this, all of them together are not too long.
        most = min(MAX_STRING, self._left // max(1, len(indexes)))
        find = self._names.find
        ends = [find(b"\0", index, index + most) for index in indexes]
        if -1 in ends:
            return [self._string(index) for index in indexes]
        self._left -= sum(ends) - sum(indexes) + len(indexes)
        return [self._names[index:end] for index, end in zip(indexes, ends, strict=True)]

    def _words(self, offset: int, count: int, kind: str = "I") -> "array[int]":
        words = array(kind)
        words.frombytes(self._window().at(offset, count * words.itemsize, "a table of symbols"))
        if self._swaps:
            words.byteswap()
        return words

    def _gnu_hash(self) -> tuple[int, "array[int]", "array[int]"]:
        start = self._file.offset(elf.DT_GNU_HASH, "the hash table")
        count, first, bloom, _ = self._words(start, 4)
        if count > MAX_BUCKETS or bloom > MAX_BUCKETS:
            raise Damaged("the hash table is larger than any real one")
        at = start + 16 + bloom * (self._file.layout.elf_class // 8)
        buckets = self._words(at, count)
        last = max(buckets, default=0)
        at += 4 * count
        if last < first:
            return first, buckets, array("I")
        return first, buckets, self._chain(at, last - first)

    def _chain(self, at: int, last: int) -> "array[int]":
        """Return the chain up to the end of the list that begins at its entry `last`."""
        if last > MAX_DEFINED:
            raise Damaged("the hash table is larger than any real one")
        chain = self._words(at, last)
        while True:
            room = (self._size - at) // 4 - len(chain)
            piece = self._words(at + 4 * len(chain), min(256, room))
            end = next((i for i, word in enumerate(piece) if word & 1), None)
            chain.extend(piece if end is None else piece[: end + 1])
            if end is not None:
                return chain
            if not piece or len(chain) > MAX_DEFINED:
                raise Damaged("a list of the hash table has no end")

    def _versions(self, first: int, count: int) -> "array[int]":
        if elf.DT_VERSYM not in self._file.values or not count:
            return array("H")
        return self._words(self._file.offset(elf.DT_VERSYM, "the version table") + 2 * first, count, "H")

    def _count_without_hashes(self) -> int:
        """Return how many symbols there are where no hash table tells it: linkers put the strings behind."""
        if elf.DT_HASH in self._file.values:
            return self._sysv_count()
        return max(0, self._strings - self._symbols) // self._file.layout.symbol.size

    def _sysv_count(self) -> int:
        if elf.DT_HASH not in self._file.values:
            raise Damaged("the file has no hash table")
        return self._words(self._file.offset(elf.DT_HASH, "the hash table"), 2)[1]

    def _columns(self, count: int) -> SymbolColumns:
        return SymbolColumns(self._table(0, count), self._file.layout, swaps=self._swaps)

    def _table(self, first: int, count: int) -> bytes:
        if first + count > MAX_DEFINED:
            raise Damaged("the symbol table is larger than any real one")
        size = self._file.layout.symbol.size
        return self._window().at(self._symbols + first * size, count * size, "the symbol table")

    def _has_local(self, first: int, count: int) -> bool:
        """Say whether the hash table leads to symbols that no other file gets, as no linker has it do."""
        size = self._file.layout.symbol.size
        at = 5 if self._file.layout.elf_class == 64 else 13
        return bool(self._table(first, count)[at::size].translate(None, _FOR_OTHERS))

    def _hashed(self, count: int) -> tuple[int, "array[int]", "array[int]", "array[int]"]:
        """Return a table such as DT_GNU_HASH for the first `count` symbols, with two buckets at least."""
        versions = self._versions(0, count)
        numbers_, indexes = self._columns(count).defined()
        of_each = [versions[number] if versions else 0 for number in numbers_]
        defined = list(zip(gnu_hashes(self._strings_at(indexes)), of_each, strict=True))
        size = max(2, len(defined))
        order = sorted(defined, key=lambda item: item[0] % size)
        buckets, chain = array("I", bytes(4 * size)), array("I")
        for number, (hash_, _) in enumerate(order):
            bucket = hash_ % size
            buckets[bucket] = buckets[bucket] or number + 1
            is_last = number + 1 == len(order) or order[number + 1][0] % size != bucket
            chain.append(hash_ & ~1 | is_last)
        return 1, buckets, chain, array("H", [version for _, version in order]) if versions else array("H")

    def _version_names(self) -> dict[int, str]:
        values, layout = self._file.values, self._file.layout
        found: dict[int, str] = {}
        for tag, count, read in (
            (elf.DT_VERNEED, elf.DT_VERNEEDNUM, needed_by_index),
            (elf.DT_VERDEF, elf.DT_VERDEFNUM, defined_by_index),
        ):
            if tag in values:
                start = self._file.offset(tag, "a table of versions")
                found |= read(self._window(), start, values.get(count, 0), layout, self._name)
        return found

    def _name(self, index: int) -> str:
        return self._string(index).decode("utf-8", "backslashreplace")


def _without_flags(versions: "array[int]", wanted: Sequence[int]) -> "array[int]":
    """Return the version indexes of the wanted symbols; 0 where there is no table of versions."""
    if not versions:
        return array("H", bytes(2 * len(wanted)))
    found = array("H", map(versions.__getitem__, wanted))
    is_flagged = max(found, default=0) > INDEX_MASK
    return array("H", [index & INDEX_MASK for index in found]) if is_flagged else found


def _packed(words: "array[int]") -> bytes:
    if sys.byteorder != "little":
        words = words[:]
        words.byteswap()
    return words.tobytes()


def numbers(packed: bytes, kind: str) -> Sequence[int]:
    """Return the numbers of a field of `SymbolTable`; `kind` is ``I`` or ``H``."""
    words = array(kind)
    whole = packed[: len(packed) - len(packed) % words.itemsize]
    if sys.byteorder == "little":
        return memoryview(whole).cast("I" if kind == "I" else "H")
    words.frombytes(whole)
    words.byteswap()
    return words
