"""Laws of reading images, against naive models and Python's own tarfile."""

import io
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.layer import Expected, Reading, read_layer
from fleet_audit.audit.images.limits import DEFAULT_LIMITS
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.tar import TarStream, walk
from tests.support.images import (
    COMPRESSIONS,
    FOLDER,
    FORMS,
    Compression,
    Content,
    Form,
    compressed,
    image,
    layer_tar,
)
from tests.support.laws import examples

Members = Sequence[tuple[str, Content]]

NAMES = st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "c/x"])
CONTENTS = st.one_of(st.just(FOLDER), st.binary(max_size=20), st.text(max_size=5))
HIDDEN = st.sampled_from([".wh.a", ".wh.d", "d/.wh.a", "d/.wh.e", "d/.wh..wh..opq", ".wh..wh..opq"])
MEMBERS = st.lists(st.one_of(st.tuples(NAMES, CONTENTS), st.tuples(HIDDEN, st.just(""))), max_size=8)


def model(layers: Sequence[Members]) -> dict[str, bytes | None]:
    """Lay layers over one another in the plainest way: None is a folder."""
    world: dict[str, bytes | None] = {}
    for members in layers:
        for name, _ in members:
            path = PurePosixPath("/") / name
            if path.name == ".wh..wh..opq":
                world = {p: b for p, b in world.items() if path.parent not in PurePosixPath(p).parents}
            elif path.name.startswith(".wh."):
                gone = path.parent / path.name.removeprefix(".wh.")
                world = {
                    p: b
                    for p, b in world.items()
                    if PurePosixPath(p) != gone and gone not in PurePosixPath(p).parents
                }
        for name, content in members:
            if ".wh." not in name:
                add(world, PurePosixPath("/") / name, content)
    return world


def add(world: dict[str, bytes | None], path: PurePosixPath, content: Content) -> None:
    for folder in path.parents[:-1]:
        world[str(folder)] = None
    for other in [p for p in world if content is not None and path in PurePosixPath(p).parents]:
        del world[other]
    world[str(path)] = content.encode() if isinstance(content, str) else content


def test_the_model_knows_a_whiteout() -> None:
    assert model([[("d/a", "1"), ("b", "2")], [(".wh.d", "")]]) == {"/b": b"2"}


@examples(150)
@given(st.lists(MEMBERS, max_size=3))
def test_merging_follows_the_naive_model(layers: list[Members]) -> None:
    expected = {path: body for path, body in model(layers).items() if body is not None}

    with (
        tempfile.TemporaryDirectory() as folder,
        open_image(image(*layers).write(Path(folder) / "image", compression="none")) as opened,
    ):
        assert {path: opened.tree.read(path) for path, _ in opened.tree.files()} == expected
        assert opened.gaps == ()


@examples(40)
@given(
    st.lists(MEMBERS, min_size=1, max_size=2),
    st.sampled_from(FORMS),
    st.sampled_from(COMPRESSIONS),
)
def test_form_and_compression_change_nothing(
    layers: list[Members], form: Form, compression: Compression
) -> None:
    world = image(*layers)
    with tempfile.TemporaryDirectory() as folder:
        plain = world.write(Path(folder) / "plain", "oci", "none")
        other = world.write(Path(folder) / "other", form, compression)
        with open_image(plain) as one, open_image(other) as two:
            assert list(one.tree.files()) == list(two.tree.files())
            assert [layer.diff_id for layer in one.identity.layers] == [
                layer.diff_id for layer in two.identity.layers
            ]


ANY_NAME = st.text(
    st.characters(blacklist_characters="\0/", blacklist_categories=["Cs"]), min_size=1, max_size=130
).filter(lambda name: name not in (".", ".."))
TAR_FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])


@examples(150)
@given(
    st.lists(
        st.tuples(
            st.lists(ANY_NAME, min_size=1, max_size=3).map("/".join),
            st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE]),
            st.binary(max_size=1500),
            ANY_NAME,
            st.integers(0, 0o7777),
        ),
        max_size=5,
    ),
    TAR_FORMATS,
)
def test_headers_are_read_as_tarfile_reads_them(
    wanted: list[tuple[str, bytes, bytes, str, int]], form: int
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, kind, body, link, mode in wanted:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, mode
            member.linkname = link if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            member.size = len(body) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(body))
    data = out.getvalue()

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        theirs = [
            (m.name, m.type, m.size, m.mode, m.linkname, m.offset_data if m.size else 0)
            for m in archive.getmembers()
        ]
    ours = [
        (h.name.rstrip("/"), bytes([h.type]), h.size, h.mode, h.link, h.offset if h.size else 0)
        for h in walk(TarStream(iter([data])), DEFAULT_LIMITS)
    ]

    assert [(name.rstrip("/"), *rest) for name, *rest in theirs] == ours


@given(st.binary(min_size=1, max_size=40), st.integers(1, 700))
def test_chunks_of_any_size_are_one_stream(pattern: bytes, size: int) -> None:
    data = layer_tar({"a": pattern * 30, "b/c": pattern, "x" * 150: ""})
    chunks = [data[at : at + size] for at in range(0, len(data), size)]

    assert list(walk(TarStream(iter(chunks)), DEFAULT_LIMITS)) == list(
        walk(TarStream(iter([data])), DEFAULT_LIMITS)
    )


def assert_read_or_refused(source: io.BytesIO) -> None:
    """Read a layer, in which nothing but LayerUnreadable may be raised."""
    why = "none"
    try:
        read_layer(source.read, Expected(), Reading(), io.BytesIO())
    except LayerUnreadable as e:
        why = str(e)
    assert why


@examples(200)
@given(st.data(), st.sampled_from(COMPRESSIONS))
def test_a_layer_cut_or_changed_anywhere_is_an_error_or_the_same(
    data: st.DataObject, compression: Compression
) -> None:
    raw = layer_tar({"a": "1" * 700, "d/b": "2", "é" * 120: "long"})
    stored = bytearray(compressed(raw, compression))
    at = data.draw(st.integers(0, len(stored) - 1))
    if data.draw(st.booleans()):
        del stored[at:]
    else:
        stored[at] ^= data.draw(st.integers(1, 255))
    source = io.BytesIO(bytes(stored))

    assert_read_or_refused(source)


@examples(100)
@given(st.data(), st.sampled_from(FORMS[1:]))
def test_an_archive_cut_or_changed_anywhere_is_opened_or_refused(data: st.DataObject, form: Form) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        ref = image({"a": "1"}, {"b": "2"}).write(path, form)
        stored = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(stored) - 1))
        if data.draw(st.booleans()):
            del stored[at:]
        else:
            stored[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(stored)

        refused = ""
        try:
            with open_image(ref) as opened:
                assert len(opened.gaps) + len(list(opened.tree.files())) >= 2
        except FleetAuditError as e:
            refused = str(e)
        assert not refused or str(path) in refused


@examples(300)
@given(st.binary(max_size=1500))
def test_any_bytes_as_a_layer_are_an_error_or_a_tar(body: bytes) -> None:
    for prefix in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", layer_tar({"a": "1"})[:512]):
        assert_read_or_refused(io.BytesIO(prefix + body))
