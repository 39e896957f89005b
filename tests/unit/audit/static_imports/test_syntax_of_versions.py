"""What is valid Python is decided by the image's version, whichever Python this tool runs with."""

from itertools import product

import pytest

from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.records import SyntaxFault
from fleet_audit.audit.static_imports.source.syntax import Judge, Judgement
from tests.support.syntax_samples import ENCODED, SAMPLES

MINORS = range(8, 15)


def judged(body: bytes, minor: int) -> Judgement:
    with Judge() as judge:
        return judge.judge(body, lex(decode(body)), (3, minor))


@pytest.mark.parametrize(("what", "minor"), list(product(SAMPLES, MINORS)))
def test_syntax_is_a_fault_before_the_version_that_brought_it(what: str, minor: int) -> None:
    since, text = SAMPLES[what]

    assert (judged(text.encode(), minor).fault is not None) is (minor < since)


@pytest.mark.parametrize(("what", "minor"), list(product(ENCODED, MINORS)))
def test_a_file_that_its_encoding_cannot_read_is_a_fault(what: str, minor: int) -> None:
    is_valid, body = ENCODED[what]

    assert (judged(body, minor).fault is None) is is_valid


@pytest.mark.parametrize("minor", MINORS)
def test_what_is_wrong_beside_newer_syntax_is_found(minor: int) -> None:
    body = b"import a\n\n# Of a type.\ntype A = int\n\n# Of none.\ndef f(a, a): pass\n"

    fault = judged(body, minor).fault

    assert fault is not None
    assert fault.line == (4 if minor < 12 else 7)


def test_a_construct_that_is_too_new_is_named_by_its_line() -> None:
    body = b"import a\n\ntry:\n    pass\nexcept A, B:\n    pass\n"

    fault = judged(body, 12).fault

    assert fault is not None
    assert fault.line == 5


def test_a_formatted_string_that_is_too_new_is_named_by_its_line() -> None:
    body = b"import a\n\nx = f'{1}'\ny = f'{d['a']}'\n"

    assert judged(body, 12) == Judgement(is_whole=True)
    fault = judged(body, 11).fault
    assert isinstance(fault, SyntaxFault)
    assert fault.line == 4
