"""Laws of reading and changing Dockerfiles."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.addition.applying import ChangeDoesNotFit, applied
from fleet_audit.audit.dockerfiles.addition.foreign_stage import ForeignStage, patch_with_stage
from fleet_audit.audit.dockerfiles.addition.own_packages import own_packages
from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
from fleet_audit.audit.dockerfiles.language.building import refusals
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.patterns import PatternInvalid, replaced, trimmed
from fleet_audit.audit.dockerfiles.language.shell_words import SubstitutionInvalid, read_words
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.dockerfiles import DockerfileChange
from tests.support.laws import examples

CORPUS = Path(__file__).parents[1] / "fixtures" / "dockerfiles"
ACCEPTED = [path.read_text("utf-8") for path in sorted((CORPUS / "accepted").iterdir())]
REFUSED = [path.read_bytes().decode() for path in sorted((CORPUS / "refused").iterdir())]

LINES = (
    *(
        "FROM debian:12",
        "FROM debian:12 AS base",
        "FROM a \\",
        'RUN ["apt-get", "install", "liba"]',
        "FROM base",
        "FROM $A",
        "ARG A=1",
        "ENV A=$A B",
        "ENV A=b",
    ),
    *(
        "RUN apt-get update && \\",
        "    apt-get install -y liba \\",
        "        # why",
        "        libb \\",
        "    libc",
    ),
    *(
        "RUN apt-get install -y libd libe&& true",
        "USER root",
        "USER 1",
        "RUN <<EOF",
        "EOF",
        "COPY --from=0 a b",
    ),
    *(
        "COPY <<EOF /x",
        "",
        "  ",
        "# syntax=docker/dockerfile:1",
        "# escape=`",
        "\\",
        "RUN a `",
        "ONBUILD RUN x",
    ),
    *('CMD ["a"]', "CMD [1]", "EXPOSE $A", "WORKDIR ${A:-${A", "HEALTHCHECK CMD x", "é\u2028\x00", "'\""),
)
lines = st.sampled_from(LINES) | st.text(max_size=12)
dockerfiles = st.lists(lines, max_size=14).flatmap(
    lambda chosen: st.sampled_from(("\n", "\r\n")).map(lambda end: end.join(chosen))
)
roots = st.lists(st.sampled_from(("liba=1", "libab=2", "libc=3", "libz", "g++=4:1", "a0=1~x")), max_size=4)


SOME = examples(30)
"""For a law that is tried on each text of the corpus."""


def words_of(dockerfile: Dockerfile) -> list[tuple[object, ...]]:
    return [(i.keyword, i.flags, " ".join(i.body.split()), i.is_exec) for i in dockerfile.instructions]


@given(dockerfiles)
def test_any_text_is_read_and_every_line_that_is_named_exists(text: str) -> None:
    dockerfile = parse(text)
    count = max(1, len(text.split("\n")))

    found = (*dockerfile.rejections, *refusals(dockerfile, scopes(dockerfile, {"A": "x"})))

    for rejection in found:
        assert 1 <= rejection.line <= count
        assert rejection.cause_line is None or 1 <= rejection.cause_line <= count
        assert rejection.message
        assert (rejection.cause_line is None) == (rejection.cause is None)
    ends = [0, *(each.last_line for each in dockerfile.instructions)]
    starts = [each.line for each in dockerfile.instructions]
    assert all(end < start for end, start in zip(ends, starts, strict=False))


@given(dockerfiles, roots, st.sets(st.sampled_from(("liba", "libb", "libc", "libd", "libe"))))
def test_a_change_that_is_made_again_changes_nothing(text: str, pins: list[str], surplus: set[str]) -> None:
    plan = AptPlan(roots=tuple(pins))

    after = patch(text, plan, surplus=surplus).after

    assert patch(after, plan, surplus=surplus).is_empty


@given(dockerfiles, roots)
def test_what_is_not_asked_for_stays_as_it_was(text: str, pins: list[str]) -> None:
    change = patch(text, AptPlan(roots=tuple(pins)))
    before = [line.rstrip() for line in text.split("\n")]
    kept = iter(line.rstrip() for line in change.after.split("\n"))

    if not any(root.partition("=")[0] in text for root in pins):
        # Every character of the file is there still, in its order: packages only come in between.
        left = iter(change.after)
        assert all(character in left for character in text if character not in "\\` \t\r\n")
    if not pins:
        assert before == list(kept)
        assert unified(change) == ""


@given(dockerfiles, roots)
def test_a_change_makes_no_dockerfile_worse(text: str, pins: list[str]) -> None:
    before, after = parse(text), parse(patch(text, AptPlan(roots=tuple(pins))).after)

    assert [r.kind for r in after.rejections] == [r.kind for r in before.rejections]
    assert len(after.stages) == len(before.stages)


@pytest.mark.parametrize(
    "text", [each for each in ACCEPTED if "<<" not in each and "escape" not in each.lower()]
)
@SOME
@given(st.data())
def test_comments_and_blank_lines_do_not_change_the_answer(text: str, data: st.DataObject) -> None:
    start = next((at for at, line in enumerate(text.split("\n")) if not line.startswith("#")), 0)
    added = []
    for at, line in enumerate(text.split("\n")):
        if at > start:
            added += data.draw(st.sampled_from(([], ["# a comment"], ["   # another \\"], [""])))
        added.append(line)

    assert words_of(parse("\n".join(added))) == words_of(parse(text))
    assert parse("\n".join(added)).rejections == ()


@pytest.mark.parametrize("text", [each for each in ACCEPTED if "<<" not in each and "#" not in each])
@SOME
@given(st.data())
def test_a_line_may_be_broken_at_any_blank(text: str, data: st.DataObject) -> None:
    blanks = [at for at, character in enumerate(text) if character == " " and text[at - 1] not in "\\ "]
    broken = data.draw(st.sets(st.sampled_from(blanks), max_size=3)) if blanks else set()

    written = "".join(" \\\n" if at in broken else character for at, character in enumerate(text))

    flags = [[(f.name, (f.value or "").split()) for f in i.flags] for i in parse(written).instructions]
    assert flags == [[(f.name, (f.value or "").split()) for f in i.flags] for i in parse(text).instructions]
    assert [i.body.split() for i in parse(written).instructions] == [
        i.body.split() for i in parse(text).instructions
    ]
    assert parse(written).rejections == ()


@pytest.mark.parametrize("text", [*ACCEPTED, *REFUSED])
def test_line_ends_do_not_change_the_answer(text: str) -> None:
    plain = text.replace("\r\n", "\n")
    dos = plain.replace("\n", "\r\n")

    assert parse(dos).rejections == parse(plain).rejections
    assert words_of(parse(dos)) == words_of(parse(plain))


@given(st.text(alphabet="ab*?\\", max_size=8), st.text(alphabet="ab", max_size=12), st.booleans())
def test_what_is_trimmed_is_an_end_of_the_value(pattern: str, value: str, at_end: bool) -> None:
    try:
        shortest = trimmed(value, pattern, at_end=at_end, longest=False)
        longest = trimmed(value, pattern, at_end=at_end, longest=True)
    except PatternInvalid:
        return
    for left in (shortest, longest):
        assert value.startswith(left) if at_end else value.endswith(left)
    assert len(longest) <= len(shortest)


@given(
    st.text(alphabet="ab", max_size=12),
    st.text(alphabet="ab", min_size=1, max_size=3),
    st.text("xy", max_size=2),
)
def test_plain_patterns_are_replaced_as_text_is(value: str, pattern: str, new: str) -> None:
    assert replaced(value, pattern, new, everywhere=True) == value.replace(pattern, new)
    assert replaced(value, pattern, new, everywhere=False) == value.replace(pattern, new, 1)


@given(st.text(alphabet="${}:-+?#%/ab'\"\\ ", max_size=30))
def test_any_word_is_expanded_or_refused(word: str) -> None:
    try:
        read = read_words(word, {"a": "b*", "b": ""})
    except SubstitutionInvalid as error:
        refusal = error
    else:
        assert read.used.isdisjoint(read.unset)
        return
    assert 0 <= refusal.at <= len(word)
    assert str(refusal)


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN " + "x" * (1 << 22),
        "FROM a\nRUN " + "\\\n" * 200_000,
        "FROM a\n" + "RUN <<A <<B\n" * 50_000,
        "FROM a\n" + "RUN <<A\n A\n" * 5_000,
        "FROM a\nRUN " + "<<A " * 16_000,
        "installed\n" * 15_000,
        "FROM a\n" + "RUN apt-get install -y liba libb \\\n  # c\n  libc\n" * 3_000,
        "FROM a\nRUN " + "\"'<<" * 16_000,
        "\x00" * (1 << 20),
        "ONBUILD " * 8_000 + "RUN x",
        "FROM a AS a\n" * 8_000,
        "FROM a\nENV A=aaaaaaaa\n" + "ENV A=$A$A\n" * 60 + "WORKDIR $A\n",
        "FROM a\nWORKDIR " + "${A:-" * 10_000,
        "FROM a\nENV A=" + "a" * 9_000 + "\nWORKDIR ${A//" + "a*" * 400 + "b/}\n",
        "FROM a\nCMD " + "[" * 60_000,
        "FROM a\nENV " + "A=$A " * 13_000,
        "\n".join(f"FROM a AS s{n}\nCOPY --from=s{n - 1} a b" for n in range(3_000)),
        "FROM a\nRUN apt-get install " + "'" * 30_001 + "$(" * 10_000,
        "FROM a\nHEALTHCHECK --interval=" + "1h" * 30_000 + " CMD x",
        "FROM a\nCOPY --chmod=" + "u=r" * 20_000 + "! a b",
        "FROM " + "a." * 30_000 + "-",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()

    dockerfile = parse(text)
    refusals(dockerfile, scopes(dockerfile))
    patch(text, AptPlan(roots=("liba=1",)))

    assert time.process_time() - started < 2


@given(dockerfiles, dockerfiles)
def test_a_diff_that_is_shown_makes_of_the_text_what_was_meant(before: str, after: str) -> None:
    assert applied(before, unified(DockerfileChange("Dockerfile", before, after))) == after


@given(dockerfiles, dockerfiles, dockerfiles)
def test_a_diff_changes_another_text_only_where_its_lines_stand_there(
    before: str, after: str, other: str
) -> None:
    diff = unified(DockerfileChange("Dockerfile", before, after))
    old = [row[1:] for row in diff.split("\n")[3:] if row[:1] in ("-", " ") and row]

    try:
        found = applied(other, diff)
    except ChangeDoesNotFit:
        return

    assert "\n".join(old) in other
    assert found != other or before == after


@given(st.text(max_size=60))
def test_any_text_is_a_diff_that_applies_or_one_that_is_refused(diff: str) -> None:
    for text in (diff, f"--- a\n+++ b\n@@ -1,1 +1,1 @@\n{diff}"):
        with suppress(ChangeDoesNotFit):
            applied("FROM a\n", text)


STAGE = ForeignStage("debian:bookworm-slim", ("liba=1",), ("liba", "libb"))


@given(dockerfiles)
@example("FROM a \\")
@example("FROM a \\\n# why\n")
@example("FROM a \\\r\n\r\n")
def test_a_stage_to_copy_from_is_added_once_and_takes_nothing_away(text: str) -> None:
    before, change = parse(text), patch_with_stage(text, STAGE)
    after = parse(change.after)

    assert patch_with_stage(change.after, STAGE).is_empty
    if change.is_empty:
        return
    new = [words for words in words_of(after) if words not in words_of(before)]
    assert [words[0] for words in new] == ["FROM", "RUN", "COPY"]
    assert [words for words in words_of(after) if words not in new] == words_of(before)
    assert after.stages[-1].instructions[1].keyword == "COPY"
    assert len(after.stages) == len(before.stages) + 1


@given(dockerfiles)
def test_packages_that_are_kept_are_named_in_the_text(text: str) -> None:
    lines = text.split("\n")

    for name, word in own_packages(text).items():
        assert word.text in lines[word.line - 1]
        assert word.text.startswith(name)
