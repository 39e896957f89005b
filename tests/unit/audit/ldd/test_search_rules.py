"""Which file glibc's loader takes for a soname, rule by rule."""

import struct

import pytest

from fleet_audit.audit.ldd.evidence import missing_sonames
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.layout import DF_1_NODEFLIB
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import (
    Closure,
    EntryKind,
    EntryPoint,
    Fatal,
    Missing,
    Resolution,
    Resolved,
    Unknown,
    WrongMachine,
)
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import AARCH64, I386, LOADER, ImageBuilder, bare, image


def closure(builder: ImageBuilder, path: str, interpreter: str | None = None) -> Closure:
    """Examine one entry point: a program where no interpreter is given, else an extension module."""
    kind = EntryKind.EXECUTABLE if interpreter is None else EntryKind.EXTENSION_MODULE
    built = builder.build()
    python = None if interpreter is None else ImagePath(interpreter)
    return examine(built.world(), [EntryPoint(ImagePath(path), kind)], python)[0]


def answer(found: Closure, soname: str) -> Resolution:
    return next(r.resolution for r in found.requests if r.soname == soname)


def program(**facts: object) -> ImageBuilder:
    return bare().elf("/app/main", interpreter=LOADER, **facts)  # type: ignore[arg-type]  # passed on as given


PYTHON = "/usr/bin/python3"


# RPATH and RUNPATH


def test_runpath_of_a_program_does_not_serve_its_libraries() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], runpath=["/opt"])
        .elf("/opt/liba.so", needed=["libb.so"])
        .elf("/opt/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so"}


def test_rpath_of_a_program_serves_its_libraries() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/opt"])
        .elf("/opt/liba.so", needed=["libb.so"])
        .elf("/opt/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_an_object_with_runpath_asks_nobodys_rpath() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/opt"])
        .elf("/opt/liba.so", needed=["libb.so"], runpath=["/elsewhere"])
        .elf("/opt/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so"}


def test_even_an_empty_runpath_keeps_rpaths_out() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/opt"])
        .elf("/opt/liba.so", needed=["libb.so"], runpath="")
        .elf("/opt/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so"}


def test_rpath_passes_through_an_object_with_runpath() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/opt"])
        .elf("/opt/liba.so", needed=["libb.so"], runpath=["/b"])
        .elf("/b/libb.so", needed=["libc.so"])
        .elf("/opt/libc.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_rpath_beside_runpath_in_the_same_object_is_ignored() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/a"], runpath=["/b"])
        .elf("/a/liba.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"liba.so"}


def test_rpath_comes_before_the_environment_and_runpath_after() -> None:
    def world(**own: list[str]) -> ImageBuilder:
        builder = bare().env(LD_LIBRARY_PATH="/env").elf("/env/liba.so").elf("/own/liba.so")
        return builder.elf("/app/main", interpreter=LOADER, needed=["liba.so"], **own)  # type: ignore[arg-type]  # rpath or runpath

    assert answer(closure(world(rpath=["/own"]), "/app/main"), "liba.so") == Resolved(
        ImagePath("/own/liba.so")
    )
    assert answer(closure(world(runpath=["/own"]), "/app/main"), "liba.so") == Resolved(
        ImagePath("/env/liba.so")
    )


def test_an_empty_element_is_the_working_directory() -> None:
    world = bare().elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=":/opt").elf("/liba.so")

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_a_relative_directory_is_reported_as_such() -> None:
    world = bare().elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath="lib").elf("/lib/liba.so")

    found = closure(world, "/app/main")

    assert [(r.wanted_by, r.directory) for r in found.relative_directories] == [("/app/main", "lib")]
    assert missing_sonames(found) == set()


def test_origin_is_absolute_and_so_not_reported() -> None:
    world = (
        bare().elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath="$ORIGIN").elf("/app/liba.so")
    )

    assert closure(world, "/app/main").relative_directories == ()


# LD_LIBRARY_PATH


