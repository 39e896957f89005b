"""How a file of the user's repository is changed: only as it was read, and as a whole or not at all."""

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet_audit.audit.errors import FleetAuditError

_LIMIT = 16 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe without a writer would be waited for.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class RewriteRefused(FleetAuditError):
    """A file was left as it is; `why` is a clause about it."""

    def __init__(self, path: str, why: str) -> None:
        """Keep the path and the reason."""
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.path}: {self.why}"


def rewrite(root: Path, path: str, change: Callable[[bytes], bytes], *, sha256: str) -> None:
    """Replace the file at `path`, relative to `root`, by what `change` makes of it.

    Its body must still have the digest `sha256`. It keeps its mode and, where that is allowed, its owner; a
    reader sees it as it was or as it is to be. No link is followed below `root`. Raises RewriteRefused for a
    file that has changed, is no regular file, is reached through a link, or cannot be written; it is left as
    it is then.
    """
    try:
        *folders, name = _parts(path)
        with _folder(root, folders, path) as folder:
            _rewrite_in(folder, name, path, change, sha256)
    except OSError as e:
        raise RewriteRefused(path, f"it cannot be written: {e.strerror or e}") from e


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise RewriteRefused(path, "it is no path below the repository")
    return parts


@contextmanager
def _folder(root: Path, names: Sequence[str], path: str) -> Iterator[int]:
    """Give the folder below `root` that these names lead to, each opened from the one above it."""
    opened = [os.open(os.path.realpath(root), _FOLDER)]
    try:
        for name in names:
            _refuse_link(opened[-1], name, path)
            opened.append(os.open(name, _FOLDER, dir_fd=opened[-1]))
        yield opened[-1]
    finally:
        for each in opened:
            os.close(each)


def _refuse_link(folder: int, name: str, path: str) -> None:
    if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise RewriteRefused(path, f"{name} is a symbolic link")


def _rewrite_in(folder: int, name: str, path: str, change: Callable[[bytes], bytes], sha256: str) -> None:
    _refuse_link(folder, name, path)
    with open(os.open(name, _READ, dir_fd=folder), "rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise RewriteRefused(path, "it is no regular file")
        body = file.read(_LIMIT)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise RewriteRefused(path, "it has changed since it was read; run the command again")
    _replace(folder, name, path, change(body), before)


def _replace(folder: int, name: str, path: str, body: bytes, before: os.stat_result) -> None:
    temporary = f".{name}.{secrets.token_hex(8)}"
    try:
        with open(os.open(temporary, _CREATE, 0o600, dir_fd=folder), "wb") as file:
            file.write(body)
            file.flush()
            with suppress(PermissionError):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            os.fsync(file.fileno())
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (now.st_ino, now.st_mtime_ns, now.st_size) != (before.st_ino, before.st_mtime_ns, before.st_size):
            raise RewriteRefused(path, "somebody else is changing it; run the command again")
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
