"""What an earlier import leaves in the process: two libraries are loaded one after the other, for real."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.ldd.glibc import examine_after
from fleet_audit.audit.ldd.symbol_collector import symbols_of_file
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.one_file import HARMLESS
from tests.support.folders import MachineFacts, MachineTree
from tests.support.libraries import USES_VERSION, VERSIONED, Layout, ask_the_loader, glibc_compiler

pytestmark = pytest.mark.integration

Case = Callable[[Layout], None]
CASES: dict[str, Case] = {}


def case(build: Case) -> Case:
    CASES[build.__name__] = build
    return build


@case
def its_library_answers_by_soname(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", soname="libother.so")
    x.lib("m.so", needed=["libother.so"])


@case
def its_library_answers_by_the_name_it_was_asked_for(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so")
    x.lib("m.so", needed=["liba.so"])


@case
def the_module_itself_answers_by_its_soname(x: Layout) -> None:
    x.lib("first.so", soname="liba.so")
    x.lib("m.so", needed=["liba.so"])


@case
def its_library_answers_by_no_other_name(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so")
    x.lib("m.so", needed=["libother.so"])


@case
def its_search_path_does_not_help(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], rpath="@/opt")
    x.lib("opt/liba.so")
    x.lib("opt/libb.so")
    x.lib("m.so", needed=["libb.so"])


@case
def its_symbols_are_its_own(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", source=VERSIONED)
    x.lib("m.so", source=USES_VERSION)


@case
def symbols_of_a_shared_library_are_both_ones(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", soname="liba.so", source=VERSIONED)
    x.lib("m.so", needed=["liba.so"], source=USES_VERSION)


@case
def symbols_below_a_shared_library_are_both_ones(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", needed=["libb.so"], runpath="@/opt", soname="liba.so")
    x.lib("opt/libb.so", source=VERSIONED)
    x.lib("m.so", needed=["liba.so"], source=USES_VERSION)


@case
def symbols_beside_a_shared_library_are_not(x: Layout) -> None:
    x.lib("first.so", needed=["liba.so", "libb.so"], runpath="@/opt")
    x.lib("opt/liba.so", soname="liba.so")
    x.lib("opt/libb.so", source=VERSIONED)
    x.lib("m.so", needed=["liba.so"], source=USES_VERSION)


@case
def the_linkers_flag_for_global_symbols_changes_nothing(x: Layout) -> None:
    x.lib("first.so", source=VERSIONED, options=["-Wl,-z,global"])
    x.lib("m.so", source=USES_VERSION)


@case
def an_older_library_shadows_a_newer_one(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_2")
    x.lib("m.so", needed=["liba.so"], runpath="@/new", source=USES_VERSION)
    x.versioned("new/liba.so", "V_2", soname="liba.so")
    x.versioned("old/liba.so", "V_1", soname="liba.so")
    x.lib("first.so", needed=["liba.so"], runpath="@/old", options=["-L", str(x.root / "old")])


@pytest.fixture(scope="session")
def compiler() -> str:
    return glibc_compiler()


def ask_ourselves(layout: Layout) -> Closure:
    first, module = (
        EntryPoint(ImagePath(str(layout.root / name)), EntryKind.EXTENSION_MODULE)
        for name in ("first.so", "m.so")
    )
    world = World(
        MachineTree(),
        MachineFacts(),
        {},
        working_dir=str(layout.root),
        symbols=lambda path: symbols_of_file(os.open(path, os.O_RDONLY)),
    )
    return examine_after(world, module, first, ImagePath(str(layout.root / "host")))


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_an_earlier_import_leaves_is_what_the_loader_finds(
    name: str, tmp_path: Path, compiler: str
) -> None:
    compare(name, Layout(tmp_path, compiler))


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_an_earlier_import_leaves_is_what_musl_finds(name: str, tmp_path: Path) -> None:
    compiler = shutil.which("musl-gcc")
    if compiler is None:
        pytest.skip("needs Debian's musl-tools")
    compare(name, Layout(tmp_path, compiler))


def compare(name: str, layout: Layout) -> None:
    CASES[name](layout)

    truth = ask_the_loader(layout, "first.so", "m.so")
    found = ask_ourselves(layout)

    kinds = {problem.kind for problem in problems(found)} - HARMLESS
    assert (kinds == set()) == truth.is_loaded, (truth.message, found)
    if "cannot open shared object file" in truth.message:
        assert any(f"error: {soname}: " in truth.message for soname in missing_sonames(found))
    if "symbol not found" in truth.message:
        assert any(f" {p.name}: symbol not found" in truth.message for p in found.symbol_problems)
