"""A file that does not parse is read block by block: damage ends with the statement that it is in."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import Parser
from fleet_audit.audit.static_imports.source.own_code import read_own_code
from fleet_audit.audit.static_imports.source.records import BlockKind, SourceRecord
from fleet_audit.audit.static_imports.source.syntax import Judge

BEFORE = """\
import ctypes, subprocess, sys
LIBRARY = "libbefore.so.1"
ctypes.CDLL(LIBRARY)

"""
AFTER = '''
@decorated
def after():
    """Of one line."""
    import late
    subprocess.run(["ffmpeg"])

class Reader:
    """Of several
    lines."""
    name = "libafter.so.2"

    def load(self):
        return ctypes.CDLL(self.name)

sys.path.append("/opt/more")
if sys.platform == "linux":
    import linux
'''
DAMAGES: Mapping[str, str] = {
    "a string that never ends": 'def damaged():\n    import within\n    x = """abc\n    return x\n',
    "quotes too many": 'def damaged():\n    """Doc.""""""\n    import within\n    return 1\n',
    "an open bracket": "def damaged():\n    import within\n    return (1, [2\n",
    "an open bracket before a statement": "import within\nx = [1, 2\ny = 3\nz = 4\nw = 5\n",
    "a bracket too many": "def damaged():\n    import within\n    return 1)\n",
    "a missing colon": "def damaged()\n    import within\n",
    "an unfinished merge": "def damaged():\n<<<<<<< HEAD\n    import within\n=======\n    x = 1\n>>>>>>> b\n",
    "a statement of Python 2": "def damaged():\n    import within\n    print 'x'\n",
    "an indentation that fits nowhere": "def damaged():\n        import within\n    x = 1\n",
    "no text in a block": "import within\ndef damaged():\n",
    "a string in a string": "import within\nx = 'it's'\n",
    "a line that goes on": "import within\nx = 1 + \\\n\n",
}
INTACT = "def damaged():\n    import within\n    return 1\n"


def read(text: str) -> SourceRecord:
    with Judge() as judge:
        return read_own_code(text.encode(), judge, (3, 11)).record


def facts(record: SourceRecord, *, after: int = 0) -> dict[str, list[object]]:
    """Return what is known besides of the import in the damaged part, without lines and blocks."""
    return {
        "imports": [(found.module, found.names) for found in record.imports if found.module != "within"],
        "loads": [load.names for load in record.loads],
        "runs": [run.programs for run in record.runs],
        "path edits": [edit.folders for edit in record.path_edits],
        "names": [name for name in record.bindings if name in ("LIBRARY", "Reader", "after")],
        "blocks": [
            (block.kind, block.name, str(block.condition), block.line - after)
            for block in record.blocks
            if block.line > after and block.name != "damaged"
        ],
    }


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_known_of_the_other_blocks_is_what_is_known_of_the_intact_file(damage: str) -> None:
    damaged, intact = read(BEFORE + damage + AFTER), read(BEFORE + INTACT + AFTER)

    lines = [(BEFORE + text).count("\n") for text in (damage, INTACT)]
    assert facts(damaged, after=lines[0]) == facts(intact, after=lines[1])
    assert [load.names for load in damaged.loads] == [("libbefore.so.1",), ("libafter.so.2",)]
    assert damaged.fault is not None
    assert damaged.parser is Parser.BLOCK


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_imports_of_the_damaged_block_are_still_found(damage: str) -> None:
    assert "within" in {found.module for found in read(BEFORE + damage + AFTER).imports}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_only_lines_of_the_damaged_block_are_skimmed(damage: str) -> None:
    first, last = BEFORE.count("\n") + 1, (BEFORE + damage).count("\n")

    skimmed = read(BEFORE + damage + AFTER).skimmed

    assert skimmed
    assert all(first <= start <= end <= last for start, end in skimmed)


def test_of_a_damaged_class_the_other_methods_are_sound() -> None:
    text = "class A:\n    def f(self):\n        return (\n\n    def g(self):\n        import b\n"

    assert read(text).skimmed == ((3, 3),)


def test_of_a_damaged_handler_the_statement_around_it_is_sound() -> None:
    text = "try:\n    import a\nexcept ImportError:\n    b = = 1\nelse:\n    import c\n"

    assert read(text).skimmed == ((4, 4),)


def test_code_between_the_lines_of_an_unfinished_merge_stays_in_its_function() -> None:
    text = "def f():\n    a = 1\n<<<<<<< A\n    import b\n=======\n    c = 1\n>>>>>>> B\n    import d\n"
    record = read(text)

    assert {record.blocks[found.block].name for found in record.imports} == {"f"}
    assert record.skimmed == ((3, 3), (5, 5), (7, 7))


def test_behind_a_function_whose_head_is_damaged_the_module_goes_on() -> None:
    record = read("def f(a\n    return a\n\nimport b\nbreak\nimport c\n")

    assert [record.blocks[found.block].kind for found in record.imports] == [BlockKind.MODULE] * 2


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_comment_that_waives_a_rule_is_seen_behind_the_damage(damage: str) -> None:
    waiver = "import late  # fleet-audit: ignore[FA-IMP-001] brought by the host\n"

    (found,) = read(damage + AFTER + waiver).pragmas

    line = (damage + AFTER + waiver).count("\n")
    assert (found.line, found.first, found.last, found.problem) == (line, line, line, "")


def test_text_in_a_string_of_the_damaged_block_is_no_code() -> None:
    text = 'def f():\n    """See:\n\nimport shown\nx = 1\n\nSo it is.\n    """\n    return (\n\nimport b\n'

    assert [found.module for found in read(text).imports] == ["b"]


def test_an_intact_file_is_read_as_a_whole() -> None:
    record = read(BEFORE + INTACT + AFTER)

    assert (record.parser, record.skimmed, record.fault) == (Parser.WHOLE, (), None)


def test_a_file_that_only_an_older_python_refuses_is_read_as_a_whole() -> None:
    with Judge() as judge:
        record = read_own_code(b"match x:\n    case 1: pass\n", judge, (3, 9)).record

    assert (record.parser, record.skimmed) == (Parser.WHOLE, ())
    assert record.fault is not None


def test_a_file_of_which_no_statement_is_sound_is_skimmed() -> None:
    record = read("from a import b c\n")

    assert (record.parser, record.skimmed) == (Parser.SKIM, ((1, 1),))


def test_a_block_that_is_too_deep_is_skimmed_alone() -> None:
    text = "import a\nx = " + "(" * 5_000 + ")" * 5_000 + "\ndef f():\n    import b\n"
    record = read(text)

    assert (record.parser, record.skimmed) == (Parser.BLOCK, ((2, 2),))
    assert [found.module for found in record.imports] == ["a", "b"]
