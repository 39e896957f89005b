"""A .dockerignore means what a slow and obvious reading of its rules says."""

import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.contexts.matching import PathPattern
from fleet_audit.audit.dockerfiles.copying.ignoring import ignore_rules

NAMES = st.sampled_from(["a", "b", "ab", "ba", "a.b", "aab"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
WILD = st.sampled_from(["*", "?", "**", "a*", "*b", "[ab]", "[^a]", "a", "b", "ab", "a.b", "a**", "**b"])
PATTERNS = st.lists(WILD, min_size=1, max_size=4).map("/".join)
SPACES = st.sampled_from(["", " ", "\t"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    sign = draw(st.sampled_from(["", "", "!", "! "]))
    before = draw(st.sampled_from(["", "", "/", "./"]))
    return f"{draw(SPACES)}{sign}{before}{draw(PATTERNS)}{draw(SPACES)}"


def expression(pattern: str) -> str:
    """Translate sign by sign, as moby/patternmatcher describes its patterns."""
    text, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            behind = pattern[at + 2 :]
            at += 3 if behind.startswith("/") else 2
            is_plain = at == 2 and re.search(r"[*?\[\]\\]", behind) is None
            text += ".*" if is_plain or at == len(pattern) else "(?:.*/)?"
        elif pattern[at] == "[":
            end = pattern.index("]", at) + 1
            text += pattern[at:end]
            at = end
        else:
            text += {"*": "[^/]*", "?": "[^/]"}.get(pattern[at], re.escape(pattern[at]))
            at += 1
    return text


def is_left_out(ignored: list[tuple[str, bool]], path: str) -> bool:
    """Walk down to a path; at each step every pattern in its order, told what matched a step above."""
    parts = path.split("/")
    above = [False] * len(ignored)
    is_out = False
    for length in range(1, len(parts) + 1):
        is_out = False
        found = [False] * len(ignored)
        for index, (pattern, takes_in) in enumerate(ignored):
            here = "/".join(parts[:length])
            could_change = takes_in == is_out
            found[index] = above[index] or (
                could_change and re.fullmatch(expression(pattern), here, re.DOTALL) is not None
            )
            if found[index]:
                is_out = not takes_in
        above = found
    return is_out


def cleaned(line: str) -> tuple[str, bool]:
    word = line.strip()
    takes_in = word.startswith("!")
    path = posixpath.normpath(word.removeprefix("!").strip())
    return path.lstrip("/"), takes_in


@given(st.lists(lines(), max_size=5), PATHS)
def test_patterns_decide_as_they_are_described(written: list[str], path: str) -> None:
    rules = ignore_rules("\n".join(written))

    assert rules.leaves_out(path) == is_left_out([cleaned(line) for line in written], path)


@given(st.lists(lines(), max_size=5), PATHS, st.lists(PATHS, max_size=4))
def test_what_was_asked_before_changes_no_answer(written: list[str], path: str, others: list[str]) -> None:
    fresh, used = ignore_rules("\n".join(written)), ignore_rules("\n".join(written))
    for other in others:
        used.leaves_out(other)

    assert used.deciding(path) is not None or not fresh.leaves_out(path)
    assert used.leaves_out(path) == fresh.leaves_out(path)


@given(st.lists(lines(), max_size=5), PATHS)
def test_comments_and_blank_lines_change_no_answer(written: list[str], path: str) -> None:
    plain = ignore_rules("\n".join(written))
    commented = ignore_rules("# first\n\n" + "\r\n#a\n \n".join(written) + "\n")

    assert plain.leaves_out(path) == commented.leaves_out(path)


@given(PATTERNS, PATHS)
def test_without_double_stars_a_pattern_is_one_of_gos_filepath_match(pattern: str, path: str) -> None:
    single = pattern.replace("**", "*")
    obvious = re.fullmatch(expression(single), path, re.DOTALL) is not None

    assert PathPattern(single, crosses_folders=False).matches(path) == obvious
    assert PathPattern(single, crosses_folders=True).matches(path) == obvious


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_text_is_read_without_an_error(text: str, path: str) -> None:
    ignore_rules(text).leaves_out(path)
