"""What stands in the body of a ``lambda``: it runs once somebody calls that, not where it stands."""

import re

_LONGEST = 400
"""So far behind its beginning a body is looked for."""

_BEGINS = re.compile(rb"\blambda\b[^:\n]*:")
_MARK = re.compile(rb"[()\[\]{},;\n]")


class Lambdas:
    """Asks one shadow; see `Text`."""

    def __init__(self, shadow: bytes) -> None:
        """Take the text."""
        self._shadow = shadow
        self._has_any = b"lambda" in shadow

    def hold(self, offset: int) -> bool:
        """Say whether what stands at `offset` is in the body of a ``lambda``, as far as its line shows."""
        if not self._has_any:
            return False
        window = max(0, offset - _LONGEST)
        return any(
            self._is_open(found.end(), offset) for found in _BEGINS.finditer(self._shadow, window, offset)
        )

    def _is_open(self, start: int, offset: int) -> bool:
        """Say whether the expression that begins at `start` goes on at `offset`."""
        depth = 0
        for mark in _MARK.finditer(self._shadow, start, offset):
            if mark[0] in b"([{":
                depth += 1
            elif mark[0] in b")]}":
                depth -= 1
            if depth < 0 or (depth == 0 and mark[0] in b",;\n"):
                return False
        return True
