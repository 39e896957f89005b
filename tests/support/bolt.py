"""Files of the key/value store bbolt, in which scanners keep their data: written whole, and read back.

The format, as of version 2: pages of 4096 bytes; two meta pages, the one with the higher transaction counts;
a page that lists free pages; and trees of branch and leaf pages with sorted keys, one per bucket. A bucket
is a value in the leaf of the bucket that holds it: the page of its root, or, where it is small and has no
buckets of its own, that page itself.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import TypeAlias, Union

Bucket: TypeAlias = Mapping[str, Union[bytes, "Bucket"]]

_PAGE = 4096
_MAGIC = 0xED0CDAED
_VERSION = 2
_BRANCH, _LEAF, _META, _FREELIST = 0x01, 0x02, 0x04, 0x10
_IS_BUCKET = 1
_FIRST_FREE = 3
_INLINE_LIMIT = _PAGE // 4

_HEADER = struct.Struct("<QHHI")
"""Page number, kind, count of elements, count of pages that follow and belong to it."""

_META_BODY = struct.Struct("<IIIIQQQQQ")
"""Magic, version, page size, flags, root (page, sequence), freelist's page, end of pages, transaction."""

_LEAF_ELEMENT = struct.Struct("<IIII")
"""Flags, place of the key from this element on, sizes of key and value."""

_BRANCH_ELEMENT = struct.Struct("<IIQ")
"""Place of the key from this element on, its size, the page."""

_BUCKET = struct.Struct("<QQ")

_Entry: TypeAlias = tuple[int, bytes, bytes]


def bolt_file(root: Bucket) -> bytes:
    """Return a file with these buckets; as bbolt has it, the outermost level holds buckets alone."""
    pages = _Pages()
    root_page = pages.tree(root)
    end = pages.end
    pages.put(2, _FREELIST, 0, b"")
    for transaction in (0, 1):
        body = _META_BODY.pack(_MAGIC, _VERSION, _PAGE, 0, root_page, 0, 2, end, transaction)
        pages.put(transaction, _META, 0, body + struct.pack("<Q", _fnv1a(body)))
    return pages.joined()


def read_bolt(file: bytes) -> dict[str, object]:
    """Return the buckets of a file: bytes for values, and a dict for each bucket.

    Raises ValueError for what is no such file.
    """
    metas = [_meta(file, number) for number in (0, 1)]
    root = max(metas, key=lambda meta: meta[1])[0]
    return _read_bucket(file, file, root * _PAGE)


class _Pages:
    """The pages of a file that is being written, by their numbers."""

    def __init__(self) -> None:
        self.end = _FIRST_FREE
        self._pages: dict[int, bytes] = {}

    def put(self, number: int, kind: int, count: int, body: bytes) -> None:
        more = (_HEADER.size + len(body) - 1) // _PAGE
        page = _HEADER.pack(number, kind, count, more) + body
        self._pages[number] = page.ljust((more + 1) * _PAGE, b"\0")

    def joined(self) -> bytes:
        return b"".join(page for _, page in sorted(self._pages.items()))

    def tree(self, bucket: Bucket) -> int:
        """Write a bucket's pages, and return the number of its root."""
        entries = [self._entry(key, value) for key, value in bucket.items()]
        level = [
            (chunk[0][1] if chunk else b"", self._add(_LEAF, len(chunk), _leaf(chunk)))
            for chunk in _filled(sorted(entries, key=lambda entry: entry[1]))
        ]
        while len(level) > 1:
            groups = [level[start : start + 32] for start in range(0, len(level), 32)]
            level = [(group[0][0], self._add(_BRANCH, len(group), _branch(group))) for group in groups]
        return level[0][1]

    def _entry(self, key: str, value: "bytes | Bucket") -> _Entry:
        if isinstance(value, bytes):
            return 0, key.encode(), value
        return _IS_BUCKET, key.encode(), self._inline(value) or _BUCKET.pack(self.tree(value), 0)

    def _inline(self, bucket: Bucket) -> bytes | None:
        entries = [(0, key.encode(), value) for key, value in bucket.items() if isinstance(value, bytes)]
        body = _leaf(sorted(entries))
        if len(entries) < len(bucket) or _HEADER.size + len(body) > _INLINE_LIMIT:
            return None
        return _BUCKET.pack(0, 0) + _HEADER.pack(0, _LEAF, len(entries), 0) + body

    def _add(self, kind: int, count: int, body: bytes) -> int:
        number = self.end
        self.put(number, kind, count, body)
        self.end += len(self._pages[number]) // _PAGE
        return number


def _filled(entries: list[_Entry]) -> Iterator[list[_Entry]]:
    """Divide entries into those of one leaf each: as many as fit a page, and at least one."""
    chunk: list[_Entry] = []
    size = _HEADER.size
    for entry in entries:
        more = _LEAF_ELEMENT.size + len(entry[1]) + len(entry[2])
        if chunk and size + more > _PAGE:
            yield chunk
            chunk, size = [], _HEADER.size
        chunk.append(entry)
        size += more
    yield chunk


def _leaf(entries: list[_Entry]) -> bytes:
    elements, bodies = bytearray(), bytearray()
    for flags, key, value in entries:
        place = len(entries) * _LEAF_ELEMENT.size - len(elements) + len(bodies)
        elements += _LEAF_ELEMENT.pack(flags, place, len(key), len(value))
        bodies += key + value
    return bytes(elements + bodies)


def _branch(children: list[tuple[bytes, int]]) -> bytes:
    elements, bodies = bytearray(), bytearray()
    for key, page in children:
        place = len(children) * _BRANCH_ELEMENT.size - len(elements) + len(bodies)
        elements += _BRANCH_ELEMENT.pack(place, len(key), page)
        bodies += key
    return bytes(elements + bodies)


def _fnv1a(body: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in body:
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return value


def _meta(file: bytes, number: int) -> tuple[int, int]:
    """Return the page of the root bucket, and the transaction."""
    start = number * _PAGE + _HEADER.size
    body = file[start : start + _META_BODY.size]
    if len(body) < _META_BODY.size:
        raise ValueError("the file ends within its meta pages")
    magic, version, size, _, root, _, _, _, transaction = _META_BODY.unpack(body)
    (checksum,) = struct.unpack_from("<Q", file, start + _META_BODY.size)
    if (magic, version, size, checksum) != (_MAGIC, _VERSION, _PAGE, _fnv1a(body)):
        raise ValueError(f"meta page {number} is none")
    return root, transaction


def _read_bucket(file: bytes, pages: bytes, start: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for flags, key, value in _entries(file, pages, start):
        if flags != _IS_BUCKET:
            found[key.decode()] = value
            continue
        root, _ = _BUCKET.unpack_from(value)
        inline = value[_BUCKET.size :]
        found[key.decode()] = (
            _read_bucket(file, file, root * _PAGE) if root else _read_bucket(file, inline, 0)
        )
    return found


def _entries(file: bytes, pages: bytes, start: int) -> Iterator[_Entry]:
    _, kind, count, _ = _HEADER.unpack_from(pages, start)
    for index in range(count):
        element = start + _HEADER.size + 16 * index
        if kind == _BRANCH:
            _, _, page = _BRANCH_ELEMENT.unpack_from(pages, element)
            yield from _entries(file, file, page * _PAGE)
            continue
        flags, place, key_size, value_size = _LEAF_ELEMENT.unpack_from(pages, element)
        key = element + place
        yield flags, pages[key : key + key_size], pages[key + key_size : key + key_size + value_size]
