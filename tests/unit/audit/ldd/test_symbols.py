"""Which undefined symbols keep a module from loading, and which do not."""

import pytest

from fleet_audit.audit.ldd.definitions import Definitions
from fleet_audit.audit.ldd.evidence import gaps, problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_table import SymbolTable, gnu_hash
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import ImageBuilder, Needs, Symbol, image, symbols_of, wants
from tests.support.elf import elf as elf_file

PYTHON = ImagePath("/usr/bin/python3")
MODULE = "/app/m.so"


def _world() -> ImageBuilder:
    """Begin an image whose Python exports its interface, as a static build does."""
    return (
        image()
        .elf("/lib64/ld-linux-x86-64.so.2", soname="ld-linux-x86-64.so.2")
        .elf("/lib64/libc.so.6", soname="libc.so.6", symbols=[Symbol("malloc")])
        .elf(
            PYTHON,
            interpreter="/lib64/ld-linux-x86-64.so.2",
            needed=["libc.so.6"],
            symbols=[Symbol("PyLong_FromLong"), wants("malloc")],
        )
    )


def _load(builder: ImageBuilder, path: str = MODULE, kind: EntryKind = EntryKind.EXTENSION_MODULE) -> Closure:
    (found,) = examine(builder.build().world(), [EntryPoint(ImagePath(path), kind)], PYTHON)
    return found


def _undefined(builder: ImageBuilder, path: str = MODULE) -> list[str]:
    return [problem.name for problem in _load(builder, path).symbol_problems]


def test_a_symbol_that_nothing_defines_is_named_with_the_file_that_wants_it() -> None:
    found = _load(_world().elf(MODULE, symbols=[wants("PyFuture_New"), wants("malloc")]))

    assert [(p.name, p.wanted_by) for p in found.symbol_problems] == [("PyFuture_New", MODULE)]
    assert [p.kind for p in problems(found)] == ["symbol"]
    assert problems(found)[0].detail == "undefined symbol: PyFuture_New"


def test_what_the_program_and_its_libraries_export_is_there_for_modules() -> None:
    module = [wants("PyLong_FromLong"), wants("malloc"), Symbol("PyInit_m")]

    assert _undefined(_world().elf(MODULE, symbols=module)) == []


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_libraries_that_load_with_the_module_serve_one_another(style: str) -> None:
    builder = (
        _world()
        .elf(
            MODULE,
            needed=["liba.so", "libb.so"],
            runpath="/app",
            symbols=[wants("b"), Symbol("PyInit_m")],
            hash_style=style,
        )
        .elf("/app/liba.so", symbols=[wants("b"), wants("PyInit_m"), Symbol("a")], hash_style=style)
        .elf("/app/libb.so", symbols=[wants("a"), Symbol("b"), Symbol("c")], hash_style=style)
    )

    assert _undefined(builder) == []


def test_modules_do_not_serve_one_another() -> None:
    builder = _world().elf("/app/other.so", symbols=[Symbol("shared")]).elf(MODULE, symbols=[wants("shared")])

    assert _undefined(builder, "/app/other.so") == []
    assert _undefined(builder) == ["shared"]


def test_a_weak_symbol_may_stay_undefined() -> None:
    assert _undefined(_world().elf(MODULE, symbols=[wants("__gmon_start__", is_weak=True)])) == []


def test_what_is_preloaded_defines_symbols_too() -> None:
    builder = (
        _world().elf("/lib64/libpre.so", symbols=[Symbol("hooked")]).elf(MODULE, symbols=[wants("hooked")])
    )
    assert _undefined(builder) == ["hooked"]

    assert _undefined(builder.env(LD_PRELOAD="libpre.so")) == []


def _versioned(*defined: Symbol, wanted: Symbol, versions: tuple[str, ...] = ("V1",)) -> ImageBuilder:
    needs = [Needs("libv.so", [wanted.version])] if wanted.version else []
    return (
        _world()
        .elf(MODULE, needed=["libv.so"], runpath="/app", version_needs=needs, symbols=[wanted])
        .elf(
            "/app/libv.so",
            soname="libv.so",
            version_definitions=["libv.so", *versions],
            symbols=list(defined),
        )
    )


