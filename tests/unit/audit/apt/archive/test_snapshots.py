import os
from pathlib import Path

import pytest

from fleet_audit.audit.apt.archive.snapshots import KEPT_STATES, ArchiveState, Snapshots
from fleet_audit.audit.model.archives import KeptArchive

STATE = ArchiveState("bookworm", "amd64", (), {}, {}, [])
OLD = 1_700_000_000


def known(number: int) -> KeptArchive:
    return KeptArchive(f"{number:064x}", "debian", "bookworm", "amd64", f"state {number}", (), "")


def keep(snapshots: Snapshots, folder: Path, *numbers: int) -> None:
    """Keep states, each of which was used later than the one before."""
    for number in numbers:
        snapshots.keep(known(number), STATE)
        os.utime(folder / f"{number:064x}.state.zst", (OLD + number, OLD + number))


def numbers(snapshots: Snapshots) -> list[int]:
    return sorted(int(each.key, 16) for each in snapshots.every())


def test_the_states_that_were_used_last_are_kept(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)

    keep(snapshots, tmp_path, *range(KEPT_STATES))
    assert numbers(snapshots) == list(range(KEPT_STATES))
    snapshots.load(f"{0:064x}")
    keep(snapshots, tmp_path, KEPT_STATES)

    assert numbers(snapshots) == [0, *range(2, KEPT_STATES + 1)]


def test_the_states_together_stay_below_a_size_but_the_newest_is_always_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(tmp_path)
    keep(snapshots, tmp_path, 1, 2)
    size = (tmp_path / f"{1:064x}.state.zst").stat().st_size

    monkeypatch.setattr("fleet_audit.audit.apt.archive.snapshots.KEPT_BYTES", 2 * size)
    keep(snapshots, tmp_path, 3)
    assert numbers(snapshots) == [2, 3]
    monkeypatch.setattr("fleet_audit.audit.apt.archive.snapshots.KEPT_BYTES", 1)
    keep(snapshots, tmp_path, 4)

    assert numbers(snapshots) == [4]


def test_what_belongs_to_no_state_goes_as_well(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    keep(snapshots, tmp_path, 1)
    snapshots.remember("ab" * 32, f"{1:064x}")
    snapshots.remember("cd" * 32, f"{2:064x}")
    without_description = tmp_path / f"{3:064x}.state.zst"
    without_description.write_bytes(b"of an older version")
    without_state = tmp_path / f"{4:064x}.facts.json"
    without_state.write_bytes(b"{}")
    os.utime(without_state, (OLD, OLD))
    being_written = tmp_path / f"{5:064x}.facts.json"
    being_written.write_bytes(b"{}")

    keep(snapshots, tmp_path, 6)

    assert numbers(snapshots) == [1, 6]
    assert snapshots.latest("ab" * 32) == f"{1:064x}"
    assert snapshots.latest("cd" * 32) is None
    assert (without_description.exists(), without_state.exists(), being_written.exists()) == (
        False,
        False,
        True,
    )


def test_a_state_is_found_by_the_beginning_of_its_key(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    keep(snapshots, tmp_path, 0x1A, 0x1B)

    assert [each.label for each in snapshots.matching(f"{0x1A:064x}")] == ["state 26"]
    assert len(snapshots.matching("0" * 62)) == 2
    assert snapshots.matching("f") == []
