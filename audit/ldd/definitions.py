"""Which symbols a file defines, as the loader finds out: by the hash of a name, and by version."""

from collections import Counter
from collections.abc import Sequence

from fleet_audit.audit.ldd.symbol_table import SymbolTable, numbers
from fleet_audit.audit.ldd.symbol_versions import INDEX_MASK

_HIDDEN = 0x8000
_LONGEST_LIST = 64

_LOWEST_VERSION = 2
"""Indexes below say that a symbol is local, or global without a version (LSB Core, Symbol Versioning)."""

_WORTH_AN_INDEX = 4
"""Looking one symbol up costs as much as putting so many definitions into an index."""


class Definitions:
    """Answers which symbols a file defines."""

    __slots__ = (
        "_all",
        "_answering",
        "_asked",
        "_buckets",
        "_chain",
        "_first",
        "_hashes",
        "_names",
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
        self._hashes: list[int] | None = None
        self._asked: Counter[str] = Counter()
        self._answering: dict[str, frozenset[int]] = {}

    def defined(self, hashes: set[int], version: str = "") -> set[int]:
        """Return those of some hashes that `has` says yes to, faster than one by one."""
        self._asked[version] += len(hashes)
        if version in self._answering or self._is_worth_an_index(version):
            return hashes & self._answers_to(version)
        return {hash_ for hash_ in hashes if self.has(hash_, version)}

    def _is_worth_an_index(self, version: str) -> bool:
        """Say whether so much was asked for that an index pays for itself, and there can be one."""
        if self._asked[version] * _WORTH_AN_INDEX < len(self._chain):
            return False
        if self._hashes is None:
            self._hashes = whole_hashes(list(self._buckets), self._first, list(self._chain))
        return bool(self._hashes)

    def _answers_to(self, version: str) -> frozenset[int]:
        """Return the hashes of all symbols that would be taken for this version; only with an index."""
        if version not in self._answering:
            hashes, numbers_ = self._hashes or (), self._versions or ()
            present = set(numbers_)
            fitting = {number for number in present if self._fits(number, version)}
            self._answering[version] = frozenset(
                hashes
                if fitting == present
                else (hash_ for hash_, number in zip(hashes, numbers_, strict=True) if number in fitting)
            )
        return self._answering[version]

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
