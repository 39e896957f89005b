"""Which import statements a file's text shows, whatever state the text is in."""

import pytest

from fleet_audit.audit.static_imports.source.reading import read_source, why_unreadable
from fleet_audit.audit.static_imports.source.records import BlockKind, SourceRecord


def read(text: str | bytes) -> SourceRecord:
    return read_source(text.encode() if isinstance(text, str) else text)


def modules(text: str | bytes) -> list[str]:
    return [found.module for found in read(text).imports]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("import a", [("a", 0, "")]),
        ("import a.b as c, d", [("a.b", 0, ""), ("d", 0, "")]),
        ("from a import b as c, d", [("a", 0, "b d")]),
        ("from . import b", [("", 1, "b")]),
        ("from ..a.b import (c, # why\n  d,\n)", [("a.b", 2, "c d")]),
        ("from a import *", [("a", 0, "*")]),
        ("import a; import b", [("a", 0, ""), ("b", 0, "")]),
        ("x = 1; from a import b; y = 2", [("a", 0, "b")]),
        ("if x: import a; import b", [("a", 0, ""), ("b", 0, "")]),
        ("from a \\\n  import b", [("a", 0, "b")]),
        ("import a \\\n  , b", [("a", 0, ""), ("b", 0, "")]),
        ("from.a import b", [("a", 1, "b")]),
        ("from a import(b)", [("a", 0, "b")]),
        ("class A: import a", [("a", 0, "")]),
        ("try: import a\nexcept: import b", [("a", 0, ""), ("b", 0, "")]),
        ("import ünï.ö", [("ünï.ö", 0, "")]),
    ],
)
def test_every_form_of_import_is_read(text: str, seen: list[tuple[str, int, str]]) -> None:
    found = [(i.module, i.level, " ".join(name.name for name in i.names)) for i in read(text).imports]
    assert found == seen


@pytest.mark.parametrize(
    "text",
    [
        "'''\nimport a\n'''\n",
        "# import a\n",
        "x = (\n'import a'\n)\n",
        "important = 1\n",
        "def f():\n    yield from a\n",
        "raise A(\n) from b\n",
        'x = r"\\"; y = "\\\nimport a"\n',
        "import\n",
        "from import b\n",
        "import 1a\n",
        "match = import_\n",
    ],
)
def test_what_only_looks_like_an_import_is_left_alone(text: str) -> None:
    assert modules(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import a\nx = (1,\nimport b\n",
        "import a\nx = )\nimport b\n",
        "import a\nx = '''\nimport b\n",
        'import a\nx = "never closed\nimport b\n',
        "import a\ndef f(:\n  pass\nimport b\n",
        "import a\nprint 1\nimport b\n",
        "import a\n<<<<<<< HEAD\nimport b\n",
        "  import a\n      x\n import b\n",
        "import a\nexcept:\nelse:\nimport b\n",
    ],
)
def test_imports_before_and_after_damage_are_found(text: str) -> None:
    assert modules(text) == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfimport a\nimport b\n",
        b"import a\rimport b\r",
        b"import a\r\nimport b\r\n",
        b"\x0cimport a\n\x0c\nimport b\n",
        b"# -*- coding: latin-1 -*-\n# \xe9\nimport a\nimport b\n",
        b"# coding: no-such-thing\nimport a\nimport b\n",
        b"# coding: latin-rst\nimport a\nimport b\n",
        b"# coding: zlib_codec\nimport a\nimport b\n",
        b"import a\n# \xff\xfe\nimport b\n",
        b"import a\nx = '" + b"y" * 100_000 + b"'\nimport b\n",
        b"import a\nimport b",
    ],
)
def test_encodings_and_line_ends_do_not_matter(body: bytes) -> None:
    assert modules(body) == ["a", "b"]


def test_a_string_that_never_ends_is_no_reason_to_recurse() -> None:
    assert modules(b"import a\n" + b'\\"""\n' * 20_000 + b"import b\n") == ["a", "b"]


def test_nul_bytes_are_the_one_thing_that_cannot_be_text() -> None:
    assert why_unreadable(b"import a\0") != ""
    assert why_unreadable(b"import a\xff") == ""


def blocks_of(text: str) -> list[BlockKind]:
    """Return the kinds of the blocks around the last import, innermost first."""
    record = read(text)
    at = record.imports[-1].block
    kinds = []
    while at > 0:
        kinds.append(record.blocks[at].kind)
        at = record.blocks[at].parent
    return kinds


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("if x:\n  pass\nelse:\n  import a\n", [BlockKind.ELSE]),
        ("try:\n  pass\nexcept E:\n  pass\nelse:\n  import a\n", [BlockKind.TRY_ELSE]),
        ("try:\n  pass\nfinally:\n  import a\n", [BlockKind.FINALLY]),
        ("for x in y:\n  pass\nelse:\n  import a\n", [BlockKind.ELSE]),
        ("async def f():\n  async with x:\n    import a\n", [BlockKind.WITH, BlockKind.FUNCTION]),
        ("class A:\n\tdef f(self):\n\t\timport a\n", [BlockKind.FUNCTION, BlockKind.CLASS]),
        ("def f(\n  x=1\n):\n  pass\nimport a\n", []),
        ("if x:\n  pass\n# comment\nimport a\n", []),
        ("match x:\n  case 1:\n    import a\n", [BlockKind.CASE, BlockKind.CASE]),
        ("match = 1\nimport a\n", []),
        ("if (lambda: x)():\n  import a\n", [BlockKind.IF]),
        ("def f(x: int = 1) -> dict[str, int]: import a\n", [BlockKind.FUNCTION]),
    ],
)
def test_the_blocks_around_an_import_are_known(text: str, kinds: list[BlockKind]) -> None:
    assert blocks_of(text) == kinds


def test_names_bound_at_module_level_are_known() -> None:
    text = (
        "a = 1\nb, c = 2, 3\nd: int = 4\ndef e(): inner = 1\nclass F:\n    attribute = 1\n"
        "if x:\n    g = 1\nfor h in y: pass\nwith z as i: pass\nj = k = 1\n"
    )
    assert set("abcde") | {"F"} | set("ghijk") <= set(read(text).bindings)
    assert {"inner", "attribute"}.isdisjoint(read(text).bindings)


def test_exports_are_known_where_they_are_literal() -> None:
    assert read("__all__ = ['a']\n__all__ += ['b']\n").exports == ("a", "b")
    assert read("x = 1\n").exports is None


def test_every_name_of_a_long_list_of_exports_is_kept() -> None:
    names = tuple(f"name_{number}" for number in range(2_000))

    record = read_source(f"__all__ = {list(names)!r}\n".encode())

    assert record.exports == names
