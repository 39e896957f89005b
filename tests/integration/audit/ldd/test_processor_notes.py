"""The linker's own notes on processors are read."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.isa import level_name, level_needed
from fleet_audit.audit.ldd.reader import read_elf

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_the_level_that_the_linker_was_told_is_found(level: str, tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc to build a library")
    library = tmp_path / "liba.so"
    argv = [compiler, "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", str(library), f"-Wl,-z,{level}"]
    subprocess.run(argv, input=b"int a;", check=True, capture_output=True, timeout=60)  # noqa: S603  (the compiler, on this file's own text)
    body = library.read_bytes()

    facts = read_elf(lambda offset, length: body[offset : offset + length], len(body))

    assert facts is not None
    assert level_name(level_needed(facts.x86_isa_needed)) == level
