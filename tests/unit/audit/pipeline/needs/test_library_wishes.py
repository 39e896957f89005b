"""What loaded libraries say, or look as if, they open by name."""

from collections.abc import Sequence

from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, SharedObject
from fleet_audit.audit.model.identity import ImagePath, Soname
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.need import Tier, Via
from fleet_audit.audit.pipeline.needs.wishes import Wish, library_wishes

PATH = ImagePath("/usr/lib/liba.so.1")


def _wishes(
    strings: Sequence[str] = (),
    needed: Sequence[str] = (),
    notes: Sequence[str] = (),
    required: Sequence[str] = (),
) -> list[Wish]:
    facts = SharedObject(
        64,
        True,
        62,
        3,
        soname=Soname("liba.so.1"),
        needed=tuple(map(Soname, needed)),
        dlopen_notes=tuple(notes),
        dlopen_required=tuple(required),
    )
    closure = Closure(EntryPoint(PATH, EntryKind.EXTENSION_MODULE), loaded=(PATH,))
    beside = {PATH: facts, ImagePath("/usr/lib/libbeside.so"): facts}
    return list(library_wishes([closure], beside, lambda _: strings))


def test_any_library_of_a_note_will_do() -> None:
    (wish,) = _wishes(notes=["libcrypt.so.2|libcrypt.so.1"])

    assert (wish.names, wish.via, wish.level) == (("libcrypt.so.2", "libcrypt.so.1"), Via.DLOPEN, Level.LAZY)


def test_a_note_tells_what_a_library_is_of_no_use_without() -> None:
    notes = ["libcrypt.so.1", "libz.so.1"]

    assert [wish.tier for wish in _wishes(notes=notes, required=notes[:1])] == [None, Tier.OPTIONAL]


def test_a_string_is_never_more_than_optional() -> None:
    (wish,) = _wishes(["libpulse.so.0"])

    assert (wish.names, wish.tier, wish.wanted_by) == (("libpulse.so.0",), Tier.OPTIONAL, PATH)


def test_what_a_library_is_linked_with_is_no_wish() -> None:
    # auditwheel renames libraries, and the old names stay where they were.
    needed = ["libc.so.6", "libQt5Core-8a6fe3b6.so.5.15.19"]

    assert _wishes(["liba.so.1", "libc.so.6", "libQt5Core.so.5"], needed) == []


def test_what_lies_beside_a_library_is_its_own_affair() -> None:
    assert _wishes(["libbeside.so"]) == []


def test_a_name_that_a_note_has_is_not_repeated() -> None:
    assert len(_wishes(["libcrypt.so.1"], notes=["libcrypt.so.2|libcrypt.so.1"])) == 1
