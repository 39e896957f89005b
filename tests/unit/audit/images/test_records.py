"""Collectors see each file once; their records follow what is visible at last."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import parent_process
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.images.collector import Member, MemberBody
from fleet_audit.audit.images.limits import Limits
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from tests.support.images import Hard, image
from tests.support.trees import Link


class Head(msgspec.Struct, frozen=True):
    """The beginning of a file."""

    text: str


class Heads:
    """Records how each `.txt` file begins, reading `length` bytes of it."""

    name = "heads"
    record_type = Head
    begins = b""

    def __init__(self, length: int = 4, version: int = 1) -> None:
        self.length = length
        self.version = version

    def collect(self, member: Member, body: MemberBody) -> Head | None:
        if not member.path.endswith(".txt"):
            return None
        return Head(bytes(body.upto(self.length)).decode())


HEADS = Heads()


def test_records_are_of_visible_files_by_canonical_path(tmp_path: Path) -> None:
    world = image(
        {"a.txt": "lower", "gone.txt": "x", "usr/c.txt": "linked", "l": Link("usr"), "b": "no text"},
        {"a.txt": "upper", ".wh.gone.txt": "", "l/d.txt": "through", "hard.txt": Hard("l/c.txt")},
    )

    with open_image(world.write(tmp_path / "image"), collectors=[HEADS]) as opened:
        assert {path: head.text for path, head in opened.records(HEADS).items()} == {
            "/a.txt": "uppe",
            "/hard.txt": "link",
            "/usr/c.txt": "link",
            "/usr/d.txt": "thro",
        }


def test_a_hard_link_out_of_a_hidden_name_keeps_its_record(tmp_path: Path) -> None:
    world = image({"a.txt": "1234"}, {"b": Hard("a.txt")}, {"a.txt": "5678"})

    with open_image(world.write(tmp_path / "image"), collectors=[HEADS]) as opened:
        assert {p: head.text for p, head in opened.records(HEADS).items()} == {"/a.txt": "5678", "/b": "1234"}


def test_the_record_of_a_repeated_name_is_that_of_its_last_entry(tmp_path: Path) -> None:
    world = image([("a.txt", "first"), ("a.txt", "last!")])

    with open_image(world.write(tmp_path / "image"), collectors=[HEADS]) as opened:
        assert [head.text for head in opened.records(HEADS).values()] == ["last"]


def test_a_link_that_replaces_a_file_of_its_own_layer_has_no_record(tmp_path: Path) -> None:
    world = image([("a.txt", "first"), ("b", "body"), ("a.txt", Link("b"))])

    with open_image(world.write(tmp_path / "image"), collectors=[HEADS]) as opened:
        assert opened.records(HEADS) == {}


def test_bodies_that_span_chunks_are_whole(tmp_path: Path) -> None:
    body = "".join(chr(97 + i % 26) for i in range(3_000_000))
    whole = Heads(10_000_000)

    with open_image(image({"a.txt": body}).write(tmp_path / "image"), collectors=[whole]) as opened:
        assert [head.text for head in opened.records(whole).values()] == [body]


def test_a_body_over_the_limit_is_a_gap(tmp_path: Path) -> None:
    ref = image({"a.txt": "x" * 100, "b.txt": "small", "c.py": "#" * 60}).write(tmp_path / "image")
    whole = Heads(10_000)

    with open_image(ref, collectors=[whole], limits=Limits(body_bytes=50)) as opened:
        assert [(gap.what, gap.why) for gap in opened.gaps] == [
            ("/a.txt", "is too large for heads to examine")
        ]
        assert list(opened.records(whole)) == ["/b.txt"]


def test_a_folder_gives_the_records_that_an_image_gives(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "c.txt").write_text("linked")
    (tmp_path / "l").symlink_to("/usr")

    with open_image(f"dir:{tmp_path}", collectors=[HEADS]) as opened:
        assert {path: head.text for path, head in opened.records(HEADS).items()} == {"/usr/c.txt": "link"}
        assert opened.gaps == ()


def test_a_folder_reports_files_over_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 100)
    whole = Heads(10_000)

    with open_image(f"dir:{tmp_path}", collectors=[whole], limits=Limits(body_bytes=50)) as opened:
        assert [gap.what for gap in opened.gaps] == ["/a.txt"]


def test_the_second_run_reads_no_layer(tmp_path: Path) -> None:
    ref = image({"a.txt": "1234"}, {"b.py": "pass"}).write(tmp_path / "image")
    store = LayerStore(tmp_path / "cache")

    with open_image(ref, collectors=[HEADS], store=store) as first:
        assert (first.statistics.layers_read, first.statistics.layers_cached) == (2, 0)
        known = first.records(HEADS)
    with open_image(ref, collectors=[HEADS], store=store) as second:
        assert (second.statistics.layers_read, second.statistics.layers_cached) == (0, 2)
        assert second.statistics.bytes_inflated == 0
        assert second.records(HEADS) == known


def test_another_version_of_a_collector_reads_again(tmp_path: Path) -> None:
    ref = image({"a.txt": "1234"}).write(tmp_path / "image")
    store = LayerStore(tmp_path / "cache")
    newer = Heads(2, version=2)

    open_image(ref, collectors=[HEADS], store=store).close()
    with open_image(ref, collectors=[newer], store=store) as opened:
        assert opened.statistics.layers_read == 1
        assert [head.text for head in opened.records(newer).values()] == ["12"]


class Deadly(Heads):
    """Ends the process that shows it a file called `deadly`."""

    def collect(self, member: Member, body: MemberBody) -> Head | None:
        if member.path == "/deadly" and parent_process() is not None:
            os._exit(1)
        return super().collect(member, body)


@contextmanager
def another_thread() -> Iterator[None]:
    """Have a second thread while the block runs: nothing may be forked then."""
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.fixture(params=[nullcontext, another_thread], ids=["forked", "spawned"])
def way_to_start(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test with processes of both kinds."""
    with request.param():
        yield


@pytest.mark.usefixtures("way_to_start")
def test_a_process_that_dies_costs_its_own_layer_only(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 70_000
    world = image({"a.txt": "1234", "n1": noise}, {"deadly": "", "n2": noise}, {"b.txt": "5678"})
    deadly = Deadly()

    with open_image(world.write(tmp_path / "i", compression="none"), collectors=[deadly], jobs=2) as opened:
        assert list(opened.records(deadly)) == ["/a.txt", "/b.txt"]
        assert ["killed the process that read it" in gap.why for gap in opened.gaps] == [True]


def test_damaged_records_in_the_cache_are_made_again(tmp_path: Path) -> None:
    ref = image({"a.txt": "1234"}).write(tmp_path / "image")
    store = LayerStore(tmp_path / "cache")
    open_image(ref, collectors=[HEADS], store=store).close()
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()

    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        with open_image(ref, collectors=[HEADS], store=store) as opened:
            assert [head.text for head in opened.records(HEADS).values()] == ["1234"]
            assert opened.gaps == ()


@pytest.mark.usefixtures("way_to_start")
def test_layers_read_in_processes_give_what_layers_read_here_give(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 70_000
    world = image({"a.txt": "1234", "n1": noise}, {"b.txt": "5678", "n2": noise})
    ref = world.write(tmp_path / "image", compression="none")

    with (
        open_image(ref, collectors=[HEADS]) as here,
        open_image(ref, collectors=[HEADS], jobs=2) as elsewhere,
    ):
        assert elsewhere.records(HEADS) == here.records(HEADS)
        assert list(elsewhere.tree.files()) == list(here.tree.files())
