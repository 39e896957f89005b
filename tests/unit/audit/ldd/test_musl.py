"""What an image with musl's loader loads; the rules themselves are tested against musl."""

import pytest

from fleet_audit.audit.ldd.evidence import gaps, missing_sonames, problems
from fleet_audit.audit.ldd.glibc import dlopen, examine, trace
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Fatal, Missing, Resolved, WrongMachine
from fleet_audit.audit.model.identity import ImagePath, Soname
from tests.support.elf import AARCH64, ImageBuilder, Symbol, image, wants

LOADER = "/lib/ld-musl-x86_64.so.1"
PYTHON = ImagePath("/usr/bin/python3")
MODULE = "/site/m.so"


def _alpine() -> ImageBuilder:
    """Begin an image as Alpine makes them, with one extension module."""
    return (
        image()
        .elf(LOADER, soname="libc.musl-x86_64.so.1", symbols=[Symbol("malloc")])
        .link("/lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1")
        .elf(
            "/usr/lib/libpython3.12.so.1.0",
            needed=["libc.musl-x86_64.so.1"],
            symbols=[Symbol("PyLong_FromLong")],
        )
        .elf(PYTHON, interpreter=LOADER, needed=["libpython3.12.so.1.0", "libc.musl-x86_64.so.1"])
    )


def _load(builder: ImageBuilder, python: ImagePath | None = PYTHON) -> Closure:
    entry = EntryPoint(ImagePath(MODULE), EntryKind.EXTENSION_MODULE)
    (found,) = examine(builder.build().world(), [entry], python)
    return found


def test_what_python_has_loaded_serves_its_modules() -> None:
    needed = ["libpython3.12.so.1.0", "libc.musl-x86_64.so.1"]
    builder = _alpine().elf(MODULE, needed=needed, symbols=[wants("PyLong_FromLong"), wants("malloc")])
    found = _load(builder)

    assert [r.resolution for r in found.requests] == [
        Resolved(ImagePath("/usr/lib/libpython3.12.so.1.0")),
        Resolved(ImagePath(LOADER)),
    ]
    assert problems(found) == ()
    assert gaps(builder.build().world(), [found]) == ()


def test_a_module_for_glibc_gets_musls_library_and_lacks_its_symbols() -> None:
    found = _load(_alpine().elf(MODULE, needed=["libc.so.6"], symbols=[wants("__printf_chk")]))

    assert [(p.kind, p.detail) for p in problems(found)] == [("symbol", "undefined symbol: __printf_chk")]


def test_the_default_folders_are_those_that_musl_has_built_in() -> None:
    builder = _alpine().elf(MODULE, needed=["liba.so", "libb.so"]).elf("/usr/local/lib/liba.so")

    assert missing_sonames(_load(builder)) == {"libb.so"}
    assert isinstance(_load(builder).requests[1].resolution, Missing)


@pytest.mark.parametrize(
    ("text", "missing"), [("/opt/a:/opt/b\n", set()), ("/opt/a\n/opt/b", set()), ("/opt/a", {"liba.so"})]
)
def test_the_configured_folders_replace_them(text: str, missing: set[str]) -> None:
    builder = (
        _alpine()
        .elf(MODULE, needed=["liba.so"])
        .elf("/opt/b/liba.so")
        .file("/etc/ld-musl-x86_64.path", f"/usr/lib:{text}")
    )

    assert missing_sonames(_load(builder)) == missing


def test_a_file_of_another_machine_ends_the_search() -> None:
    builder = (
        _alpine().elf(MODULE, needed=["liba.so"]).elf("/lib/liba.so", machine=AARCH64).elf("/usr/lib/liba.so")
    )

    assert isinstance(_load(builder).requests[0].resolution, WrongMachine)


def test_a_text_file_ends_the_search() -> None:
    builder = _alpine().elf(MODULE, needed=["liba.so"]).file("/lib/liba.so", "INPUT(-la)" * 9)

    assert isinstance(_load(builder).requests[0].resolution, Fatal)


def test_dlopen_searches_where_the_program_does() -> None:
    world = _alpine().elf("/usr/lib/liba.so", needed=["libgone.so"]).build().world()

    found, absent = dlopen(world, [Soname("liba.so"), Soname("libb.so")], PYTHON)

    assert found.entry.path == "/usr/lib/liba.so"
    assert missing_sonames(found) == {"libgone.so"}
    assert missing_sonames(absent) == {"libb.so"}


def test_without_an_interpreter_the_images_loader_still_counts() -> None:
    assert missing_sonames(_load(_alpine().elf(MODULE, needed=["libc.so.6", "libgone.so"]), None)) == {
        "libgone.so"
    }


def test_a_trace_names_every_place_and_its_rule() -> None:
    world = (
        _alpine()
        .elf(MODULE, needed=["liba.so"], runpath="$ORIGIN/libs")
        .elf("/usr/lib/liba.so")
        .env(LD_LIBRARY_PATH="/e")
        .build()
        .world()
    )

    told = trace(world, EntryPoint(ImagePath(MODULE), EntryKind.EXTENSION_MODULE), PYTHON)

    assert (told.loader, told.program) == (LOADER, PYTHON)
    assert [(a.place, a.rule) for a in told.steps[0].attempts] == [
        ("/e", "ld-library-path"),
        ("/site/libs", "runpath"),
        ("/lib", "default"),
        ("/usr/local/lib", "default"),
        ("/usr/lib", "default"),
    ]
