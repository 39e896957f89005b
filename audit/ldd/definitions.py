"""Which symbols a file defines, as the loader finds out: by the hash of a name, and by version."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from fleet_audit.audit.ldd.symbol_table import SymbolTable, numbers
from fleet_audit.audit.ldd.symbol_versions import INDEX_MASK

_HIDDEN = 0x8000
_LONGEST_LIST = 64

_LOWEST_VERSION = 2
"""Indexes below say that a symbol is local, or global without a version (LSB Core, Symbol Versioning)."""

_WORTH_AN_INDEX = 8
"""Looking one symbol up costs as much as putting so many definitions into an index."""


class Definitions:
    """Answers which symbols a file defines."""

    __slots__ = (
        "_all",
        "_asked",
        "_buckets",
        "_by_hash",
        "_chain",
        "_first",
        "_fitting",
        "_names",
        "_present",
        "_versions",
    )

    def __init__(self, table: SymbolTable) -> None:
        """Take a table, which may come from a damaged cache."""
        self._first = table.first
        self._buckets = numbers(table.buckets, "I")
        self._chain = numbers(table.chain, "I")
        versions = numbers(table.versions, "H")
        self._versions = versions if len(versions) == len(self._chain) else None
        self._names = table.version_names
        self._all: dict[int, set[int]] | None = None
        self._asked = 0
        self._by_hash: Mapping[int, AbstractSet[int]] | None = None
        self._fitting: dict[str, frozenset[int]] = {}
        self._present: frozenset[int] | None = None

    def defined(self, hashes: set[int], version: str = "") -> set[int]:
        """Return those of some hashes that `has` says yes to, faster than one by one."""
        self._asked += len(hashes)
        by_hash = self._index() if self._asked * _WORTH_AN_INDEX > len(self._chain) else {}
        if not by_hash:
            return {hash_ for hash_ in hashes if self.has(hash_, version)}
        found = by_hash.keys() & hashes
        if self._versions is None:
            return found
        fitting = self._numbers_for(version)
        return {hash_ for hash_ in found if not fitting.isdisjoint(by_hash[hash_])}

    def has(self, hash_: int, version: str = "") -> bool:
        """Say whether a symbol with this hash and version would be taken (do_lookup_x, check_match).

        Without a version any default will do, and with one also a symbol that has none.
        """
        chain, wanted = self._chain, hash_ | 1
        start = self._buckets[hash_ % len(self._buckets)] - self._first if self._buckets else -1
        if not 0 <= start < len(chain):
            return False
        for at in range(start, min(start + _LONGEST_LIST, len(chain))):
            word = chain[at]
            if word | 1 == wanted and self._fits(self._versions[at] if self._versions else 0, version):
                return True
            if word & 1:
                return False
        return any(self._fits(number, version) for number in self._by_word().get(wanted, ()))

    def _by_word(self) -> dict[int, set[int]]:
        """Return all definitions by hash: lists that no linker makes must not cost more than any other."""
        if self._all is None:
            self._all = {}
            for at, word in enumerate(self._chain):
                self._all.setdefault(word | 1, set()).add(self._versions[at] if self._versions else 0)
        return self._all

    def _index(self) -> Mapping[int, AbstractSet[int]]:
        """Return the version numbers of each hash; empty where the table is not as linkers make it."""
        if self._by_hash is None:
            hashes = whole_hashes(list(self._buckets), self._first, list(self._chain))
            self._by_hash = _numbers_by_hash(hashes, None if self._versions is None else list(self._versions))
        return self._by_hash

    def _numbers_for(self, version: str) -> frozenset[int]:
        if version not in self._fitting:
            if self._present is None:
                self._present = frozenset(self._versions or ())
            self._fitting[version] = frozenset(n for n in self._present if self._fits(n, version))
        return self._fitting[version]

    def _fits(self, number: int, version: str) -> bool:
        index, is_hidden = number & INDEX_MASK, bool(number & _HIDDEN)
        if not version:
            return index <= _LOWEST_VERSION or not is_hidden
        defined = self._names.get(index, "") if index >= _LOWEST_VERSION else ""
        return defined == version if defined else not is_hidden


def whole_hashes(buckets: Sequence[int], first: int, chain: Sequence[int]) -> list[int]:
    """Return the hash of each symbol in `chain`, whose lowest bit there marks the end of a list.

    That bit follows from the bucket that the list belongs to. Empty where the lists do not stand one after
    the other, a bucket each, or where there is a single bucket.
    """
    count = len(buckets)
    lists = {start - first: bucket for bucket, start in enumerate(buckets) if start >= first}
    if count < 2 or len(lists) != sum(start >= first for start in buckets):
        return []
    hashes: list[int] = []
    bucket = lists.pop(0, -1)
    for at, word in enumerate(chain, 1):
        hash_ = word & ~1
        if hash_ % count != bucket:
            hash_ += 1
            if hash_ % count != bucket:
                return []
        hashes.append(hash_)
        if word & 1:
            bucket = lists.pop(at, -1)
    return [] if lists else hashes


def _numbers_by_hash(hashes: Sequence[int], versions: Sequence[int] | None) -> Mapping[int, AbstractSet[int]]:
    if versions is None:
        return dict.fromkeys(hashes, frozenset((0,)))
    alone = {number: frozenset((number,)) for number in set(versions)}
    found: dict[int, AbstractSet[int]] = {}
    # Few symbols are defined in several versions.
    several: dict[int, set[int]] = {}
    for hash_, number in zip(hashes, versions, strict=False):
        if hash_ in found:
            several.setdefault(hash_, set(found[hash_])).add(number)
        else:
            found[hash_] = alone[number]
    return found | several
