"""Real wheels in bootstrapped Debian systems: what is said from outside is what the loader does inside.

Truth is the loader of each system: its trace of what Python would load with a file, soname by soname, and
dlopen and import in a chroot.
"""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from fleet_audit.audit.images.tree import FileTree, basename
from fleet_audit.audit.ldd.evidence import missing_sonames
from fleet_audit.audit.ldd.glibc import dlopen, examine
from fleet_audit.audit.ldd.loader import abi_of
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions
from tests.support.agreement import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    differing_from,
    judged,
    libraries,
    reasons,
)
from tests.support.chroots import Inside, Traced, dlopened, imported, listed, subfolders, traced
from tests.support.roots import SUITES, Root, root_with_wheels, roots

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping and chroot need root"),
]

AT_LEAST = 900
"""Libraries of the wheels alone: fewer, and this test looks at the wrong place."""


class Examined(NamedTuple):
    """One system: its closures as predicted from outside, and what its own loader says of each file."""

    root: Root
    tree: FileTree
    closures: tuple[Closure, ...]
    traces: dict[ImagePath, Traced]
    said: dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def bootstrapped() -> None:
    """Make what is not there yet, all at once."""
    roots(*SUITES)


@pytest.fixture(scope="module", params=SUITES)
def examined(request: pytest.FixtureRequest) -> Iterator[Examined]:
    root = root_with_wheels(request.param)
    with tempfile.TemporaryDirectory() as folder, open_scene(*_opened(root, folder)) as scene:
        assert scene.gaps == ()
        closures = examine(scene.world, libraries(scene), scene.python)
        paths = [closure.entry.path for closure in closures]
        traces = {path: traced(Inside(root.place), root.python, path) for path in paths}
        said = dlopened(Inside(root.place), root.python, paths)
        yield Examined(root, scene.image.tree, closures, traces, said)


def _opened(root: Root, folder: str) -> tuple[str, Settings]:
    return f"dir:{root.place}", Settings(Path(folder), "2026-11-20T00:00:00Z", is_offline=True)


def score(
    examined: Examined, verdicts: Mapping[ImagePath, str], differing: Mapping[ImagePath, list[str]]
) -> str:
    """Return one row of the score table."""
    words = [word for found in differing.values() for word in found] + list(verdicts.values())
    traces = examined.traces.values()
    numbers = {
        "files": len(examined.closures),
        "requests": sum(len(closure.requests) for closure in examined.closures),
        "missing": sum(path is None for trace in traces for path in trace.files.values()),
        "versions": sum(len(trace.versions) for trace in traces),
        **{verdict: n for verdict, n in sorted(Counter(verdicts.values()).items()) if "false" not in verdict},
        "false positives": sum(word.startswith(FALSE_POSITIVE) for word in words),
        "false negatives": sum(word.startswith(FALSE_NEGATIVE) for word in words),
    }
    return f"{examined.root.suite}: " + ", ".join(f"{name} {n}" for name, n in numbers.items())


def test_no_library_of_a_wheel_is_wrongly_missing_or_wrongly_there(examined: Examined) -> None:
    differing = differing_from(examined.tree, examined.closures, examined.traces)
    verdicts = {c.entry.path: judged(c, examined.said[c.entry.path]) for c in examined.closures}

    print(score(examined, verdicts, differing))  # noqa: T201  (the score; -s or a failure shows it)
    of_wheels = [path for path in verdicts if path.startswith(examined.root.site)]
    assert len(of_wheels) >= AT_LEAST
    assert differing == {}
    assert {path: words for path, words in verdicts.items() if words.startswith("false")} == {}


AT_LEAST_WHEELS = 25
"""Wheels with native code, at the very least."""


@pytest.mark.parametrize("suite", SUITES)
def test_the_libraries_are_those_of_many_wheels(suite: str) -> None:
    root = root_with_wheels(suite)
    site = root.place / root.site.lstrip("/")

    records = {path.parent.name: path.read_text() for path in site.glob("*.dist-info/RECORD")}
    native = {name.lower() for name, text in records.items() if re.search(r"\.so[.\d]*,", text)}

    assert len(native) >= AT_LEAST_WHEELS
    assert {"torchaudio", "torchvision", "pynvvideocodec"} <= {name.partition("-")[0] for name in native}


def undefined(examined: Examined, closure: Closure) -> Counter[ImagePath]:
    """Return how many symbols the loader does not find for each file, when it binds everything at once."""
    trace = traced(Inside(examined.root.place), examined.root.python, closure.entry.path, with_symbols=True)
    by = ((name, examined.tree.realpath(ImagePath(path))) for name, path in trace.symbols)
    return Counter(path for _, path in set(by) if path is not None)


def test_every_undefined_symbol_is_counted_as_the_loader_counts_it(examined: Examined) -> None:
    whole = [c for c in examined.closures if reasons(c) <= {"symbol"}]
    claimed = {c.entry.path: Counter({p.wanted_by: p.others + 1 for p in c.symbol_problems}) for c in whole}

    said = {c.entry.path: undefined(examined, c) for c in whole}

    assert len(whole) >= AT_LEAST // 2
    assert sum(map(bool, said.values())) > 0
    assert {path: (claimed[path], found) for path, found in said.items() if claimed[path] != found} == {}


