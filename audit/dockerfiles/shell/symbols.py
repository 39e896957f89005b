"""Texts of which a part is not known: a symbol names what would stand there.

Two such texts that are equal stand for the same value within one run, whatever that is:
``web:${{ github.sha }}`` that is built and ``web:$GITHUB_SHA`` that is scanned are one image.
"""

import re

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Of the characters for private use (Unicode, section 23.5); in a file they make a text unknown, no more."""
_SYMBOL = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}?")
OF_JOB = "job"
"""Stands before the name of a job, before what one of its steps gives."""

_JOB = re.compile(rf"{OF_JOB}\.[^.]*\.")
_GITHUB = re.compile(r"\$GITHUB_([A-Z_]+)")


def symbol(name: str) -> str:
    """Return what stands for a value that is not known: of a variable (``$NAME``) or an expression."""
    variable = _GITHUB.fullmatch(name)
    # The runner sets GITHUB_SHA to github.sha, and so on (docs.github.com, "Variables reference").
    plain = f"github.{variable[1].lower()}" if variable else " ".join(name.split())
    return f"{_OPEN}{plain.replace(_OPEN, '').replace(_CLOSE, '')}{_CLOSE}"


def is_known(text: str) -> bool:
    """Say whether no part of a text is a symbol."""
    return _OPEN not in text


def known(text: str | None) -> str | None:
    """Return a text that is known to its end; None for any other."""
    return text if text is not None and is_known(text) else None


def starts_unknown(text: str) -> bool:
    """Say whether already the first character of a text is not known."""
    return text.startswith(_OPEN)


def shown(text: str) -> str:
    """Return a text as people read it: an expression in braces, a variable with its sign."""
    return _SYMBOL.sub(lambda found: _written(found[1]), text)


def _written(name: str) -> str:
    job = _JOB.match(name)
    plain = name[job.end() :] if job else name
    return plain if plain.startswith("$") else f"${{{{ {plain} }}}}"


def with_holes(text: str, hole: str) -> str:
    """Return a text with one and the same hole in the place of every symbol."""
    return _SYMBOL.sub(hole, text)


def without_symbols(text: str) -> str:
    """Return a text of the same length in which the characters of every symbol are blanks."""
    return _SYMBOL.sub(lambda found: " " * len(found[0]), text)


def symbols_in(text: str) -> tuple[str, ...]:
    """Return the names of what is not known in a text."""
    return tuple(_SYMBOL.findall(text))
