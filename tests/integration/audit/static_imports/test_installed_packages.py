"""The reader and the search on the packages that this very test run has installed."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter, find_interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.import_statements import (
    as_python_parses,
    as_the_reader_sees,
    guards_as_python_parses,
    guards_as_the_reader_sees,
)
from tests.support.trees import tree

pytestmark = pytest.mark.integration

PROGRAMS = {
    "yaml": "import yaml",
    "msgspec": "import msgspec.json",
    "rich": "from rich.console import Console\nfrom rich.table import Table",
    "isal": "from isal import igzip",
    "zstandard": "import zstandard",
    "elftools": "from elftools.elf.elffile import ELFFile",
    "pydantic": "import pydantic",
    "networking": "import asyncio, ssl, sqlite3, hashlib, lzma, decimal",
    "processes": "import multiprocessing, concurrent.futures, http.client, logging.config",
    "click": "import click",
    "urllib3": "import urllib3",
}
_LOADED = (
    "\nimport sys\nprint([f for m in list(sys.modules.values())"
    " if (f := str(getattr(m, '__file__', None))).endswith('.so')])"
)


def this_python() -> Interpreter:
    """Return the running interpreter as it is found in the file system of this machine."""
    folders = f"{Path(sys.executable).parent}:{Path(sys.executable).resolve().parent}"
    found = find_interpreter(open_folder(Path("/")), ImageConfig(env={"PATH": folders}))
    if found is None:
        pytest.skip("the running Python has no standard library in source")
    return found


def really_loaded(program: str) -> set[str]:
    done = subprocess.run(  # noqa: S603  (this Python, and a program from this file)
        [sys.executable, "-c", program + _LOADED], capture_output=True, check=True, text=True, timeout=60
    )
    return {str(Path(file).resolve()) for file in json.loads(done.stdout.splitlines()[-1].replace("'", '"'))}


def test_what_is_called_certain_is_really_loaded() -> None:
    """Precision of level 0; recall is bounded by what C extensions import, which no source shows."""
    services = [ServiceCode(name, f"program_{name}.py") for name in PROGRAMS]
    sources = tree({f"program_{name}.py": f"{text}\n" for name, text in PROGRAMS.items()})
    found = examine(services, sources, open_folder(Path("/")), this_python(), records=None)
    claimed = wrong = loaded = 0
    for service in found.services:
        certain = {str(Path(e.path).resolve()) for e in service.extension_modules if e.level is Level.CERTAIN}
        truth = really_loaded(PROGRAMS[service.service])
        claimed += len(certain)
        wrong += len(certain - truth)
        loaded += len(truth - really_loaded(""))
        assert [m.module for m in service.missing if m.level is Level.CERTAIN and m.wanted_by is None] == []
    # How many there are depends on how this Python was built: Debian's has most of them inside the program.
    assert loaded > 20
    assert wrong <= claimed * 0.02
    assert claimed - wrong >= loaded * 0.9


def test_every_extension_module_that_is_importable_has_its_distribution() -> None:
    found = {e.module: e.distribution for e in importable_extensions(open_folder(Path("/")), this_python())}
    assert found[ModuleName("msgspec._core")] == "msgspec"


def test_all_installed_source_is_read_as_python_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    different: list[str] = []
    guarded_differently: list[str] = []
    total = files = 0
    for file in sorted(Path(sysconfig.get_path("purelib")).rglob("*.py")):
        body = file.read_bytes()
        expected, guards = as_python_parses(body), guards_as_python_parses(body)
        if expected is None or guards is None:
            continue
        files += 1
        total += len(expected)
        different += [f"{file}: {item}" for item in set(expected) ^ set(as_the_reader_sees(body))]
        seen = guards_as_the_reader_sees(body)
        guarded_differently += [f"{file}: {item}" for item in set(guards) ^ set(seen)]
    with capsys.disabled():
        print(  # noqa: T201  (the numbers behind the thresholds)
            f"\n{total} import statements in {files} files: {len(different)} read otherwise than by ast, "
            f"{len(guarded_differently)} seen in other blocks"
        )
    assert total > 10_000
    assert len(different) <= total * 0.0001, "\n".join(different[:20])
    assert len(guarded_differently) <= total * 0.0001, "\n".join(guarded_differently[:20])
