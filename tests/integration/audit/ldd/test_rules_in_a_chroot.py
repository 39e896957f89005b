"""Rules about absolute places: small root file systems, built here, in which the loader is asked by chroot.

Each has this machine's loader and C library and a program that calls dlopen, and its own ld.so.cache, default
directories, preload file. What the loader did, which files it loaded and whom it missed, must be what is said
of the same folder read from outside as an image.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from fleet_audit.audit.images.folder import FolderTree
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_collector import symbols_of_file
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Unknown
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import AARCH64, elf
from tests.support.libraries import Layout, glibc_compiler

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
    pytest.mark.skipif(not Path("/sbin/ldconfig").exists(), reason="ldconfig is not installed"),
]

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBRARIES = "lib/x86_64-linux-gnu"
LOCAL = "usr/local/lib"
"""A place that the loader knows from its cache alone."""

HOST = "/host"


class Root(Layout):
    """A layout that is a root file system of its own: ``@`` stands for nothing."""

    def __init__(self, place: Path, compiler: str) -> None:
        """Put the loader and the C library there; the cache is made when a case asks for it."""
        place.mkdir()
        super().__init__(place, compiler, inside="")
        self.program = HOST
        """What is started; everything but the host is started alone."""
        libc = next(p for p in Path("/lib").glob("*-linux-gnu/libc.so.6"))
        for source, target in ((LOADER, LOADER), (libc, f"{LIBRARIES}/libc.so.6")):
            self.copy(Path(source), str(target))
        self.put("etc/ld.so.conf", b"/usr/local/lib\n/opt/listed\n")

    def copy(self, source: Path, target: str) -> None:
        path = self.root / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source.resolve(), path)

    def ldconfig(self) -> None:
        """Write ld.so.cache, as the loader of this root reads it."""
        argv = ["/sbin/ldconfig", "-r", str(self.root)]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)  # noqa: S603  (a fixed argument list)

    def main(self, name: str, *, needed: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> None:
        """Build a program that does nothing but start, and start it instead of the host."""
        self.program = f"/{name}"
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        start = 'void _start(void) { __asm__ volatile("mov $60, %eax; xor %edi, %edi; syscall"); }'
        self._build(path, start, [*options, *self._links(needed)])


Case = Callable[[Root], None]
CASES: dict[str, Case] = {}


def case(build: Case) -> Case:
    CASES[build.__name__] = build
    return build


@case
def a_local_library_is_not_found_without_a_cache(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")


@case
def a_local_library_is_found_through_the_cache(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def a_library_that_came_after_ldconfig_is_not_found(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/libother.so")
    x.ldconfig()
    x.lib(f"{LOCAL}/liba.so")


@case
def the_cache_knows_sonames_and_not_files(x: Root) -> None:
    x.lib("m.so", needed=["liba.so.1"])
    x.lib(f"{LOCAL}/liba.so.1.2.3", soname="liba.so.1")
    x.ldconfig()


@case
def a_file_name_that_is_no_soname_is_not_in_the_cache(x: Root) -> None:
    x.lib("m.so", needed=["liba.so.1.2.3"])
    x.lib(f"{LOCAL}/liba.so.1.2.3", soname="liba.so.1")
    x.ldconfig()


@case
def an_entry_of_the_cache_that_is_gone_falls_back_to_the_defaults(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    gone = x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    gone.unlink()
    x.lib("usr/lib/liba.so")


@case
def an_entry_of_the_cache_for_another_machine_falls_back_to_the_defaults(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    x.put(f"{LOCAL}/liba.so", elf(machine=AARCH64))
    x.lib("usr/lib/liba.so")


@case
def an_entry_of_the_cache_that_is_no_library_is_fatal(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    x.put(f"{LOCAL}/liba.so", b"INPUT(-lreal)\n" * 10)
    x.lib("usr/lib/liba.so")


@case
def the_cache_comes_before_the_defaults(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.lib("usr/lib/liba.so")
    x.ldconfig()


@case
def runpath_comes_before_the_cache(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt/own")
    x.lib("opt/own/liba.so")
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def the_first_listed_directory_is_the_caches(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/listed/liba.so")
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def the_cache_leads_to_a_processors_own_subfolder(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.lib(f"{LOCAL}/glibc-hwcaps/x86-64-v2/liba.so")
    x.ldconfig()


@case
def a_broken_cache_is_passed_over(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/liba.so")
    x.put("etc/ld.so.cache", b"\xff" * 4096)


@case
def what_a_broken_cache_should_name_is_missing(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.put("etc/ld.so.cache", b"\xff" * 4096)


@case
def an_empty_cache_is_passed_over(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/liba.so")
    x.put("etc/ld.so.cache", b"")


@case
def debians_own_directory_is_a_default(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/x86_64-linux-gnu/liba.so")


@case
def the_plain_directories_are_defaults(x: Root) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"])
    x.lib("lib/liba.so")
    x.lib("usr/lib/libb.so")


@case
def the_loaders_own_folder_is_a_default_only_where_its_build_says_so(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("lib64/liba.so")


@case
def another_machines_multiarch_directory_is_no_default(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/aarch64-linux-gnu/liba.so")


@case
def the_order_of_the_defaults_is_the_loaders(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"usr/{LIBRARIES}/liba.so")
    x.lib("lib/liba.so")


@case
def defaults_have_subfolders_for_processors(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LIBRARIES}/glibc-hwcaps/x86-64-v2/liba.so")
    x.lib(f"{LIBRARIES}/liba.so")


@case
def whoever_wants_no_defaults_still_has_the_cache(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], options=["-Wl,-z,nodefaultlib"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def whoever_wants_no_defaults_has_none_of_the_cache_either(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], options=["-Wl,-z,nodefaultlib"])
    x.lib("usr/lib/liba.so")
    x.ldconfig()


@case
def an_absolute_link_stays_in_the_root(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt/liba.so", "/real/liba.so")
    x.lib("real/liba.so", needed=["libb.so"], runpath="$ORIGIN")
    x.lib("opt/libb.so")


@case
def a_link_above_the_root_stays_in_the_root(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt/liba.so", "../../../../real/liba.so")
    x.lib("real/liba.so")


@case
def a_linked_folder_is_searched(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt", "/elsewhere")
    x.lib("elsewhere/liba.so")


@case
def a_looping_link_ends_its_list_of_directories(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.link("a/liba.so", "liba.so")
    x.lib("b/liba.so")


@case
def a_looping_link_does_not_end_the_search(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.link("a/liba.so", "liba.so")
    x.lib("usr/lib/liba.so")


@case
def a_file_in_place_of_a_folder_is_passed_over(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("a", b"no folder")
    x.lib("b/liba.so")


@case
def a_link_through_a_file_ends_its_list_of_directories(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("plain", b"no folder")
    x.link("a/liba.so", "/plain/liba.so")
    x.lib("b/liba.so")


@case
def two_hard_links_are_one_object(x: Root) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], runpath="/opt")
    first = x.lib("opt/liba.so")
    (x.root / "opt/libb.so").hardlink_to(first)


@case
def the_second_of_two_hard_links_searches_nothing(x: Root) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], runpath="/a:/b")
    first = x.lib("a/liba.so", needed=["libx.so", "$ORIGIN/liby.so"], runpath="$ORIGIN")
    x.lib("a/libx.so")
    x.lib("a/liby.so")
    (x.root / "b").mkdir()
    (x.root / "b/libb.so").hardlink_to(first)


@case
def an_empty_runpath_keeps_inherited_rpath_out(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="/opt")
    path = x.lib("opt/liba.so", needed=["libb.so"], runpath="/QQQ")
    path.write_bytes(path.read_bytes().replace(b"/QQQ\0", b"\0QQQ\0"))
    x.lib("opt/libb.so")


@case
def an_object_may_need_itself(x: Root) -> None:
    x.lib("m.so", needed=["liba.so", "libm9.so"], soname="libm9.so", runpath="/opt")
    x.lib("opt/liba.so", needed=["libm9.so", "liba.so"])


@case
def two_may_need_each_other(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", needed=["libb.so"], runpath="/opt")
    x.lib("opt/libb.so", needed=["liba.so"])


@case
def the_loader_and_the_c_library_are_there_already(x: Root) -> None:
    x.lib("m.so", needed=["ld-linux-x86-64.so.2", "libc.so.6"], runpath="/opt", options=["-lc"])
    x.put("opt/libc.so.6", b"never looked at")


@case
def a_path_to_the_c_library_is_the_same_object(x: Root) -> None:
    x.lib("m.so", needed=[f"/{LIBRARIES}/libc.so.6"])


@case
def the_preload_file_is_heeded(x: Root) -> None:
    x.put("etc/ld.so.preload", b"# first\n/opt/other.so /opt/third.so\n")
    x.lib("opt/other.so", soname="liba.so")
    x.lib("opt/third.so")
    x.lib("m.so", needed=["liba.so"])


@case
def what_cannot_be_preloaded_is_only_warned_about(x: Root) -> None:
    x.put("etc/ld.so.preload", b"/opt/gone.so\n")
    x.env = {"LD_PRELOAD": "libgone.so:/host"}
    x.lib("m.so")


@case
def preloaded_names_are_searched_for(x: Root) -> None:
    x.env = {"LD_PRELOAD": "libp.so", "LD_LIBRARY_PATH": "/env"}
    x.lib("env/libp.so", soname="liba.so")
    x.lib("m.so", needed=["liba.so"])


@case
def a_preloaded_library_that_misses_something_stops_the_program(x: Root) -> None:
    x.env = {"LD_PRELOAD": "/opt/p.so"}
    x.lib("opt/p.so", needed=["libgone.so"])
    x.main("prog")


@case
def tokens_of_the_environment_are_the_programs(x: Root) -> None:
    x.env = {"LD_LIBRARY_PATH": "$ORIGIN/near:/any/$LIB"}
    x.lib("m.so", needed=["liba.so", "libb.so"])
    x.lib("near/liba.so")
    x.lib("any/lib/x86_64-linux-gnu/libb.so")


@case
def directories_of_the_environment_have_subfolders_for_processors(x: Root) -> None:
    x.env = {"LD_LIBRARY_PATH": "/env"}
    x.lib("m.so", needed=["liba.so"])
    x.lib("env/glibc-hwcaps/x86-64-v2/liba.so")


@case
def a_program_that_misses_nothing_starts(x: Root) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,-rpath,/opt",))
    x.lib("opt/liba.so")


@case
def a_program_that_misses_a_library_does_not_start(x: Root) -> None:
    x.main("prog", needed=("liba.so",))


@case
def origin_of_a_program_is_where_it_really_stands(x: Root) -> None:
    x.main("real/prog", needed=("liba.so",), options=("-Wl,-rpath,$ORIGIN/lib",))
    x.link("bin/prog", "../real/prog")
    x.lib("real/lib/liba.so")
    x.program = "/bin/prog"


@case
def runpath_of_a_program_does_not_serve_its_libraries(x: Root) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,--enable-new-dtags", "-Wl,-rpath,/opt"))
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def rpath_of_a_program_serves_its_libraries(x: Root) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,--disable-new-dtags", "-Wl,-rpath,/opt"))
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def a_program_without_its_loader_does_not_start(x: Root) -> None:
    x.main("prog", options=("-Wl,--dynamic-linker,/lib/ld-gone.so.2",))


@case
def a_static_program_needs_nobody(x: Root) -> None:
    x.main("prog", options=("-static",))


@case
def a_static_position_independent_program_needs_nobody(x: Root) -> None:
    x.main("prog", options=("-static-pie",))


@case
def an_auxiliary_filter_may_be_missing(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", options=["-Wl,-f,libaux.so"])


@case
def a_filter_must_be_there(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", options=["-Wl,-F,libfilter.so"])


@case
def a_filter_is_searched_for_like_a_need(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", runpath="/filters", options=["-Wl,-F,libfilter.so"])
    x.lib("filters/libfilter.so", needed=["libb.so"], runpath="/opt")
    x.lib("opt/libb.so")


@case
def a_working_directory_answers_relative_paths(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="opt")
    x.lib("opt/liba.so")


@case
def a_library_on_an_unreadable_place_is_read_by_root(x: Root) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so").chmod(0)


NOT_CLAIMED = {
    a_looping_link_ends_its_list_of_directories.__name__,
    a_looping_link_does_not_end_the_search.__name__,
    a_link_through_a_file_ends_its_list_of_directories.__name__,
}
"""What is said to be unknown, whatever the loader does: then nothing is missing and nothing is there."""


@pytest.fixture(scope="session")
def compiler() -> str:
    return glibc_compiler()


class Truth(NamedTuple):
    """Whether it started or loaded, what was said, and the files that the host then found loaded."""

    is_loaded: bool
    said: str
    files: set[str]


def ask_inside(x: Root, *words: str) -> Truth:
    def enter() -> None:
        os.chroot(x.root)
        os.chdir("/")

    # Without a mounted /proc the loader still learns here where its program really stands.
    canonical = (x.root / x.program.lstrip("/")).resolve().relative_to(x.root)
    x.link("proc/self/exe", f"/{canonical}")
    try:
        done = subprocess.run(  # noqa: S603  (no thread is running; programs that this test has built)
            [x.program, *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=x.env,
            preexec_fn=enter,
            check=False,
        )
    except FileNotFoundError as e:
        return Truth(is_loaded=False, said=str(e), files=set())
    finally:
        (x.root / "proc/self/exe").unlink()
    said = done.stdout + done.stderr
    files = {line.removeprefix("loaded: ") for line in said.splitlines() if line.startswith("loaded: ")}
    return Truth(done.returncode == 0, said, files)


def ask_ourselves(x: Root) -> Closure:
    """Examine the folder as the image ``dir:``, whose configuration is that of the case."""
    kind, entry = (
        (EntryKind.EXTENSION_MODULE, "/m.so") if x.program == HOST else (EntryKind.EXECUTABLE, x.program)
    )
    collector = ElfCollector()
    with open_image(f"dir:{x.root}", collectors=(collector,)) as image:
        assert isinstance(image.tree, FolderTree)
        tree = image.tree
        world = World(
            tree, image.records(collector), x.env, symbols=lambda path: symbols_of_file(tree.open(path))
        )
        (found,) = examine(world, [EntryPoint(ImagePath(entry), kind)], ImagePath(HOST))
        return found


def inodes(x: Root, paths: Iterable[str]) -> set[int]:
    return {(x.root / path.lstrip("/")).stat().st_ino for path in paths}


@pytest.mark.parametrize("name", sorted(CASES))
def test_we_say_what_the_loader_does(name: str, tmp_path: Path, compiler: str) -> None:
    x = Root(tmp_path / "root", compiler)
    CASES[name](x)
    x.host()

    is_program = x.program != HOST
    before = set() if is_program else ask_inside(x).files
    truth = ask_inside(x, *([] if is_program else ["/m.so"]))
    found = ask_ourselves(x)

    kinds = {problem.kind for problem in problems(found)} - {"relative-rpath"}
    if name in NOT_CLAIMED:
        assert any(isinstance(request.resolution, Unknown) for request in found.requests)
        assert kinds == set()
        return
    assert (kinds == set()) == truth.is_loaded, (truth.said, found)
    absent = re.search(
        r"(?:error|libraries): (\S+): cannot open shared object file: No such file", truth.said
    )
    if truth.is_loaded and not is_program:
        assert inodes(x, found.loaded) == inodes(x, truth.files - before), (truth.files, found.loaded)
    elif absent:
        assert absent[1] in missing_sonames(found), truth.said
