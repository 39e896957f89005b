"""Rules about absolute places: small root file systems, built here, in which the loader is asked by chroot.

Each has a loader and C library, this machine's or those of another Debian, a program that calls dlopen, and
its own ld.so.cache, default directories, preload file. What the loader did, which files it loaded and whom it
missed, must be what is said of the same folder read from outside as an image.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.model.one_file import HARMLESS
from tests.support.elf import AARCH64, elf
from tests.support.libraries import USES_VERSION, VERSIONED, glibc_compiler
from tests.support.roots import roots
from tests.support.small_roots import (
    HOST,
    LIBRARIES,
    LOADER,
    LOCAL,
    GlibcRoot,
    ask_inside,
    ask_ourselves,
    inodes,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
    pytest.mark.skipif(not Path("/sbin/ldconfig").exists(), reason="ldconfig is not installed"),
]

Case = Callable[[GlibcRoot], None]
CASES: dict[str, Case] = {}

EI_OSABI, EI_ABIVERSION = 7, 8
ELFOSABI_GNU = 3


def case(build: Case) -> Case:
    CASES[build.__name__] = build
    return build


def set_byte(path: Path, at: int, value: int) -> None:
    body = bytearray(path.read_bytes())
    body[at] = value
    path.write_bytes(body)


@case
def a_local_library_is_not_found_without_a_cache(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")


@case
def a_local_library_is_found_through_the_cache(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def a_library_that_came_after_ldconfig_is_not_found(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/libother.so")
    x.ldconfig()
    x.lib(f"{LOCAL}/liba.so")


@case
def the_cache_knows_sonames_and_not_files(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so.1"])
    x.lib(f"{LOCAL}/liba.so.1.2.3", soname="liba.so.1")
    x.ldconfig()


@case
def a_file_name_that_is_no_soname_is_not_in_the_cache(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so.1.2.3"])
    x.lib(f"{LOCAL}/liba.so.1.2.3", soname="liba.so.1")
    x.ldconfig()


@case
def an_entry_of_the_cache_that_is_gone_falls_back_to_the_defaults(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    gone = x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    gone.unlink()
    x.lib("usr/lib/liba.so")


@case
def an_entry_of_the_cache_for_another_machine_falls_back_to_the_defaults(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    x.put(f"{LOCAL}/liba.so", elf(machine=AARCH64))
    x.lib("usr/lib/liba.so")


@case
def an_entry_of_the_cache_that_is_no_library_is_fatal(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    x.put(f"{LOCAL}/liba.so", b"INPUT(-lreal)\n" * 10)
    x.lib("usr/lib/liba.so")


@case
def the_cache_comes_before_the_defaults(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.lib("usr/lib/liba.so")
    x.ldconfig()


@case
def runpath_comes_before_the_cache(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt/own")
    x.lib("opt/own/liba.so")
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def the_first_listed_directory_is_the_caches(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("opt/listed/liba.so")
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def the_cache_leads_to_a_processors_own_subfolder(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.lib(f"{LOCAL}/glibc-hwcaps/x86-64-v2/liba.so")
    x.ldconfig()


@case
def a_broken_cache_is_passed_over(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/liba.so")
    x.put("etc/ld.so.cache", b"\xff" * 4096)


@case
def what_a_broken_cache_should_name_is_missing(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    x.put("etc/ld.so.cache", b"\xff" * 4096)


@case
def an_empty_cache_is_passed_over(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/liba.so")
    x.put("etc/ld.so.cache", b"")


@case
def debians_own_directory_is_a_default(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/x86_64-linux-gnu/liba.so")


@case
def the_plain_directories_are_defaults(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"])
    x.lib("lib/liba.so")
    x.lib("usr/lib/libb.so")


@case
def the_loaders_own_folder_is_a_default_only_where_its_build_says_so(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("lib64/liba.so")


@case
def another_machines_multiarch_directory_is_no_default(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib("usr/lib/aarch64-linux-gnu/liba.so")


@case
def the_order_of_the_defaults_is_the_loaders(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"usr/{LIBRARIES}/liba.so")
    x.lib("lib/liba.so")


@case
def defaults_have_subfolders_for_processors(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LIBRARIES}/glibc-hwcaps/x86-64-v2/liba.so")
    x.lib(f"{LIBRARIES}/liba.so")


@case
def older_loaders_have_a_subfolder_for_the_machine(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/x86_64/liba.so")


@case
def older_loaders_have_a_subfolder_for_thread_local_storage(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/tls/x86_64/liba.so")


@case
def a_circle_in_a_default_directory_ends_the_search(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.link(f"{LIBRARIES}/liba.so", "liba.so")
    x.lib("usr/lib/liba.so")


@case
def a_circle_behind_the_cache_falls_back_to_the_defaults(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    gone = x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()
    gone.unlink()
    x.link(f"{LOCAL}/liba.so", "liba.so")
    x.lib("usr/lib/liba.so")


@case
def whoever_wants_no_defaults_still_has_the_cache(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], options=["-Wl,-z,nodefaultlib"])
    x.lib(f"{LOCAL}/liba.so")
    x.ldconfig()


@case
def whoever_wants_no_defaults_has_none_of_the_cache_either(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], options=["-Wl,-z,nodefaultlib"])
    x.lib("usr/lib/liba.so")
    x.ldconfig()


@case
def an_absolute_link_stays_in_the_root(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt/liba.so", "/real/liba.so")
    x.lib("real/liba.so", needed=["libb.so"], runpath="$ORIGIN")
    x.lib("opt/libb.so")


@case
def a_link_above_the_root_stays_in_the_root(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt/liba.so", "../../../../real/liba.so")
    x.lib("real/liba.so")


@case
def a_linked_folder_is_searched(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.link("opt", "/elsewhere")
    x.lib("elsewhere/liba.so")


@case
def a_looping_link_ends_its_list_of_directories(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.link("a/liba.so", "liba.so")
    x.lib("b/liba.so")


@case
def a_looping_link_does_not_end_the_search(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.link("a/liba.so", "liba.so")
    x.lib("usr/lib/liba.so")


@case
def a_file_in_place_of_a_folder_is_passed_over(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("a", b"no folder")
    x.lib("b/liba.so")


@case
def a_link_through_a_file_ends_its_list_of_directories(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/a:/b")
    x.put("plain", b"no folder")
    x.link("a/liba.so", "/plain/liba.so")
    x.lib("b/liba.so")


@case
def two_hard_links_are_one_object(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], runpath="/opt")
    first = x.lib("opt/liba.so")
    (x.root / "opt/libb.so").hardlink_to(first)


@case
def the_second_of_two_hard_links_searches_nothing(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], runpath="/a:/b")
    first = x.lib("a/liba.so", needed=["libx.so", "$ORIGIN/liby.so"], runpath="$ORIGIN")
    x.lib("a/libx.so")
    x.lib("a/liby.so")
    (x.root / "b").mkdir()
    (x.root / "b/libb.so").hardlink_to(first)


@case
def an_empty_runpath_keeps_inherited_rpath_out(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], rpath="/opt")
    path = x.lib("opt/liba.so", needed=["libb.so"], runpath="/QQQ")
    path.write_bytes(path.read_bytes().replace(b"/QQQ\0", b"\0QQQ\0"))
    x.lib("opt/libb.so")


@case
def an_object_may_need_itself(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libm9.so"], soname="libm9.so", runpath="/opt")
    x.lib("opt/liba.so", needed=["libm9.so", "liba.so"])


@case
def two_may_need_each_other(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", needed=["libb.so"], runpath="/opt")
    x.lib("opt/libb.so", needed=["liba.so"])


@case
def the_loader_and_the_c_library_are_there_already(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["ld-linux-x86-64.so.2", "libc.so.6"], runpath="/opt", options=["-lc"])
    x.put("opt/libc.so.6", b"never looked at")


@case
def a_path_to_the_c_library_is_the_same_object(x: GlibcRoot) -> None:
    x.lib("m.so", needed=[f"/{LIBRARIES}/libc.so.6"])


@case
def the_preload_file_is_heeded(x: GlibcRoot) -> None:
    x.put("etc/ld.so.preload", b"# first\n/opt/other.so /opt/third.so\n")
    x.lib("opt/other.so", soname="liba.so")
    x.lib("opt/third.so")
    x.lib("m.so", needed=["liba.so"])


@case
def what_cannot_be_preloaded_is_only_warned_about(x: GlibcRoot) -> None:
    x.put("etc/ld.so.preload", b"/opt/gone.so\n")
    x.env = {"LD_PRELOAD": "libgone.so:/host"}
    x.lib("m.so")


@case
def preloaded_names_are_searched_for(x: GlibcRoot) -> None:
    x.env = {"LD_PRELOAD": "libp.so", "LD_LIBRARY_PATH": "/env"}
    x.lib("env/libp.so", soname="liba.so")
    x.lib("m.so", needed=["liba.so"])


@case
def a_preloaded_library_that_misses_something_stops_the_program(x: GlibcRoot) -> None:
    x.env = {"LD_PRELOAD": "/opt/p.so"}
    x.lib("opt/p.so", needed=["libgone.so"])
    x.main("prog")


@case
def tokens_of_the_environment_are_the_programs(x: GlibcRoot) -> None:
    x.env = {"LD_LIBRARY_PATH": "$ORIGIN/near:/any/$LIB"}
    x.lib("m.so", needed=["liba.so", "libb.so"])
    x.lib("near/liba.so")
    x.lib("any/lib/x86_64-linux-gnu/libb.so")


@case
def directories_of_the_environment_have_subfolders_for_processors(x: GlibcRoot) -> None:
    x.env = {"LD_LIBRARY_PATH": "/env"}
    x.lib("m.so", needed=["liba.so"])
    x.lib("env/glibc-hwcaps/x86-64-v2/liba.so")


@case
def a_program_that_misses_nothing_starts(x: GlibcRoot) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,-rpath,/opt",))
    x.lib("opt/liba.so")


@case
def a_program_that_misses_a_library_does_not_start(x: GlibcRoot) -> None:
    x.main("prog", needed=("liba.so",))


@case
def origin_of_a_program_is_where_it_really_stands(x: GlibcRoot) -> None:
    x.main("real/prog", needed=("liba.so",), options=("-Wl,-rpath,$ORIGIN/lib",))
    x.link("bin/prog", "../real/prog")
    x.lib("real/lib/liba.so")
    x.program = "/bin/prog"


@case
def runpath_of_a_program_does_not_serve_its_libraries(x: GlibcRoot) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,--enable-new-dtags", "-Wl,-rpath,/opt"))
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def rpath_of_a_program_serves_its_libraries(x: GlibcRoot) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,--disable-new-dtags", "-Wl,-rpath,/opt"))
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("opt/libb.so")


@case
def a_program_without_its_loader_does_not_start(x: GlibcRoot) -> None:
    x.main("prog", options=("-Wl,--dynamic-linker,/lib/ld-gone.so.2",))


@case
def a_static_program_needs_nobody(x: GlibcRoot) -> None:
    x.main("prog", options=("-static",))


@case
def a_static_position_independent_program_needs_nobody(x: GlibcRoot) -> None:
    x.main("prog", options=("-static-pie",))


@case
def an_auxiliary_filter_may_be_missing(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", options=["-Wl,-f,libaux.so"])


@case
def a_filter_must_be_there(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", options=["-Wl,-F,libfilter.so"])


@case
def a_filter_is_searched_for_like_a_need(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", runpath="/filters", options=["-Wl,-F,libfilter.so"])
    x.lib("filters/libfilter.so", needed=["libb.so"], runpath="/opt")
    x.lib("opt/libb.so")


@case
def a_working_directory_answers_relative_paths(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="opt")
    x.lib("opt/liba.so")


@case
def a_library_on_an_unreadable_place_is_read_by_root(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so").chmod(0)


@case
def origin_in_a_need_is_each_wanters_own(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["$ORIGIN/libx.so", "/opt/liba.so"])
    x.lib("libx.so")
    x.lib("opt/liba.so", needed=["$ORIGIN/libx.so"])


@case
def two_files_may_answer_the_same_words(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["$ORIGIN/libx.so", "/opt/liba.so"])
    x.lib("libx.so")
    x.lib("opt/liba.so", needed=["$ORIGIN/libx.so"])
    x.lib("opt/libx.so")


@case
def a_token_in_a_name_has_its_value(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["libx-$PLATFORM.so"], runpath="/opt")
    x.lib("opt/libx-x86_64.so")


@case
def a_token_in_a_name_is_not_taken_as_it_stands(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["libx-$PLATFORM.so"], runpath="/opt")
    x.lib("opt/libx-$PLATFORM.so")


@case
def a_token_in_an_auxiliary_name_has_its_value(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", runpath="/aux", options=["-Wl,-f,libx-$PLATFORM.so"])
    x.lib("aux/libx-x86_64.so")


@case
def a_token_in_a_preloaded_name_is_taken_as_it_stands(x: GlibcRoot) -> None:
    x.env = {"LD_PRELOAD": "libp-$PLATFORM.so", "LD_LIBRARY_PATH": "/env"}
    x.lib("env/libp-x86_64.so", soname="liba.so")
    x.lib("m.so", needed=["liba.so"])


@case
def a_token_in_a_preloaded_path_has_its_value(x: GlibcRoot) -> None:
    x.env = {"LD_PRELOAD": "$ORIGIN/pre/p.so"}
    x.lib("pre/p.so", soname="liba.so", needed=["libb.so"], runpath="$ORIGIN")
    x.lib("pre/libb.so")
    x.lib("m.so", needed=["liba.so"])


@case
def what_was_loaded_first_answers_a_name_that_two_have(x: GlibcRoot) -> None:
    source = "int puts(const char *); int use(void) { return puts(0); }"
    x.lib("m.so", needed=["/opt/other.so", "liba.so"], runpath="/opt")
    x.lib("opt/other.so", soname="libc.so.6")
    x.lib("opt/liba.so", source=source, options=["-lc"])


@case
def objects_below_two_libraries_inherit_from_their_own_loader(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], rpath="/opt")
    x.lib("opt/liba.so", needed=["libx.so"], rpath="/a")
    x.lib("opt/libb.so", needed=["liby.so"], rpath="/b")
    x.lib("opt/libx.so", needed=["libq.so"])
    x.lib("opt/liby.so", needed=["libr.so"])
    x.lib("a/libq.so")
    x.lib("b/libq.so")
    x.lib("b/libr.so")


@case
def whoever_loads_first_is_the_only_one_inherited_from(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so", "libb.so"], rpath="/opt")
    x.lib("opt/liba.so", needed=["libx.so"], rpath="/a")
    x.lib("opt/libb.so", needed=["libx.so"], rpath="/b")
    x.lib("opt/libx.so", needed=["libq.so"])
    x.lib("b/libq.so")


@case
def the_programs_rpath_serves_below_objects_with_runpath(x: GlibcRoot) -> None:
    x.host_options = ["-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/near"]
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    x.lib("opt/liba.so", needed=["libb.so"])
    x.lib("near/libb.so")


@case
def a_library_of_two_paths_searches_from_the_first(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["libb.so", "liba.so"], runpath="/opt")
    x.link("opt/liba.so", "/real/liba.so")
    x.link("other/liba2.so", "/real/liba.so")
    x.lib("opt/libb.so", needed=["liba2.so"], runpath="/other")
    x.lib("real/liba.so", soname="libq.so", needed=["libz.so"], runpath="$ORIGIN")
    x.lib("other/libz.so")


@case
def a_text_stub_in_a_processors_subfolder_is_fatal(x: GlibcRoot) -> None:
    x.env = {"LD_LIBRARY_PATH": "/env"}
    x.lib("m.so", needed=["liba.so"])
    x.put("env/glibc-hwcaps/x86-64-v2/liba.so", b"GROUP(liba.so.1)")
    x.lib("env/liba.so")


@case
def an_origin_may_be_a_processors_subfolder(x: GlibcRoot) -> None:
    x.env = {"LD_LIBRARY_PATH": "/env"}
    x.lib("m.so", needed=["liba.so"])
    x.lib("env/glibc-hwcaps/x86-64-v2/liba.so", needed=["libb.so"], runpath="$ORIGIN")
    x.lib("env/glibc-hwcaps/x86-64-v2/libb.so", needed=["libd.so"], runpath="$ORIGIN/../..")
    x.lib("env/libd.so")


@case
def a_processors_entry_of_the_cache_that_is_gone_hides_the_plain_one(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"])
    x.lib(f"{LOCAL}/liba.so")
    gone = x.lib(f"{LOCAL}/glibc-hwcaps/x86-64-v2/liba.so")
    x.ldconfig()
    gone.unlink()


@case
def a_path_through_a_folder_that_is_not_there_leads_nowhere(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/gone/../opt")
    x.lib("opt/liba.so")


@case
def a_higher_abi_version_is_refused(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    set_byte(x.lib("opt/liba.so"), EI_OSABI, ELFOSABI_GNU)
    set_byte(x.root / "opt/liba.so", EI_ABIVERSION, 4)


@case
def a_known_abi_version_is_taken(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    set_byte(x.lib("opt/liba.so"), EI_OSABI, ELFOSABI_GNU)
    set_byte(x.root / "opt/liba.so", EI_ABIVERSION, 3)


@case
def an_abi_version_without_its_abi_is_refused(x: GlibcRoot) -> None:
    x.lib("m.so", needed=["liba.so"], runpath="/opt")
    set_byte(x.lib("opt/liba.so"), EI_ABIVERSION, 1)


@case
def the_kernel_does_not_look_at_the_abi_of_a_program(x: GlibcRoot) -> None:
    x.main("prog", needed=("liba.so",), options=("-Wl,-rpath,/opt",))
    x.lib("opt/liba.so")
    set_byte(x.root / "prog", EI_OSABI, 9)


@case
def a_loader_that_is_text_starts_nothing(x: GlibcRoot) -> None:
    x.main("prog", options=("-Wl,--dynamic-linker,/lib/ld-linux.so.9",))
    x.put("lib/ld-linux.so.9", b"no loader")
    (x.root / "lib/ld-linux.so.9").chmod(0o755)


@case
def a_loader_that_is_a_folder_starts_nothing(x: GlibcRoot) -> None:
    x.main("prog", options=("-Wl,--dynamic-linker,/lib/ld-linux.so.9",))
    (x.root / "lib/ld-linux.so.9").mkdir()


@case
def a_loader_for_another_machine_starts_nothing(x: GlibcRoot) -> None:
    x.main("prog", options=("-Wl,--dynamic-linker,/lib/ld-linux.so.9",))
    x.put("lib/ld-linux.so.9", elf(machine=AARCH64))
    (x.root / "lib/ld-linux.so.9").chmod(0o755)


@case
def a_loader_that_may_not_be_executed_starts_nothing(x: GlibcRoot) -> None:
    x.main("prog")
    (x.root / LIBRARIES / (x.root / LOADER.lstrip("/")).readlink().name).chmod(0o644)


@case
def versions_that_a_library_has_lost_are_judged_by_the_loader(x: GlibcRoot) -> None:
    x.stub_versioned("liba.so", "V1")
    x.lib("m.so", needed=["liba.so"], runpath="/opt", source=USES_VERSION)
    x.lib("opt/liba.so", soname="liba.so", source=VERSIONED)


@case
def a_version_that_another_library_has_lost_is_judged_by_the_loader(x: GlibcRoot) -> None:
    x.stub_versioned("liba.so", "V1")
    x.lib("m.so", needed=["libb.so", "liba.so"], runpath="/opt", source=USES_VERSION)
    x.lib("opt/libb.so", source=VERSIONED)
    x.lib("opt/liba.so", soname="liba.so")


@case
def a_version_that_is_not_defined_is_refused(x: GlibcRoot) -> None:
    x.stub_versioned("liba.so", "V1")
    x.lib("m.so", needed=["liba.so"], runpath="/opt", source=USES_VERSION)
    x.versioned("opt/liba.so", "V2", soname="liba.so")


@pytest.fixture(scope="session")
def compiler() -> str:
    return glibc_compiler()


@pytest.fixture(scope="module", params=["this machine", "bullseye", "trixie"])
def system(request: pytest.FixtureRequest) -> Path:
    """Give the system whose loader is asked: rules differ between versions of glibc."""
    return Path("/") if request.param == "this machine" else roots(request.param)[request.param].place


@pytest.mark.parametrize("name", sorted(CASES))
def test_we_say_what_the_loader_does(name: str, system: Path, tmp_path: Path, compiler: str) -> None:
    x = GlibcRoot(tmp_path / "root", compiler, system)
    CASES[name](x)
    x.host()

    is_program = x.program != HOST
    before = set() if is_program else ask_inside(x).files
    truth = ask_inside(x, *([] if is_program else ["/m.so"]))
    found = ask_ourselves(x)

    kinds = {problem.kind for problem in problems(found)} - HARMLESS
    assert (kinds == set()) == truth.is_loaded, (truth.said, found)
    absent = re.search(
        r"(?:error|libraries): (\S+): cannot open shared object file: No such file", truth.said
    )
    if truth.is_loaded and not is_program:
        assert inodes(x, found.loaded) == inodes(x, truth.files - before), (truth.files, found.loaded)
    elif absent:
        assert absent[1] in missing_sonames(found), truth.said
