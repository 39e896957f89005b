"""Cache folders of the form ``ab/abcdef…``, kept below a size."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def trim(cache: Path, limit: int, *, keep: Path | None = None) -> None:
    """Delete the entries of `cache` unused for longest until it holds at most `limit` bytes; never `keep`.

    Use is what changes a file's modification time. Other processes may trim or fill the folder meanwhile.
    """
    total = 0
    for _, size, path in sorted(_entries(cache), reverse=True):
        total += size
        if total > limit and path != keep:
            with suppress(OSError):
                path.unlink()


def _entries(cache: Path) -> Iterator[tuple[float, int, Path]]:
    for path in cache.glob("??/*"):
        try:
            status = path.stat()
        except OSError:
            continue  # another process has trimmed it, or somebody put there what is no entry
        # What a killed process left half written is an entry that nobody uses: it ages and goes too.
        yield status.st_mtime, status.st_size, path
