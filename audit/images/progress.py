"""Who is told while long work goes on."""

from typing import Protocol


class Progress(Protocol):
    """Receives how far a piece of work has come; amounts are bytes of the stored layer."""

    def start(self, label: str, total: int) -> None:
        """Note that work on `label` begins, of which there is `total`."""
        ...

    def advance(self, label: str, amount: int) -> None:
        """Note that `amount` more of `label` is done."""
        ...

    def finish(self, label: str) -> None:
        """Note that `label` is done, whether it went well or not."""
        ...


class _Silent:
    def start(self, label: str, total: int) -> None:
        """See `Progress.start`."""

    def advance(self, label: str, amount: int) -> None:
        """See `Progress.advance`."""

    def finish(self, label: str) -> None:
        """See `Progress.finish`."""


silent: Progress = _Silent()
"""Tells nobody."""