IMPORTED = 12
"""Modules of one top-level package that are imported; some have a hundred that are alike."""


def modules(scene: Scene) -> list[EntryPoint]:
    """Return extension modules that Python can import by name, some of each top-level package."""
    assert scene.interpreter is not None
    found: dict[str, list[EntryPoint]] = {}
    for m in importable_extensions(scene.image.tree, scene.interpreter):
        entry = EntryPoint(m.path, EntryKind.EXTENSION_MODULE, m.module, m.distribution)
        found.setdefault(m.module.partition(".")[0], []).append(entry)
    return [entry for entries in found.values() for entry in entries[:: len(entries) // IMPORTED + 1]]


def test_what_cannot_be_imported_is_what_we_say(tmp_path: Path) -> None:
    root = root_with_wheels("bookworm")
    with open_scene(*_opened(root, str(tmp_path))) as scene:
        closures = examine(scene.world, modules(scene), scene.python)

    said = imported(Inside(root.place), root.python, [str(closure.entry.module) for closure in closures])

    refused = {
        module: found[1]
        for module, message in said.items()
        if (found := re.match(r"ImportError: (\S+): cannot open shared object file", message))
    }
    missing = {soname for closure in closures for soname in missing_sonames(closure)}
    assert len(refused) > IMPORTED
    assert {module: soname for module, soname in refused.items() if soname not in missing} == {}
    assert {
        c.entry.module: reasons(c) for c in closures if reasons(c) and not said[str(c.entry.module)]
    } == {}
    silent = [c.entry.module for c in closures if not reasons(c) and not said[str(c.entry.module)]]
    assert len(silent) > len(closures) // 4


SEARCHED = ("nvidia/cuda_runtime/lib", "PySide6/Qt/lib", "pygame.libs", "opencv_python.libs")
"""Folders of wheels that LD_LIBRARY_PATH names in one test."""


def test_with_directories_in_the_environment_the_same_files_answer(tmp_path: Path) -> None:
    root = root_with_wheels("bookworm")
    search = ":".join(f"{root.site}/{folder}" for folder in SEARCHED)
    with open_scene(*_opened(root, str(tmp_path))) as scene:
        world = World(scene.image.tree, scene.elf, {"LD_LIBRARY_PATH": search})
        closures = examine(world, libraries(scene), scene.python)
        traces = {
            c.entry.path: traced(Inside(root.place), root.python, c.entry.path, search=search)
            for c in closures
        }

        assert differing_from(scene.image.tree, closures, traces) == {}


@pytest.mark.parametrize("suite", SUITES)
def test_programs_load_what_the_loader_lists(suite: str, tmp_path: Path) -> None:
    root = root_with_wheels(suite)
    with open_scene(*_opened(root, str(tmp_path))) as scene:
        loaders = {path: facts.interpreter for path, facts in scene.elf.items() if facts.interpreter}
        programs = [path for path in sorted(loaders) if not re.search(r"\.so(\.|$)", basename(path))]
        entries = [EntryPoint(path, EntryKind.EXECUTABLE) for path in programs]
        closures = examine(scene.world, entries, scene.python)
        traces = {path: listed(Inside(root.place), str(loaders[path]), path) for path in programs}

        assert len(programs) > PROGRAMS
        assert differing_from(scene.image.tree, closures, traces) == {}


@pytest.mark.parametrize("suite", SUITES)
def test_subfolders_for_processors_are_those_of_the_loader(suite: str, tmp_path: Path) -> None:
    root = root_with_wheels(suite)
    with open_scene(*_opened(root, str(tmp_path))) as scene:
        facts = scene.elf[ImagePath("/usr/bin/env")]
        loader = scene.world.loader(ImagePath(str(facts.interpreter)), abi_of(facts))

    said = subfolders(Inside(root.place), "/usr/bin/env")

    assert [name for name in loader.subfolders if name in said] == said


PROGRAMS = 200
"""Programs of the smallest system at the very least."""


def test_names_that_python_opens_lead_where_the_loader_goes(examined: Examined, tmp_path: Path) -> None:
    names = sorted({request.soname for closure in examined.closures for request in closure.requests})
    with open_scene(*_opened(examined.root, str(tmp_path))) as scene:
        found = dlopen(scene.world, names, scene.python)

    said = dlopened(Inside(examined.root.place), examined.root.python, names)

    verdicts = {name: judged(closure, said[name]) for name, closure in zip(names, found, strict=True)}
    assert sum(verdict == "agreed: loads" for verdict in verdicts.values()) > LOADED_BY_NAME
    assert {name: words for name, words in verdicts.items() if words.startswith("false")} == {}


LOADED_BY_NAME = 20
"""Names that some library asks for and that a system answers by itself, at the very least."""
