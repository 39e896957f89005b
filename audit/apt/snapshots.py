"""Keeps what was read of an archive, in compact form, so that one state of it is read once.

Each state is a file named by a key of the Releases it was read from; a pointer for each set of sources names
the state that was used last, which serves when the archive cannot be asked.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

import msgspec
import zstandard

from fleet_audit.audit.apt.packages import ArchivePackage

FORMAT = 1
"""Raise whenever a kept state would be read, or would have been made, differently."""

_LIMIT = 1 << 30
_KEPT_STATES = 12
_STATE = ".state.zst"
_POINTER = ".last"


class ArchiveState(msgspec.Struct, frozen=True, array_like=True):
    """One state of an archive for one architecture: all that an index needs."""

    label: str
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

    def keep(self, key: str, state: ArchiveState) -> None:
        """Keep `state` under `key`; the states unused for longest are forgotten."""
        packed = zstandard.ZstdCompressor(level=6, write_checksum=True).compress(
            msgspec.msgpack.encode(state)
        )
        self._write(key + _STATE, packed)
        with suppress(OSError):
            states = sorted(self._folder.glob("*" + _STATE), key=lambda path: -path.stat().st_mtime)
            for path in states[_KEPT_STATES:]:
                path.unlink(missing_ok=True)

    def remember(self, sources: str, key: str) -> None:
        """Note that the state under `key` is the latest one of the sources with the key `sources`."""
        self._write(sources + _POINTER, key.encode())

    def latest(self, sources: str) -> ArchiveState | None:
        """Return the state that was last read from these sources."""
        try:
            key = (self._folder / (sources + _POINTER)).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return self.load(key) if len(key) == 64 and key.isalnum() else None

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


def key_of(facts: Iterable[str]) -> str:
    """Return the key of what `facts` (in order) determine."""
    joined = "\0".join((str(FORMAT), *facts))
    return hashlib.sha256(joined.encode("utf-8", "backslashreplace")).hexdigest()
