"""Damaged ELF files and caches give records and errors, and never anything else."""

import time
from contextlib import suppress
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.loader_cache import CacheDamaged, parse_cache
from fleet_audit.audit.model.elf import EntryKind, EntryPoint, SharedObject
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import Needs, elf, facts, image
from tests.support.laws import examples


@cache
def sound(bits: int, *, little_endian: bool) -> bytes:
    return elf(
        bits=bits,
        little_endian=little_endian,
        needed=["libm.so.6", "libc.so.6"],
        soname="libx.so.1",
        rpath="$ORIGIN/../lib:/opt",
        runpath="$ORIGIN",
        interpreter="/lib/ld.so.1",
        version_needs=[Needs("libc.so.6", ["GLIBC_2.34"], ["GLIBC_2.38"])],
        version_definitions=["libx.so.1", "X_1"],
        dlopen_note=b'[{"soname": ["liby.so.1"]}]\0',
    )


bodies = st.builds(sound, st.sampled_from([32, 64]), little_endian=st.booleans())
changes = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=12)


def changed(body: bytes, places: list[tuple[int, int]]) -> bytes:
    found = bytearray(body)
    for place, value in places:
        found[place % len(found)] = value
    return bytes(found)


def read_quickly(body: bytes) -> SharedObject | None:
    start = time.process_time()
    found = facts(body)
    assert time.process_time() - start < 2
    return found


@given(bodies, changes)
def test_changed_bytes_never_raise(body: bytes, places: list[tuple[int, int]]) -> None:
    read_quickly(changed(body, places))


@given(bodies, st.integers(0, 4096))
def test_a_cut_file_is_refused_or_read_whole(body: bytes, length: int) -> None:
    found = read_quickly(body[:length])

    if length < 4:
        assert found is None
    elif length < len(body):
        assert found is not None
        assert found.refusal


@given(st.binary(max_size=4096))
def test_any_bytes_after_the_magic_number_never_raise(tail: bytes) -> None:
    assert read_quickly(b"\x7fELF" + tail) is not None


@given(bodies, changes)
def test_a_damaged_library_never_breaks_a_search(body: bytes, places: list[tuple[int, int]]) -> None:
    world = (
        image()
        .python()
        .elf("/site/m.so", needed=["liba.so"], runpath=["/a"])
        .file("/a/liba.so", changed(body, places))
        .build()
        .world()
    )

    found = examine(
        world,
        [EntryPoint(ImagePath("/site/m.so"), EntryKind.EXTENSION_MODULE)],
        ImagePath("/usr/bin/python3"),
    )

    assert any(request.soname == "liba.so" for request in found[0].requests)


CACHE = b"glibc-ld.so.cache1.1" + bytes([2, 0, 0, 0, 40, 0, 0, 0]) + bytes(20) + bytes(range(120))


@given(changes, st.integers(0, len(CACHE)))
def test_a_damaged_cache_is_read_or_named_as_damaged(places: list[tuple[int, int]], length: int) -> None:
    for data in (changed(CACHE, places), CACHE[:length], b"ld.so-1.7.0\0" + changed(CACHE, places)):
        with suppress(CacheDamaged):
            parse_cache(data)


# searches


names = st.sampled_from(["liba.so", "libb.so", "libc9.so"])
folders = st.sampled_from(["/a", "/b", "/a/../b", "../..", "$ORIGIN", "$ORIGIN/../..", "", "/etc", "/link"])
paths = st.lists(folders, max_size=4)
libraries = st.dictionaries(
    st.tuples(st.sampled_from(["/a", "/b", "/lib64"]), names),
    st.tuples(st.lists(names, max_size=3), st.none() | paths, st.none() | paths),
    max_size=6,
)


@given(
    libraries, st.lists(names, min_size=1, max_size=3), paths, st.sampled_from(["/", "/a", "../..", "loop"])
)
@examples(200)
def test_searches_stay_in_the_tree(
    found: dict[tuple[str, str], tuple[list[str], list[str] | None, list[str] | None]],
    needed: list[str],
    runpath: list[str],
    target: str,
) -> None:
    builder = image().python().elf("/site/m.so", needed=needed, runpath=runpath).link("/link", target)
    for (folder, name), (needs, rpath, own) in found.items():
        builder.elf(f"{folder}/{name}", needed=needs, rpath=rpath, runpath=own)
    built = builder.build()
    entries = [EntryPoint(ImagePath("/site/m.so"), EntryKind.EXTENSION_MODULE)]

    closure = examine(built.world(), entries, ImagePath("/usr/bin/python3"))[0]

    assert all(path in built.elf and path == normalise(path) for path in closure.loaded)
    assert len(set(closure.loaded)) == len(closure.loaded)
    assert len({(r.soname, r.wanted_by) for r in closure.requests}) == len(closure.requests)


@given(libraries, st.lists(names, min_size=1, max_size=3), paths, st.lists(names))
def test_unrelated_files_change_no_answer(
    found: dict[tuple[str, str], tuple[list[str], list[str] | None, list[str] | None]],
    needed: list[str],
    runpath: list[str],
    others: list[str],
) -> None:
    answers = []
    for extra in ([], others):
        builder = image().python().elf("/site/m.so", needed=needed, runpath=runpath).folder("/a").folder("/b")
        for (folder, name), (needs, rpath, own) in found.items():
            builder.elf(f"{folder}/{name}", needed=needs, rpath=rpath, runpath=own)
        for name in extra:
            builder.elf(f"/unrelated/{name}").file(f"/etc/{name}.conf", "x").file(f"/a/{name}.txt", "x")
        entries = [EntryPoint(ImagePath("/site/m.so"), EntryKind.EXTENSION_MODULE)]
        answers.append(examine(builder.build().world(), entries, ImagePath("/usr/bin/python3")))

    assert answers[0] == answers[1]
