"""The linker's own notes on processors are read."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from fleet_audit.audit.ldd.isa import level_name, level_needed
from fleet_audit.audit.ldd.reader import read_elf
from tests.support.worlds import World, installed

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_the_level_that_the_linker_was_told_is_found(level: str, tmp_path: Path) -> None:
    body = built_for(level, tmp_path / "liba.so", "int a;")

    facts = read_elf(lambda offset, length: body[offset : offset + length], len(body))

    assert facts is not None
    assert level_name(level_needed(facts.x86_isa_needed)) == level


@pytest.mark.parametrize(("isa", "code"), [("x86-64-v2", 1), ("x86-64-v3", 0), ("x86-64-v4", 0)])
def test_a_module_for_newer_processors_fails_a_family_with_an_older_machine(
    isa: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = built_for("x86-64-v3", tmp_path / "fast.abi3.so", "int PyInit_fast(void) { return 0; }")
    world = World(tmp_path)
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(world.cache))
    world.family("vision", installed("fast", {"fast.abi3.so": module}), machines=["old", "new"])
    manifest = yaml.safe_load((world.folder / "fleet.yaml").read_text())
    manifest["machines"] = {"old": {"isa": isa}, "new": {"isa": "x86-64-v4"}}
    world.file("fleet.yaml", yaml.safe_dump(manifest))

    whole, tree = world.run("ldd", "vision"), world.run("ldd", "vision", "--tree", FAST)

    assert (whole.code, tree.code) == (code, code)
    assert [finding["rule"] for finding in whole.document["findings"]] == ["FA-ELF-001"] * code


FAST = "/usr/local/lib/python3.11/site-packages/fast.abi3.so"


def built_for(level: str, place: Path, source: str) -> bytes:
    """Build a library that says it needs this level of the x86-64 instruction set."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc to build a library")
    argv = [compiler, "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", str(place), f"-Wl,-z,{level}"]
    subprocess.run(argv, input=source.encode(), check=True, capture_output=True, timeout=60)  # noqa: S603  (the compiler, on this file's own text)
    return place.read_bytes()
