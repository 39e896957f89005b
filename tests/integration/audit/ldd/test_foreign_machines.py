"""Several machines: i386 beside amd64 in one Debian, and an arm64 Debian; each file judged by its own loader.

Truth is each system's own loader: its trace of what Python would load with a file, and dlopen. Programs of
i386 run on this machine as they are; those of arm64 run under an emulator.
"""

import os
import platform
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.ldd.evidence import missing_sonames
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.layout import EM_386, EM_AARCH64, EM_X86_64
from fleet_audit.audit.ldd.loader import abi_of
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Resolved, WrongMachine
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.settings import Settings
from tests.support.agreement import differing_from, judged, libraries, reasons
from tests.support.chroots import Inside, Traced, dlopened, emulated, listed, subfolders, traced
from tests.support.roots import LOCAL, Root, emulator, root_of_two, root_with_wheels

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping and chroot need root"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the other machines are foreign to x86-64"),
]

SUITE = "bookworm"


class System(NamedTuple):
    """One root, opened as an image, and how its programs are run."""

    root: Root
    scene: Scene
    inside: Inside

    def of_machine(self, machine: int) -> list[EntryPoint]:
        """Return every file that is called like a library and is for this machine."""
        elf = self.scene.elf
        return [entry for entry in libraries(self.scene) if elf[entry.path].machine == machine]

    def traces(self, python: str, paths: Sequence[ImagePath]) -> dict[ImagePath, Traced]:
        return {path: traced(self.inside, python, path) for path in paths}


def opened(root: Root, folder: str) -> tuple[str, Settings]:
    return f"dir:{root.place}", Settings(Path(folder), "2026-11-20T00:00:00Z", is_offline=True)


@pytest.fixture(scope="module")
def two() -> Iterator[System]:
    """Give a system of amd64 with the libraries, Python and wheels of i386 beside its own."""
    root = root_of_two(SUITE)
    with tempfile.TemporaryDirectory() as folder, open_scene(*opened(root, folder)) as scene:
        assert scene.gaps == ()
        yield System(root, scene, Inside(root.place))


@pytest.fixture(scope="module")
def arm() -> Iterator[System]:
    """Give a system of arm64 with wheels for it."""
    program = emulator("arm64")
    root = root_with_wheels(SUITE, "arm64")
    with tempfile.TemporaryDirectory() as folder, open_scene(*opened(root, folder)) as scene:
        assert scene.gaps == ()
        with emulated(root.place, program) as inside:
            yield System(root, scene, inside)


def disagreements(system: System, python: str, closures: Sequence[Closure]) -> dict[ImagePath, object]:
    """Return the files on which we and the loader disagree; print what was agreed upon."""
    paths = [closure.entry.path for closure in closures]
    said = dlopened(system.inside, python, paths)
    verdicts = {closure.entry.path: judged(closure, said[closure.entry.path]) for closure in closures}
    traces = system.traces(python, paths)
    print(score(closures, traces, verdicts))  # noqa: T201  (the score; -s or a failure shows it)
    false = {path: words for path, words in verdicts.items() if words.startswith("false")}
    return {**false, **differing_from(system.scene.image.tree, closures, traces)}


def score(
    closures: Sequence[Closure], traces: dict[ImagePath, Traced], verdicts: dict[ImagePath, str]
) -> str:
    """Return one row of numbers."""
    requests = sum(len(closure.requests) for closure in closures)
    missing = sum(path is None for trace in traces.values() for path in trace.files.values())
    counts = sorted(Counter(verdicts.values()).items())
    agreed = ", ".join(f"{words} {n}" for words, n in counts)
    return f"files {len(closures)}, requests {requests}, missing {missing}, {agreed}"


PYTHON_OF_I386 = ImagePath("/usr/bin/python3-i386")

AT_LEAST_IN_TWO = 150
"""Libraries of i386 alone, and of amd64 alone, at the very least."""


def test_each_library_of_i386_loads_or_fails_as_the_loader_of_i386_says(two: System) -> None:
    closures = examine(two.scene.world, two.of_machine(EM_386), PYTHON_OF_I386)

    assert len(closures) >= AT_LEAST_IN_TWO
    assert {soname for closure in closures for soname in missing_sonames(closure)}
    assert disagreements(two, PYTHON_OF_I386, closures) == {}


def test_its_neighbour_changes_nothing_for_amd64(two: System) -> None:
    assert two.scene.python is not None
    closures = examine(two.scene.world, two.of_machine(EM_X86_64), two.scene.python)

    assert len(closures) >= AT_LEAST_IN_TWO
    assert disagreements(two, two.scene.python, closures) == {}


