"""What is to be known of files that load: the processor and the stack that they ask for."""

import struct

import msgspec
import pytest

from fleet_audit.audit.ldd.evidence import problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.isa import level_name, level_needed, level_of
from fleet_audit.audit.ldd.layout import LAYOUTS
from fleet_audit.audit.ldd.notes import x86_isa_needed
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Resolved
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import Image, image

PYTHON = ImagePath("/usr/bin/python3")
MODULE = ImagePath("/app/m.so")
HEADER = LAYOUTS[2, 1].note_header


def _property_note(*properties: tuple[int, int]) -> bytes:
    content = b"".join(struct.pack("<IIII", kind, 4, value, 0) for kind, value in properties)
    return struct.pack("<III", 4, len(content), 5) + b"GNU\0" + content


def test_the_processor_is_one_property_among_others() -> None:
    note = _property_note((0xC0000002, 3), (0xC0008002, 0b101), (0xC0010001, 7))

    assert x86_isa_needed(note, HEADER, 8) == 0b101
    assert x86_isa_needed(_property_note((0xC0010002, 7)), HEADER, 8) == 0
    assert x86_isa_needed(note[:-30], HEADER, 8) in (0, 0b101)


@pytest.mark.parametrize(
    ("bits", "level"), [(0, 0), (1, 1), (0b11, 2), (0b100, 3), (0b1111, 4), (1 << 20, 0)]
)
def test_the_highest_level_counts(bits: int, level: int) -> None:
    assert level_needed(bits) == level


def test_levels_have_names() -> None:
    assert [level_of(name) for name in ("x86-64", "x86-64-v1", "x86-64-v3", "armv8", "")] == [
        1,
        1,
        3,
        None,
        None,
    ]
    assert level_name(3) == "x86-64-v3"


def _load(built: Image, isa: str, bits: int = 0) -> Closure:
    facts = msgspec.structs.replace(built.elf[MODULE], x86_isa_needed=bits)
    world = World(built.tree, {**built.elf, MODULE: facts}, {}, isa=isa)
    (found,) = examine(world, [EntryPoint(MODULE, EntryKind.EXTENSION_MODULE)], PYTHON)
    return found


@pytest.mark.parametrize(
    ("isa", "kinds"), [("x86-64-v2", ["isa"]), ("x86-64-v3", []), ("x86-64-v4", []), ("", [])]
)
def test_a_file_for_newer_processors_is_a_problem_on_older_machines(isa: str, kinds: list[str]) -> None:
    found = _load(image().python().elf(MODULE).build(), isa, bits=0b111)

    assert [problem.kind for problem in problems(found)] == kinds


@pytest.mark.parametrize(
    ("isa", "folder"), [("", "x86-64-v4"), ("x86-64-v3", "x86-64-v3"), ("x86-64-v2", ""), ("x86-64", "")]
)
def test_subfolders_for_processors_serve_machines_that_have_them(isa: str, folder: str) -> None:
    builder = image().python().elf(MODULE, needed=["liba.so"]).elf("/lib64/liba.so")
    for level in ("x86-64-v3", "x86-64-v4"):
        builder = builder.elf(f"/lib64/glibc-hwcaps/{level}/liba.so")

    found = _load(builder.build(), isa)

    at = f"/lib64/glibc-hwcaps/{folder}/liba.so" if folder else "/lib64/liba.so"
    assert found.requests[0].resolution == Resolved(ImagePath(at))


def test_an_executable_stack_is_remarked_where_the_loader_still_allows_it() -> None:
    built = image().python().elf(MODULE, executable_stack=True).build()

    assert [(p.kind, p.wanted_by) for p in problems(_load(built, ""))] == [("execstack", MODULE)]
    assert problems(_load(image().python().elf(MODULE).build(), "")) == ()
