"""Whether one call in a line stands for another: ``a() or b()``, ``a() if x else b()``."""

import re

_WORD_OR_SIGN = re.compile(rb"\b(?:or|else)\b|[][(){},;]")
_OPENING, _CLOSING = frozenset(b"([{"), frozenset(b")]}")


def stands_for(between: bytes) -> bool:
    """Say whether the text between two calls of a line makes the later one an alternative of the earlier.

    `between` has no strings and no comments (they are blanked). What stands side by side, or in statements
    of their own, is both wanted.
    """
    depth, is_alternative = 0, False
    for found in _WORD_OR_SIGN.finditer(between):
        sign = found[0]
        if sign[0] in _OPENING:
            depth += 1
        elif sign[0] in _CLOSING:
            depth = max(0, depth - 1)
        elif depth == 0 and sign in (b",", b";"):
            return False
        elif depth == 0:
            is_alternative = True
    return is_alternative
