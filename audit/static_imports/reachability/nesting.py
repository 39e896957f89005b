"""How deeply a question about a module may lead to questions about others."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MAX_NESTED = 12
"""More than any real chain of guarded imports has; beyond it nothing is sure."""

MAX_FLAGS = 2 * MAX_NESTED
"""A flag may be asked for at the end of such a chain: what it decides is kept for all who ask later."""


class Nesting:
    """Counts the questions that are being answered, one for the sake of another."""

    def __init__(self) -> None:
        """Start with none."""
        self._depth = 0

    def answer(self, ask: Callable[[], T], otherwise: T, *, most: int = MAX_NESTED) -> T:
        """Return the answer of `ask`, or `otherwise` where `most` questions wait for it already."""
        if self._depth >= most:
            return otherwise
        self._depth += 1
        answer = ask()
        self._depth -= 1
        return answer