def test_a_symbol_of_another_version_does_not_do() -> None:
    defined = [Symbol("f", "V1"), Symbol("g", "V2")]

    versions = ("V1", "V2")
    assert _undefined(_versioned(*defined, wanted=wants("f", "V2"), versions=versions)) == ["f"]
    assert _undefined(_versioned(*defined, wanted=wants("g", "V2"), versions=versions)) == []


def test_without_a_version_the_default_is_taken() -> None:
    assert _undefined(_versioned(Symbol("f", "V1"), wanted=wants("f"))) == []


def test_an_old_version_that_is_no_default_is_there_only_by_its_name() -> None:
    # Index 2, the first version of all, is taken even where it is hidden (do_lookup_unversioned).
    versions = ("V1", "V2", "V3")
    old = Symbol("f", "V2", is_hidden=True)

    assert _undefined(_versioned(old, wanted=wants("f"), versions=versions)) == ["f"]
    assert _undefined(_versioned(old, wanted=wants("f", "V2"), versions=versions)) == []


def test_a_definition_without_a_version_answers_every_version() -> None:
    assert _undefined(_versioned(Symbol("f"), wanted=wants("f", "V1"))) == []


def test_programs_look_most_symbols_up_when_they_are_called() -> None:
    def program(flags: int) -> Closure:
        builder = _world().elf(
            "/bin/tool", interpreter="/lib64/ld-linux-x86-64.so.2", symbols=[wants("gone")], flags=flags
        )
        return _load(builder, "/bin/tool", EntryKind.EXECUTABLE)

    bind_now = 8
    assert [(p.name, p.is_lazy) for p in program(0).symbol_problems] == [("gone", True)]
    assert [(p.kind, p.detail) for p in problems(program(0))] == [
        ("optional", "symbol: undefined symbol: gone, looked up only when it is called")
    ]
    assert [(p.name, p.is_lazy) for p in program(bind_now).symbol_problems] == [("gone", False)]


def test_where_a_library_is_missing_symbols_are_not_missed_as_well() -> None:
    found = _load(_world().elf(MODULE, needed=["libgone.so"], symbols=[wants("gone")]))

    assert [p.kind for p in problems(found)] == ["missing"]


def test_nothing_is_claimed_where_one_file_of_the_scope_could_not_be_read() -> None:
    built = _world().elf(MODULE, needed=["liba.so"], symbols=[wants("a")]).elf("/lib64/liba.so").build()

    def symbols(path: ImagePath) -> SymbolTable | None:
        if path == "/lib64/liba.so":
            return SymbolTable(damage="its hash table has no end")
        return symbols_of(built.tree.read(path))

    world = World(built.tree, built.elf, {}, symbols=symbols)
    entry = EntryPoint(ImagePath(MODULE), EntryKind.EXTENSION_MODULE)
    (found,) = examine(world, [entry], PYTHON)

    assert problems(found) == ()
    assert [(gap.kind, gap.what) for gap in gaps(world, [found])] == [
        (GapKind.UNREADABLE_ELF, "/lib64/liba.so")
    ]


def test_only_so_many_symbols_are_named_but_all_are_counted() -> None:
    found = _load(_world().elf(MODULE, symbols=[wants(f"gone{number}") for number in range(50)]))

    assert len(found.symbol_problems) == 20
    assert found.symbol_problems[0].others == 49


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little_endian", [True, False])
def test_every_class_and_byte_order_is_read(bits: int, little_endian: bool) -> None:
    body = elf_file(symbols=[Symbol("f"), Symbol("g"), wants("h")], bits=bits, little_endian=little_endian)

    table = symbols_of(body)

    assert table is not None
    assert list(table.wanted_names()) == ["h"]
    assert [Definitions(table).has(gnu_hash(name)) for name in (b"f", b"g", b"h")] == [True, True, False]


def test_hashes_are_those_of_the_linker() -> None:
    assert [gnu_hash(name) for name in (b"", b"printf", b"exit")] == [0x1505, 0x156B2BB8, 0x7C967E3F]


def test_a_file_without_symbols_wants_and_defines_none() -> None:
    assert symbols_of(elf_file()) == SymbolTable()
    assert symbols_of(elf_file(dynamic=False)) is None
    assert symbols_of(b"no ELF") is None
