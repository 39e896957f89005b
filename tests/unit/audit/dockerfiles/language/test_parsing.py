"""What is read from a Dockerfile: its instructions with their places, its stages, and what is wrong."""

from fleet_audit.audit.dockerfiles.language.parsing import MAX_REJECTIONS, MAX_STAGES, MAX_TEXT, parse

SOURCE = """\
# syntax=docker/dockerfile:1
ARG VERSION=12
FROM --platform=linux/amd64 debian:$VERSION AS Build
RUN --mount=type=cache,target=/c \\
    # why
    --mount=type=tmpfs,target=/t \\
    make \\
      all

COPY --chown=1:1 ["a b", "/c"]
ENV A=1 B="2 3"
FROM scratch
COPY --from=build /c /c
"""


def test_instructions_have_their_words_flags_and_lines() -> None:
    read = parse(SOURCE).instructions

    assert [(i.keyword, i.line, i.last_line) for i in read] == [
        *(("ARG", 2, 2), ("FROM", 3, 3), ("RUN", 4, 8), ("COPY", 10, 10), ("ENV", 11, 11)),
        *(("FROM", 12, 12), ("COPY", 13, 13)),
    ]
    run, copy, env = read[2:5]
    assert run.flag_values("mount") == ("type=cache,target=/c", "type=tmpfs,target=/t")
    assert run.body.split() == ["make", "all"]
    assert run.words == (run.body,)
    assert (copy.words, copy.is_exec, copy.flag("chown")) == (("a b", "/c"), True, "1:1")
    assert env.pairs == (("A", "1"), ("B", '"2 3"'))


def test_stages_have_the_names_that_others_use() -> None:
    dockerfile = parse(SOURCE)

    assert [(s.name, s.base, s.platform, s.line) for s in dockerfile.stages] == [
        ("build", "debian:$VERSION", "linux/amd64", 3),
        ("", "scratch", "", 12),
    ]
    assert [each.line for each in dockerfile.global_args] == [2]
    assert dockerfile.stage("BUILD") == dockerfile.stages[0]
    assert dockerfile.target("") == dockerfile.stages[1]
    assert dockerfile.target("none") is None
    assert [(d.name, d.value, d.line) for d in dockerfile.directives] == [
        ("syntax", "docker/dockerfile:1", 1)
    ]


def test_every_character_of_a_body_has_its_place_in_the_file() -> None:
    lines = SOURCE.split("\n")

    for instruction in parse(SOURCE).instructions:
        for offset, character in enumerate(instruction.body):
            line, column = instruction.place(offset)
            assert lines[line - 1][column] == character


def test_a_here_document_has_its_text_and_its_lines() -> None:
    dockerfile = parse("FROM a\nRUN <<-ONE cat <<'TWO'\n\tone $A\n\tONE\n\ttwo $A\nTWO\nUSER 1\n")

    one, two = dockerfile.instructions[1].heredocs
    assert (one.name, one.text, one.content, one.line, one.last_line) == (
        "ONE",
        "\tone $A\n",
        "one $A\n",
        3,
        4,
    )
    assert (two.name, two.content, two.line, two.last_line) == ("TWO", "\ttwo $A\n", 5, 6)
    assert (one.expands, two.expands) == (True, False)
    assert dockerfile.instructions[1].script.splitlines() == ["<<-ONE cat <<'TWO'", "one $A", "", "\ttwo $A"]
    assert dockerfile.instructions[2].line == 7


def test_what_onbuild_keeps_is_an_instruction() -> None:
    (_, onbuild) = parse("FROM a\nONBUILD COPY --chown=1 . /app\n").instructions

    assert onbuild.trigger is not None
    assert (onbuild.trigger.keyword, onbuild.trigger.words, onbuild.trigger.flag("chown")) == (
        "COPY",
        (".", "/app"),
        "1",
    )


def test_reading_goes_on_behind_each_rejection() -> None:
    dockerfile = parse("FROM a\nNONSENSE\nCOPY x\nRUN true\nCMD [1]\nUSER 1\n")

    assert [(r.line, r.kind) for r in dockerfile.rejections] == [
        # BuildKit's parser reads to the end before instructions are looked at.
        (5, "json-not-strings"),
        (2, "unknown-instruction"),
        (3, "wrong-arguments"),
    ]
    assert dockerfile.instructions[-1].keyword == "USER"


def test_a_misspelt_instruction_is_told_with_the_one_that_was_meant() -> None:
    (rejection,) = parse("FROM a\nENTRYPONT x\n").rejections

    assert rejection.message == "there is no instruction 'ENTRYPONT'; did you mean ENTRYPOINT?"
    assert rejection.cause_line is None


def test_a_cause_is_told_with_its_line() -> None:
    (rejection,) = parse("FROM a\nRUN apt-get update && \\\n  apt-get install -y\n  libgl1\n").rejections

    assert (rejection.line, rejection.cause_line) == (4, 3)
    assert rejection.cause == "the line does not end in a backslash, so the instruction ends here"


def test_the_language_of_another_frontend_is_not_judged() -> None:
    foreign = parse("# syntax=registry.example/acme/frontend:1\nFROM a\nMODEL x\n")

    assert (foreign.rejections, foreign.foreign_frontend) == ((), "registry.example/acme/frontend:1")
    for ours in ("docker/dockerfile:1.7-labs", "mirror.example:5000/docker/dockerfile@sha256:00"):
        known = parse(f"# syntax={ours}\nFROM a\nMODEL x\n")
        assert (len(known.rejections), known.foreign_frontend) == (1, "")


def test_a_file_beyond_all_measure_is_read_in_part_and_says_so() -> None:
    assert not parse("FROM a\n" + "#" * MAX_TEXT).is_whole
    assert not parse("FROM a\n" * (MAX_STAGES + 1)).is_whole
    assert parse("FROM a\n" * MAX_STAGES).is_whole
    assert len(parse("FROM a\n" + "NONSENSE\n" * 2 * MAX_REJECTIONS).rejections) == MAX_REJECTIONS


def test_half_a_surrogate_pair_in_json_becomes_a_replacement() -> None:
    (_, cmd) = parse('FROM a\nCMD ["\\ud800x"]\n').instructions

    assert cmd.words == ("\ufffdx",)
