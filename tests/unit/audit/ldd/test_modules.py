"""Which libraries can be imported, and what is said of those that cannot."""

import msgspec
import pytest

from fleet_audit.audit.ldd.evidence import problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.modules import is_extension_module, libraries_by_name
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from tests.support.elf import Symbol, bare, image

PATH = ImagePath("/site/pkg/thing.so")
PIE = 0x08000000


def _is_module(name: str, *symbols: str) -> bool:
    world = image().elf(PATH, symbols=[Symbol(symbol) for symbol in symbols]).build().world()
    return is_extension_module(world, PATH, ModuleName(name))


@pytest.mark.parametrize(
    ("name", "init"),
    [("pkg.thing", "PyInit_thing"), ("thing", "PyInit_thing"), ("pkg.größe", "PyInitU_gre_6ka8i")],
)
def test_a_module_defines_the_function_that_its_import_calls(name: str, init: str) -> None:
    assert _is_module(name, "helper", init)


def test_a_library_with_a_modules_file_name_is_none() -> None:
    assert not _is_module("pkg.thing", "qt_plugin_instance")
    assert not _is_module("pkg.thing", "PyInit_other")


def test_where_symbols_are_not_known_the_name_of_the_file_counts() -> None:
    built = image().elf(PATH).build()

    assert is_extension_module(World(built.tree, built.elf, {}), PATH, ModuleName("pkg.thing"))


def test_libraries_that_nothing_is_known_to_load_are_those_below_the_folders() -> None:
    built = (
        image()
        .elf("/site/a.so")
        .elf("/site/pkg/known.so")
        .elf("/site/pkg/plugin.so.1")
        .elf("/site/pkg/tool", interpreter="/lib64/ld-linux-x86-64.so.2")
        .elf("/site/pkg/program.so", flags_1=PIE)
        .elf("/site/pkg/object.so", elf_type=1)
        .elf("/sitely/other.so")
        .build()
    )

    found = libraries_by_name(built.elf, [ImagePath("/site")], [ImagePath("/site/pkg/known.so")])

    assert found == ("/site/a.so", "/site/pkg/plugin.so.1")


def test_what_a_plugin_lacks_is_optional() -> None:
    built = bare().elf(PATH, needed=["libgone.so"]).build()

    def kinds(kind: EntryKind) -> list[tuple[str, str]]:
        (closure,) = examine(built.world(), [EntryPoint(PATH, kind)], None)
        return [(problem.kind, problem.soname) for problem in problems(closure)]

    assert kinds(EntryKind.PLUGIN) == [("optional", "libgone.so")]
    assert kinds(EntryKind.EXTENSION_MODULE) == [("missing", "libgone.so")]


def test_what_is_not_known_of_a_plugin_is_said_there() -> None:
    library = ImagePath("/site/liba.so")
    built = bare().elf(PATH, needed=["liba.so"], runpath="$ORIGIN/..").elf(library).build()
    odd = msgspec.structs.replace(built.elf[library], oddity="a table lies too far in")
    world = World(built.tree, {**built.elf, library: odd}, {})

    (closure,) = examine(world, [EntryPoint(PATH, EntryKind.PLUGIN)], None)

    assert [(p.kind, p.detail) for p in problems(closure)] == [
        ("optional", f"not known: {library}: a table lies too far in")
    ]
