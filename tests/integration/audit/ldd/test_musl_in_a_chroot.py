"""musl's rules about absolute places: a root file system of musl's loader and libraries built for it.

What its loader did inside, when a program started or called dlopen, must be what is said of the folder from
outside as an image.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.model.one_file import HARMLESS
from tests.support.elf import AARCH64, elf
from tests.support.small_roots import HOST, MUSL_LOADER, MuslRoot, ask_inside, ask_ourselves, inodes

COMPILER = shutil.which("musl-gcc")

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
    pytest.mark.skipif(
        COMPILER is None or not Path(MUSL_LOADER).exists(), reason="needs Debian's musl and musl-tools"
    ),
]

PATHS = "etc/ld-musl-x86_64.path"
Case = Callable[[MuslRoot], None]
CASES: dict[str, Case] = {}


def case(build: Case) -> Case:
    CASES[build.__name__] = build
    return build


@case
def the_defaults_are_three(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so", "libc9.so"])
    x.lib("lib/liba.so")
    x.lib("usr/local/lib/libb.so")
    x.lib("usr/lib/libc9.so")


@case
def the_defaults_have_an_order(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/liba.so")
    x.lib("usr/local/lib/liba.so")


@case
def debians_directories_are_no_defaults(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/x86_64-linux-musl/liba.so")


@case
def the_path_file_replaces_the_defaults(x: MuslRoot) -> None:
    x.put(PATHS, b"/opt/a\n/opt/b\n")
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/b/liba.so")
    x.lib("lib/liba.so")


@case
def what_the_path_file_leaves_out_is_missing(x: MuslRoot) -> None:
    x.put(PATHS, b"/opt/a\n")
    x.lib("m.so", needed=["liba.so"])
    x.lib("lib/liba.so")


@case
def the_path_file_may_have_colons(x: MuslRoot) -> None:
    x.put(PATHS, b"/opt/a:/opt/b")
    x.lib("m.so", needed=["liba.so", "libb.so"])
    x.lib("opt/a/liba.so")
    x.lib("opt/b/libb.so")


@case
def an_empty_path_file_leaves_no_directory(x: MuslRoot) -> None:
    x.put(PATHS, b"")
    x.lib("m.so", needed=["liba.so"])
    x.lib("lib/liba.so")


@case
def a_path_file_for_another_machine_is_not_read(x: MuslRoot) -> None:
    x.put("etc/ld-musl-aarch64.path", b"/opt/a\n")
    x.lib("m.so", needed=["liba.so"])
    x.lib("lib/liba.so")


@case
def glibcs_cache_is_not_read(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/liba.so")
    x.put("etc/ld.so.conf", b"/opt\n")


@case
def the_environment_comes_before_rpath(x: MuslRoot) -> None:
    x.env = {"LD_LIBRARY_PATH": "/env"}
    x.lib("m.so", needed=["liba.so"], rpath="/own")
    x.lib("own/liba.so")
    x.lib("env/liba.so")


@case
def runpath_is_inherited(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def runpath_of_the_host_serves_what_it_loads(x: MuslRoot) -> None:
    x.host_options = ["-Wl,--enable-new-dtags", "-Wl,-rpath,/opt"]
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/liba.so")


@case
def a_soname_answers_nothing(x: MuslRoot) -> None:
    x.lib("m.so", needed=["libfirst.so", "libsecond.so"], runpath="/opt")
    x.lib("opt/libfirst.so", soname="libsecond.so")


@case
def a_text_stub_is_not_passed_over(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("a/liba.so", b"INPUT(-lreal)\n" * 10)
    x.lib("b/liba.so")


@case
def another_machine_is_not_passed_over(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("a/liba.so", elf(machine=AARCH64))
    x.lib("b/liba.so")


@case
def a_dangling_link_is_passed_over(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.link("a/liba.so", "gone.so")
    x.lib("b/liba.so")


@case
def a_looping_link_ends_the_search(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.link("a/liba.so", "liba.so")
    x.lib("b/liba.so")


@case
def a_file_in_place_of_a_folder(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("a", b"no folder")
    x.lib("b/liba.so")


@case
def an_absolute_link_stays_in_the_root(x: MuslRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt/liba.so", "/real/liba.so")
    x.lib("real/liba.so")


@case
def a_need_with_a_slash_is_opened_as_it_is(x: MuslRoot) -> None:
    x.lib("m.so", needed=["/opt/liba.so"])
    x.lib("opt/liba.so")


@case
def names_of_the_c_library_are_the_loader(x: MuslRoot) -> None:
    x.lib("m.so", needed=["libc.so", "libpthread.so.0", "libm.so.6", "libc.musl-x86_64.so.1"])


@case
def a_library_for_glibc_finds_no_loader(x: MuslRoot) -> None:
    x.lib("m.so", needed=["ld-linux-x86-64.so.2"])


@case
def versions_are_nobodys_concern(x: MuslRoot) -> None:
    x.stub_versioned("liba.so", "V_2")
    x.lib(
        "m.so",
        needed=["liba.so"],
        runpath="/opt",
        source="int provided(void); int u(void) { return provided(); }",
    )
    x.versioned("opt/liba.so", "V_1", soname="liba.so")


@case
def an_undefined_symbol_is_refused(x: MuslRoot) -> None:
    x.lib("m.so", source="int gone(void); int use(void) { return gone(); }")


@case
def what_is_preloaded_answers_symbols(x: MuslRoot) -> None:
    x.env = {"LD_PRELOAD": "/opt/p.so"}
    x.lib("opt/p.so", source="int gone(void) { return 1; }")
    x.lib("m.so", source="int gone(void); int use(void) { return gone(); }")


@case
def a_preloaded_name_is_not_searched_for_along_the_programs_path(x: MuslRoot) -> None:
    x.host_options = ["-Wl,-rpath,/opt"]
    x.env = {"LD_PRELOAD": "liba.so"}
    x.lib("opt/liba.so")
    x.lib("m.so", needed=["liba.so"])


@case
def what_a_preloaded_library_needs_is_not_either(x: MuslRoot) -> None:
    x.main("prog", options=("-Wl,-rpath,/opt",))
    x.env = {"LD_PRELOAD": "/own/liba.so"}
    x.lib("own/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def a_program_that_misses_nothing_starts(x: MuslRoot) -> None:
    x.main("prog", needed=("liba.so",))
    x.lib("usr/lib/liba.so")


@case
def a_program_that_misses_a_library_does_not_start(x: MuslRoot) -> None:
    x.main("prog", needed=("liba.so",))


@case
def a_program_for_glibc_does_not_start(x: MuslRoot) -> None:
    x.main("prog", options=("-Wl,--dynamic-linker,/lib64/ld-linux-x86-64.so.2",))


@case
def origin_of_a_program_is_where_it_really_stands(x: MuslRoot) -> None:
    x.main("real/prog", needed=("liba.so",), options=("-Wl,-rpath,$ORIGIN/lib",))
    x.link("bin/prog", "../real/prog")
    x.lib("real/lib/liba.so")
    x.program = "/bin/prog"


@pytest.mark.parametrize("name", sorted(CASES))
def test_we_say_what_musls_loader_does(name: str, tmp_path: Path) -> None:
    x = MuslRoot(tmp_path / "root", COMPILER or "")
    CASES[name](x)
    x.host()

    is_program = x.program != HOST
    before = set() if is_program else ask_inside(x).files
    truth = ask_inside(x, *([] if is_program else ["/m.so"]))
    found = ask_ourselves(x)

    kinds = {problem.kind for problem in problems(found)} - HARMLESS
    assert (kinds == set()) == truth.is_loaded, (truth.said, found)
    absent = re.search(r"Error loading shared library ([^:\s]+): No such", truth.said)
    if truth.is_loaded and not is_program:
        assert inodes(x, found.loaded) == inodes(x, truth.files - before), (truth.files, found.loaded)
    elif absent:
        assert absent[1] in missing_sonames(found), truth.said
