"""Keeps what was read of an archive, in compact form, so that one state of it is read once.

Each state is a file named by a key of the Releases it was read from, with a description beside it; a pointer
for each set of sources names the state that was used last, which serves when the archive cannot be asked.
"""

import hashlib
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

import msgspec
import zstandard

from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.model.archives import KeptArchive

FORMAT = 2
"""Raise whenever a kept state would be read, or would have been made, differently."""

KEPT_STATES = 12
KEPT_BYTES = 256 << 20
"""Of the states that are kept, those used last count, up to both bounds."""

_LIMIT = 1 << 30
# Seconds after which another process has written the state for a description that it wrote.
_SETTLED = 3600.0
_STATE = ".state.zst"
_DESCRIPTION = ".facts.json"
_POINTER = ".last"
_DESCRIPTION_LIMIT = 1 << 20


class ArchiveState(msgspec.Struct, frozen=True, array_like=True):
    """One state of an archive for one architecture: all that an index needs."""

    label: str
    architecture: str
    repositories: tuple[str, ...]
    sonames: dict[str, tuple[str, ...]]
    programs: dict[str, tuple[str, ...]]
    packages: list[ArchivePackage]


class Snapshots:
    """A folder of archive states. One that is damaged, or cannot be read, is not there.

    Parallel runs may share the folder: files appear whole or not at all. A folder that cannot be written is
    no error: nothing is kept then.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made when it is first needed."""
        self._folder = folder

    def load(self, key: str) -> ArchiveState | None:
        """Return the state kept under `key`."""
        path = self._folder / (key + _STATE)
        try:
            state = _unpacked(path.read_bytes())
        except (OSError, ValueError, zstandard.ZstdError, msgspec.MsgspecError):
            return None
        with suppress(OSError):
            path.touch()
        return state

    def keep(self, known: KeptArchive, state: ArchiveState) -> None:
        """Keep `state` and what is `known` of it; the states unused for longest are forgotten."""
        packed = zstandard.ZstdCompressor(level=6, write_checksum=True).compress(
            msgspec.msgpack.encode(state)
        )
        # The description comes first: a state without one is nothing that anybody could choose.
        self.describe(known)
        self._write(known.key + _STATE, packed)
        with suppress(OSError):
            self._forget(known.key)

    def describe(self, known: KeptArchive) -> None:
        """Keep what is known of a state beside it, in place of what was known before."""
        self._write(known.key + _DESCRIPTION, msgspec.json.encode(known))

    def matching(self, prefix: str) -> list[KeptArchive]:
        """Return what is known of the states whose keys begin with `prefix`."""
        return [known for known in self.every() if known.key.startswith(prefix)]

    def described(self, key: str) -> KeptArchive | None:
        """Return what is known of the state under `key`, without reading it; None where it is not there."""
        path = self._folder / (key + _DESCRIPTION)
        try:
            size = (self._folder / (key + _STATE)).stat().st_size
            with path.open("rb") as file:
                known = msgspec.json.decode(file.read(_DESCRIPTION_LIMIT), type=KeptArchive)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return msgspec.structs.replace(known, bytes=size) if known.key == key else None

    def every(self) -> list[KeptArchive]:
        """Return what is known of each state that is kept, by distribution, architecture and date."""
        keys = (path.name.removesuffix(_STATE) for path in self._folder.glob("*" + _STATE))
        found = (self.described(key) for key in keys)
        return sorted(
            (known for known in found if known is not None),
            key=lambda known: (known.distribution, known.release, known.architecture, known.label, known.key),
        )

    def remember(self, sources: str, key: str) -> None:
        """Note that the state under `key` is the latest one of the sources with the key `sources`."""
        self._write(sources + _POINTER, key.encode())

    def latest(self, sources: str) -> str | None:
        """Return the key of the state that was last read from these sources."""
        try:
            key = (self._folder / (sources + _POINTER)).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return key if len(key) == 64 and key.isalnum() else None

    def _forget(self, fresh: str) -> None:
        """Delete what is over the bounds, but never the state `fresh`, and what belongs to no state."""
        found = [(path.stat(), path) for path in self._folder.glob("*" + _STATE)]
        kept: set[str] = set()
        size = 0
        for status, path in sorted(found, key=lambda each: (_key(each[1]) != fresh, -each[0].st_mtime)):
            size += status.st_size
            key = _key(path)
            is_described = (self._folder / (key + _DESCRIPTION)).exists()
            if key == fresh or (len(kept) < KEPT_STATES and size <= KEPT_BYTES and is_described):
                kept.add(key)
            else:
                path.unlink(missing_ok=True)
        for path in self._folder.glob("*" + _POINTER):
            if path.read_bytes()[:64].decode("ascii", "replace") not in kept:
                path.unlink(missing_ok=True)
        for path in self._folder.glob("*" + _DESCRIPTION):
            if _key(path) not in kept and path.stat().st_mtime < time.time() - _SETTLED:
                path.unlink(missing_ok=True)

    def _write(self, name: str, body: bytes) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, partial = mkstemp(dir=self._folder, prefix=".partial-")
            try:
                with open(handle, "wb") as file:
                    file.write(body)
                Path(partial).replace(self._folder / name)
            finally:
                Path(partial).unlink(missing_ok=True)


def _unpacked(packed: bytes) -> ArchiveState:
    if not 0 < zstandard.frame_content_size(packed) <= _LIMIT:
        raise ValueError("no state that was kept here")
    return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed), type=ArchiveState)


def _key(path: Path) -> str:
    return path.name.partition(".")[0]


def key_of(facts: Iterable[str]) -> str:
    """Return the key of what `facts` (in order) determine."""
    joined = "\0".join((str(FORMAT), *facts))
    return hashlib.sha256(joined.encode("utf-8", "backslashreplace")).hexdigest()
