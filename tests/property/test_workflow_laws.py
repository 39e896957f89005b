"""Laws of reading workflows: what does not matter to GitHub changes no answer, and nothing raises."""

import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.configuration.located import load_foreign
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, shown, symbol, without_symbols
from fleet_audit.audit.dockerfiles.workflows.expressions import UNKNOWN, Outcome, evaluate, filled, holds
from fleet_audit.audit.dockerfiles.workflows.filters import matches
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.gates import gate_faults
from fleet_audit.audit.dockerfiles.workflows.matrix import read_matrix
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from tests.support import packaged
from tests.support.laws import examples
from tests.support.trees import tree

FOLDER = (
    Path(__file__).parents[1] / "fixtures" / "defects" / "workflows" / "lighthouse" / ".github" / "workflows"
)
TEXTS = [path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yml"))]
CI = ".github/workflows/ci.yml"

Found = list[tuple[str, str, int]]


def found(text: str) -> Found:
    """Return the faults of a workflow, each with the text of its line."""
    here = Repository(tree({CI: text}))
    read = workflows(here)
    faults = gate_faults(read, followed_jobs(read, here), here, packaged.knowledge().scanners)
    return [(fault.kind.value, fault.detail, fault.location.line) for fault in faults]


def without_lines(faults: Found) -> list[tuple[str, str]]:
    return sorted((kind, re.sub(r"line \d+", "line", detail)) for kind, detail, _ in faults)


def _outside_scripts(lines: list[str]) -> list[int]:
    """Return the lines before which a comment changes nothing: those that are not in a block of text."""
    free, block = [], -1
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if block >= 0 and (not line.strip() or indent > block):
            continue
        block = indent if line.split(" #")[0].rstrip().endswith("|") else -1
        free.append(number)
    return free


@given(st.sampled_from(TEXTS), st.data())
@examples(40)
def test_comments_and_blank_lines_change_no_fault(text: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    chosen = set(data.draw(st.lists(st.sampled_from(_outside_scripts(lines)), max_size=8)))
    added = data.draw(st.sampled_from(["# a comment", "", "      # trivy image x || true"]))
    changed: list[str] = []
    for number, line in enumerate(lines):
        changed += [added, line] if number in chosen else [line]
    before, after = found(text), found("\n".join(changed))
    assert without_lines(before) == without_lines(after)
    where = dict(enumerate(lines, start=1))
    moved = dict(enumerate(changed, start=1))
    assert sorted(where[line] for *_, line in before) == sorted(moved[line] for *_, line in after)


@given(st.sampled_from(TEXTS), st.integers(0, 5))
@examples(20)
def test_the_order_of_jobs_changes_no_fault(text: str, turn: int) -> None:
    head, _, body = text.partition("jobs:\n")
    jobs = re.split(r"(?m)^(?=  [\w-]+:\s*$)", body)
    jobs = [job if job.endswith("\n") else job + "\n" for job in jobs if job]
    turn %= len(jobs)
    assert without_lines(found(head + "jobs:\n" + "".join(jobs[turn:] + jobs[:turn]))) == without_lines(
        found(text)
    )


@given(st.text() | st.binary().map(lambda body: body.decode("latin-1")))
@examples(60)
def test_any_text_is_a_workflow_or_a_gap(text: str) -> None:
    found(text)
    found(f"on: push\njobs: {{a: {{steps: [{{run: {text[:50]!r}}}]}}}}\n")


WORDS = (
    *("trivy image x", "|| true", "&&", "|", "if", "then", "fi", "exit 1", "!", "(", ")", "{", "}", "\n"),
    *("for i in a b; do", "done", "cd $X", "x=$(", "docker build -t a:$T .", "<<E", "set +e", "f() {"),
)


@given(st.lists(st.sampled_from(WORDS), max_size=15))
@examples(150)
def test_any_script_can_be_followed(words: list[str]) -> None:
    script = read_script(" ".join(words))
    for command in follow(script, folder="/r", lookup={"X": "a"}.get):
        assert command.folder is None or command.folder.startswith("/")
    body = "\n          ".join(" ".join(words).split("\n"))
    found(f"on: push\njobs:\n  a:\n    steps:\n      - run: |\n          {body}\n")


def nothing(path: tuple[str, ...]) -> Outcome:
    """Know no context."""
    assert path
    return UNKNOWN


TOKENS = [
    "a",
    "'x'",
    "1",
    "true",
    "null",
    "(",
    ")",
    "&&",
    "||",
    "==",
    "!",
    "contains(",
    ",",
    "[",
    "]",
    ".b",
    "always()",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join) | st.text(max_size=40))
@examples(200)
def test_any_expression_has_an_outcome(text: str) -> None:
    evaluate(text, nothing)
    holds(text, nothing)
    filled(f"${{{{ {text} }}}}", nothing)


@given(
    st.lists(st.booleans() | st.none(), min_size=1, max_size=4),
    st.lists(st.sampled_from(["&&", "||"]), min_size=3, max_size=3),
)
def test_what_is_said_of_a_condition_holds_for_every_value_of_what_is_not_known(
    values: list[bool | None], operators: list[str]
) -> None:
    names = [f"x.v{i}" for i in range(len(values))]
    text = names[0] + "".join(f" {op} {name}" for op, name in zip(operators, names[1:], strict=False))

    def said(way: Sequence[bool | None]) -> bool | None:
        known = dict(zip(names, way, strict=True))
        return holds(text, lambda path: UNKNOWN if known[".".join(path)] is None else known[".".join(path)])

    ways = product(*[(True, False) if value is None else (value,) for value in values])
    truths = {said(way) for way in ways}
    assert said(values) is None or truths == {said(values)}


SIGNS = st.text(alphabet="ab/*", min_size=1, max_size=8)


@given(SIGNS, st.text(alphabet="ab/", max_size=8))
def test_patterns_match_as_regular_expressions_of_the_same_meaning(pattern: str, path: str) -> None:
    pieces = re.split(r"((?:^|(?<=/))\*\*/|\*\*|\*)", pattern)
    meaning = {"**/": "(?:.*)", "**": ".*", "*": "[^/]*"}
    expected = re.fullmatch("".join(meaning.get(piece, re.escape(piece)) for piece in pieces), path)
    assert matches(path, pattern) is (expected is not None)


@given(st.text(max_size=10), st.text(max_size=10), st.text(max_size=10))
def test_a_symbol_is_seen_wherever_it_stands(before: str, name: str, behind: str) -> None:
    text = f"{before}{symbol(name)}{behind}"
    assert not is_known(text)
    assert len(without_symbols(text)) == len(text)
    assert isinstance(shown(text), str)


VALUES = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)
VECTORS = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1)
ENTRIES = st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), min_size=1)


def runs(matrix: object) -> list[dict[str, str | None]]:
    read = load_foreign(json.dumps(matrix), name="w").documents[0]
    return [dict(run) for run in read_matrix(read.view()).combinations]


@given(VECTORS, ENTRIES)
def test_excluding_and_including_are_as_documented(
    vectors: dict[str, list[int]], entry: dict[str, int]
) -> None:
    everything = runs(vectors)
    wanted = {name: str(value) for name, value in entry.items()}
    left = [run for run in everything if not all(run.get(name) == value for name, value in wanted.items())]
    assert runs({**vectors, "exclude": [entry]}) == (left or [{}])
    own = {name: value for name, value in wanted.items() if name in vectors}
    fits = [run for run in everything if all(run[name] == value for name, value in own.items())]
    assert len(runs({**vectors, "include": [entry]})) == len(everything) + (not fits)
