"""What compiled extension modules import, read off the names among their constants."""

import zlib
from collections.abc import Callable, Mapping

import pytest

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.imports import Level, ServiceImports
from fleet_audit.audit.static_imports.compiled import constant_data, cython_tables
from fleet_audit.audit.static_imports.compiled.compiled_collector import is_named_as_extension
from fleet_audit.audit.static_imports.compiled.compiled_names import MAX_NAMES, CompiledNames, names_of_body
from tests.support.compiled import (
    CYTHON,
    c_strings,
    extension,
    own_coder,
    row,
    with_bz2,
    with_cython,
    with_own_coder,
    with_zlib,
    with_zstd,
)
from tests.support.pythons import SITE, TAG, distribution, edges_between, examination, imports_of

PATH = ImagePath(f"{SITE}/pkg/fast{TAG}")
SIMPLE = extension(c_strings("nothing"))

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": with_cython,
    "zlib": with_zlib,
    "bz2": with_bz2,
    "zstd": with_zstd,
    "own coder": with_own_coder,
}


def levels(found: ServiceImports) -> dict[str, Level]:
    return {str(e.module): e.level for e in found.extension_modules}


def package(fast: bytes, **others: bytes) -> dict[str, str | bytes]:
    """Return a distribution whose package imports ``pkg.fast``, with other extension modules beside it."""
    inner: dict[str, str | bytes] = {f"pkg/{name}{TAG}": body for name, body in others.items()}
    inner |= {"pkg/__init__.py": "from . import fast", f"pkg/fast{TAG}": fast}
    return distribution("pkg", "1", inner)


def reached(fast: bytes, **others: bytes) -> dict[str, Level]:
    return levels(imports_of("import pkg", package(fast, **others)))


def test_a_module_of_its_own_package_is_imported_by_the_name_that_stands_in_the_binary() -> None:
    found = reached(extension(c_strings("init pkg.fast", "pkg.slow")), slow=SIMPLE)
    assert found["pkg.slow"] is Level.CERTAIN


def test_what_only_a_name_in_a_binary_leads_to_may_be_absent() -> None:
    """Nobody can see whether compiled code goes on without it, so that what it wants is not demanded."""
    files = package(extension(c_strings("init pkg.fast", "pkg.slow")), slow=SIMPLE)
    found = imports_of("import pkg", files)
    assert {e.module: e.is_guarded for e in found.extension_modules} == {"pkg.fast": False, "pkg.slow": True}


def test_a_name_inside_a_sentence_is_no_import() -> None:
    assert "pkg.slow" not in reached(extension(c_strings("see pkg.slow for more")), slow=SIMPLE)


@pytest.mark.parametrize("packing", PACKINGS)
def test_names_in_a_packed_string_table_are_imports(packing: str) -> None:
    text = row("a sentence of some length that is a string too", "pkg.fast", "pkg.slow", "value", "zeros") * 4
    found = reached(extension(PACKINGS[packing](text)), slow=SIMPLE, other=SIMPLE)
    assert found == {"pkg.fast": Level.CERTAIN, "pkg.slow": Level.CERTAIN}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_docstring_in_a_string_table_is_no_import(packing: str) -> None:
    text = row("Use pkg.slow instead, or `pkg.slow`, or pkg.slow.run().", "pkg.fast", "value", "zeros") * 4
    assert "pkg.slow" not in reached(extension(PACKINGS[packing](text)), slow=SIMPLE)


def test_the_longest_name_of_a_module_is_meant() -> None:
    text = row("pkg.fast", "pkg.slower", "value")
    assert "pkg.slow" not in reached(extension(with_zlib(text)), slow=SIMPLE, slower=SIMPLE)


def test_the_last_string_of_a_table_may_be_followed_by_bytes() -> None:
    text = row("pkg.fast") + b"pkg.slow\x80\x01"
    assert reached(extension(with_zlib(text)), slow=SIMPLE)["pkg.slow"] is Level.CERTAIN


