"""What an image holds after a layer, kept so that another image can go on from there."""

from contextlib import suppress
from pathlib import Path

import msgspec
import zstandard

from examples.fleet.builder.filesystem import FileSystem, Node
from examples.fleet.builder.layers import Blob

_KEPT = 64
_LIMIT = 256 << 20


class _State(msgspec.Struct, frozen=True, array_like=True):
    blob: Blob
    nodes: dict[str, Node]


class States:
    """A folder of states by the digest of what they were made from. A damaged one is not there."""

    def __init__(self, folder: Path) -> None:
        """Keep states in `folder`, the newest ones."""
        self._folder = folder

    def load(self, key: str) -> tuple[Blob, FileSystem] | None:
        """Return the layer and the file system that were kept under `key`."""
        try:
            packed = (self._folder / key).read_bytes()
            raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_LIMIT)
            state = msgspec.msgpack.decode(raw, type=_State)
        except (OSError, zstandard.ZstdError, msgspec.MsgspecError):
            return None
        files = FileSystem()
        files.nodes = state.nodes
        return state.blob, files

    def keep(self, key: str, blob: Blob, files: FileSystem) -> None:
        """Keep a layer and the file system after it."""
        raw = msgspec.msgpack.encode(_State(blob, files.nodes))
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{key}"
        partial.write_bytes(zstandard.ZstdCompressor(level=1).compress(raw))
        partial.replace(self._folder / key)
        self._forget()

    def _forget(self) -> None:
        with suppress(OSError):
            kept = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in kept[_KEPT:]:
                path.unlink(missing_ok=True)
