"""What closures mean to other stages: problems, gaps, edges; versions; loaders that are not glibc's."""

import msgspec
import pytest

from fleet_audit.audit.ldd.evidence import edges, gaps, missing_sonames, problems
from fleet_audit.audit.ldd.glibc import dlopen, examine
from fleet_audit.audit.ldd.world import World, interpreter_of
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Fatal, Missing, Resolved, Unknown
from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath, Soname
from tests.support.elf import AARCH64, LOADER, ImageBuilder, Needs, bare, image

PYTHON = ImagePath("/usr/bin/python3")
MODULE = EntryPoint(ImagePath("/site/m.so"), EntryKind.EXTENSION_MODULE)
MAIN = EntryPoint(ImagePath("/app/main"), EntryKind.EXECUTABLE)


def module(builder: ImageBuilder) -> Closure:
    return examine(builder.build().world(), [MODULE], PYTHON)[0]


def main(builder: ImageBuilder) -> Closure:
    return examine(builder.build().world(), [MAIN], None)[0]


# symbol versions


def test_a_version_that_the_library_does_not_define_is_a_problem() -> None:
    needs = [Needs("libc.so.6", ["GLIBC_2.34", "GLIBC_2.38"])]
    world = image().python().elf("/site/m.so", needed=["libc.so.6"], version_needs=needs)

    found = module(world)

    assert [(p.kind, p.soname, p.detail) for p in problems(found)] == [
        ("version", "libc.so.6", "/lib64/libc.so.6 does not define GLIBC_2.38")
    ]


def test_a_weak_version_may_be_absent() -> None:
    needs = [Needs("libc.so.6", ["GLIBC_2.34"], weak=["GLIBC_2.38"])]
    world = image().python().elf("/site/m.so", needed=["libc.so.6"], version_needs=needs)

    assert module(world).version_problems == ()


def test_a_library_with_a_version_table_and_no_definitions_is_only_warned_about() -> None:
    world = (
        image()
        .python()
        .elf("/lib64/liba.so", version_table=True)
        .elf("/site/m.so", needed=["liba.so"], version_needs=[Needs("liba.so", ["A_1"])])
    )

    assert module(world).version_problems == ()


def test_a_library_without_any_versions_ends_the_process() -> None:
    world = (
        image()
        .python()
        .elf("/lib64/liba.so")
        .elf("/site/m.so", needed=["liba.so"], version_needs=[Needs("liba.so", ["A_1"])])
    )

    assert [p.kind for p in problems(module(world))] == ["version"]


def test_versions_of_one_library_are_compared_wherever_they_stand() -> None:
    needs = [Needs("liba.so", ["A_1"]), Needs("liba.so", ["A_2"])]
    world = (
        image()
        .python()
        .elf("/lib64/liba.so", version_definitions=["A_1"])
        .elf("/site/m.so", needed=["liba.so"], version_needs=needs)
    )

    assert [p.detail for p in problems(module(world))] == ["/lib64/liba.so does not define A_2"]


def test_versions_of_a_file_that_nothing_loads_end_the_process() -> None:
    world = image().python().elf("/site/m.so", version_needs=[Needs("libgone.so", ["A_1"])])

    found = problems(module(world))

    assert [p.soname for p in found] == ["libgone.so"]
    assert "no loaded library is called libgone.so" in found[0].detail


def test_a_missing_library_is_not_reported_for_its_versions_too() -> None:
    needs = [Needs("liba.so", ["A_1"])]
    world = image().python().elf("/site/m.so", needed=["liba.so"], version_needs=needs)

    assert [p.kind for p in problems(module(world))] == ["missing"]


# entries that fail themselves


def test_an_entry_that_is_not_there_is_missing() -> None:
    found = module(image().python())

    assert found.requests[0].resolution == Missing(("/site",))
    assert missing_sonames(found) == {"m.so"}


def test_an_entry_for_another_machine_does_not_load() -> None:
    found = module(image().python().elf("/site/m.so", machine=AARCH64))

    assert [p.kind for p in problems(found)] == ["wrong-machine"]


def test_without_an_interpreter_each_machine_is_judged_by_its_own_loader() -> None:
    world = (
        bare()
        .elf("/lib/ld-linux-aarch64.so.1", machine=AARCH64)
        .elf("/lib64/liba.so", machine=AARCH64)
        .elf("/site/m.so", machine=AARCH64, needed=["liba.so"])
    )

    assert missing_sonames(examine(world.build().world(), [MODULE], None)[0]) == set()


def test_a_text_file_as_entry_is_fatal() -> None:
    found = module(image().python().file("/site/m.so", "version https://example/lfs\n" * 3))

    assert found.requests[0].resolution == Fatal(ImagePath("/site/m.so"), "invalid ELF header")


def test_a_program_whose_loader_is_absent_misses_it() -> None:
    found = main(image().elf("/app/main", interpreter="/lib/ld-linux.so.2", bits=32, machine=3))

    assert missing_sonames(found) == {"/lib/ld-linux.so.2"}


def test_a_static_program_needs_nothing() -> None:
    found = main(image().elf("/app/main", dynamic=False, elf_type=2))

    assert (found.requests, found.loaded) == ((), ("/app/main",))