def test_a_package_in_a_string_table_is_only_probable() -> None:
    """scipy.special._ellip_harm_2 imports scipy.integrate inside a function; the table does not tell."""
    image = package(extension(with_zlib(row("pkg.fast", "pkg.inner", "value"))))
    image |= {"pkg/inner/__init__.py": "from . import core", f"pkg/inner/core{TAG}": SIMPLE}
    assert levels(imports_of("import pkg", image))["pkg.inner.core"] is Level.PROBABLE


def test_a_source_module_is_imported_at_the_top_of_cython_and_inside_the_functions_of_c() -> None:
    """psycopg2's C asks for psycopg2.extras when a connection wants it."""
    for constants, level in (
        (c_strings("pkg.late"), Level.LAZY),
        (c_strings("pkg.late") + CYTHON, Level.CERTAIN),
    ):
        image = package(extension(constants))
        image |= {"pkg/late.py": "from . import core", f"pkg/core{TAG}": SIMPLE}
        assert levels(imports_of("import pkg", image))["pkg.core"] is level


def test_an_extension_module_beside_it_is_imported_by_its_bare_name() -> None:
    found = reached(extension(c_strings("slow", "quick")), slow=SIMPLE)
    assert found["pkg.slow"] is Level.CERTAIN


def test_a_source_module_beside_it_may_share_a_word() -> None:
    image = package(extension(c_strings("data")))
    image |= {"pkg/data.py": "from . import deep", f"pkg/deep{TAG}": SIMPLE}
    assert "pkg.deep" not in levels(imports_of("import pkg", image))


def foreign(*names: str, requires: str = "") -> dict[str, str | bytes]:
    fast = extension(c_strings(*names))
    extra = f"Requires-Dist: {requires}\n" if requires else ""
    own: Mapping[str, str | bytes] = {"pkg/__init__.py": "from . import fast", f"pkg/fast{TAG}": fast}
    other = distribution(
        "other", "1", {f"_other{TAG}": SIMPLE, "named/__init__.py": "", f"named/core{TAG}": SIMPLE}
    )
    return {**distribution("pkg", "1", own, extra=extra), **other}


def test_a_distribution_that_is_required_is_imported() -> None:
    found = levels(imports_of("import pkg", foreign("named.core", requires="other>=1")))
    assert found["named.core"] is Level.CERTAIN


def test_a_distribution_that_is_not_required_is_imported_inside_functions() -> None:
    assert levels(imports_of("import pkg", foreign("named.core")))["named.core"] is Level.LAZY


def test_a_table_may_name_a_distribution_that_is_required() -> None:
    image = foreign(requires="other")
    text = row("a sentence that is a string", "named.core", "otherwise", "pkg.fast", "value") * 4
    image[f"pkg/fast{TAG}"] = extension(with_own_coder(text))
    assert levels(imports_of("import pkg", image))["named.core"] is Level.CERTAIN
    image |= foreign() | {f"pkg/fast{TAG}": image[f"pkg/fast{TAG}"]}
    assert "named.core" not in levels(imports_of("import pkg", image))


def test_a_bare_name_of_a_required_distribution_is_imported() -> None:
    """Every module that cffi made asks for _cffi_backend so."""
    found = levels(imports_of("import pkg", foreign("_other", requires="other")))
    assert found["_other"] is Level.CERTAIN


def test_a_bare_name_of_another_distribution_is_a_word() -> None:
    assert "_other" not in levels(imports_of("import pkg", foreign("_other")))


def test_words_and_names_of_the_standard_library_are_not_followed() -> None:
    found = reached(extension(c_strings("math", "json", "asyncio.coroutines")))
    assert found == {"pkg.fast": Level.CERTAIN}


def test_the_source_beside_a_compiled_module_says_what_runs_when() -> None:
    image = package(
        extension(with_zlib(row("pkg.fast", "pkg.late", "pkg.slow", "value"))), slow=SIMPLE, late=SIMPLE
    )
    image["pkg/fast.py"] = "import cython\nfrom . import slow\ndef run():\n    from . import late\n"
    found = imports_of("import pkg", image)
    assert levels(found) == {"pkg.fast": Level.CERTAIN, "pkg.slow": Level.CERTAIN, "pkg.late": Level.LAZY}
    assert found.missing == ()