@pytest.mark.parametrize(("python", "machine"), [("/usr/bin/python3", EM_386), (PYTHON_OF_I386, EM_X86_64)])
def test_no_python_loads_what_is_for_the_other_machine(two: System, python: str, machine: int) -> None:
    closures = examine(two.scene.world, two.of_machine(machine), ImagePath(python))

    said = dlopened(two.inside, python, [closure.entry.path for closure in closures])

    assert all("wrong ELF class" in message for message in said.values())
    assert {closure.entry.path for closure in closures if reasons(closure) != {"wrong-machine"}} == set()


def test_a_library_for_the_other_machine_is_passed_over_wherever_it_comes_first(two: System) -> None:
    search = "/usr/lib/x86_64-linux-gnu:/usr/lib/i386-linux-gnu"
    world = World(two.scene.image.tree, two.scene.elf, {"LD_LIBRARY_PATH": search})
    closures = examine(world, two.of_machine(EM_386), PYTHON_OF_I386)
    traces = {c.entry.path: traced(two.inside, PYTHON_OF_I386, c.entry.path, search=search) for c in closures}

    answers = [request for closure in closures for request in closure.requests]
    passed_over = {request.soname for request in answers if isinstance(request.resolution, WrongMachine)}
    assert passed_over == {"libfreetype.so.6", "liblzma.so.5"}
    assert differing_from(two.scene.image.tree, closures, traces) == {}


def test_programs_of_both_machines_load_what_their_loaders_list(two: System) -> None:
    assert disagreeing_programs(two) == {}
    machines = {two.scene.elf[path].machine for path in programs(two.scene)}
    assert machines == {EM_386, EM_X86_64}


AT_LEAST_ON_ARM = 300
"""Libraries of the system for arm64 at the very least."""


def test_each_library_of_arm64_loads_or_fails_as_its_own_loader_says(arm: System) -> None:
    closures = examine(arm.scene.world, arm.of_machine(EM_AARCH64), arm.scene.python)

    assert len(closures) >= AT_LEAST_ON_ARM
    assert {soname for closure in closures for soname in missing_sonames(closure)}
    assert disagreements(arm, arm.root.python, closures) == {}


@pytest.mark.parametrize(("system", "machine"), [("two", EM_386), ("arm", EM_AARCH64)])
def test_the_cache_leads_each_loader_to_libraries_of_its_machine(
    system: str, machine: int, request: pytest.FixtureRequest
) -> None:
    found: System = request.getfixturevalue(system)
    python = PYTHON_OF_I386 if machine == EM_386 else found.scene.python
    users = [e for e in found.of_machine(machine) if basename(e.path).startswith("_bz2.")]

    (closure,) = examine(found.scene.world, users, python)

    (answer,) = (r.resolution for r in closure.requests if r.soname.startswith(LOCAL))
    assert isinstance(answer, Resolved)
    assert answer.path.startswith("/usr/local/lib/")


@pytest.mark.parametrize(
    ("system", "program"), [("two", "/usr/bin/env"), ("two", PYTHON_OF_I386), ("arm", "/usr/bin/env")]
)
def test_subfolders_are_those_of_each_machines_loader(
    system: str, program: str, request: pytest.FixtureRequest
) -> None:
    found: System = request.getfixturevalue(system)
    canonical = found.scene.image.tree.realpath(ImagePath(program))
    assert canonical is not None
    facts = found.scene.elf[canonical]
    ours = found.scene.world.loader(ImagePath(str(facts.interpreter)), abi_of(facts)).subfolders

    said = subfolders(found.inside, program)

    assert said
    assert [name for name in ours if name in said] == said


def test_programs_of_arm64_load_what_their_loader_lists(arm: System) -> None:
    assert disagreeing_programs(arm) == {}


def programs(scene: Scene) -> dict[ImagePath, str]:
    """Return the programs of a system, each with the loader that it names."""
    named = {path: facts.interpreter for path, facts in sorted(scene.elf.items()) if facts.interpreter}
    return {path: name for path, name in named.items() if not re.search(r"\.so(\.|$)", basename(path))}


def disagreeing_programs(system: System) -> dict[ImagePath, list[str]]:
    loaders = programs(system.scene)
    entries = [EntryPoint(path, EntryKind.EXECUTABLE) for path in loaders]
    closures = examine(system.scene.world, entries, system.scene.python)
    traces = {path: listed(system.inside, loader, path) for path, loader in loaders.items()}
    assert len(loaders) > PROGRAMS
    return differing_from(system.scene.image.tree, closures, traces)


PROGRAMS = 200
"""Programs of the smallest system at the very least."""
