"""What is remembered between entry points changes no answer: each is told what it is told alone."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import LOADER, ImageBuilder, Needs, image
from tests.support.laws import examples

PYTHON = ImagePath("/usr/bin/python3")
FOLDERS = ("/lib64", "/app", "/app/lib", "/opt")
NAMES = ("liba.so", "libb.so", "libc2.so", "libd.so")

_names = st.lists(st.sampled_from([*NAMES, "$ORIGIN/liba.so", "/opt/libb.so"]), max_size=3)
_searched = st.none() | st.lists(st.sampled_from(["$ORIGIN", "$ORIGIN/lib", "/opt", "relative"]), max_size=2)
_versions = st.lists(st.sampled_from(["V_1", "V_2"]), max_size=2, unique=True)


@st.composite
def _files(draw: st.DrawFn) -> list[tuple[str, bool, dict[str, object]]]:
    """Draw files, each with its path, whether it is a program, and its facts."""
    found = []
    paths = [f"{folder}/{name}" for folder in FOLDERS for name in (*NAMES, "main")]
    for path in draw(st.lists(st.sampled_from(paths), min_size=2, max_size=9, unique=True)):
        needed = draw(_names)
        is_program = path.endswith("/main")
        facts: dict[str, object] = {
            "needed": needed,
            "rpath": draw(_searched),
            "runpath": draw(_searched),
            "soname": None if is_program else draw(st.none() | st.sampled_from(NAMES)),
            "version_needs": [Needs(name, draw(_versions)) for name in needed],
            "version_definitions": draw(_versions),
        }
        found.append((path, is_program, facts | ({"interpreter": LOADER} if is_program else {})))
    return found


def _world(files: list[tuple[str, bool, dict[str, object]]], library_path: str) -> ImageBuilder:
    builder = image().python().env(LD_LIBRARY_PATH=library_path)
    for path, _, facts in files:
        builder.elf(path, **facts)  # type: ignore[arg-type]  # drawn by name
    return builder


@examples(150)
@given(_files(), st.sampled_from(["", "/opt", "$ORIGIN/lib:/opt"]), st.sampled_from([None, PYTHON]))
def test_entry_points_know_nothing_of_one_another(
    files: list[tuple[str, bool, dict[str, object]]], library_path: str, python: ImagePath | None
) -> None:
    built = _world(files, library_path).build()
    entries = [
        EntryPoint(ImagePath(path), EntryKind.EXECUTABLE if is_program else EntryKind.EXTENSION_MODULE)
        for path, is_program, _ in files
    ]

    together = examine(built.world(), entries, python)

    assert together == tuple(examine(built.world(), [entry], python)[0] for entry in entries)
    assert together == examine(built.world(), entries[::-1], python)[::-1]
