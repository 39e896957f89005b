"""A folder's files are shown to collectors once each, by however many processes."""

import os
import signal
import threading
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.images.collecting import Collected, collect
from fleet_audit.audit.images.collector import Member, MemberBody
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.images.layer import Reading
from fleet_audit.audit.model.identity import ImagePath


class Seen(msgspec.Struct):
    body: bytes
    process: int


class Eyes:
    """Notes what begins with ``yes``, and which process saw it; a fork dies of `deadly` bodies."""

    name = "eyes"
    version = 1
    record_type = Seen
    begins = b"yes"

    def __init__(self, deadly: bytes = b"none is") -> None:
        self.deadly = deadly
        self.home = os.getpid()

    def collect(self, member: Member, body: MemberBody) -> Seen | None:
        found = bytes(body.upto(member.size))
        if found == self.deadly and os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        return Seen(found, os.getpid())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(60):
        folder = tmp_path / f"d{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_text(f"{'yes' if number % 3 else 'no'} {number}")
    return tmp_path


@pytest.fixture
def _few_files_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_audit.audit.images.collecting._WORTH_A_PROCESS", 10)


def seen_in(root: Path, eyes: Eyes, jobs: int) -> Collected:
    return collect(open_folder(root), Reading((eyes,)), jobs=jobs)


def bodies(found: Collected) -> list[tuple[ImagePath, bytes]]:
    return [(path, seen.body) for path, seen in found.records["eyes/1"].items()]


def processes(found: Collected) -> set[int]:
    return {seen.process for seen in found.records["eyes/1"].values()}


def test_only_files_that_begin_as_asked_are_shown(root: Path) -> None:
    found = bodies(seen_in(root, Eyes(), 1))

    assert len(found) == 40
    assert all(body.startswith(b"yes") for _, body in found)
    assert found == sorted(found)


@pytest.mark.usefixtures("_few_files_are_many")
@pytest.mark.parametrize("jobs", [2, 3, 50])
def test_several_processes_find_what_one_finds(root: Path, jobs: int) -> None:
    found = seen_in(root, Eyes(), jobs)

    assert bodies(found) == bodies(seen_in(root, Eyes(), 1))
    assert 1 < len(processes(found)) <= jobs


@pytest.mark.usefixtures("_few_files_are_many")
def test_what_a_process_that_dies_had_to_do_is_done_by_another(root: Path) -> None:
    found = [seen_in(root, Eyes(deadly=f"yes {number}".encode()), 2) for number in (1, 2, 4, 5)]

    assert any(processes(each) == {os.getpid()} for each in found)
    assert all(bodies(each) == bodies(seen_in(root, Eyes(), 1)) for each in found)


@pytest.mark.usefixtures("_few_files_are_many")
def test_a_process_with_other_threads_is_not_forked(root: Path) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        found = seen_in(root, Eyes(), 2)
    finally:
        done.set()
        other.join()

    assert processes(found) == {os.getpid()}


@pytest.mark.usefixtures("_few_files_are_many")
def test_where_no_process_can_be_started_one_does_it_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)

    assert len(bodies(seen_in(root, Eyes(), 4))) == 40


@pytest.mark.usefixtures("_few_files_are_many")
def test_no_process_and_no_descriptor_is_left_behind(root: Path) -> None:
    descriptors, children = set(os.listdir("/proc/self/fd")), children_of_this_process()

    seen_in(root, Eyes(), 3)

    assert set(os.listdir("/proc/self/fd")) == descriptors
    assert children_of_this_process() == children


def children_of_this_process() -> set[str]:
    """Return the processes, ended ones included, that nobody has waited for (man 5 proc, ``children``)."""
    threads = Path("/proc/self/task").glob("*/children")
    return {child for thread in threads for child in thread.read_text(encoding="ascii").split()}


def test_few_files_are_not_worth_a_process(root: Path) -> None:
    assert processes(seen_in(root, Eyes(), 8)) == {os.getpid()}


def test_without_collectors_nothing_is_listed(root: Path) -> None:
    tree = open_folder(root / "nothing")

    assert collect(tree, Reading(), jobs=4) == Collected({}, ())
    assert tree.unlisted == {}
