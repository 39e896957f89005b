"""The cache of layers: shared, bounded, and never trusted."""

import io
import os
from pathlib import Path

import pytest

from fleet_audit.audit.images.facts import (
    Change,
    Facts,
    FactsDamaged,
    FactsWriter,
    InMemory,
    LayerEntry,
    Measure,
)
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.model.identity import DiffID, Digest, ImagePath
from tests.support.images import ImageBuilder, image, sha256

KEY = "a layer"
WORLD = image({"app/main.py": "import cv2\n", "data": "x" * 5000})


def facts_file(*bodies: bytes, key: str = KEY) -> bytes:
    """Return a facts file with these bodies kept under ``/0``, ``/1``…"""
    out = io.BytesIO()
    writer = FactsWriter(out)
    entries = []
    for number, body in enumerate(bodies):
        block, at = writer.keep(memoryview(body))
        path = ImagePath(f"/{number}")
        entries.append(LayerEntry(path, Change.FILE, len(body), 0o644, "", 512, block, at))
    measure = Measure(DiffID("sha256:0"), Digest("sha256:1"), 1, 2)
    writer.finish(key, measure, entries, {"none/1": {}})
    return out.getvalue()


def read_all(data: bytes) -> list[bytes]:
    facts = Facts(InMemory(data), KEY)
    return [facts.body(entry) for entry in facts.entries()]


def test_kept_bodies_come_back_whatever_their_size() -> None:
    bodies = [b"", b"a", b"b" * 1000, os.urandom(600_000), b"c" * 300_000, b"d"]

    assert read_all(facts_file(*bodies)) == bodies


def test_any_changed_byte_is_noticed() -> None:
    data = facts_file(b"one", b"two" * 100)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x41
        try:
            # A byte may have no meaning (an unused bit of a frame's header): then all reads as before.
            assert read_all(bytes(changed)) == [b"one", b"two" * 100]
        except FactsDamaged:
            continue


def test_a_file_cut_short_is_damaged() -> None:
    data = facts_file(b"one")
    for end in range(len(data)):
        with pytest.raises(FactsDamaged):
            Facts(InMemory(data[:end]), KEY)


def test_facts_of_something_else_are_refused() -> None:
    with pytest.raises(FactsDamaged, match="something else"):
        Facts(InMemory(facts_file()), "another layer")


def test_records_that_were_not_made_are_refused() -> None:
    with pytest.raises(FactsDamaged, match="no records of elf/1"):
        Facts(InMemory(facts_file()), KEY).records("elf/1", LayerEntry)


def test_what_was_filed_is_found_again(tmp_path: Path) -> None:
    LayerStore(tmp_path / "cache").file_facts(KEY, facts_file(b"one")).close()

    found = LayerStore(tmp_path / "cache").load(KEY)

    assert found is not None
    assert [found.body(entry) for entry in found.entries()] == [b"one"]
    found.close()
    assert LayerStore(tmp_path / "cache").load("another") is None


def test_a_damaged_file_is_a_miss_and_is_replaced(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)
    store.file_facts(KEY, facts_file(b"one")).close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])

    assert store.load(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_the_files_used_longest_ago_go_first(tmp_path: Path) -> None:
    body = os.urandom(10_000)
    store = LayerStore(tmp_path, max_bytes=2 * len(facts_file(body)) + 100)
    for age, key in enumerate(("first", "second")):
        store.file_facts(key, facts_file(body, key=key)).close()
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (age, age))
    used = store.load("first")
    assert used is not None
    used.close()

    store.file_facts("third", facts_file(body, key="third")).close()

    assert [store.load(key) is not None for key in ("first", "second", "third")] == [True, False, True]


def test_files_that_were_never_finished_are_cleared_away(tmp_path: Path) -> None:
    abandoned = tmp_path / "1-a.new"
    abandoned.touch()
    os.utime(abandoned, (0, 0))
    (tmp_path / "2-b.new").touch()

    LayerStore(tmp_path).file_facts(KEY, facts_file()).close()

    assert sorted(path.name for path in tmp_path.glob("*.new")) == ["2-b.new"]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    facts = LayerStore(tmp_path / "file" / "cache").file_facts(KEY, facts_file(b"one"))

    assert [facts.body(entry) for entry in facts.entries()] == [b"one"]


def stored(tmp_path: Path, world: ImageBuilder = WORLD) -> tuple[str, LayerStore]:
    ref = world.write(tmp_path / "image", compression="none")
    return ref, LayerStore(tmp_path / "cache")


def test_a_kept_body_is_served_from_the_layer_when_its_block_is_damaged(tmp_path: Path) -> None:
    ref, store = stored(tmp_path)
    open_image(ref, store=store).close()
    (path,) = (tmp_path / "cache").iterdir()
    data = bytearray(path.read_bytes())
    data[20] ^= 0xFF
    path.write_bytes(data)

    with open_image(ref, store=store) as opened:
        assert opened.statistics.layers_cached == 1
        assert opened.tree.read(ImagePath("/app/main.py")) == b"import cv2\n"
        assert opened.statistics.bodies_streamed == 1


def test_a_kept_body_needs_no_layer(tmp_path: Path) -> None:
    ref, store = stored(tmp_path)
    open_image(ref, store=store).close()

    with open_image(ref, store=store) as opened:
        assert opened.tree.read(ImagePath("/app/main.py")) == b"import cv2\n"
        assert opened.statistics.bytes_inflated == 0


def test_a_layer_that_changed_since_is_not_read_for_a_body(tmp_path: Path) -> None:
    ref, store = stored(tmp_path)
    open_image(ref, store=store).close()
    blob = tmp_path / "image" / "blobs" / "sha256" / sha256(WORLD.layers[0])[7:]
    blob.write_bytes(blob.read_bytes().replace(b"xxxx", b"yyyy"))

    with open_image(ref, store=store) as opened, pytest.raises(Exception, match="its digest differs"):
        opened.tree.read(ImagePath("/data"))


def test_bodies_read_in_the_order_of_the_tar_cost_one_pass(tmp_path: Path) -> None:
    names = [f"data{i}" for i in range(20)]
    with open_image(image(dict.fromkeys(names, "x" * 9000)).write(tmp_path / "image")) as opened:
        before = opened.statistics.bytes_inflated
        for name in names:
            opened.tree.read(ImagePath(f"/{name}"))
        assert opened.statistics.bytes_inflated <= 2 * before
        assert opened.statistics.bodies_streamed == 20