def test_the_interpreter_of_a_program_is_what_it_names() -> None:
    world = bare().elf("/app/main", interpreter=LOADER).elf("/app/static").build().world()

    assert interpreter_of(world, ImagePath("/app/main")) == LOADER
    assert interpreter_of(world, ImagePath("/app/static")) is None
    assert interpreter_of(world, ImagePath("/app/absent")) is None


# not knowing


def test_another_loader_is_a_gap_and_never_a_claim() -> None:
    loader = "/lib/ld-uClibc.so.0"
    world = (
        image()
        .elf(loader, soname="ld-uClibc.so.0")
        .elf("/usr/bin/python3", interpreter=loader, needed=["libc.so.0"])
        .elf("/site/m.so", needed=["libgone.so"])
    )
    found = module(world)

    assert problems(found) == ()
    assert [gap.kind for gap in gaps(world.build().world(), [found])] == [GapKind.UNSUPPORTED_LOADER]


def test_a_library_that_could_not_be_read_is_a_gap_and_not_missing() -> None:
    built = image().python().elf("/lib64/liba.so").elf("/site/m.so", needed=["liba.so"]).build()
    path = ImagePath("/lib64/liba.so")
    odd = msgspec.structs.replace(built.elf[path], oddity="a table lies too far in")
    world = built._replace(elf={**built.elf, path: odd}).world()

    found = examine(world, [MODULE], PYTHON)

    assert isinstance(found[0].requests[0].resolution, Unknown)
    assert [gap.kind for gap in gaps(world, found)] == [GapKind.UNREADABLE_ELF]


@pytest.mark.parametrize("path", ["/lib64/liba.so", "/site/m.so"])
def test_of_a_file_that_nobody_could_read_nothing_is_claimed(path: str) -> None:
    built = image().python().elf("/lib64/liba.so").elf("/site/m.so", needed=["liba.so"]).build()
    known = {p: facts for p, facts in built.elf.items() if p != path}
    world = World(built.tree, known, {}, unreadable=[path])

    found = examine(world, [MODULE], PYTHON)

    assert problems(found[0]) == ()
    assert [gap.kind for gap in gaps(world, found)] == [GapKind.UNREADABLE_FILE]


def test_a_broken_cache_is_a_gap() -> None:
    world = (
        image()
        .python()
        .elf("/site/m.so", needed=["liba.so"])
        .file("/etc/ld.so.cache", "nonsense")
        .build()
        .world()
    )

    found = examine(world, [MODULE], PYTHON)

    assert [(gap.kind, gap.what) for gap in gaps(world, found)] == [
        (GapKind.UNREADABLE_FILE, "/etc/ld.so.cache")
    ]


# loading by name


def test_dlopen_finds_a_library_and_what_it_needs() -> None:
    world = image().python().elf("/lib64/liba.so.1", needed=["libb.so"]).build().world()

    found = dlopen(world, [Soname("liba.so.1"), Soname("libgone.so")], PYTHON)

    assert found[0].requests[0].resolution == Resolved(ImagePath("/lib64/liba.so.1"))
    assert found[0].entry.path == "/lib64/liba.so.1"
    assert [missing_sonames(c) for c in found] == [{"libb.so"}, {"libgone.so"}]


def test_dlopen_of_what_is_loaded_already_brings_nothing() -> None:
    world = image().python().build().world()

    (found,) = dlopen(world, [Soname("libc.so.6")], PYTHON)

    assert (found.entry.path, found.loaded) == ("/lib64/libc.so.6", ())
    assert found.requests[0].resolution == Resolved(ImagePath("/lib64/libc.so.6"))


def test_dlopen_without_an_interpreter_is_a_gap() -> None:
    world = image().build().world()

    assert [g.kind for g in gaps(world, dlopen(world, [Soname("liba.so")], None))] == [GapKind.NO_INTERPRETER]


# evidence


def test_a_chain_leads_from_the_entry_to_the_missing_soname() -> None:
    found = module(
        image().python().elf("/lib64/liba.so", needed=["libb.so"]).elf("/site/m.so", needed=["liba.so"])
    )
    start = Node(NodeKind.MODULE, "m")
    graph = EvidenceGraph([Edge(start, Node(NodeKind.FILE, "/site/m.so"), "is"), *edges([found])])

    chain = graph.chain(start, Node(NodeKind.SONAME, "libb.so"))

    assert chain is not None
    assert chain.steps() == (
        "module:m",
        "is file:/site/m.so",
        "needs so:liba.so",
        "answered by file:/lib64/liba.so",
        "needs so:libb.so",
    )


def test_an_entry_named_through_a_link_leads_on_from_its_real_file() -> None:
    world = image().python().elf("/real/m.so", needed=["libb.so"]).link("/site", "/real")

    steps = {(str(e.source), e.how, str(e.target)) for e in edges([module(world)])}

    assert ("file:/site/m.so", "is", "file:/real/m.so") in steps
    assert ("file:/real/m.so", "needs", "so:libb.so") in steps


@pytest.mark.parametrize("rpath", ["lib", ""])
def test_a_relative_rpath_is_a_problem_and_an_empty_one_is_none(rpath: str) -> None:
    found = module(image().python().elf("/site/m.so", rpath=rpath))

    assert [p.kind for p in problems(found)] == (["relative-rpath"] if rpath else [])
