"""A folder for a copy is gone afterwards, however what it was for has ended."""

import fcntl
import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest

from fleet_audit.audit.tools.enclosure import Enclosure, Way
from fleet_audit.audit.tools.throwaway import throw_away_folder

ENCLOSURE = Enclosure(Way.PLAIN)
"""The way that needs no users of its own to delete what is in a folder."""


def filled(parent: Path) -> None:
    with throw_away_folder(parent, ENCLOSURE) as place:
        (place / "a" / "b").mkdir(parents=True)
        (place / "a" / "b" / "c").write_text("x")
        (place / "a").chmod(0o700)


def test_it_is_gone_with_all_that_is_in_it(tmp_path: Path) -> None:
    filled(tmp_path / "copies")

    assert list((tmp_path / "copies").iterdir()) == []


def test_others_cannot_look_into_it(tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir(mode=0o755)

    with throw_away_folder(tmp_path / "copies", ENCLOSURE) as place:
        assert place.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_it_is_gone_after_errors_and_interruptions(tmp_path: Path, error: type[BaseException]) -> None:
    def fail(place: Path) -> NoReturn:
        (place / "a").write_text("x")
        raise error

    with pytest.raises(error), throw_away_folder(tmp_path / "copies", ENCLOSURE) as place:
        fail(place)

    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_is_gone_when_the_process_is_asked_to_end(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)

    with pytest.raises(SystemExit) as caught, throw_away_folder(tmp_path / "copies", ENCLOSURE):
        os.kill(os.getpid(), number)

    assert caught.value.code == 128 + number
    assert list((tmp_path / "copies").iterdir()) == []
    assert signal.signal(number, before) is signal.SIG_DFL


def test_a_process_that_goes_on_without_its_terminal_does_so(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with throw_away_folder(tmp_path / "copies", ENCLOSURE) as place:
            os.kill(os.getpid(), signal.SIGHUP)
            assert place.is_dir()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_killed_process_left_behind_goes_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / "copies" / "copy-abc"
    left.mkdir(parents=True)
    (left / "file").write_text("x")

    filled(tmp_path / "copies")

    assert list((tmp_path / "copies").iterdir()) == []


def test_what_another_process_still_uses_stays(tmp_path: Path) -> None:
    used = tmp_path / "copies" / "copy-abc"
    used.mkdir(parents=True)
    with (tmp_path / "copies" / "copy-abc.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        filled(tmp_path / "copies")

    assert used.is_dir()


def test_a_link_in_it_is_deleted_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("x")
    with throw_away_folder(tmp_path / "copies", ENCLOSURE) as place:
        (place / "link").symlink_to(tmp_path / "outside")

    assert (tmp_path / "outside" / "file").read_text() == "x"
