"""What looks at each file while a layer streams by, so that one pass feeds every stage."""

from typing import Protocol, TypeVar

import msgspec

from fleet_audit.audit.model.identity import ImagePath

RecordT_co = TypeVar("RecordT_co", bound=msgspec.Struct, covariant=True)


class Member(msgspec.Struct, frozen=True, gc=False):
    """A regular file as its layer describes it."""

    path: ImagePath
    size: int
    mode: int


class MemberBody(Protocol):
    """A regular file's body: that of a layer streams by, read once and shared by all collectors."""

    @property
    def size(self) -> int:
        """Return the whole body's length in bytes."""
        ...

    def upto(self, end: int) -> memoryview:
        """Return the first min(`end`, size) bytes; what was asked for is kept until the member ends.

        Raises `BodyTooLarge` when `end` is over the reader's memory limit.
        """
        ...

    def part(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer where the body ends.

        A body that streams by keeps all that lies before, with the limit of `upto`; a file of this machine
        is read there alone.
        """
        ...


class BodyTooLarge(Exception):
    """A collector asked for more of one body than a reader is willing to hold."""


class Collector(Protocol[RecordT_co]):
    """Turns some files of a layer into records that depend on nothing but the file's bytes and path.

    Collectors run in worker processes and see hostile bytes: they are picklable, hold no state, bound
    what they read, and never raise for what a file contains. Records are cached by the layer's diffID,
    `name` and `version`; raise `version` whenever the same bytes give another record.
    """

    @property
    def name(self) -> str:
        """Return the collector's part of the cache key."""
        ...

    @property
    def version(self) -> int:
        """Return the number of the record's meaning."""
        ...

    @property
    def record_type(self) -> type[RecordT_co]:
        """Return the type of the records, for decoding them from the cache."""
        ...

    @property
    def begins(self) -> bytes:
        """Return how every file of interest begins; others need not be shown to `collect`."""
        ...

    def collect(self, member: Member, body: MemberBody) -> RecordT_co | None:
        """Return what is known of this file, or None where it is of no interest."""
        ...
