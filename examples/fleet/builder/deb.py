"""What a Debian package holds: its control files, and its members in the order of its archive (deb(5))."""

import gzip
import lzma
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, cast

import zstandard

from examples.fleet.builder.failure import BuildError
from fleet_audit.audit.apt.debian.control import fields

_MAGIC = b"!<arch>\n"
_HEADER = 60
_CONTROL_LIMIT = 32 << 20


class Deb:
    """One package file. `control` are the fields of its control file, `info` its other control files."""

    def __init__(self, path: Path) -> None:
        """Read the control files; raise BuildError where `path` is no Debian package."""
        self.path = path
        self._parts = _members(path)
        files = {
            name.removeprefix("./"): body.read(_CONTROL_LIMIT)
            for name, body in self._control_files()
            if body is not None
        }
        if "control" not in files:
            raise BuildError(str(path), "is no Debian package: it has no control file")
        self.control = fields(files.pop("control").decode())
        self.info = files

    @property
    def name(self) -> str:
        """Return the package's name."""
        return self.control["Package"]

    def members(self) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        """Yield the members of the file system archive with their bodies; names have no leading ``./``."""
        with self._open("data.tar") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                member.name = member.name.removeprefix("./")
                body = tar.extractfile(member) if member.isreg() else None
                yield member, body.read() if body else b""

    def _control_files(self) -> Iterator[tuple[str, IO[bytes] | None]]:
        with self._open("control.tar") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.isreg():
                    yield member.name, tar.extractfile(member)

    def _open(self, part: str) -> IO[bytes]:
        for name, (offset, size) in self._parts.items():
            if name.startswith(part):
                with self.path.open("rb") as file:
                    file.seek(offset)
                    return _decompressed(name, file.read(size))
        raise BuildError(str(self.path), f"is no Debian package: it has no {part}")


def _decompressed(name: str, body: bytes) -> IO[bytes]:
    suffix = name.rpartition(".")[2]
    match suffix:
        case "xz":
            return cast("IO[bytes]", lzma.open(BytesIO(body)))
        case "gz":
            return cast("IO[bytes]", gzip.open(BytesIO(body)))
        case "zst":
            return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(body))
        case _:
            return BytesIO(body)


def _members(path: Path) -> dict[str, tuple[int, int]]:
    """Return the offset and size of each member of an ar archive."""
    found: dict[str, tuple[int, int]] = {}
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BuildError(str(path), "is no Debian package")
        while header := file.read(_HEADER):
            if len(header) < _HEADER or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
                raise BuildError(str(path), "is a damaged Debian package")
            size = int(header[48:58])
            found[header[:16].decode("ascii", "replace").rstrip(" /")] = (file.tell(), size)
            file.seek(size + size % 2, 1)
    return found
