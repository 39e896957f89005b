"""Every library of a real image, read from outside, loads or fails as it does inside."""

import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_check import MAX_PROBLEMS
from fleet_audit.audit.ldd.symbol_collector import SymbolCollector
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.tools.process import run
from tests.support.example_images import FLEET, example_layout

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]

IMAGE = "family-vision-cu121"
PYTHON = ImagePath("/usr/bin/python3")
PROBE = Path(__file__).parents[3] / "fixtures" / "elf" / "load_all.py"
SECONDS = 300
AT_LEAST = 300
"""Libraries that the image has at the very least: fewer, and this test looks at the wrong place."""


@pytest.fixture(scope="module")
def layout() -> Path:
    return example_layout(IMAGE)


@pytest.fixture
def root(layout: Path, tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "root"
    command = [sys.executable, "-m", "examples.fleet.builder", "export", IMAGE, str(place)]
    command += ["--format", "dir", "--layout", str(layout)]
    run(command, timeout=SECONDS, env=os.environ, cwd=FLEET.parents[1])
    yield place
    shutil.rmtree(place)


def closures(layout: Path) -> tuple[Closure, ...]:
    """Examine every shared library of the image as a module of its Python."""
    collector, symbols = ElfCollector(), SymbolCollector()
    with open_image(f"oci:{layout}:{IMAGE}", collectors=(collector, symbols)) as image:
        elf = image.records(collector)
        world = World(image.tree, elf, image.identity.config.env, symbols=image.records(symbols).get)
        entries = [EntryPoint(path, EntryKind.EXTENSION_MODULE) for path in sorted(elf) if ".so" in path]
        return examine(world, entries, PYTHON)


def truth(root: Path, paths: list[str]) -> dict[str, str]:
    """Return what dlopen says of each library inside the image; empty where it loads."""
    place = root / "tmp" / "probe"
    place.mkdir(parents=True)
    shutil.copy(PROBE, place / "probe.py")
    (place / "paths").write_text("\n".join(paths))
    words = ["/tmp/probe/probe.py", "/tmp/probe/paths", "/tmp/probe/answer"]  # noqa: S108  (paths inside the image)
    run(["chroot", str(root), PYTHON, *words], timeout=SECONDS, env={"PATH": "/usr/sbin:/usr/bin"})
    found: dict[str, str] = json.loads((place / "answer").read_text())
    return found


def judged(found: Closure, said: str) -> str:
    """Compare one prediction with what the loader said."""
    absent = re.match(r"(\S+): cannot open shared object file", said)
    if absent:
        return "agreed: missing" if absent[1] in missing_sonames(found) else "false negative"
    undefined = re.search(r"undefined symbol: ([^\s,]+)", said)
    if undefined:
        named = {problem.name for problem in found.symbol_problems}
        is_foreseen = undefined[1] in named or len(named) == MAX_PROBLEMS
        return "agreed: undefined symbol" if is_foreseen else "false negative"
    if said:
        return "agreed: refused" if problems(found) else "false negative"
    return "false positive" if problems(found) else "agreed: loads"


def test_no_library_is_wrongly_missing_or_wrongly_there(layout: Path, root: Path) -> None:
    found = closures(layout)
    said = truth(root, [closure.entry.path for closure in found])

    verdicts = {closure.entry.path: judged(closure, said[closure.entry.path]) for closure in found}

    counts = Counter(verdicts.values())
    assert len(found) > AT_LEAST, counts
    assert counts["agreed: missing"] > 0, counts
    assert counts["agreed: undefined symbol"] > 0, counts
    assert {path: v for path, v in verdicts.items() if v.startswith("false")} == {}
