"""What stands where in an image while it is built, and the layer that is being written on top of it."""

import tarfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Protocol, cast

import msgspec

EPOCH = 1_794_614_400
"""2026-11-14T00:00:00Z: nothing in an image is newer, so that the same inputs give the same bytes."""

_KEPT_BODY = 4 << 20
_READ_LATER = (
    "etc/",
    "usr/share/base-files/",
    "usr/share/base-passwd/",
    "usr/share/libc-bin/",
    "usr/share/ca-certificates/",
    "var/lib/dpkg/",
    "var/lib/apt/",
)
_MAX_HOPS = 40


class Owner(msgspec.Struct, frozen=True):
    """Who owns a file."""

    uid: int = 0
    gid: int = 0


ROOT_OWNER = Owner()


class Node(msgspec.Struct, frozen=True):
    """One path: a folder, a link with its target, or a file.

    `body` is kept for files that later steps read; `soname` is the name under which a shared library asks
    to be found, None where the file is no library.
    """

    kind: str
    mode: int
    link: str = ""
    body: bytes = b""
    soname: str | None = None


class FileSystem:
    """All paths of an image, relative to its root, links in folders followed as the kernel would."""

    def __init__(self) -> None:
        """Begin with an empty root."""
        self.nodes: dict[str, Node] = {"": Node("folder", 0o755)}

    def canonical(self, path: str) -> str:
        """Return `path` with the links among its folders followed (``bin/sh`` is ``usr/bin/sh``)."""
        folder, slash, name = path.strip("/").rpartition("/")
        return f"{self.resolve(folder)}/{name}".lstrip("/") if slash else name

    def resolve(self, path: str) -> str:
        """Return where `path` leads, its last component followed too; it need not exist."""
        pending = path.strip("/").split("/")[::-1]
        at: list[str] = []
        hops = 0
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                at = at[:-1]
                continue
            node = self.nodes.get("/".join((*at, part)))
            if node is not None and node.kind == "symlink" and hops < _MAX_HOPS:
                hops += 1
                at = [] if node.link.startswith("/") else at
                pending.extend(node.link.split("/")[::-1])
                continue
            at.append(part)
        return "/".join(at)

    def get(self, path: str) -> Node | None:
        """Return what stands at `path`, its last component not followed."""
        return self.nodes.get(self.canonical(path))

    def read(self, path: str) -> bytes:
        """Return the body of a small file that was kept; empty where there is none."""
        node = self.nodes.get(self.resolve(path))
        return node.body if node is not None else b""

    def below(self, folder: str) -> Iterator[tuple[str, Node]]:
        """Yield every path below a folder, sorted."""
        prefix = f"{self.resolve(folder)}/".lstrip("/")
        found = [path for path in self.nodes if path.startswith(prefix) and path]
        for path in sorted(found):
            yield path, self.nodes[path]

    def children(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted."""
        prefix = f"{self.resolve(folder)}/".lstrip("/")
        rests = (path[len(prefix) :] for path in self.nodes if path.startswith(prefix) and path)
        return sorted(rest for rest in rests if rest and "/" not in rest)


class Sink(Protocol):
    """What takes the bytes of a tar, and is never read."""

    def write(self, data: bytes, /) -> int:
        """Take the next bytes."""
        ...


class LayerWriter:
    """Writes one layer's tar, and keeps `files` up to date with it.

    Folders that are missing are made, and times are clamped to EPOCH.
    """

    def __init__(self, files: FileSystem, sink: Sink) -> None:
        """Write to `sink`, on top of what `files` holds."""
        self.files = files
        self._tar = tarfile.open(  # noqa: SIM115  (it lives as long as this writer; `close` ends it)
            fileobj=cast("IO[bytes]", sink), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20
        )

    def close(self) -> None:
        """End the tar."""
        self._tar.close()

    def folder(self, path: str, *, mode: int = 0o755, owner: Owner = ROOT_OWNER, mtime: int = EPOCH) -> None:
        """Make a folder, or change its mode; where a link to a folder stands, it is kept."""
        canonical = self.files.canonical(path)
        known = self.files.nodes.get(canonical)
        if known is not None and known.kind == "symlink":
            return
        if known is not None and known.kind == "folder" and known.mode == mode:
            return
        self._parents(canonical)
        self._add(_info(f"{canonical}/", tarfile.DIRTYPE, mode, owner, mtime))
        self.files.nodes[canonical] = Node("folder", mode)

    def file(  # noqa: PLR0913  (what a file in a tar has)
        self,
        path: str,
        body: bytes,
        *,
        mode: int = 0o644,
        owner: Owner = ROOT_OWNER,
        mtime: int = EPOCH,
        soname: str | None = None,
    ) -> None:
        """Write a regular file; its old content, or a link in its place, is replaced."""
        canonical = self._place(path)
        info = _info(canonical, tarfile.REGTYPE, mode, owner, mtime)
        info.size = len(body)
        self._add(info, BytesIO(body))
        is_kept = len(body) <= _KEPT_BODY and canonical.startswith(_READ_LATER)
        self.files.nodes[canonical] = Node("file", mode, body=body if is_kept else b"", soname=soname)

    def symlink(self, path: str, target: str, *, mtime: int = EPOCH) -> None:
        """Make a symbolic link; nothing happens where it would replace a folder."""
        canonical = self._place(path)
        known = self.files.nodes.get(canonical)
        if known is not None and (known.kind == "folder" or known.link == target):
            return
        info = _info(canonical, tarfile.SYMTYPE, 0o777, ROOT_OWNER, mtime)
        info.linkname = target
        self._add(info)
        self.files.nodes[canonical] = Node("symlink", 0o777, link=target)

    def hardlink(self, path: str, target: str, *, mtime: int = EPOCH) -> None:
        """Make a hard link to a file that this layer wrote."""
        canonical = self._place(path)
        to = self.files.canonical(target)
        info = _info(canonical, tarfile.LNKTYPE, self.files.nodes[to].mode, ROOT_OWNER, mtime)
        info.linkname = to
        self._add(info)
        self.files.nodes[canonical] = self.files.nodes[to]

    def remove(self, path: str) -> None:
        """Hide what a lower layer has at `path` (a whiteout: OCI image specification, layer.md)."""
        canonical = self.files.canonical(path)
        folder, _, name = canonical.rpartition("/")
        self._add(_info(f"{folder}/.wh.{name}".lstrip("/"), tarfile.REGTYPE, 0o600, ROOT_OWNER, EPOCH))
        self._forget(canonical)
        self.files.nodes.pop(canonical, None)

    def empty(self, path: str) -> None:
        """Hide everything that lower layers have in a folder (an opaque whiteout), and keep the folder."""
        canonical = self.files.canonical(path)
        self._forget(canonical)
        mode = self.files.nodes[canonical].mode
        self._add(_info(f"{canonical}/", tarfile.DIRTYPE, mode, ROOT_OWNER, EPOCH))
        self._add(_info(f"{canonical}/.wh..wh..opq", tarfile.REGTYPE, 0o600, ROOT_OWNER, EPOCH))

    def _forget(self, folder: str) -> None:
        for path, _ in list(self.files.below(folder)):
            del self.files.nodes[path]

    def _place(self, path: str) -> str:
        canonical = self.files.canonical(path)
        self._parents(canonical)
        return canonical

    def _parents(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder and folder not in self.files.nodes:
            self.folder(folder)

    def _add(self, info: tarfile.TarInfo, body: IO[bytes] | None = None) -> None:
        self._tar.addfile(info, body)


def _info(name: str, kind: bytes, mode: int, owner: Owner, mtime: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    info.uid, info.gid = owner.uid, owner.gid
    info.mtime = min(mtime, EPOCH)
    return info
