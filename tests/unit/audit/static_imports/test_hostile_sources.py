"""Text that would end, or never end, a parser."""

import time

import pytest

from fleet_audit.audit.static_imports.source import bounds
from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.reading import read_source
from fleet_audit.audit.static_imports.source.syntax import Judge, Judgement, is_harmless

CRASHING = {
    "20,000 chained operators": b"x = " + b"1+" * 20_000 + b"1\n",
    "5,000 nested parentheses": b"x = " + b"(" * 5_000 + b"1" + b")" * 5_000 + b"\n",
    "50,000 attributes": b"x = a" + b".b" * 50_000 + b"\n",
    "50,000 calls": b"x = a" + b"()" * 50_000 + b"\n",
    "50,000 negations": b"x = " + b"not " * 50_000 + b"1\n",
    "20,000 lambdas": b"x = " + b"lambda: " * 20_000 + b"1\n",
    "100,000 joined strings": b"x = " + b'"a" ' * 100_000 + b"\n",
    "nested case patterns": b"match x:\n case " + b"(" * 60 + b"a" + b")" * 60 + b": pass\n",
    "5,000 parentheses in a formatted string": b'x = f"{' + b"(" * 5_000 + b"1" + b")" * 5_000 + b'}"\n',
    "20,000 operators in a formatted string": b'x = rf"{' + b"1+" * 20_000 + b'1}"\n',
    "20,000 elifs": b"if x: pass\n" + b"elif x: pass\n" * 20_000,
}
COSTLY = {
    "a function defined and called 8,000 times": b"def f():\n import b\nf()\n" * 8_000,
    "12,000 programs": b"import subprocess\n" + b"subprocess.run('a')\n" * 12_000,
    "names that stand for one another": b"import ctypes\n"
    + b"x = y\ny = x\n" * 3_000
    + b"ctypes.CDLL(x)\n" * 500,
    "8,000 handlers": b"try:\n import b\nexcept ImportError:\n pass\n" * 8_000,
    "1,200 nested functions": b"".join(b" " * n + b"def f():\n" for n in range(1_200)),
    "long blanks": b"import a" + b" " * 200_000 + b"as" + b" " * 200_000 + b"b\n",
    "open brackets": b"x = " + b"(" * 200_000 + b"\n",
}


@pytest.mark.parametrize("body", [*CRASHING.values(), *COSTLY.values()], ids=[*CRASHING, *COSTLY])
def test_the_reader_finds_the_imports_around_it_in_bounded_time(body: bytes) -> None:
    before = time.process_time()
    record = read_source(b"import first\n" + body + b"import last\n", is_own_code=True)
    assert {"first", "last"} <= {found.module for found in record.imports}
    assert time.process_time() - before < 4


def test_of_a_file_with_too_many_statements_it_is_said_where_looking_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "MAX_STEPS", 1_000)
    record = read_source(b"import first\n" + b"x = 1\n" * 2_000 + b"import last\n")
    assert [found.module for found in record.imports] == ["first"]
    assert record.last_line == 1_001


def test_a_long_table_is_no_reason_to_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_STEPS", 1_000)
    record = read_source(b"x = {\n" + b"'key': [1, (2, 3), 'abc'],\n" * 2_000 + b"}\nimport last\n")
    assert [found.module for found in record.imports] == ["last"]
    assert record.last_line == 0


@pytest.mark.parametrize("body", CRASHING.values(), ids=CRASHING)
def test_it_is_never_parsed_as_a_whole_in_this_process(body: bytes) -> None:
    assert not is_harmless(lex(decode(body)))


def test_ordinary_code_is_parsed_in_this_process() -> None:
    table = b"x = {" + b"'key': [1, 2, (3, 4)],\n" * 5_000 + b"}\n"
    assert is_harmless(lex(decode(table)))


def test_what_python_itself_reads_is_not_given_to_a_parser_that_may_die_of_it() -> None:
    body = CRASHING["nested case patterns"]
    with Judge(deadline=60) as judge:
        assert judge.judge(body, lex(decode(body)), (3, 11)) == Judgement(is_whole=True)


def test_a_file_over_the_limit_is_not_judged() -> None:
    body = b"x = 1\n" * 1_000_000
    with Judge() as judge:
        assert "over the limit" in judge.judge(body, lex(decode(body)), (3, 11)).why_unknown


def test_a_fault_says_where_it_is() -> None:
    body = b"import a\n\ndef f(:\n"
    with Judge() as judge:
        fault = judge.judge(body, lex(decode(body)), (3, 11)).fault
    assert fault is not None
    assert (fault.line, fault.error) == (3, "invalid syntax")


def test_syntax_that_is_newer_than_the_image_is_a_fault_there() -> None:
    body = b"match x:\n    case 1: pass\n"
    with Judge() as judge:
        assert judge.judge(body, lex(decode(body)), (3, 9)).fault is not None
        assert judge.judge(body, lex(decode(body)), (3, 10)).fault is None
