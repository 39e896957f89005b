from fleet_audit.audit.configuration.requirement_lines import (
    Direct,
    Hash,
    Include,
    Line,
    Named,
    Setting,
    requirement_lines,
)


def lines(text: str) -> list[tuple[int, Line]]:
    return list(requirement_lines(text))


def test_hashes_stand_on_their_own_lines() -> None:
    text = "# top\nnumpy==1.26.4 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb  # why\nscipy==1.11\n"

    assert lines(text) == [
        (2, Named("numpy==1.26.4", (Hash("sha256", "aa", 3), Hash("sha256", "bb", 4)))),
        (5, Named("scipy==1.11")),
    ]


def test_a_hash_in_a_comment_is_none() -> None:
    assert lines("a==1 # --hash=sha256:aa") == [(1, Named("a==1"))]


def test_options_for_the_whole_file_are_told_with_their_values() -> None:
    text = (
        "--require-hashes\n--extra-index-url https://archive.example/simple\n-i=https://archive.example/a\n"
    )

    assert lines(text) == [
        (1, Setting("--require-hashes")),
        (2, Setting("--extra-index-url", "https://archive.example/simple")),
        (3, Setting("-i", "https://archive.example/a")),
    ]


def test_includes_and_addresses_are_told_apart_from_names() -> None:
    text = "-r base.txt\n-c pins.txt\n-e .\ngit+https://git.example/a@main#egg=a\n./wheels/a-1-py3-none-any.whl\n"

    assert lines(text) == [
        (1, Include("base.txt", is_constraint=False)),
        (2, Include("pins.txt", is_constraint=True)),
        (3, Direct(".", folder=".", is_editable=True)),
        (4, Direct("git+https://git.example/a@main#egg=a", "a")),
        (5, Direct("./wheels/a-1-py3-none-any.whl", "a")),
    ]


def test_a_continuation_at_the_end_of_the_file_is_a_line() -> None:
    assert lines("x==1\na==1 \\\n  --hash=md5:q \\") == [
        (1, Named("x==1")),
        (2, Named("a==1", (Hash("md5", "q", 3),))),
    ]
