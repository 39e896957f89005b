"""What ``${name#pattern}`` and its kin make of a value is what bash makes of it."""

import itertools
import shutil
import subprocess

import pytest

from fleet_audit.audit.dockerfiles.language.shell_words import read_words

pytestmark = pytest.mark.integration

VALUES = ("", "a", "aab", "abab/x", "xaxbxa", "/a/b.tar.gz", "bbb")
# No brackets: bash reads them in patterns, BuildKit does not.
PATTERNS = ("a", "?", "*", "a*", "*a", "a?b", "*b*", "?*?", "x*x", ".*", "a|b", "(b)", "b+")
STANDING_IN = tuple(
    f"${{A{sign}{word}}}" for sign in ("-", ":-", "+", ":+") for word in ("", "w", "$B", "${B:-x}")
)


def bash(values: list[str | None], words: list[str]) -> list[str]:
    program = shutil.which("bash")
    if program is None:
        pytest.skip("there is no bash here")
    lines = ["B='b c'"]
    for value, word in zip(values, words, strict=True):
        lines += [f"A='{value}'" if value is not None else "unset A", f"printf '%s\\n' \"{word}\""]
    done = subprocess.run(  # noqa: S603  (the program was looked up, and its script is above)
        [program, "-c", "\n".join(lines)], capture_output=True, check=True, text=True, timeout=60
    )
    return done.stdout.split("\n")[:-1]


def ours(value: str | None, word: str) -> str:
    known = {"B": "b c"} if value is None else {"A": value, "B": "b c"}
    return read_words(f'"{word}"', known).value


@pytest.mark.parametrize("sign", ["#", "##", "%", "%%", "/", "//"])
def test_patterns_match_as_in_bash(sign: str) -> None:
    end = "/w" if sign.startswith("/") else ""
    cases = [(value, f"${{A{sign}{pattern}{end}}}") for value, pattern in itertools.product(VALUES, PATTERNS)]

    expected = bash([value for value, _ in cases], [word for _, word in cases])

    assert [ours(value, word) for value, word in cases] == expected


def test_what_stands_in_for_a_value_does_so_as_in_bash() -> None:
    cases = list(itertools.product((None, "", "v"), STANDING_IN))

    expected = bash([value for value, _ in cases], [word for _, word in cases])

    assert [ours(value, word) for value, word in cases] == expected
