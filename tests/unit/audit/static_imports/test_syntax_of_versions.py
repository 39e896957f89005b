"""What is valid Python is decided by the image's version, whichever Python this tool runs with.

The table is what ``compile`` of real interpreters says: 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1, 3.13.0; for
3.14 it is the "What's New" of that version.
"""

import sys
from itertools import product

import pytest

from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.syntax import Judge

NEVER = 99
MINORS = range(8, 15)
SINCE = {
    "assignment expression": (8, "if (n := 1): pass\n"),
    "positional only parameters": (8, "def f(a, /): pass\n"),
    "formatted string that names its expression": (8, "x = 1\nprint(f'{x=}')\n"),
    "any expression as decorator": (9, "@a.b[0]\ndef f(): pass\n"),
    "a name and its call as decorator": (8, "@a.b\n@a.b(0)\ndef f(): pass\n"),
    "parentheses around several managers": (9, "with (open('a') as a, open('b') as b):\n    pass\n"),
    "match statement": (10, "match x:\n    case 1: pass\n"),
    "star in an index": (11, "x = a[*b]\n"),
    "star in a tuple that is an index": (8, "x = a[(*b, 1)]\n"),
    "star in an annotation": (11, "def f(*a: *b): pass\n"),
    "exception groups": (11, "try:\n    pass\nexcept* ValueError:\n    pass\n"),
    "type statement": (12, "type A = int\n"),
    "type parameters": (12, "class A[T]: pass\ndef f[T](a: T) -> T: return a\n"),
    "defaults of type parameters": (13, "def f[T=int](a: T): pass\n"),
    "several exceptions without brackets": (14, "try:\n    pass\nexcept A, B:\n    pass\n"),
    "template string": (14, "x = t'{a}'\n"),
    "a print statement": (NEVER, "print 'x'\n"),
    "return outside of a function": (NEVER, "return 1\n"),
    "star import in a function": (NEVER, "def f():\n    from a import *\n"),
}
FREE_STRINGS = {
    "quotes of the string inside": 'x = f"{d["a"]}"\n',
    "backslashes inside": "x = f\"{'\\n'.join(a)}\"\n",
    "comments inside": "x = f'''{\n1 # c\n}'''\n",
}


def faults(text: str, minor: int) -> bool:
    body = text.encode()
    with Judge() as judge:
        return judge.judge(body, lex(decode(body)), (3, minor)).fault is not None


@pytest.mark.parametrize(("what", "minor"), list(product(SINCE, MINORS)))
def test_syntax_is_a_fault_before_the_version_that_brought_it(what: str, minor: int) -> None:
    since, text = SINCE[what]

    assert faults(text, minor) is (minor < since)


@pytest.mark.parametrize(("what", "minor"), list(product(FREE_STRINGS, MINORS)))
def test_formatted_strings_are_free_since_3_12(what: str, minor: int) -> None:
    if minor < 12 <= sys.version_info[1]:
        pytest.xfail("a Python that is newer than the image's reads them for older versions too")

    assert faults(FREE_STRINGS[what], minor) is (minor < 12)


def test_a_construct_that_is_too_new_is_named_by_its_line() -> None:
    body = b"import a\n\ntry:\n    pass\nexcept A, B:\n    pass\n"
    with Judge() as judge:
        fault = judge.judge(body, lex(decode(body)), (3, 12)).fault

    assert fault is not None
    assert fault.line == 5
