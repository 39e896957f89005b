"""Which commands a script runs, and where."""

import time

import pytest

from fleet_audit.audit.dockerfiles.shell.following import MAX_COMMANDS, follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.symbols import known, shown

ENVIRONMENT = {"IMAGE": "web", "{{ matrix.x }}": "gpu"}


def steps(text: str, source: str = "") -> list[tuple[str | None, str | None]]:
    """Return folder and first argument, None where not known, of every command called ``run``."""
    found = follow(read_script(text), folder="/r", lookup=ENVIRONMENT.get, root="/r", source=source)
    return [(each.folder, known(each.arguments[0])) for each in found if each.program == "run"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cd a\nrun .", [("/r/a", ".")]),
        ("cd a && run .\ncd ../b; run .", [("/r/a", "."), ("/r/b", ".")]),
        ("cd a || exit 1\nrun .", [("/r/a", ".")]),
        ("(cd a; run 1); run 2", [("/r/a", "1"), ("/r", "2")]),
        ("pushd a > /dev/null; run 1; popd; run 2", [("/r/a", "1"), ("/r", "2")]),
        ("cd /opt; run .", [("/opt", ".")]),
        ('cd "$SOMEWHERE"; run .', [(None, ".")]),
        ("cd -; run .", [(None, ".")]),
        ('cd "$(git rev-parse --show-toplevel)/a"; run $(pwd)', [("/r/a", "/r/a")]),
        ("x=docker/$IMAGE; run $x", [("/r", "docker/web")]),
        ("x=${UNSET:-a}; run ${x}b", [("/r", "ab")]),
        ("run ${{ matrix.x }}", [("/r", "gpu")]),
        ("run $UNSET", [("/r", None)]),
        ("export X=1 Y=2; run $X$Y", [("/r", "12")]),
        ("X=1 run $X", [("/r", None)]),
        ("for i in a b; do run $i; done; run $i", [("/r", "a"), ("/r", "b"), ("/r", None)]),
        ("for i in *; do run $i; done", [("/r", None)]),
        ("x=1; if t; then x=2; fi; run $x", [("/r", None)]),
        ("x=1; if t; then run 1; else run 2; fi; run $x", [("/r", "1"), ("/r", "2"), ("/r", "1")]),
        ("if t; then cd a; fi; run 1", [(None, "1")]),
        ("x=1; [ $y ] || x=2; run $x", [("/r", None)]),
        ("cd a | run 1; run 2", [("/r/a", "1"), ("/r", "2")]),
        ("f() { run $1; }\nf a; f b", [("/r", "a"), ("/r", "b")]),
        ("f() { f; run 1; }", []),
        ("sudo -E run a", [("/r", "a")]),
        ("bash -c 'cd a; run 1'; run 2", [("/r/a", "1"), ("/r", "2")]),
    ],
)
def test_a_command_runs_in_the_folder_and_with_the_words_that_the_script_leads_to(
    text: str, expected: list[tuple[str | None, str | None]]
) -> None:
    assert steps(text) == expected


def test_a_script_knows_its_own_folder() -> None:
    text = 'HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"; cd "$HERE/.."; run .'
    assert steps(text, source="/r/tools/build.sh") == [("/r", ".")]
    assert steps('cd "$(dirname "$0")"; run .', source="/r/tools/build.sh") == [("/r/tools", ".")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web:${{ github.sha }}", "web:$GITHUB_SHA"),
        ("$TAG", "${TAG}"),
        ("$(git rev-parse HEAD)", '"$(git rev-parse HEAD)"'),
        ("${{ steps.Meta.outputs.tags }}", "${{steps.meta.outputs.tags}}"),
    ],
)
def test_two_unknown_values_of_the_same_name_are_equal(one: str, other: str) -> None:
    words = [
        each.arguments[0]
        for each in follow(read_script(f"run {one}; run {other}"), folder="", lookup=ENVIRONMENT.get)
    ]
    assert words[0] == words[1]
    assert known(words[0]) is None


def test_an_unknown_part_is_shown_as_it_would_be_written() -> None:
    (found,) = follow(read_script("run a:$TAG-${{ github.sha }}"), folder="", lookup=ENVIRONMENT.get)
    assert shown(found.arguments[0]) == "a:$TAG-${{ github.sha }}"


@pytest.mark.parametrize(
    "text",
    [
        "f() { f; f; }; f",
        "run 1;" * 15_000,
        f"for i in {'a ' * 50_000}; do for j in {'b ' * 50_000}; do run $i; done; done",
        "x=aaaaaaaa;" + "x=$x$x$x$x;" * 1000 + "run $x",
        "if a; then b; " + "elif a; then x=1; " * 6_000 + "fi",
        "eval " * 1000 + "run 1",
    ],
)
def test_hostile_scripts_end_soon(text: str) -> None:
    start = time.process_time()
    assert len(steps(text)) <= MAX_COMMANDS
    assert time.process_time() - start < 3
