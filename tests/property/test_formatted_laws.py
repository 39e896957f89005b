"""What Python 3.11 and older refuse of formatted strings, compared with such a Python."""

import ast
import sys
import warnings

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.static_imports.source.formatted import free_format_line
from tests.support.laws import examples

PARTS = (
    *("{", "}", "{{", "}}", '"', "'", '"""', "\\", "\\n", "#", "!r", "!", "=", "!=", ":", ">10", "(", ")"),
    *("[", "]", "[1]", "\n", " ", "['a']", "\\N{EM DASH}", "lambda: 1", "}{a!r:>{w}", "}{a"),
    *("}{f'{a}'", '}{f"{a}"', 'rf"\\{a}"', "}", ":{w}", " + b"),
)
BODIES = st.lists(st.sampled_from(PARTS), max_size=5).map("".join)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="only an older Python knows what it refuses")
@given(st.sampled_from(("f", "rf", "F", "fR")), st.sampled_from(("'", '"', '"""', "'''")), BODIES)
@examples(1_500)
def test_it_is_refused_where_an_older_python_refuses_it(prefix: str, quote: str, body: str) -> None:
    text = f"x = {prefix}{quote}{{a{body}}}{quote}\n"
    if not _is_valid_today(text):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except SyntaxError:
            assert free_format_line(text.encode()) == 1
        else:
            assert free_format_line(text.encode()) == 0


def _is_valid_today(text: str) -> bool:
    try:
        cst.parse_module(text)
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        return False
    return True
