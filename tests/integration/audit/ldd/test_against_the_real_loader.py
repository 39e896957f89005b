"""This machine's own loader is the truth: small libraries, built here, are loaded for real.

Each case lays out libraries below a folder and loads one of them with dlopen(RTLD_NOW). What the loader
did, which files it loaded and whom it missed, must be what `examine` says.
"""

import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.layout import DF_1_NODEFLIB
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.one_file import HARMLESS
from tests.support.elf import AARCH64, I386, elf
from tests.support.folders import MachineFacts, MachineTree
from tests.support.libraries import USES_VERSION, VERSIONED, Layout, ask_the_loader, glibc_compiler

pytestmark = pytest.mark.integration


def ask_ourselves(layout: Layout, entry: str) -> Closure:
    env = {name: value.replace("@", str(layout.root)) for name, value in layout.env.items()}
    world = World(MachineTree(), MachineFacts(), env, working_dir=str(layout.root))
    point = EntryPoint(ImagePath(str(layout.root / entry)), EntryKind.EXTENSION_MODULE)
    return examine(world, [point], ImagePath(str(layout.root / "host")))[0]


USES_NOTHING_FOR_SURE = "__attribute__((weak)) int provided(void); int use(void) { return provided != 0; }"
DT_NEEDED, DT_UNKNOWN = 1, 0x6000000D


def forget_needs(path: Path) -> None:
    """Turn DT_NEEDED entries into ones that no loader knows, so that only the needed versions remain."""
    body = bytearray(path.read_bytes())
    with path.open("rb") as stream:
        (dynamic,) = (s for s in ELFFile(stream).iter_segments() if s["p_type"] == "PT_DYNAMIC")
        start, size = dynamic["p_offset"], dynamic["p_filesz"]
    for at in range(start, start + size, 16):
        if struct.unpack_from("<q", body, at) == (DT_NEEDED,):
            struct.pack_into("<q", body, at, DT_UNKNOWN)
    path.write_bytes(body)


def weaken(path: Path, version: str) -> None:
    """Set VER_FLG_WEAK on a needed version, which the linker never does: its hash stands before its flags."""
    body = path.read_bytes()
    entry = struct.pack("<IH", sysv_hash(version), 0)
    assert body.count(entry) == 1
    path.write_bytes(body.replace(entry, struct.pack("<IH", sysv_hash(version), 2)))


def sysv_hash(name: str) -> int:
    found = 0
    for letter in name.encode():
        found = (found << 4) + letter
        found = (found ^ ((found & 0xF0000000) >> 24)) & 0x0FFFFFFF
    return found


CASES: dict[str, Callable[[Layout], None]] = {}


def case(build: Callable[[Layout], None]) -> Callable[[Layout], None]:
    CASES[build.__name__] = build
    return build


