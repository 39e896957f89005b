"""Which formatted strings Python 3.11 and older refuse, read off the text alone."""

import pytest

from fleet_audit.audit.static_imports.source.formatted import free_format_line

REFUSED = {
    "quotes of the string inside": 'f"{d["a"]}"',
    "quotes in a nested string": "f'{f'{a}'}'",
    "a backslash in a string inside": "f\"{'\\n'.join(a)}\"",
    "a comment": "f'''{\n1 # c\n}'''",
    "a line end in a string of one line": "f'{\n1}'",
    "a blank behind a conversion": "f'{a!r }'",
    "fields in fields in fields": "f'{a:{b:{c:{d}}}}'",
}
ACCEPTED = {
    "other quotes": "f\"{d['a']}\"",
    "a number sign in a string inside": "f\"{d['#']}\"",
    "a backslash outside": "f'\\n{a}\\\\'",
    "a named letter": "f'\\N{EM DASH}{a}'",
    "doubled braces": "f'{{ # \\n }}'",
    "a conversion and a format": "f'{a!r:>{width}}'",
    "a comparison": "f'{a != b} {a == b} {a <= b}'",
    "a field that names itself": "f'{a = }'",
    "brackets": "f'{ {1: (2,)}[1] }'",
    "a line end in a long string": "f'''{\na}'''",
    "a plain string": "'{'",
    "bytes": "b'{'",
    "a raw one": "rf'\\{a}'",
    "text beside": "x'f{' if 0 else 1",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_and_its_line_is_said(text: str) -> None:
    assert free_format_line(f"a = 1\nx = {text}\n".encode()) == 2


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_it_is_accepted(text: str) -> None:
    assert free_format_line(f"x = {text}\n".encode()) == 0
