"""How a request was answered, place by place."""

from fleet_audit.audit.ldd.glibc import trace
from fleet_audit.audit.model.elf import EntryKind, EntryPoint, Step
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import AARCH64, LOADER, ImageBuilder, bare, image


def steps(builder: ImageBuilder) -> tuple[Step, ...]:
    entry = EntryPoint(ImagePath("/app/main"), EntryKind.EXECUTABLE)
    return trace(builder.build().world(), entry, None)


def places(step: Step) -> list[tuple[str, str]]:
    return [(attempt.place, attempt.outcome) for attempt in step.attempts]


def test_a_missing_library_was_looked_for_in_every_place() -> None:
    world = (
        bare().elf("/app/main", interpreter=LOADER, needed=["liba.so"], rpath=["/gone"]).folder("/usr/lib/x")
    )

    (step,) = steps(world)

    assert places(step) == [
        ("/gone", "not there"),
        ("/etc/ld.so.cache", "not there"),
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
