"""Keeps what was read of an archive, in compact form, so that one state of it is read once.

Each state is a file named by a key of the Releases it was read from, with a description beside it; a pointer
for each set of sources names the state that was used last, which serves when the archive cannot be asked.
"""

import hashlib
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

_LIMIT = 1 << 30
_KEPT_STATES = 12
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
                path.with_name(path.name.removesuffix(_STATE) + _DESCRIPTION).unlink(missing_ok=True)

    def describe(self, known: KeptArchive) -> None:
        """Keep what is known of a state beside it, in place of what was known before."""
        self._write(known.key + _DESCRIPTION, msgspec.json.encode(known))

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
