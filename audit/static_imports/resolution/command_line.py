"""With which options an image's own command starts Python, and what those options change."""

import re
from collections.abc import Mapping, Sequence

import msgspec

_PYTHON = re.compile(r"python(?:3(?:\.\d{1,2})?t?)?")
_WITH_VALUE = "WX"
_ENDS = "cm"
"""``-c`` and ``-m`` end the options (Python/getopt.c)."""


class Options(msgspec.Struct, frozen=True):
    """What the options of a command line change about ``sys.path`` (Python's manual, "Command line").

    `is_isolated_from_environment` for ``-E``: no ``PYTHON*`` variable counts. `has_user_site` is off with
    ``-s``, `has_site` with ``-S``, `has_script_folder` with ``-P`` (from 3.11 on); ``-I``, which is
    `is_isolated`, means ``-E``, ``-s`` and ``-P``.
    """

    is_isolated: bool = False
    is_isolated_from_environment: bool = False
    has_user_site: bool = True
    has_site: bool = True
    has_script_folder: bool = True


def options_of(command: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Return the options with which `command` runs Python; those of plain ``python`` where it does not."""
    given = _letters(command)
    is_isolated = "I" in given
    ignores = is_isolated or "E" in given
    env: Mapping[str, str] = {} if ignores else environment
    return Options(
        is_isolated=is_isolated,
        is_isolated_from_environment=ignores,
        has_user_site=not (is_isolated or "s" in given or env.get("PYTHONNOUSERSITE")),
        has_site="S" not in given,
        has_script_folder=not (is_isolated or "P" in given or env.get("PYTHONSAFEPATH")),
    )


def is_python(program: str) -> bool:
    """Say whether a program is called as Python's interpreter is."""
    return _PYTHON.fullmatch(program.rpartition("/")[2]) is not None


def _letters(command: Sequence[str]) -> set[str]:
    words = iter(command)
    # Behind an init (``tini -- python``) it is the first Python that counts.
    if not any(is_python(word) for word in words):
        return set()
    letters: set[str] = set()
    for word in words:
        if not re.fullmatch(r"-[A-Za-z].*", word, re.DOTALL):
            break
        for at, letter in enumerate(word[1:], 1):
            letters.add(letter)
            if letter in _ENDS:
                return letters
            if letter in _WITH_VALUE:
                if at == len(word) - 1:
                    next(words, None)
                break
    return letters
