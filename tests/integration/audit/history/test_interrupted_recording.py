"""A process that is killed, runs into a full disk or meets others while it records loses nothing."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet_audit.audit.history.store import History
from fleet_audit.audit.model.lifecycle import LifecycleState
from tests.support.lifecycles import audit, day, recorded

pytestmark = pytest.mark.integration

NAMES = [f"{number:05}" for number in range(2000)]
RECORDING = """
import sys
from pathlib import Path
from fleet_audit.audit.history.store import History
from tests.support.lifecycles import audit, day

path, first, names = Path(sys.argv[1]), int(sys.argv[2]), [f"{n:05}" for n in range(int(sys.argv[3]))]
print("ready", flush=True)
with History.open(path, day(1)) as history:
    for number in range(first, first + int(sys.argv[4])):
        history.record(audit(day(number), *names[number % 2 :: 2], image=sys.argv[5]))
        print(number, flush=True)
"""


def recording(path: Path, first: int, names: int, times: int, image: str = "vision") -> subprocess.Popen[str]:
    words = [sys.executable, "-c", RECORDING, str(path), str(first), str(names), str(times), image]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603  (our own words)


def is_whole(path: Path) -> list[str]:
    """Return the times of the audits in a history, of which each has all of its findings or none."""
    with History.read(path) as history:
        times = [each.at for each in history.audits("vision")]
        there = [each for each in history.lifecycles("vision") if each.state is LifecycleState.OPEN]
    if times:
        assert {each.last_seen for each in there} == {times[-1]}
        assert len(there) == len(NAMES) // 2
    return times


@pytest.mark.parametrize("delay", [0.002, 0.01, 0.03, 0.06, 0.1, 0.15, 0.25, 0.4])
def test_a_process_that_is_killed_leaves_whole_audits(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "history.sqlite"
    recorded(path, audit(day(1), *NAMES[1::2], image="vision"))
    process = recording(path, 2, len(NAMES), 1000)
    assert process.stdout is not None
    process.stdout.readline()

    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    said = process.communicate(timeout=30)[0].split()

    times = is_whole(path)
    # What was said to be recorded is there; of what was under way, all or nothing.
    assert len(times) - 1 - len(said) in (0, 1)
    with History.open(path, day(1)) as history:
        history.record(audit(day(5000), *NAMES[1::2], image="vision"))
        assert history.damaged is None
    assert is_whole(path) == [*times, day(5000)]
    assert [each.name for each in tmp_path.iterdir()] == ["history.sqlite"]


def test_what_is_recorded_is_on_the_disk_at_once(tmp_path: Path) -> None:
    with History.open(tmp_path / "history.sqlite", day(1)) as history:
        (level,) = history._connection.execute("PRAGMA synchronous").fetchone()  # noqa: SLF001  (no power is cut)

    assert level == 3  # EXTRA


def test_a_journal_that_was_left_half_way_is_rolled_back_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    recorded(path, audit(day(1), *NAMES[1::2], image="vision"))
    script = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")  # so that pages go to the disk before the end
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE lifecycle SET subject = subject || 'x', digest = hex(randomblob(200))")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=60)  # noqa: S603  (our own words)
    assert done.returncode == -signal.SIGKILL
    assert Path(f"{path}-journal").stat().st_size > 0

    with History.read(path) as history:
        subjects = {each.subject for each in history.lifecycles()}

    assert subjects == {f"vuln:{name}" for name in NAMES[1::2]}
    assert is_whole(path) == [day(1)]


def test_processes_that_record_at_once_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "build" / "history.sqlite"

    processes = [recording(path, 1, 50, 5, image=f"family-{number}") for number in range(4)]
    said = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, said
    with History.read(path) as history:
        assert len(history.audits()) == 20
        assert history.images() == tuple(f"family-{number}" for number in range(4))


def test_several_that_find_a_damaged_history_keep_one_and_begin_one(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_text("damaged" * 1000)

    processes = [recording(path, 1, 10, 1, image=f"family-{number}") for number in range(4)]
    said = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, said
    kept = [each for each in tmp_path.iterdir() if "damaged" in each.name]
    assert [each.read_text()[:7] for each in kept] == ["damaged"]
    with History.read(path) as history:
        assert len(history.images()) == 4


def test_a_file_that_may_not_grow_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    recorded(path, audit(day(1), *NAMES[1::2], image="vision"))
    before = path.read_bytes()
    words = [sys.executable, "-c", RECORDING, str(path), "2", str(len(NAMES)), "1", "vision"]
    limit = len(before) + 4096

    done = subprocess.run(  # noqa: S603  (our own words)
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )

    assert "HistoryUnreachable" in done.stderr
    assert is_whole(path) == [day(1)]
    assert path.read_bytes() == before