def test_the_images_environment_is_searched_with_colons_and_semicolons() -> None:
    world = (
        program(needed=["liba.so", "libb.so"])
        .env(LD_LIBRARY_PATH="/a;/b")
        .elf("/a/liba.so")
        .elf("/b/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_rpath_does_not_split_at_semicolons() -> None:
    world = program(needed=["liba.so"], rpath="/x;/a").elf("/a/liba.so")

    assert missing_sonames(closure(world, "/app/main")) == {"liba.so"}


def test_origin_in_the_environment_is_the_folder_of_each_program() -> None:
    builder = bare().env(LD_LIBRARY_PATH="$ORIGIN/lib").elf("/one/lib/liba.so")
    for folder in ("/one", "/two"):
        builder.elf(f"{folder}/main", interpreter=LOADER, needed=["liba.so"])
    programs = [EntryPoint(ImagePath(f"{f}/main"), EntryKind.EXECUTABLE) for f in ("/one", "/two")]

    found = examine(builder.build().world(), programs, None)

    assert [missing_sonames(each) for each in found] == [set(), {"liba.so"}]


# tokens


@pytest.mark.parametrize("token", ["$ORIGIN", "${ORIGIN}"])
def test_origin_is_the_folder_of_the_path_used_to_load(token: str) -> None:
    # /opt/use/liba.so is a link to /opt/real/liba.so; only /opt/use has libb.so.
    world = (
        program(needed=["liba.so"], rpath=["/opt/use"])
        .elf("/opt/real/liba.so", needed=["libb.so"], runpath=[token])
        .link("/opt/use/liba.so", "../real/liba.so")
        .elf("/opt/use/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_origin_is_not_the_folder_of_the_real_path() -> None:
    world = (
        program(needed=["liba.so"], rpath=["/opt/use"])
        .elf("/opt/real/liba.so", needed=["libb.so"], runpath=["$ORIGIN"])
        .link("/opt/use/liba.so", "../real/liba.so")
        .elf("/opt/real/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so"}


def test_the_program_itself_has_its_real_path_as_origin() -> None:
    world = (
        bare()
        .elf("/opt/app/main", interpreter=LOADER, needed=["liba.so"], runpath=["$ORIGIN/lib"])
        .elf("/opt/app/lib/liba.so")
        .link("/usr/bin/main", "/opt/app/main")
    )

    assert missing_sonames(closure(world, "/usr/bin/main")) == set()


def test_a_longer_name_that_begins_like_a_token_is_none() -> None:
    world = program(needed=["liba.so"], runpath=["$ORIGINAL"]).elf("/appAL/liba.so")

    assert missing_sonames(closure(world, "/app/main")) == {"liba.so"}


def test_lib_and_platform_are_those_of_the_loader() -> None:
    world = (
        image()
        .file(LOADER, _loader_with(b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0"), mode=0o755)
        .elf("/app/main", interpreter=LOADER, needed=["liba.so", "libb.so"], runpath="/a/$LIB:/b/$PLATFORM")
        .elf("/a/lib/x86_64-linux-gnu/liba.so")
        .elf("/b/x86_64/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


def _loader_with(text: bytes) -> bytes:
    return (
        image().elf(LOADER, soname="ld-linux-x86-64.so.2").build().tree.read(ImagePath(LOADER)) + b"\0" + text
    )


# default directories, ld.so.cache, hwcaps


def test_default_directories_are_read_from_the_loader() -> None:
    world = (
        image()
        .file(LOADER, _loader_with(b"/opt/sys/lib/\0/usr/opt/sys/lib/\0"), mode=0o755)
        .elf("/app/main", interpreter=LOADER, needed=["liba.so", "libb.so"])
        .elf("/usr/opt/sys/lib/liba.so")
        .elf("/usr/lib/libb.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so"}


def test_usr_local_lib_is_found_through_the_cache_only() -> None:
    def world() -> ImageBuilder:
        return program(needed=["liba.so"]).elf("/usr/local/lib/liba.so")

    cached = world().file("/etc/ld.so.cache", new_cache(("liba.so", "/usr/local/lib/liba.so", 0x0303)))

    assert missing_sonames(closure(world(), "/app/main")) == {"liba.so"}
    assert missing_sonames(closure(cached, "/app/main")) == set()


def test_a_cache_entry_of_another_abi_does_not_count() -> None:
    cache = new_cache(("liba.so", "/usr/local/lib/liba.so", 0x0003))
    world = program(needed=["liba.so"]).elf("/usr/local/lib/liba.so").file("/etc/ld.so.cache", cache)

    assert missing_sonames(closure(world, "/app/main")) == {"liba.so"}


def test_a_stale_cache_entry_leads_on_to_the_default_directories() -> None:
    cache = new_cache(("liba.so", "/gone/liba.so", 0x0303))
    world = program(needed=["liba.so"]).elf("/usr/lib/liba.so").file("/etc/ld.so.cache", cache)

    assert answer(closure(world, "/app/main"), "liba.so") == Resolved(ImagePath("/usr/lib/liba.so"))


def test_only_the_best_cache_entry_is_tried() -> None:
    cache = new_cache(("liba.so", "/gone/liba.so", 0x0303), ("liba.so", "/there/liba.so", 0x0303))
    world = program(needed=["liba.so"]).elf("/there/liba.so").file("/etc/ld.so.cache", cache)

    assert missing_sonames(closure(world, "/app/main")) == {"liba.so"}


def test_nodeflib_keeps_out_default_directories_and_what_the_cache_says_of_them() -> None:
    cache = new_cache(("liba.so", "/usr/lib/liba.so", 0x0303), ("libb.so", "/opt/libb.so", 0x0303))
    world = (
        program(needed=["liba.so", "libb.so"], flags_1=DF_1_NODEFLIB)
        .elf("/usr/lib/liba.so")
        .elf("/opt/libb.so")
        .file("/etc/ld.so.cache", cache)
    )

    assert missing_sonames(closure(world, "/app/main")) == {"liba.so"}


def test_hwcaps_subfolders_come_first_in_each_directory() -> None:
    world = (
        program(needed=["liba.so"], runpath=["/a", "/b"])
        .elf("/b/glibc-hwcaps/x86-64-v3/liba.so")
        .elf("/b/liba.so")
    )

    found = closure(world, "/app/main")

    assert answer(found, "liba.so") == Resolved(ImagePath("/b/glibc-hwcaps/x86-64-v3/liba.so"))


def test_hwcaps_subfolders_are_unknown_to_older_loaders() -> None:
    world = (
        image()
        .file(LOADER, _loader_with(b"stable release version 2.31.\0"), mode=0o755)
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], runpath=["/b"])
        .elf("/b/glibc-hwcaps/x86-64-v3/liba.so")
        .elf("/b/tls/liba.so")
    )

    assert answer(closure(world, "/app/main"), "liba.so") == Resolved(ImagePath("/b/tls/liba.so"))


def new_cache(*entries: tuple[str, str, int]) -> bytes:
    """Return an ld.so.cache of (soname, path, flags) in the new format."""
    strings = b""
    start = 48 + 24 * len(entries)
    table = b""
    for soname, path, flags in entries:
        key = start + len(strings)
        value = key + len(soname) + 1
        strings += soname.encode() + b"\0" + path.encode() + b"\0"
        table += struct.pack("<iIIIQ", flags, key, value, 0, 0)
    header = b"glibc-ld.so.cache1.1" + struct.pack("<II", len(entries), len(strings)) + b"\0" * 20
    return header + table + strings


# what is loaded already


def test_a_loaded_object_answers_by_its_soname() -> None:
    world = program(needed=["libfirst.so", "libb.so.1"], runpath=["/opt"]).elf(
        "/opt/libfirst.so", soname="libb.so.1"
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_a_library_without_soname_answers_only_to_the_name_it_was_loaded_by() -> None:
    world = (
        program(needed=["libfirst.so", "libb.so"], runpath=["/opt"])
        .elf("/opt/libfirst.so", needed=["libb.so"])
        .elf("/opt/libb.so.1")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so"}


def test_breadth_first_order_decides_which_file_answers() -> None:
    # liba's own libx would be /a/libx.so, but the program asks for libx before liba does.
    world = (
        program(needed=["liba.so", "libx.so"], runpath=["/opt"])
        .elf("/opt/liba.so", needed=["libx.so"], runpath=["/a"])
        .elf("/a/libx.so")
        .elf("/opt/libx.so")
    )

    found = closure(world, "/app/main")

    assert {r.resolution for r in found.requests if r.soname == "libx.so"} == {
        Resolved(ImagePath("/opt/libx.so"))
    }


def test_two_names_of_one_file_are_one_object() -> None:
    world = (
        program(needed=["liba.so", "liba.so.1"], runpath=["/opt"])
        .elf("/opt/liba.so.1")
        .link("/opt/liba.so", "liba.so.1")
    )

    assert closure(world, "/app/main").loaded == ("/app/main", "/opt/liba.so.1")


def test_the_interpreters_own_libraries_count_for_its_modules() -> None:
    world = (
        image()
        .python(needed=["libm.so.6"], rpath=["/py/lib"])
        .elf("/py/lib/libm.so.6")
        .elf("/site/m.so", needed=["libm.so.6"])
    )

    found = closure(world, "/site/m.so", PYTHON)

    assert answer(found, "libm.so.6") == Resolved(ImagePath("/py/lib/libm.so.6"))
    assert found.loaded == ("/site/m.so",)


def test_the_interpreters_rpath_serves_its_modules_and_its_runpath_does_not() -> None:
    def world(**own: list[str]) -> ImageBuilder:
        builder = image().python(rpath=own.get("rpath"), runpath=own.get("runpath"))
        return builder.elf("/py/liba.so").elf("/site/m.so", needed=["liba.so"])

    assert missing_sonames(closure(world(rpath=["/py"]), "/site/m.so", PYTHON)) == set()
    assert missing_sonames(closure(world(runpath=["/py"]), "/site/m.so", PYTHON)) == {"liba.so"}


def test_the_rpath_of_who_calls_dlopen_does_not_serve_what_is_opened() -> None:
    world = (
        image()
        .python(needed=["libpython3.11.so.1.0"])
        .elf("/usr/lib/libpython3.11.so.1.0", soname="libpython3.11.so.1.0", rpath=["$ORIGIN/private"])
        .elf("/usr/lib/private/liba.so")
        .elf("/site/m.so", needed=["liba.so"])
    )

    assert missing_sonames(closure(world, "/site/m.so", PYTHON)) == {"liba.so"}


def test_preloaded_objects_answer_by_their_soname() -> None:
    world = (
        program(needed=["liba.so.1"])
        .env(LD_PRELOAD="/opt/other.so:/opt/absent.so")
        .elf("/opt/other.so", soname="liba.so.1")
    )

    found = closure(world, "/app/main")

    assert missing_sonames(found) == set()
    assert found.loaded == ("/app/main", "/opt/other.so")


def test_modules_know_nothing_of_one_another() -> None:
    world = (
        image()
        .python()
        .elf("/site/one.so", soname="libshared.so")
        .elf("/site/two.so", needed=["libshared.so"])
        .build()
    )
    entries = [EntryPoint(ImagePath(f"/site/{n}.so"), EntryKind.EXTENSION_MODULE) for n in ("one", "two")]

    found = examine(world.world(), entries, ImagePath(PYTHON))

    assert [missing_sonames(c) for c in found] == [set(), {"libshared.so"}]


# files that cannot be taken


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("INPUT(libreal.so)\n" * 9, "invalid ELF header"),
        ("", "file too short"),
        (b"\x7fELF\2", "file too short"),
    ],
)
def test_a_file_that_is_no_library_ends_the_search(body: str | bytes, why: str) -> None:
    world = program(needed=["liba.so"], runpath=["/a", "/b"]).file("/a/liba.so", body).elf("/b/liba.so")

    assert answer(closure(world, "/app/main"), "liba.so") == Fatal(ImagePath("/a/liba.so"), why)


def test_a_folder_of_that_name_ends_the_search() -> None:
    world = program(needed=["liba.so"], runpath=["/a", "/b"]).folder("/a/liba.so").elf("/b/liba.so")

    found = answer(closure(world, "/app/main"), "liba.so")

    assert found == Fatal(ImagePath("/a/liba.so"), "cannot read file data: Is a directory")


def test_a_dangling_link_is_passed_over() -> None:
    world = program(needed=["liba.so"], runpath=["/a", "/b"]).link("/a/liba.so", "gone").elf("/b/liba.so")

    assert answer(closure(world, "/app/main"), "liba.so") == Resolved(ImagePath("/b/liba.so"))


@pytest.mark.parametrize(("bits", "machine"), [(32, I386), (64, AARCH64)])
def test_another_machines_library_is_passed_over(bits: int, machine: int) -> None:
    world = (
        program(needed=["liba.so"], runpath=["/a", "/b"])
        .elf("/a/liba.so", bits=bits, machine=machine)
        .elf("/b/liba.so")
    )

    assert answer(closure(world, "/app/main"), "liba.so") == Resolved(ImagePath("/b/liba.so"))


def test_another_machines_library_alone_is_named() -> None:
    world = program(needed=["liba.so"], runpath=["/a"]).elf("/a/liba.so", machine=AARCH64)

    assert answer(closure(world, "/app/main"), "liba.so") == WrongMachine(ImagePath("/a/liba.so"), "aarch64")


def test_debians_loader_passes_the_other_byte_order_over() -> None:
    world = (
        image()
        .file(LOADER, _loader_with(b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0"), mode=0o755)
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], runpath=["/a", "/b"])
        .elf("/a/liba.so", little_endian=False)
        .elf("/b/liba.so")
    )

    assert answer(closure(world, "/app/main"), "liba.so") == Resolved(ImagePath("/b/liba.so"))


def test_upstreams_loader_refuses_the_other_byte_order() -> None:
    world = program(needed=["liba.so"], runpath=["/a"]).elf("/a/liba.so", little_endian=False)

    found = answer(closure(world, "/app/main"), "liba.so")

    assert found == Fatal(ImagePath("/a/liba.so"), "ELF file data encoding not little-endian")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"elf_type": 1}, "only ET_DYN and ET_EXEC can be loaded"),
        ({"elf_type": 2}, "cannot dynamically load executable"),
        ({"flags_1": 0x08000000}, "cannot dynamically load position-independent executable"),
        ({"dynamic": False}, "object file has no dynamic section"),
    ],
)
def test_elf_files_that_are_no_libraries_are_refused(facts: dict[str, object], why: str) -> None:
    world = program(needed=["liba.so"], runpath=["/a"]).elf("/a/liba.so", **facts)  # type: ignore[arg-type]  # any fact

    assert answer(closure(world, "/app/main"), "liba.so") == Fatal(ImagePath("/a/liba.so"), why)


def test_what_is_missing_says_where_it_was_looked_for() -> None:
    world = program(needed=["liba.so"], rpath=["/r"]).env(LD_LIBRARY_PATH="/e")

    found = answer(closure(world, "/app/main"), "liba.so")

    assert found == Missing(("/r", "/e", "/etc/ld.so.cache", "/lib64", "/usr/lib64", "/lib", "/usr/lib"))


def test_a_name_with_a_slash_is_opened_as_it_is() -> None:
    world = (
        program(needed=["/opt/liba.so", "$ORIGIN/libb.so", "/lib/libc.so"])
        .elf("/opt/liba.so")
        .elf("/app/libb.so")
        .elf("/usr/lib/libc.so")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"/lib/libc.so"}


def test_a_library_that_needs_itself_ends() -> None:
    world = (
        program(needed=["liba.so"], rpath=["/a"])
        .elf("/a/liba.so", needed=["liba.so", "libb.so"])
        .elf("/a/libb.so", needed=["liba.so"])
    )

    assert closure(world, "/app/main").loaded == ("/app/main", "/a/liba.so", "/a/libb.so")


# executable stacks


@pytest.mark.parametrize(("version", "is_refused"), [(b"2.41", True), (b"2.36", False)])
def test_newer_loaders_refuse_modules_with_executable_stacks(version: bytes, is_refused: bool) -> None:
    world = (
        image()
        .python()
        .file(LOADER, _loader_with(b"stable release version " + version + b".\0"), mode=0o755)
        .elf("/site/m.so", executable_stack=True)
    )

    assert bool(missing_sonames(closure(world, "/site/m.so", PYTHON))) is is_refused


def test_executable_stacks_of_a_programs_own_libraries_are_allowed() -> None:
    world = (
        image()
        .file(LOADER, _loader_with(b"stable release version 2.41.\0"), mode=0o755)
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/a"])
        .elf("/a/liba.so", executable_stack=True)
    )

    assert missing_sonames(closure(world, "/app/main")) == set()


# bounds


def test_a_search_path_out_of_all_proportion_is_not_called_missing() -> None:
    world = program(needed=["liba.so"], rpath=[f"/{number}" for number in range(2000)])

    assert isinstance(answer(closure(world, "/app/main"), "liba.so"), Unknown)


def test_a_library_found_before_the_bound_is_found_all_the_same() -> None:
    world = program(needed=["liba.so"], rpath=["/a", *(f"/{n}" for n in range(2000))]).elf("/a/liba.so")

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_tokens_that_grow_beyond_any_path_are_no_directory() -> None:
    world = program(needed=["liba.so"], rpath=["$ORIGIN" * 5000, "/a"]).elf("/a/liba.so")

    assert missing_sonames(closure(world, "/app/main")) == set()


def test_a_preload_file_counts_and_its_comments_do_not() -> None:
    world = (
        program(needed=["liba.so.1", "libb.so.1"])
        .file("/etc/ld.so.preload", "/opt/a.so # /opt/b.so\n")
        .elf("/opt/a.so", soname="liba.so.1")
        .elf("/opt/b.so", soname="libb.so.1")
    )

    assert missing_sonames(closure(world, "/app/main")) == {"libb.so.1"}


def test_a_closure_of_thousands_of_libraries_ends() -> None:
    builder = program(needed=["lib0.so"], rpath=["/a"])
    for number in range(1500):
        builder.elf(f"/a/lib{number}.so", needed=[f"lib{number + 1}.so", "lib0.so"])

    assert missing_sonames(closure(builder, "/app/main")) == {"lib1500.so"}


# what only dlopen refuses, and what only newer loaders do


def test_a_library_that_forbids_dlopen_serves_programs_only() -> None:
    def world() -> ImageBuilder:
        return image().python().elf("/lib64/liba.so", flags_1=0x40)

    started = world().elf("/app/main", interpreter=LOADER, needed=["liba.so"])
    imported = world().elf("/site/m.so", needed=["liba.so"])

    assert missing_sonames(closure(started, "/app/main")) == set()
    assert missing_sonames(closure(imported, "/site/m.so", PYTHON)) == {"liba.so"}


@pytest.mark.parametrize(("version", "is_refused"), [(b"2.28", False), (b"2.36", True)])
def test_position_independent_programs_are_libraries_to_old_loaders(version: bytes, is_refused: bool) -> None:
    world = (
        image()
        .file(LOADER, _loader_with(b"stable release version " + version + b".\0"), mode=0o755)
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/a"])
        .elf("/a/liba.so", flags_1=0x08000000)
    )

    assert bool(missing_sonames(closure(world, "/app/main"))) is is_refused


def test_a_program_with_an_executable_stack_may_load_such_libraries() -> None:
    world = (
        image()
        .python()
        .file(LOADER, _loader_with(b"stable release version 2.41.\0"), mode=0o755)
        .elf(PYTHON, interpreter=LOADER, executable_stack=True)
        .elf("/site/m.so", executable_stack=True)
    )

    assert missing_sonames(closure(world, "/site/m.so", PYTHON)) == set()


def test_a_library_that_says_nothing_of_its_stack_wants_an_executable_one_on_x86() -> None:
    world = (
        image()
        .python()
        .file(LOADER, _loader_with(b"stable release version 2.41.\0"), mode=0o755)
        .elf("/site/m.so", executable_stack=None)
    )

    assert missing_sonames(closure(world, "/site/m.so", PYTHON)) == {"m.so"}


@pytest.mark.parametrize(
    ("closed", "answer"), [("/opt/one", Unknown), ("/opt/two", Unknown), ("/srv", Resolved)]
)
def test_from_a_folder_that_could_not_be_listed_nothing_is_claimed(closed: str, answer: type) -> None:
    built = (
        program(needed=["liba.so"], runpath=["/opt/one", "/opt/two"])
        .elf("/opt/two/liba.so")
        .file("/opt/one/x", "")
        .file("/srv/x", "")
        .build()
    )
    world = World(built.tree, built.elf, {}, unreadable=[closed])

    (found,) = examine(world, [EntryPoint(ImagePath("/app/main"), EntryKind.EXECUTABLE)], None)

    assert isinstance(found.requests[0].resolution, answer)