def test_modules_compiled_by_mypyc_reach_the_library_of_their_group() -> None:
    group = "0123456789abcdef0123__mypyc"
    image = package(extension(c_strings(group)))
    image |= distribution(
        "pkg", "1", {**image, f"{group}{TAG}": extension(c_strings("pkg.slow")), f"pkg/slow{TAG}": SIMPLE}
    )
    assert levels(imports_of("import pkg", image)) == {"pkg.fast": Level.CERTAIN, group: Level.CERTAIN}


def test_numpy_is_asked_for_by_its_old_name_only_where_it_is_old() -> None:
    names = ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath")
    new: dict[str, str | bytes] = {
        "numpy/__init__.py": "",
        "numpy/_core/__init__.py": "",
        f"numpy/_core/_multiarray_umath{TAG}": SIMPLE,
    }
    old: dict[str, str | bytes] = {
        "numpy/__init__.py": "",
        "numpy/core/__init__.py": "",
        f"numpy/core/_multiarray_umath{TAG}": SIMPLE,
    }
    for files, expected in ((new | old, names[1]), (old, names[0])):
        pkg = distribution(
            "pkg",
            "1",
            {"pkg/__init__.py": "from . import fast", f"pkg/fast{TAG}": extension(c_strings(*names))},
            extra="Requires-Dist: numpy\n",
        )
        found = levels(imports_of("import pkg", {**pkg, **distribution("numpy", "1", files)}))
        assert set(found) == {"pkg.fast", expected}


def test_the_chain_names_the_file_that_holds_the_name() -> None:
    found = examination({"app.py": "import pkg"}, package(extension(c_strings("pkg.slow")), slow=SIMPLE))
    (edge,) = edges_between(found, "module:pkg.fast", "module:pkg.slow")
    assert (edge.how, str(edge.location)) == ("names", PATH)


def test_the_chain_names_the_line_of_the_source_beside() -> None:
    image = package(extension(c_strings("slow")), slow=SIMPLE)
    image["pkg/fast.py"] = "\nfrom pkg import slow\n"
    found = examination({"app.py": "import pkg"}, image)
    (edge,) = edges_between(found, "module:pkg.fast", "module:pkg.slow")
    assert (edge.how, str(edge.location)) == ("imports", f"{SITE}/pkg/fast.py:2")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"no ELF at all", "is no ELF file"),
        (b"", "is no ELF file"),
        (SIMPLE[:30], "is shorter than an ELF header"),
        (SIMPLE[:90], "ends before its segments do"),
        (SIMPLE[:-1], "ends before its segments do"),
        (SIMPLE[:54] + b"\x07\x00" + SIMPLE[56:], "has program headers that no linker writes"),
        (SIMPLE[:56] + b"\xff\xff" + SIMPLE[58:], "has program headers that no linker writes"),
        (SIMPLE[:32] + b"\xff" * 8 + SIMPLE[40:], "ends before its segments do"),
        (SIMPLE[:56] + b"\0\0" + SIMPLE[58:], "has no segment of constants"),
    ],
)
def test_a_damaged_module_is_a_gap_with_the_reason(body: bytes, why: str) -> None:
    found = examination({"app.py": "import pkg"}, package(body))
    (gap,) = [gap for gap in found.gaps if gap.what == PATH]
    assert (gap.kind, gap.blocking) == (GapKind.NOT_EXAMINED, False)
    assert gap.why == f"what it imports by name is not known: it {why}"


def test_more_constants_than_are_read_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant_data, "MAX_CONSTANTS", 8)
    assert names_of_body(SIMPLE, PATH).why_unknown == "has more than 8 bytes of constants"


def test_more_names_than_are_kept_are_said_to_be_cut() -> None:
    names = names_of_body(extension(c_strings(*(f"pkg.m{number:09}" for number in range(20_000)))), PATH)
    assert names.is_cut
    assert MAX_NAMES - 20 < len(names.dotted) <= MAX_NAMES