@case
def runpath_is_not_inherited(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def rpath_is_inherited(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="@/opt")
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def runpath_keeps_inherited_rpath_out(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="@/opt")
    x.lib("opt/liba.so", needed=["libb.so"], runpath="/nowhere")
    x.lib("opt/libb.so")


@case
def rpath_passes_through_an_object_with_runpath(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="@/opt")
    x.lib("opt/liba.so", needed=["libb.so"], runpath="@/b")
    x.lib("b/libb.so", needed=["libz9.so"])
    x.lib("opt/libz9.so")


@case
def the_hosts_rpath_serves_what_it_loads(x: Layout) -> None:
    x.host_options = ["-Wl,--disable-new-dtags", "-Wl,-rpath,@/opt"]
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/liba.so")


@case
def the_hosts_runpath_does_not(x: Layout) -> None:
    x.host_options = ["-Wl,--enable-new-dtags", "-Wl,-rpath,@/opt"]
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/liba.so")


@case
def a_text_stub_is_fatal(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.put("a/liba.so", b"INPUT(-lreal)\n" * 10)
    x.lib("b/liba.so")


@case
def an_empty_file_is_fatal(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.put("a/liba.so", b"")
    x.lib("b/liba.so")


@case
def a_folder_is_fatal(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    (x.root / "a" / "liba.so").mkdir(parents=True)
    x.lib("b/liba.so")


@case
def a_dangling_link_is_passed_over(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.link("a/liba.so", "gone.so")
    x.lib("b/liba.so")


@case
def another_class_is_passed_over(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.put("a/liba.so", elf(bits=32, machine=I386))
    x.lib("b/liba.so")


@case
def another_machine_is_passed_over(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.put("a/liba.so", elf(machine=AARCH64))
    x.lib("b/liba.so")


@case
def another_class_alone_does_not_load(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a")
    x.put("a/liba.so", elf(bits=32, machine=I386))


@case
def the_other_byte_order_is_judged_by_the_loaders_build(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.put("a/liba.so", elf(little_endian=False))
    x.lib("b/liba.so")


@case
def another_byte_order_alone_is_fatal(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    body = x.lib("a/liba.so").read_bytes()
    x.put("a/liba.so", body[:5] + b"\2" + body[6:])
    x.lib("b/liba.so")


@case
def an_object_file_is_fatal(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a:@/b")
    x.put("a/liba.so", elf(elf_type=1))
    x.lib("b/liba.so")


@case
def a_program_is_no_library(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a")
    shutil.copy(x.host(), x.root / "program")
    (x.root / "a").mkdir()
    shutil.move(x.root / "program", x.root / "a" / "liba.so")


@case
def a_cut_library_kills_the_process(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a")
    body = x.lib("a/liba.so").read_bytes()
    x.put("a/liba.so", body[:5000])


@case
def a_name_in_nonstandard_padding_is_fatal(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/a")
    body = x.lib("a/liba.so").read_bytes()
    x.put("a/liba.so", body[:10] + b"\1" + body[11:])


@case
def a_loaded_soname_answers(x: Layout) -> None:
    x.lib("m.so", needed=["libfirst.so", "libsecond.so"], runpath="@/opt")
    x.lib("opt/libfirst.so", soname="libsecond.so")


@case
def a_library_without_soname_answers_to_its_own_name_only(x: Layout) -> None:
    x.lib("m.so", needed=["libfirst.so", "libother.so"], runpath="@/opt")
    x.lib("opt/libfirst.so")


@case
def two_names_of_one_file_are_one_object(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so", "liba.so.1"], runpath="@/opt")
    x.lib("opt/liba.so.1")
    x.link("opt/liba.so", "liba.so.1")


@case
def breadth_first_order_decides(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so", "libx9.so"], runpath="@/opt")
    x.lib("opt/liba.so", needed=["libx9.so"], runpath="@/a")
    x.lib("a/libx9.so")
    x.lib("opt/libx9.so")


@case
def origin_is_where_the_link_stands(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/use")
    x.lib("real/liba.so", needed=["libb.so"], runpath="$ORIGIN")
    x.link("use/liba.so", "../real/liba.so")
    x.lib("use/libb.so")


@case
def origin_is_not_where_the_file_stands(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/use")
    x.lib("real/liba.so", needed=["libb.so"], runpath="$ORIGIN")
    x.link("use/liba.so", "../real/liba.so")
    x.lib("real/libb.so")


@case
def parent_folders_are_those_behind_links(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/link/../lib")
    x.lib("deep/lib/liba.so")
    (x.root / "deep" / "target").mkdir()
    x.link("link", "deep/target")


@case
def curly_tokens_are_expanded_and_lookalikes_are_not(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], runpath="${ORIGIN}/a:$ORIGINAL/b")
    x.lib("a/liba.so")
    x.lib("b/libb.so")


@case
def lib_is_the_distributions(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/$LIB")
    for folder in ("lib/x86_64-linux-gnu", "lib64"):
        x.lib(f"{folder}/liba.so")


@case
def platform_is_the_kernels(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/$PLATFORM")
    x.lib(f"{platform.machine()}/liba.so")


@case
def a_need_with_a_slash_is_opened_as_it_is(x: Layout) -> None:
    x.lib("m.so", needed=["@/opt/liba.so", "$ORIGIN/libb.so"], runpath="@/nowhere")
    x.lib("opt/liba.so")
    x.lib("libb.so")


@case
def a_need_with_a_slash_is_not_searched(x: Layout) -> None:
    x.lib("m.so", needed=["@/gone/liba.so"], runpath="@/opt")
    x.lib("opt/liba.so")


@case
def the_environment_comes_before_runpath(x: Layout) -> None:
    x.env = {"LD_LIBRARY_PATH": "@/env"}
    x.lib("m.so", needed=["liba.so"], runpath="@/own")
    x.lib("env/liba.so")
    x.lib("own/liba.so")


@case
def the_environment_comes_after_rpath(x: Layout) -> None:
    x.env = {"LD_LIBRARY_PATH": "@/x;@/env"}
    x.lib("m.so", needed=["liba.so", "libb.so"], rpath="@/own")
    x.lib("env/liba.so")
    x.lib("own/liba.so")
    x.lib("env/libb.so")


@case
def an_empty_element_is_the_working_directory(x: Layout) -> None:
    x.env = {"LD_LIBRARY_PATH": "/nowhere:"}
    x.lib("m.so", needed=["liba.so"])
    x.lib("liba.so")


@case
def a_link_in_a_circle_ends_its_list(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/one:@/two")
    x.link("one/liba.so", "liba.so")
    x.lib("two/liba.so")


@case
def a_link_through_a_file_ends_its_list(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/one:@/two")
    x.put("one/file", b"x")
    x.link("one/liba.so", "file/liba.so")
    x.lib("two/liba.so")


@case
def a_dangling_link_ends_no_list(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/one:@/two")
    x.link("one/liba.so", "nowhere")
    x.lib("two/liba.so")


@case
def a_link_in_a_circle_ends_no_other_list(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/one:@/two")
    x.link("environment/liba.so", "liba.so")
    x.lib("two/liba.so")
    x.env = {"LD_LIBRARY_PATH": "@/environment:@/two"}


@case
def a_directory_behind_a_circle_may_be_in_another_list(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="@/one:@/two")
    x.link("one/liba.so", "liba.so")
    x.lib("two/liba.so")
    x.env = {"LD_LIBRARY_PATH": "@/two"}


@case
def the_same_list_again_has_the_same_circle(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="@/one:@/two")
    x.link("one/liba.so", "liba.so")
    x.lib("two/liba.so")
    x.env = {"LD_LIBRARY_PATH": "@/one:@/two"}


@case
def each_loaders_rpath_is_a_list_of_its_own(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="@/above")
    x.lib("above/liba.so", needed=["libb.so"], rpath="@/one:@/two")
    x.link("one/libb.so", "libb.so")
    x.lib("two/libb.so")
    x.lib("above/libb.so")


@case
def a_circle_in_a_subfolder_is_forgotten(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/one:@/two")
    x.link("one/glibc-hwcaps/x86-64-v2/liba.so", "liba.so")
    x.lib("two/liba.so")


@case
def a_circle_behind_another_machines_library_ends_its_list(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/one:@/two:@/three")
    x.put("one/liba.so", elf(machine=AARCH64))
    x.link("two/liba.so", "liba.so")
    x.lib("three/liba.so")


@case
def a_relative_rpath_is_taken_from_the_working_directory(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="opt")
    x.lib("opt/liba.so")


@case
def preloaded_objects_answer(x: Layout) -> None:
    x.env = {"LD_PRELOAD": "@/other.so"}
    x.lib("other.so", soname="liba.so.1")
    x.lib("m.so", needed=["liba.so.1"])


@case
def hwcaps_subfolders_are_searched(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/glibc-hwcaps/x86-64-v2/liba.so")


@case
def legacy_subfolders_are_searched_by_those_that_have_them(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/tls/liba.so")


@case
def no_default_directories_for_those_that_want_none(x: Layout) -> None:
    x.lib("m.so", needed=["libresolv.so.2"], options=["-Wl,-z,nodefaultlib"])


@case
def default_directories_for_all_others(x: Layout) -> None:
    x.lib("m.so", needed=["libresolv.so.2"])


@case
def an_object_that_forbids_dlopen_is_refused(x: Layout) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", options=["-Wl,-z,nodlopen"])


@case
def a_version_that_is_not_defined_is_fatal(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_2")
    x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_VERSION)
    x.versioned("opt/liba.so", "V_1", soname="liba.so")


@case
def a_version_that_is_defined_is_fine(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_1")
    x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_VERSION)
    x.versioned("opt/liba.so", "V_1", soname="liba.so")


@case
def a_library_without_versions_kills_the_process(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_1")
    x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_VERSION)
    x.lib("opt/liba.so", soname="liba.so", source=VERSIONED)


@case
def a_library_with_a_version_table_only_is_warned_about(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_1")
    x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_VERSION)
    uses_libc = "int puts(const char *); int other(void) { return puts(VERSION); }".replace("VERSION", '""')
    x.lib("opt/liba.so", soname="liba.so", source=VERSIONED + uses_libc, options=["-lc"])


@case
def a_version_of_a_file_that_nobody_loads_kills_the_process(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_1")
    path = x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_VERSION)
    x.versioned("opt/liba.so", "V_1", soname="liba.so")
    forget_needs(path)


@case
def a_weak_version_that_is_not_defined_is_tolerated(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_2")
    path = x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_NOTHING_FOR_SURE)
    x.versioned("opt/liba.so", "V_1", soname="liba.so")
    weaken(path, "V_2")


@case
def a_weak_version_of_a_library_without_any_kills_the_process(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_2")
    path = x.lib("m.so", needed=["liba.so"], runpath="@/opt", source=USES_NOTHING_FOR_SURE)
    x.lib("opt/liba.so", soname="liba.so", source=VERSIONED)
    weaken(path, "V_2")


@case
def versions_are_compared_with_who_answers_and_not_with_the_file(x: Layout) -> None:
    x.stub_versioned("liba.so", "V_1")
    x.lib("m.so", needed=["libfirst.so", "liba.so"], runpath="@/opt", source=USES_VERSION)
    x.versioned("opt/libfirst.so", "V_1", soname="liba.so")
    x.lib("opt/liba.so", source=VERSIONED)


@case
def versions_of_a_dependencys_dependency_count(x: Layout) -> None:
    x.stub_versioned("libb.so", "V_2")
    x.lib("m.so", needed=["liba.so"], runpath="@/opt")
    x.lib("opt/liba.so", needed=["libb.so"], runpath="@/opt", source=USES_VERSION)
    x.versioned("opt/libb.so", "V_1", soname="libb.so")


@case
def missing_libraries_are_all_missing(x: Layout) -> None:
    x.lib("m.so", needed=["libgone1.so"])


@case
def an_executable_stack_is_judged_by_the_loaders_version(x: Layout) -> None:
    x.lib("m.so", options=["-Wl,-z,execstack"])


@pytest.fixture(scope="session")
def compiler() -> str:
    return glibc_compiler()


@pytest.mark.parametrize("name", sorted(CASES))
def test_we_say_what_the_loader_does(name: str, tmp_path: Path, compiler: str) -> None:
    layout = Layout(tmp_path, compiler)
    CASES[name](layout)

    truth = ask_the_loader(layout, "m.so")
    found = ask_ourselves(layout, "m.so")

    kinds = {problem.kind for problem in problems(found)} - HARMLESS
    assert (kinds == set()) == truth.is_loaded, (truth.message, found)
    if truth.is_loaded:
        assert {path for path in found.loaded if path.startswith(str(tmp_path))} == truth.files - {
            os.path.realpath(value.replace("@", str(tmp_path))) for value in layout.env.values()
        }
    elif "cannot open shared object file" in truth.message:
        assert any(f"error: {soname}: " in truth.message for soname in missing_sonames(found))


def test_nodeflib_is_what_the_linker_writes(tmp_path: Path, compiler: str) -> None:
    path = Layout(tmp_path, compiler).lib("m.so", options=["-Wl,-z,nodefaultlib"])

    assert MachineFacts()[ImagePath(str(path))].flags_1 & DF_1_NODEFLIB


LISTED = 200
"""Files of this machine that its loader is asked about."""


def test_this_machines_libraries_load_what_its_loader_lists() -> None:
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    if not loader.exists():
        pytest.skip("this machine's loader is not glibc's for x86-64")
    tree, elf_facts = MachineTree(), MachineFacts()
    found = [path for path, entry in tree.files(ImagePath("/usr/lib/x86_64-linux-gnu")) if entry.size > 64]
    libraries = [path for path in found if ".so" in path and path in elf_facts and elf_facts[path].is_dynamic]
    chosen = [path for path in libraries if elf_facts[path].elf_class == 64][
        :: max(1, len(libraries) // LISTED)
    ]
    if not chosen:
        pytest.skip("this machine has no libraries in /usr/lib/x86_64-linux-gnu")
    entries = [EntryPoint(path, EntryKind.EXTENSION_MODULE) for path in chosen]
    closures = examine(World(tree, elf_facts, {}, working_dir="/"), entries, None)

    differing = [c for c in closures if listed_by(loader, c.entry.path) != what_we_list(c)]

    assert differing == []


def listed_by(loader: Path, path: str) -> set[str] | None:
    """Return the files that the loader lists for a library; None where it does not load."""
    done = subprocess.run(  # noqa: S603  (the system's own loader; --list runs nothing of the library)
        [str(loader), "--list", path],
        capture_output=True,
        text=True,
        timeout=60,
        env={},
        cwd="/",
        check=False,
    )
    if done.returncode != 0 or "not found" in done.stdout:
        return None
    words = [word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/")]
    return {os.path.realpath(word) for word in words} - {os.path.realpath(loader), os.path.realpath(path)}


def what_we_list(closure: Closure) -> set[str] | None:
    return None if problems(closure) else set(closure.loaded[1:])
