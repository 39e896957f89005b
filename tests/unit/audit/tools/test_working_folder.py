import os
import time
from pathlib import Path

from fleet_audit.audit.tools.working_folder import working_folder


def test_work_leaves_nothing_behind(tmp_path: Path) -> None:
    with working_folder(tmp_path / "work", ".scan-") as place:
        (place / "image").write_bytes(b"x")
        assert place.parent == tmp_path / "work"

    assert list((tmp_path / "work").iterdir()) == []


def test_what_a_killed_process_left_behind_goes_a_day_later_and_what_is_at_work_stays(tmp_path: Path) -> None:
    now = time.time()
    ages = {".scan-abandoned": 90_000, ".scan-at-work": 3_600, ".other-abandoned": 90_000}
    for name, age in ages.items():
        (tmp_path / name / "within").mkdir(parents=True)
        os.utime(tmp_path / name, (now - age, now - age))

    with working_folder(tmp_path, ".scan-"):
        pass

    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-abandoned", ".scan-at-work"]
