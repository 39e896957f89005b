"""What protects a file, as compilers were told to protect it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.depth import examine_depth, examine_hardening
from fleet_audit.audit.model.one_file import Depth, Hardening

pytestmark = pytest.mark.integration

SOURCE = r"""
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
    char name[64];
    strcpy(name, words[0]);
    printf("%s %d\n", name, count);
    return 0;
}
"""


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        pytest.skip("needs a C compiler to build programs")
    return found


def built(folder: Path, compiler: str, *options: str) -> bytes:
    source, program = folder / "x.c", folder / "x"
    source.write_text(SOURCE)
    argv = [compiler, "-w", "-O2", "-U_FORTIFY_SOURCE", *options, "-o", str(program), str(source)]
    subprocess.run(argv, check=True, capture_output=True)  # noqa: S603  (our own words)
    return program.read_bytes()


def hardening(body: bytes) -> Hardening:
    (found,) = examine_hardening([body])
    assert isinstance(found, Hardening)
    return found


def test_every_protection_is_seen(tmp_path: Path, compiler: str) -> None:
    options = ["-pie", "-fPIE", "-fstack-protector-all", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now", "-s"]

    found = hardening(built(tmp_path, compiler, *options))

    assert found == Hardening(
        is_pie=True,
        has_executable_stack=False,
        relro="full",
        has_canary=True,
        fortified=2,
        fortifiable=0,
        is_stripped=True,
    )


def test_every_lack_is_seen(tmp_path: Path, compiler: str) -> None:
    options = ["-no-pie", "-fno-pie", "-fno-stack-protector", "-fno-builtin", "-Wl,-z,norelro,-z,execstack"]

    found = hardening(built(tmp_path, compiler, *options))

    assert found == Hardening(
        is_pie=False,
        has_executable_stack=True,
        relro="none",
        has_canary=False,
        fortified=0,
        fortifiable=2,
        is_stripped=False,
    )


def test_relro_without_binding_now_is_partial(tmp_path: Path, compiler: str) -> None:
    assert hardening(built(tmp_path, compiler, "-Wl,-z,relro,-z,lazy")).relro == "partial"


def test_symbols_versions_relocations_and_the_build_id_are_told(tmp_path: Path, compiler: str) -> None:
    body = built(tmp_path, compiler, "-pie", "-fPIE", "-fno-builtin", "-Wl,--build-id=0xc0ffee11")

    found = examine_depth(body)

    assert isinstance(found, Depth)
    assert found.build_id == "c0ffee11"
    (printf,) = (symbol for symbol in found.imported if symbol.name == "printf")
    assert (printf.version.startswith("GLIBC_2."), printf.kind) == (True, "FUNC")
    assert "libc.so.6" in {needed.file for needed in found.versions_needed}
    assert sum(found.relocations.values()) > 0
    assert found.interpreter.startswith("/lib")
