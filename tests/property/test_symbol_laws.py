"""Laws of looking symbols up, and of reading tables that somebody damaged."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.ldd.definitions import Definitions
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.library_names import library_names
from fleet_audit.audit.ldd.symbol_check import MAX_PROBLEMS, SymbolCheck
from fleet_audit.audit.ldd.symbol_table import SymbolTable, gnu_hash
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import Symbol, elf, image, symbols_of, wants

NAMES = [f"s{number}" for number in range(12)]
LIBRARIES = ["liba.so", "libb.so", "libc1.so"]
MODULE = ImagePath("/app/m.so")
PYTHON = ImagePath("/usr/bin/python3")

sets = st.frozensets(st.sampled_from(NAMES))
styles = st.sampled_from(["gnu", "sysv"])


@given(st.lists(st.tuples(sets, sets, styles), min_size=3, max_size=3), sets)
def test_missing_is_what_is_wanted_and_defined_nowhere(
    libraries: list[tuple[frozenset[str], frozenset[str], str]], of_module: frozenset[str]
) -> None:
    builder = image().python()
    scope: set[str] = set()
    wanted = {MODULE: of_module}
    for name, (wants_, defines, style) in zip(LIBRARIES, libraries, strict=True):
        symbols = [*map(Symbol, sorted(defines)), *map(wants, sorted(wants_ - defines))]
        builder = builder.elf(f"/lib64/{name}", symbols=symbols, hash_style=style)
        wanted[ImagePath(f"/lib64/{name}")] = wants_ - defines
        scope |= defines
    builder = builder.elf(MODULE, needed=LIBRARIES, symbols=[*map(wants, sorted(of_module))])

    (found,) = examine(builder.build().world(), [EntryPoint(MODULE, EntryKind.EXTENSION_MODULE)], PYTHON)

    missed = {(path, name) for path, names in wanted.items() for name in names - scope}
    assert {(p.wanted_by, p.name) for p in found.symbol_problems} == missed


@given(st.binary(max_size=40) | st.integers(500, 600).map(lambda size: b"_Z" * size))
def test_hashes_follow_their_definition(name: bytes) -> None:
    expected = 5381
    for byte in name:
        expected = (expected * 33 + byte) % (1 << 32)

    assert gnu_hash(name) == expected


@given(
    st.integers(0, 700),
    st.binary(min_size=1, max_size=8),
    styles,
    st.sampled_from([32, 64]),
    st.booleans(),
)
def test_damage_is_read_in_part_or_named_and_never_raised(
    at: int, change: bytes, style: str, bits: int, little_endian: bool
) -> None:
    symbols = [*map(Symbol, NAMES), *map(wants, ["x", "y"])]
    body = elf(needed=["liba.so"], symbols=symbols, hash_style=style, bits=bits, little_endian=little_endian)
    damaged = body[:at] + change + body[at + len(change) :]

    table = symbols_of(damaged)

    assert table is None or isinstance(list(table.wanted_names()), list)
    if table is not None:
        Definitions(table).has(gnu_hash(b"s1"), "V1")


@given(st.integers(0, 900))
def test_a_file_that_was_cut_short_is_no_exception(length: int) -> None:
    body = elf(symbols=[*map(Symbol, NAMES), wants("x")])[:length]

    assert symbols_of(body) is None or isinstance(symbols_of(body), SymbolTable)


tables = st.builds(
    SymbolTable,
    first=st.integers(-3, 2**33),
    buckets=st.binary(max_size=40),
    chain=st.binary(max_size=240),
    versions=st.binary(max_size=200),
    version_names=st.just({2: "V1"}),
    wanted=st.binary(max_size=40),
    wanted_versions=st.binary(max_size=20),
    names=st.binary(max_size=40),
)


def defined_one_by_one(table: SymbolTable, hashes: set[int], version: str) -> set[int]:
    known = Definitions(table)
    return {hash_ for hash_ in hashes if known.has(hash_, version)}


@given(sets, sets, styles, st.sampled_from(["", "V1", "V2"]))
def test_many_symbols_are_looked_up_as_each_of_them(
    plain: frozenset[str], versioned: frozenset[str], style: str, version: str
) -> None:
    symbols = [*map(Symbol, sorted(plain)), *(Symbol(name, "V1") for name in sorted(versioned))]
    table = symbols_of(elf(symbols=symbols, hash_style=style)) or SymbolTable()
    hashes = {gnu_hash(name.encode()) for name in NAMES}
    siblings = {hash_ ^ 1 for hash_ in hashes}

    found = Definitions(table).defined(hashes | siblings, version)

    assert found == defined_one_by_one(table, hashes | siblings, version)


@given(tables, st.sampled_from(["", "V1"]))
def test_so_they_are_in_tables_that_no_linker_made(table: SymbolTable, version: str) -> None:
    words = {int.from_bytes(table.chain[at : at + 4], "little") for at in range(0, len(table.chain), 4)}
    hashes = {word & ~1 for word in words} | {word | 1 for word in words}

    assert Definitions(table).defined(hashes, version) == defined_one_by_one(table, hashes, version)


@given(tables)
def test_records_of_a_damaged_cache_give_some_answer(table: SymbolTable) -> None:
    check = SymbolCheck(lambda _: table)

    answer = check.answer([MODULE], [], [MODULE])

    assert len(answer.problems) <= MAX_PROBLEMS


@given(st.binary(max_size=300))
def test_names_are_found_in_any_bytes(body: bytes) -> None:
    found = library_names(lambda offset, length: body[offset : offset + length], [(0, len(body))])

    assert all(f"\0{name}\0".encode() in body for name in found)
