"""Laws of the pieces that a damaged file is cut into."""

import ast
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.pieces import lexed_apart, pieces
from fleet_audit.audit.static_imports.source.reading import read_source, read_text
from tests.support.laws import examples

SOUND = (
    "import a",
    "x = 1",
    'def f():\n    """Doc."""\n    import b\n    return 1',
    "class A:\n    def g(self):\n        return '''\ntext\n'''",
    "try:\n    import c\nexcept ImportError:\n    d = None\nelse:\n    e = (1,\n2)",
    "@f\ndef h(): pass",
    "if x:\n\tpass",
    "# import comment",
)
DAMAGED = (
    "x = (",
    '"""',
    "'",
    "def k(",
    "    y = 1",
    "else:",
    "<<<<<<< HEAD",
    "print 1",
    "x = 1 \\",
    "class B:\n    def m(self):\n        z = '''\n    def n(self): pass",
    ")",
    "\f\tif",
)
ENDLESS = ("x = (", '"""', "x = '''", "def k(", "class B:\n    def m(self):\n        z = [")
TEXTS = st.lists(st.sampled_from((*SOUND, *DAMAGED)), max_size=8).map(lambda lines: "\n".join([*lines, ""]))


@given(st.one_of(TEXTS, st.text(max_size=200)))
@examples(300)
def test_pieces_make_up_the_text_and_sound_ones_parse(text: str) -> None:
    source = decode(text.encode(errors="replace"))
    cut = pieces(source)

    assert b"".join(source[piece.start : piece.end] for piece in cut) == source
    assert [piece.is_sound for piece in cut] == [i % 2 == (not cut[0].is_sound) for i in range(len(cut))]
    assert len(lexed_apart(lex(source), cut).shadow) == len(source)


@given(st.lists(st.sampled_from(SOUND), min_size=1, max_size=6).map(lambda lines: "\n".join([*lines, ""])))
@settings(deadline=None)
def test_a_sound_text_is_one_piece_and_read_as_ever(text: str) -> None:
    source = text.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(source)

    cut = pieces(source)

    assert [piece.is_sound for piece in cut] == [True]
    apart = read_text(lexed_apart(lex(source), cut), is_own_code=True)
    assert apart == read_source(source, is_own_code=True)


@given(
    st.lists(st.sampled_from(SOUND), max_size=3), st.sampled_from(ENDLESS), st.lists(st.sampled_from(SOUND))
)
@examples(150)
def test_what_is_before_what_never_ends_is_sound(before: list[str], damage: str, after: list[str]) -> None:
    first = "".join(f"{statement}\n" for statement in before).encode()
    cut = pieces(first + "\n".join([damage, *after, ""]).encode())

    assert all(piece.start >= len(first) for piece in cut if not piece.is_sound)
