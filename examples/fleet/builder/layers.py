"""How a layer's tar becomes a blob: compressed as asked, with both of its digests."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Protocol

import msgspec
import zstandard


class Compression(StrEnum):
    """How layers are stored."""

    GZIP = "gzip"
    ZSTD = "zstd"
    NONE = "none"

    @property
    def media_type(self) -> str:
        """Return the media type of such a layer (OCI image specification, layer.md)."""
        suffix = "" if self is Compression.NONE else f"+{self}"
        return f"application/vnd.oci.image.layer.v1.tar{suffix}"


GZIP_LEVEL = 2
ZSTD_LEVEL = 3
"""Fixed, and gzip by zlib: the same tar gives the same blob on every machine with the same zlib."""


class Blob(msgspec.Struct, frozen=True):
    """A layer as it is stored."""

    digest: str
    diff_id: str
    size: int
    media_type: str


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Stored:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


_COMPRESSORS: dict[Compression, Callable[[], _Compressor]] = {
    Compression.GZIP: lambda: zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31),
    Compression.ZSTD: lambda: zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj(),
    Compression.NONE: _Stored,
}


class BlobSink:
    """A file object that takes a layer's tar; `blob` says what became of it once it is closed."""

    def __init__(self, file: IO[bytes], compression: Compression) -> None:
        """Write the compressed bytes to `file`."""
        self._file = file
        self._compression = compression
        self._compressor = _COMPRESSORS[compression]()
        self._diff_id = hashlib.sha256()
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes, /) -> int:
        """Take the next bytes of the tar."""
        self._diff_id.update(data)
        self._store(self._compressor.compress(data))
        return len(data)

    def finish(self) -> Blob:
        """End the stream and return its description."""
        self._store(self._compressor.flush())
        return Blob(
            digest=f"sha256:{self._digest.hexdigest()}",
            diff_id=f"sha256:{self._diff_id.hexdigest()}",
            size=self._size,
            media_type=self._compression.media_type,
        )

    def _store(self, data: bytes) -> None:
        self._digest.update(data)
        self._size += len(data)
        self._file.write(data)


@contextmanager
def blob_file(folder: Path) -> Iterator[IO[bytes]]:
    """Yield a file in `folder` that disappears unless `keep_blob` gives it a name."""
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=folder, prefix=".partial-", delete=False) as file:
        path = Path(file.name)
        try:
            yield file
        finally:
            path.unlink(missing_ok=True)


def keep_blob(file: IO[bytes], folder: Path, digest: str) -> Path:
    """Give a finished file of `blob_file` the name of its digest."""
    file.flush()
    Path(file.name).chmod(0o644)
    return Path(file.name).replace(folder / digest.removeprefix("sha256:"))


def read_layer(path: Path, media_type: str) -> Iterator[bytes]:
    """Yield a stored layer's uncompressed tar."""
    with path.open("rb") as file:
        if media_type.endswith("+zstd"):
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            while chunk := reader.read(1 << 20):
                yield chunk
            return
        inflate = zlib.decompressobj(31) if media_type.endswith("gzip") else None
        while chunk := file.read(1 << 20):
            yield inflate.decompress(chunk) if inflate else chunk
