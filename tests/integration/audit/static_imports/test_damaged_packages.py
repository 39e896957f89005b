"""Real modules, each with one block damaged: what is known of the other blocks stays what it was."""

import ast
import random
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from fleet_audit.audit.model.imports import Parser
from fleet_audit.audit.static_imports.source.own_code import read_own_code
from fleet_audit.audit.static_imports.source.records import Block, SourceRecord
from fleet_audit.audit.static_imports.source.syntax import Judge

pytestmark = pytest.mark.integration

FILES = 200
LARGEST = 60_000
VERSION = (3, 11)

DAMAGES = {
    "a string that never ends": '{blanks}x = """',
    "another string that never ends": "{blanks}x = '''",
    "an open bracket": "{blanks}x = (1,",
    "open brackets": "{blanks}x = [f({{",
    "a bracket too many": "{blanks}x = 1)",
    "a statement of Python 2": '{blanks}print "x"',
    "a merge": "<<<<<<< HEAD",
    "half a statement": "{blanks}if x",
    "a quote too many": "{blanks}x = 'it's'",
}


def test_what_is_known_of_other_blocks_does_not_change(capsys: pytest.CaptureFixture[str]) -> None:
    seen, changed, lost = Counter[str](), Counter[str](), Counter[str]()
    examples: list[str] = []
    with Judge() as judge:
        for file, body, block, name, damaged in islice(damaged_files(), FILES):
            seen[name] += 1
            before = read_own_code(body, judge, VERSION).record
            after = read_own_code(damaged, judge, VERSION).record
            assert (before.parser, after.fault is None) == (Parser.WHOLE, False)
            more = damaged.count(b"\n") - body.count(b"\n")
            if others(before, block, 0) != others(after, block, more):
                changed[name] += 1
                examples.append(f"{file}:{block.start} {name}")
            lost[name] += bool(within(before, block, 0) - within(after, block, more))
    with capsys.disabled():
        for name, count in sorted(seen.items()):  # the numbers behind the thresholds
            print(f"\n{name}: {count} files, {changed[name]} with changes in other blocks", end="")  # noqa: T201  (see above)
            print(f", {lost[name]} with imports lost in the damaged one", end="")  # noqa: T201  (see above)
    assert len(seen) == len(DAMAGES)
    assert changed.total() <= seen.total() * 0.005, examples
    assert lost.total() <= seen.total() * 0.005


def damaged_files() -> Iterator[tuple[str, bytes, range, str, bytes]]:
    """Yield files as they are and with one line put into one of their blocks, whose lines are given."""
    chosen = random.Random(20_261_120)  # noqa: S311  (a sample, the same one every time)
    files = sorted(Path(sysconfig.get_path("purelib")).rglob("*.py"))
    for file in chosen.sample(files, len(files)):
        text = file.read_bytes()
        if len(text) > LARGEST or b"\r" in text or not text.isascii():
            continue
        lines = text.decode().splitlines(keepends=True)
        blocks = top_blocks(text)
        if not blocks or not text.endswith(b"\n"):
            continue
        block = chosen.choice(blocks)
        name = chosen.choice(list(DAMAGES))
        at = chosen.choice(range(block.start, block.stop - 1))
        blanks = " " * (len(lines[at]) - len(lines[at].lstrip(" \n")))
        damage = DAMAGES[name].format(blanks=blanks) + "\n"
        damaged = "".join([*lines[:at], damage, *lines[at:]]).encode()
        if parsed(damaged) is None:
            yield str(file), text, block, name, damaged


def parsed(text: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except SyntaxError:
            return None


def top_blocks(text: bytes) -> list[range]:
    """Return the lines of each function and class of a module that has more than one, from 1."""
    tree = parsed(text)
    nodes = [] if tree is None else tree.body
    kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    blocks = [range(n.lineno, (n.end_lineno or n.lineno) + 1) for n in nodes if isinstance(n, kinds)]
    return [block for block in blocks if len(block) > 2] if len(blocks) > 2 else []


def others(record: SourceRecord, block: range, more: int) -> Counter[str]:
    """Return what is known outside of `block`, which has grown by `more` lines, at the lines of before.

    Each fact is told with the blocks that it stands in.
    """
    found = Counter[str]()
    for facts in (record.imports, record.dynamic, record.loads, record.runs, record.path_edits, record.uses):
        for fact in facts:
            if (line := _line(fact.line, block, more)) > 0:
                around = [(b.kind, b.name, str(b.condition), b.catches) for b in _around(record, fact.block)]
                found[repr((line, {**_plain(fact), "line": 0, "block": around}))] += 1
    return found


def _around(record: SourceRecord, block: int) -> Iterator[Block]:
    while block >= 0:
        yield record.blocks[block]
        block = record.blocks[block].parent


def _plain(fact: object) -> dict[str, object]:
    return {name: getattr(fact, name) for name in getattr(fact, "__struct_fields__", ())}


def _line(line: int, block: range, more: int) -> int:
    if line < block.start:
        return line
    return line - more if line >= block.stop + more else 0


def within(record: SourceRecord, block: range, more: int) -> set[str]:
    """Return the modules that are imported in `block`."""
    lines = range(block.start, block.stop + more)
    return {found.module for found in record.imports if found.line in lines}
