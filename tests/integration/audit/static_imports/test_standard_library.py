"""What the reader of sources sees of Python's own library is what Python sees."""

import random
import sysconfig
from pathlib import Path

import pytest

from tests.support.import_statements import as_python_parses, as_the_reader_sees

pytestmark = pytest.mark.integration

_SAMPLE = 300


def test_the_standard_library_is_read_as_python_reads_it() -> None:
    files = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
    chosen = [file for file in files if "site-packages" not in file.parts]
    if not chosen:
        pytest.skip("this Python has no standard library in source")
    random.Random(20261120).shuffle(chosen)  # noqa: S311  (a sample, not a secret)
    different = 0
    total = 0
    for file in chosen[:_SAMPLE]:
        body = file.read_bytes()
        expected = as_python_parses(body)
        if expected is not None:
            total += len(expected)
            different += len(set(expected) ^ set(as_the_reader_sees(body)))
    assert total > 1_000
    assert different <= total * 0.0001