def test_what_was_read_with_the_layer_is_not_read_again() -> None:
    image = package(b"not looked at", slow=SIMPLE)
    known = {PATH: CompiledNames(dotted="pkg.slow")}
    found = examination({"app.py": "import pkg"}, image, compiled=known.get)
    assert levels(found.services[0]) == {"pkg.fast": Level.CERTAIN, "pkg.slow": Level.CERTAIN}


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("little_endian", [True, False])
def test_every_class_and_byte_order_is_read(bits: int, little_endian: bool) -> None:
    body = extension(c_strings("pkg.slow"), bits=bits, little_endian=little_endian)
    assert names_of_body(body, PATH).dotted == "pkg.slow"


def test_constants_beside_code_in_one_segment_are_found() -> None:
    assert names_of_body(extension(c_strings("pkg.slow"), flags="RX"), PATH).dotted == "pkg.slow"


@pytest.mark.parametrize("before", [b"", b"\0", b"\x00\x00\xf0\x3f", b"\xfe\xff\xff\xff"])
def test_a_string_may_come_first_or_behind_a_number(before: bytes) -> None:
    assert names_of_body(extension(before + b"pkg.slow\0"), PATH).dotted == "pkg.slow"


def test_what_lies_behind_the_mark_of_unwinding_is_not_looked_at() -> None:
    body = extension(c_strings("pkg.slow"), unwinding=c_strings("pkg.other"))
    assert names_of_body(body, PATH).dotted == "pkg.slow"


def test_data_that_may_be_written_holds_no_constants() -> None:
    assert names_of_body(extension(c_strings("pkg.slow"), flags="RW"), PATH).dotted == ""


def test_names_of_its_own_classes_are_not_kept() -> None:
    assert (
        names_of_body(extension(c_strings("pkg.fast.Error", "Error.args", "pkg.slow")), PATH).dotted
        == "pkg.slow"
    )


def test_a_table_that_unpacks_without_end_is_cut() -> None:
    bomb = zlib.compress(b"__main__ __name__ " + b"pkg.slow" * (8 << 20))
    rows = list(cython_tables.string_rows(with_cython(bomb)))
    assert [len(text) for text in rows] == [cython_tables.MAX_TABLE]


def test_as_many_tables_as_real_modules_have_are_unpacked() -> None:
    tables = b"".join(with_zlib(row(f"pkg.m{number}")) for number in range(cython_tables.MAX_ROWS + 5))
    assert len(list(cython_tables.string_rows(tables))) == cython_tables.MAX_ROWS


@pytest.mark.parametrize(
    "filler",
    [
        b"\x78\xda",
        b"BZh91AY&SY",
        b"\x28\xb5\x2f\xfd",
        b"\0\xffabcdefg",
        b"\xff" * 9,
        b"__main__",
        b"\0",
        b"\xffaaaa\xff\xff\xff",
    ],
)
def test_a_module_full_of_beginnings_is_done_with(filler: bytes) -> None:
    mark = b"LZSS string data\0"
    data = with_cython(mark + filler * ((4 << 20) // len(filler)))
    assert list(cython_tables.string_rows(data)) == []


def test_a_table_of_another_maker_is_not_unpacked() -> None:
    assert list(cython_tables.string_rows(zlib.compress(row("pkg.slow")))) == []


def test_a_repetition_of_what_is_not_there_ends_a_row() -> None:
    assert cython_tables.from_own_coder(b"\x07abc\x05\x05", 0, 100) == b"abc"


def test_a_row_ends_where_padding_begins() -> None:
    text = row("pkg.slow", "pkg.slower", "a sentence") * 3
    assert cython_tables.from_own_coder(own_coder(text).ljust(4096, b"\0"), 0, 1 << 20)[: len(text)] == text


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        (f"/opt/app/fast{TAG}", True),
        ("/opt/app/fast.abi3.so", True),
        (f"{SITE}/pkg/fast.so", True),
        ("/usr/lib/python3/dist-packages/apt_pkg.so", True),
        (f"{SITE}/pkg/libcore.so", False),
        (f"{SITE}/pkg.libs/openblas-1a2b.so", False),
        (f"{SITE}/pkg/fast.so.1", False),
        (f"{SITE}/pkg/fast.py", False),
        ("/usr/lib/x86_64-linux-gnu/gconv/KOI8.so", False),
    ],
)
def test_files_are_taken_for_extension_modules_by_name_and_place(path: str, is_one: bool) -> None:
    assert is_named_as_extension(ImagePath(path)) is is_one
