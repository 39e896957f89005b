"""Laws of the error-tolerant reader."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.static_imports.source.reading import read_source
from fleet_audit.audit.static_imports.source.store import decode_record, encode_record
from tests.support.import_statements import (
    as_python_parses,
    as_the_reader_sees,
    guards_as_python_parses,
    guards_as_the_reader_sees,
)
from tests.support.laws import examples

STATEMENTS = st.sampled_from(
    [
        "import a",
        "import a.b as c, d",
        "from . import e",
        "from ..f import (g,\n    h as i,\n)",
        "from j import *",
        "x = 1; import k",
        "s = '''\nimport not_this\n'''",
        "t = [\n    import_ for import_ in y\n]",
        "u = 'import not_this'  # import nor_this",
        "from l \\\n    import m",
    ]
)
HEADERS = st.sampled_from(
    [
        "if x:",
        "def f(a=(1,\n  2)):",
        "class A(B):",
        "for y in z:",
        "with w as v:",
        "while x:",
        "async def g():",
    ]
)


@st.composite
def programs(draw: st.DrawFn, depth: int = 0) -> str:
    """Draw valid Python that imports at many depths."""
    indent = "    " * depth
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        if depth < 4 and draw(st.booleans()):
            header = draw(HEADERS).replace("\n", "\n" + indent)
            lines.append(f"{indent}{header}\n{draw(programs(depth + 1))}")
        else:
            lines.append(indent + draw(STATEMENTS))
    return "\n".join(lines)


def without_lines(body: bytes) -> list[tuple[object, ...]]:
    return [statement[1:] for statement in sorted(as_the_reader_sees(body))]


@given(programs())
def test_valid_text_is_read_as_python_reads_it(text: str) -> None:
    expected = as_python_parses(text.encode())
    # A star import inside a function is refused by the compiler, not by the parser.
    assert expected is not None
    assert as_the_reader_sees(text.encode()) == expected


@given(programs(), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_line_ends_and_byte_order_marks_do_not_matter(text: str, end: bytes, has_mark: bool) -> None:
    body = text.encode().replace(b"\n", end)
    marked = b"\xef\xbb\xbf" + body if has_mark else body
    assert as_the_reader_sees(marked) == as_the_reader_sees(text.encode())


@given(
    programs(),
    st.lists(st.sampled_from(["", "# import comment", "    # more", "\f"]), min_size=1, max_size=5),
)
def test_blank_lines_and_comments_above_do_not_matter(text: str, above: list[str]) -> None:
    moved = "\n".join([*above, text]).encode()
    assert without_lines(moved) == without_lines(text.encode())


@given(programs(), st.sampled_from(["latin-1", "cp1252", "iso-8859-15", "utf-8"]))
def test_the_declared_encoding_does_not_matter(text: str, encoding: str) -> None:
    body = f"# -*- coding: {encoding} -*-\nletters = 'äöü'\n{text}\n".encode(encoding)
    assert as_the_reader_sees(body) == as_the_reader_sees(f"\n\n{text}\n".encode())


@given(programs())
def test_tabs_for_blanks_and_form_feeds_do_not_matter(text: str) -> None:
    tabbed = text.replace("    ", "\t").encode()
    assert as_the_reader_sees(tabbed) == as_the_reader_sees(text.encode())
    assert guards_as_the_reader_sees(tabbed) == guards_as_the_reader_sees(text.encode())


@given(programs())
def test_every_import_stands_in_the_blocks_that_python_sees(text: str) -> None:
    assert guards_as_the_reader_sees(text.encode()) == guards_as_python_parses(text.encode())


@given(programs(), st.integers(0, 2_000), st.text(max_size=8))
def test_damaged_text_is_read_without_an_error(text: str, offset: int, damage: str) -> None:
    at = min(offset, len(text))
    record = read_source((text[:at] + damage + text[at:]).encode(errors="replace"), is_own_code=True)
    assert decode_record(encode_record(record)) == record


@given(st.binary(max_size=300))
@examples(300)
def test_any_bytes_are_read_without_an_error(body: bytes) -> None:
    record = read_source(body, is_own_code=True)
    assert all(0 <= found.block < len(record.blocks) for found in record.imports)
    assert all(block.parent < index for index, block in enumerate(record.blocks))


WORDS = (
    "a . , ( ) [ ] { } : ; ' \" ''' \"\"\" # if else elif try except def\tf() class\tA match case lambda"
    " CDLL subprocess.run sys.path = as * ImportError raise"
)
TOKENS = st.sampled_from([*WORDS.split(" "), "import ", "from ", "\\\n", "\n", "    ", "\t", "\f"])


@given(st.lists(TOKENS, max_size=60).map("".join))
@examples(300)
def test_any_sequence_of_tokens_is_read_as_python_would_or_without_an_error(text: str) -> None:
    body = ("import subprocess, sys\nfrom ctypes import *\n" + text).encode()
    expected = as_python_parses(body)
    seen = as_the_reader_sees(body)
    if expected is not None:
        assert seen == expected
