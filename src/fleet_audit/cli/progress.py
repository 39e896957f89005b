"""Progress on stderr for long work, and silence where nobody watches."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Reporter:
    """Shows what is being done: a bar on a terminal, nothing elsewhere.

    Satisfies the `Progress` protocols of the stages: ``start``, ``advance`` and ``finish``.
    """

    def __init__(self, *, is_shown: bool) -> None:
        """Show bars only where `is_shown`."""
        self._is_shown = is_shown
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    def start(self, label: str, total: int | None) -> None:
        """Begin one piece of work of `total` units, or of unknown length."""
        if self._is_shown:
            self._tasks[label] = self._progress().add_task(label, total=total)

    def advance(self, label: str, amount: int) -> None:
        """Move one piece of work on."""
        if self._bars is not None and label in self._tasks:
            self._bars.advance(self._tasks[label], amount)

    def finish(self, label: str) -> None:
        """Remove one piece of work from view."""
        if self._bars is not None and label in self._tasks:
            self._bars.remove_task(self._tasks.pop(label))

    def close(self) -> None:
        """Clear the bars."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _progress(self) -> "RichProgress":
        if self._bars is None:
            from rich.console import Console  # noqa: PLC0415  (rich costs 50 ms; only terminals pay)
            from rich.progress import Progress  # noqa: PLC0415  (the same)

            self._bars = Progress(console=Console(stderr=True), transient=True)
            self._bars.start()
        return self._bars


def is_watched(*, quiet: bool) -> bool:
    """Say whether a person watches stderr: a terminal, and neither NO_COLOR nor CI is set."""
    silenced = quiet or any(os.environ.get(name) for name in ("NO_COLOR", "CI"))
    return sys.stderr.isatty() and not silenced


@contextmanager
def reporting(*, quiet: bool) -> Iterator[Reporter]:
    """Give a reporter, and clear its bars whatever happens."""
    reporter = Reporter(is_shown=is_watched(quiet=quiet))
    try:
        yield reporter
    finally:
        reporter.close()
