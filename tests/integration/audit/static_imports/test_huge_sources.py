"""One huge file of each kind costs some seconds at most, and what stands at its beginning is seen."""

import time

import pytest

from fleet_audit.audit.static_imports.source.own_code import read_own_code
from fleet_audit.audit.static_imports.source.reading import read_source
from fleet_audit.audit.static_imports.source.syntax import Judge

pytestmark = pytest.mark.integration

SECONDS = 8.0
HUGE = (8 << 20) - 200
ENDLESS = {
    "calls in calls": (b"import subprocess\nx = ", b"subprocess.run(", b""),
    "calls": (b"", b"f(a)\n", b""),
    "calls of one function": (b"def f():\n import z\n", b"f()\n", b""),
    "statements on one line": (b"", b"a;", b"\n"),
    "names that stand for one another": (b"import ctypes\n", b"x = y\nctypes.CDLL(x)\ny = x\n", b""),
    "functions": (b"", b"def f():\n  return\n  import x\n", b""),
    "imports": (b"", b"import a\n", b""),
    "names of one import": (b"from a import (", b"b, ", b"c)\n"),
    "open brackets": (b"x = ", b"(", b"\n"),
    "open brackets on lines of their own": (b"", b"x = (\n", b""),
    "open strings": (b"", b"\"\"\"a\n'''b\n", b""),
    "a table": (b"x = [", b"1, ", b"]\n"),
}


@pytest.mark.parametrize(("before", "again", "after"), ENDLESS.values(), ids=ENDLESS)
def test_a_huge_file_costs_some_seconds_and_what_begins_it_is_seen(
    before: bytes, again: bytes, after: bytes
) -> None:
    body = b"import first\n" + before + again * (HUGE // len(again)) + after
    with Judge() as judge:
        start = time.process_time()
        own = read_own_code(body, judge, (3, 11)).record
        of_own = time.process_time() - start
    start = time.process_time()
    installed = read_source(body)
    of_installed = time.process_time() - start

    assert "first" in {found.module for found in own.imports}
    assert "first" in {found.module for found in installed.imports}
    assert max(of_own, of_installed) < SECONDS
