"""Laws of the expressions that are read without libcst: it would say the same of them."""

import libcst as cst
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.lexer import lex

_NAME_PIECES = st.sampled_from(
    ["a", "os", "None", "True", "if", "await", "match", "é", "1", ".", " ", "\t", "#"]
)
_STRINGS = ['"a"', "'b.c'", '"é"', "'\\n'", "b'x'", "f'{y}'", '"""z"""', "''", '"', "'"]
_LIST_PIECES = st.sampled_from([*_STRINGS, ",", " ", "\n", "[", "]", "(", ")", "{", "}", "#", "*", "x"])


def _texts_of(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(pieces, max_size=12).map("".join)


def _parsed(text: str) -> cst.BaseExpression | None:
    try:
        return cst.parse_expression(f"({text}\n)")
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        return None


@given(_texts_of(_NAME_PIECES))
@example("a.b.c # why")
@example(" None")
@example("a.None")
def test_names_are_what_the_parser_makes_of_them(text: str) -> None:
    body = text.encode()
    parsed = _parsed(text)

    found = islands.expression(body, lex(body).shadow)

    assert type(found) is type(parsed)
    if found is not None and parsed is not None:
        assert islands.dotted(found) == islands.dotted(parsed)


@given(_texts_of(_LIST_PIECES))
@example("['a', 'b',]")
@example("('a')")
@example("('a',)")
@example("['a' 'b']")
@example("""['a'"b"'c']""")
@example("['a')")
@example("{}")
def test_listed_strings_are_those_that_the_parser_finds(text: str) -> None:
    body = text.encode()

    found = islands.listed_strings(body, lex(body).shadow)

    parsed = _parsed(text)
    if found is not None:
        assert parsed is not None
        assert found == islands.texts(parsed)


@given(
    st.lists(st.text(st.characters(exclude_characters="'\"\\\r\n\0", exclude_categories=["Cs"])), max_size=90)
)
def test_plain_lists_need_no_parser(names: list[str]) -> None:
    body = "[" + "".join(f"\n    '{name}',  # a name" for name in names) + "\n]"

    assert islands.listed_strings(body.encode(), lex(body.encode()).shadow) == tuple(names)
