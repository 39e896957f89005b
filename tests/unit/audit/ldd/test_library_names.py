"""Names of libraries among the strings of files that open libraries by name."""

import pytest

from fleet_audit.audit.ldd.layout import PF_W, PF_X, PT_LOAD, Segment
from fleet_audit.audit.ldd.library_names import library_names, opens_libraries, strings_lie_in
from tests.support.elf import Symbol, elf, symbols_of, wants


def _names(body: bytes) -> tuple[str, ...]:
    return library_names(lambda offset, length: body[offset : offset + length], [(0, len(body))])


@pytest.mark.parametrize(
    "name", ["libGL.so.1", "libfribidi.so", "libcudnn_ops-infer.so.8.9.7", "libc++.so.1"]
)
def test_a_string_that_is_a_librarys_name_is_found(name: str) -> None:
    assert _names(b"\x01\0" + name.encode() + b"\0rest") == (name,)


@pytest.mark.parametrize(
    "text",
    [
        "cannot open libGL.so.1",
        "libGL.so.1: not found",
        "/usr/lib/libGL.so.1",
        "libGL.so.%d",
        "lib.so",
        "libGL.something",
        "lib" + "a" * 200 + ".so",
    ],
)
def test_other_strings_are_none(text: str) -> None:
    assert _names(b"\0" + text.encode() + b"\0") == ()


@pytest.mark.parametrize("before", [(1 << 20) - 12, (1 << 20) - 3, (1 << 20) + 1, (1 << 20) - 100])
def test_a_name_is_found_wherever_it_stands(before: int) -> None:
    assert _names(b"x" * before + b"\0libGL.so.1\0" + b"x" * 10) == ("libGL.so.1",)


def test_the_number_of_names_is_bounded() -> None:
    body = b"\0".join(f"liba{number}.so".encode() for number in range(1_000))

    assert len(_names(b"\0" + body + b"\0")) == 256


def test_a_file_full_of_marks_is_not_read_to_its_end() -> None:
    body = b".so" * 300_000 + b"\0libGL.so.1\0"

    assert _names(body) == ()


CODE, CONSTANTS, DATA = PF_X | 4, 4, PF_W | 4


def _loads(*segments: tuple[int, int, int]) -> list[Segment]:
    return [Segment(PT_LOAD, flags, offset, offset, length) for flags, offset, length in segments]


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        (_loads((CONSTANTS, 0, 10), (CODE, 16, 10), (CONSTANTS, 32, 8), (DATA, 40, 5)), [(0, 10), (32, 45)]),
        (_loads((CODE, 0, 30), (DATA, 40, 5)), [(0, 30), (40, 45)]),
        (_loads((CODE | PF_W, 0, 30)), [(0, 30)]),
        (_loads((CONSTANTS, 0, 1 << 40), (CONSTANTS, 0, 50), (CONSTANTS, 1 << 50, 5)), [(0, 100)]),
        (_loads((DATA, 20, 0), (DATA, 10, 5), (DATA, 4, 8)), [(4, 15)]),
        ([], []),
    ],
)
def test_strings_lie_where_no_code_does_if_they_have_a_place_of_their_own(
    loads: list[Segment], expected: list[tuple[int, int]]
) -> None:
    assert strings_lie_in(loads, 100) == expected


def test_only_files_that_want_such_a_function_are_looked_into() -> None:
    opener = symbols_of(elf(symbols=[wants("dlopen"), Symbol("f")]))
    other = symbols_of(elf(symbols=[wants("malloc"), Symbol("dlopen")]))

    assert opener is not None
    assert opens_libraries(opener)
    assert other is not None
    assert not opens_libraries(other)
