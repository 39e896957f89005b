"""Which programs a shell command line is sure to start."""

import time

import pytest

from fleet_audit.audit.static_imports.source.command_lines import (
    UNKNOWN,
    started_by_arguments,
    started_by_line,
)


@pytest.mark.parametrize(
    ("line", "programs"),
    [
        ("ffmpeg -i x", ["ffmpeg"]),
        ("LC_ALL=C ffmpeg -i x", ["ffmpeg"]),
        ("cat x | ffmpeg -i - >out 2>&1", ["cat", "ffmpeg"]),
        ("ffmpeg -i x; sox a b & play c\nls", ["ffmpeg", "sox", "play", "ls"]),
        ("cd /tmp && . ./env && ffmpeg", ["ffmpeg"]),
        ("> log ffmpeg", ["ffmpeg"]),
        ('"/opt/my tools/ffmpeg" -i x', ["/opt/my tools/ffmpeg"]),
        ("sudo A=1 ffmpeg", ["sudo", "ffmpeg"]),
        ("exec timeout 5 ffmpeg", ["timeout", "ffmpeg"]),
        ("sh -c 'cat x | ffmpeg -i -'", ["sh", "cat", "ffmpeg"]),
        (f"ffmpeg -i {UNKNOWN} && sox {UNKNOWN}", ["ffmpeg", "sox"]),
        ("cat <<END | sox\nffmpeg\nEND", ["cat"]),
        ("ffmpeg -i $(ls)", ["ffmpeg"]),
    ],
)
def test_programs_are_told_in_order(line: str, programs: list[str]) -> None:
    assert list(started_by_line(line)) == programs


@pytest.mark.parametrize(
    "line",
    [
        "",
        "cd /tmp",
        "A=ffmpeg",
        "# ffmpeg",
        "if true; then ffmpeg; fi",
        "for x in *; do ffmpeg; done",
        "[ -f x ] && ffmpeg",
        "test -x x && ffmpeg | sox",
        "true || ffmpeg | sox && play",
        "true || ffmpeg",
        "A=$(ffmpeg)",
        "echo 'x; ffmpeg'",
        "echo x\\; ffmpeg",
        'echo "x | ffmpeg',
        "ffmpeg() { sox; }",
    ],
)
def test_what_may_not_run_is_not_told(line: str) -> None:
    assert list(started_by_line(line)) == []


def test_quoted_separators_separate_nothing() -> None:
    assert list(started_by_line("cut -d '|' -f1 x | sort -t \";\" y")) == ["cut", "sort"]


def test_options_of_a_starter_hide_what_it_starts() -> None:
    assert list(started_by_arguments(["nice", "-n", "5", "ffmpeg"])) == ["nice"]


@pytest.mark.parametrize("text", ["env " * 100_000, "sh -c '" * 50_000, "a|" * 50_000, '"\\' * 50_000])
def test_long_lines_take_bounded_time(text: str) -> None:
    begun = time.process_time()
    assert len(list(started_by_line(text))) <= 500
    assert len(list(started_by_arguments(text.split()))) <= 500
    assert time.process_time() - begun < 1
