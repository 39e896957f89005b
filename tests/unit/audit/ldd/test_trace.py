"""How a request was answered, place by place."""

from fleet_audit.audit.ldd.glibc import trace
from fleet_audit.audit.model.elf import EntryKind, EntryPoint, Step
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import AARCH64, LOADER, ImageBuilder, bare, image


def steps(builder: ImageBuilder) -> tuple[Step, ...]:
    entry = EntryPoint(ImagePath("/app/main"), EntryKind.EXECUTABLE)
    return trace(builder.build().world(), entry, None).steps


def places(step: Step) -> list[tuple[str, str]]:
    return [(attempt.place, attempt.outcome) for attempt in step.attempts]


def test_a_missing_library_was_looked_for_in_every_place() -> None:
    world = (
        bare().elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/gone"]).folder("/usr/lib/x")
    )

    (step,) = steps(world)

    assert places(step) == [
        ("/gone", "not there"),
        ("/etc/ld.so.cache", "no entry that can be opened"),
        ("/lib64", "not there"),
        ("/usr/lib64", "not there"),
        ("/lib", "not there"),
        ("/usr/lib", "not there"),
    ]


def test_the_search_stops_where_a_file_is_taken() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], runpath=["/a", "/b", "/c"])
        .elf("/a/liba.so", machine=AARCH64)
        .link("/b/liba.so", "/real/liba.so.1")
        .elf("/real/liba.so.1")
        .elf("/c/liba.so")
    )

    (step,) = steps(world)

    assert places(step) == [
        ("/a", "passed over: /a/liba.so is built for aarch64"),
        ("/b", "taken: /b/liba.so, which is /real/liba.so.1"),
    ]


def test_the_search_stops_where_a_file_is_refused() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], runpath=["/a", "/b"])
        .file("/a/glibc-hwcaps/x86-64-v3/liba.so", "")
        .elf("/b/liba.so")
    )

    (step,) = steps(world)

    assert places(step) == [
        ("/a/glibc-hwcaps/x86-64-v3", "refused: /a/glibc-hwcaps/x86-64-v3/liba.so: file too short")
    ]


def test_what_is_loaded_already_is_not_looked_for() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so", "ld-linux-x86-64.so.2"], runpath=["/a"])
        .elf("/a/liba.so", needed=["liba.so"])
    )

    assert [(step.request.soname, len(step.attempts)) for step in steps(world)] == [
        ("liba.so", 1),
        ("ld-linux-x86-64.so.2", 0),
        ("liba.so", 0),
    ]


def test_a_path_is_one_attempt() -> None:
    world = bare().elf("/app/main", interpreter=LOADER, needed=["/opt/liba.so"])

    (step,) = steps(world)

    assert places(step) == [("/opt/liba.so", "not there")]


def test_an_entry_that_is_not_there_has_one_step_without_attempts() -> None:
    assert [step.attempts for step in steps(image())] == [()]


def rules(step: Step) -> list[tuple[str, str, str | None]]:
    return [(attempt.place, attempt.rule, attempt.owner) for attempt in step.attempts]


def test_each_place_is_tried_by_a_rule() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/r"])
        .elf("/r/liba.so", needed=["libb.so"], rpath=["$ORIGIN/own"])
        .env(LD_LIBRARY_PATH="/env")
    )

    _, step = steps(world)

    assert rules(step) == [
        ("/r/own", "rpath", "/r/liba.so"),
        ("/r", "rpath", "/app/main"),
        ("/env", "ld-library-path", None),
        ("/etc/ld.so.cache", "cache", None),
        ("/lib64", "default", None),
        ("/usr/lib64", "default", None),
        ("/lib", "default", None),
        ("/usr/lib", "default", None),
    ]


def test_an_object_with_a_runpath_asks_nobodys_rpath() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/r"])
        .elf("/r/liba.so", needed=["libb.so"], runpath=["/own"])
    )

    _, step = steps(world)

    assert rules(step)[:2] == [("/own", "runpath", "/r/liba.so"), ("/etc/ld.so.cache", "cache", None)]


def test_a_place_below_an_rpath_for_one_processor_belongs_to_it() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/r"])
        .elf("/r/glibc-hwcaps/x86-64-v3/liba.so")
    )

    assert rules(steps(world)[0]) == [("/r/glibc-hwcaps/x86-64-v3", "rpath", "/app/main")]


def test_what_answers_without_a_search_says_by_which_name() -> None:
    world = (
        bare()
        .elf("/app/main", interpreter=LOADER, needed=["liba.so", "real.so", "liba.so.2"], runpath=["/a"])
        .link("/a/liba.so", "/a/liba.so.2")
        .elf("/a/liba.so.2", soname="real.so")
    )

    assert [(step.request.soname, step.note) for step in steps(world)] == [
        ("liba.so", ""),
        ("real.so", "already loaded, with this DT_SONAME"),
        ("liba.so.2", "this file is loaded already; it now answers this name too"),
    ]


def test_a_library_is_traced_into_the_process_of_python() -> None:
    world = image().python(needed=["libz.so"]).elf("/lib64/libz.so").elf("/m.so", needed=["libz.so"])
    entry = EntryPoint(ImagePath("/m.so"), EntryKind.EXTENSION_MODULE)

    found = trace(world.build().world(), entry, ImagePath("/usr/bin/python3"))

    assert (found.loader, found.program) == (LOADER, "/usr/bin/python3")
    assert found.held == (LOADER, "/usr/bin/python3", "/lib64/libc.so.6", "/lib64/libz.so")
    assert [step.note for step in found.steps] == ["already loaded under this name"]
