"""Damaged extension modules give names or a reason, and nothing else; packed rows come out as they were."""

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.compiled.compiled_names import MAX_NAMES, names_of_body
from fleet_audit.audit.static_imports.compiled.cython_tables import MAX_TABLE, from_own_coder, string_rows
from tests.support.compiled import (
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
from tests.support.laws import examples

PATH = ImagePath("/usr/lib/python3/dist-packages/pkg/fast.so")
TEXT = row("a sentence that is a string", "numpy", "pkg.fast", "pkg.slow", "value", "zeros") * 4
PACKED = [pack(TEXT) for pack in (with_cython, with_zlib, with_bz2, with_zstd, with_own_coder)]

bodies = st.builds(
    lambda constants, bits, order: extension(
        c_strings("pkg.slow") + constants, bits=bits, little_endian=order
    ),
    st.sampled_from(PACKED),
    st.sampled_from([32, 64]),
    st.booleans(),
)
changes = st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), min_size=1, max_size=12)


@given(body=bodies, places=changes, end=st.integers(0, 4096))
@settings(examples(200), deadline=2000)
def test_a_damaged_module_gives_names_or_a_reason(
    body: bytes, places: list[tuple[int, int]], end: int
) -> None:
    damaged = bytearray(body)
    for place, value in places:
        damaged[place % len(damaged)] = value
    names = names_of_body(bytes(damaged[: len(damaged) - end % 64]), PATH)
    assert not (names.why_unknown and (names.dotted or names.words or names.fused))
    assert max(map(len, (names.dotted, names.words, names.fused))) <= MAX_NAMES


@given(noise=st.binary(max_size=2000))
@settings(examples(200), deadline=2000)
def test_noise_behind_what_looks_like_a_table_is_bounded(noise: bytes) -> None:
    for beginning in (b"\x78\xda", b"BZh91AY&SY", b"\x28\xb5\x2f\xfd", b"\0\xff", b"__main____name__"):
        for text in string_rows(with_cython(beginning + noise, mark=b"LZSS string data\0")):
            assert len(text) <= MAX_TABLE + 8 * 258


@given(words=st.lists(st.text("abcdef._ é", min_size=1, max_size=40), max_size=60))
def test_what_the_own_coder_packs_is_unpacked(words: list[str]) -> None:
    text = row(*words)
    assert from_own_coder(own_coder(text), 0, len(text))[: len(text)] == text


@given(text=st.text("pkg.slow_ (),\n", max_size=400), level=st.integers(1, 9))
def test_a_row_is_found_however_hard_it_was_packed(text: str, level: int) -> None:
    whole = row() + text.encode()
    assert list(string_rows(with_cython(zlib.compress(whole, level)))) == [whole]
