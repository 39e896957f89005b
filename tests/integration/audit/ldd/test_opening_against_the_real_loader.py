"""Whose search path counts where code opens a library by name: that of the object that calls dlopen."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.evidence import missing_sonames
from fleet_audit.audit.ldd.glibc import dlopen
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath, Soname
from tests.support.folders import MachineFacts, MachineTree
from tests.support.libraries import Layout, glibc_compiler

pytestmark = pytest.mark.integration

OPENER = "void *dlopen(const char *, int); int opens(const char *name) { return dlopen(name, 2) != 0; }"
OPEN = "import ctypes, sys; sys.exit(not ctypes.CDLL(sys.argv[1]).opens(sys.argv[2].encode()))"


@pytest.mark.parametrize(
    ("directories", "holder"),
    [
        ({"runpath": "@/own"}, "own"),
        ({"rpath": "@/own"}, "own"),
        ({"runpath": "$ORIGIN/own"}, "own"),
        ({}, "own"),
        ({"runpath": "@/other"}, "own"),
    ],
)
def test_the_openers_own_search_path_counts(directories: dict[str, str], holder: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path, glibc_compiler())
    opener = layout.lib("opener.so", source=OPENER, **directories)
    layout.lib(f"{holder}/libopened.so")

    assert is_predicted(opener, "libopened.so") == is_opened(opener, "libopened.so")


def test_what_the_opened_library_needs_inherits_nothing_from_the_opener(tmp_path: Path) -> None:
    layout = Layout(tmp_path, glibc_compiler())
    by_rpath = layout.lib("by_rpath.so", source=OPENER, rpath="@/own")
    by_runpath = layout.lib("by_runpath.so", source=OPENER, runpath="@/own")
    layout.lib("own/libopened.so", needed=["libbelow.so"])
    layout.lib("own/libbelow.so")

    by_path = str(layout.root / "own/libopened.so")

    for opener, name in ((by_rpath, "libopened.so"), (by_runpath, "libopened.so"), (by_rpath, by_path)):
        assert not is_opened(opener, name)
        assert not is_predicted(opener, name)


def test_ctypes_opens_on_behalf_of_its_own_module() -> None:
    import _ctypes  # noqa: PLC0415  (built in, or a file of this Python)

    path = getattr(_ctypes, "__file__", None)
    opener = None if path is None else EntryPoint(ImagePath(path), EntryKind.EXTENSION_MODULE)
    world = World(MachineTree(), MachineFacts(), {})

    (found,) = dlopen(world, [Soname("libm.so.6")], ImagePath(os.path.realpath(sys.executable)), opener)

    assert ctypes.CDLL("libm.so.6") is not None
    assert missing_sonames(found) == set()


def is_opened(opener: Path, name: str) -> bool:
    done = subprocess.run(  # noqa: S603  (this Python, on this file's own text)
        [sys.executable, "-c", OPEN, str(opener), name], capture_output=True, timeout=60, env={}, check=False
    )
    return done.returncode == 0


def is_predicted(opener: Path, name: str) -> bool:
    world = World(MachineTree(), MachineFacts(), {})
    entry = EntryPoint(ImagePath(str(opener)), EntryKind.EXTENSION_MODULE)
    (found,) = dlopen(world, [Soname(name)], ImagePath(os.path.realpath(sys.executable)), entry)
    return not missing_sonames(found)
