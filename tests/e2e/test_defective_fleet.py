"""The example fleet with a change that brings one of each defect: each is found at its line, nothing else.

The change is `tests/fixtures/defects/example_fleet.patch`. It marks its defects itself; what stands where no
comment can is listed here.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.defects import DEFECTS, Defect, marked_defects
from tests.support.packaged import with_known_rules
from tests.support.worlds import World

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "fleet"
PAGE = ROOT / "docs" / "commands" / "dockerfiles.md"

UNMARKED: list[Defect] = [
    ("FA-CTX-006", "services/.dockerignore", 0),
    ("FA-PIN-005", "builder/wheels/base-cpu-pydeps.txt", 2),
]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the example fleet, without its images, and be in it."""
    for name in ("docker", "services", "common", "builder"):
        shutil.copytree(EXAMPLE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE / "fleet.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "FLEET_AUDIT_CACHE_DIR", str(with_known_rules(tmp_path.with_name(f"{tmp_path.name}-cache")))
    )
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def _spoil(folder: Path) -> None:
    patch = DEFECTS / "example_fleet.patch"
    subprocess.run(["git", "apply", "--whitespace=nowarn", str(patch)], cwd=folder, check=True)  # noqa: S603, S607  (our own patch, and git as it is found)


def _findings(*words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(World.say("dockerfiles", "-o", "json", *words)[1])["findings"]
    return found


def _remark(finding: dict[str, Any]) -> tuple[str, str, str]:
    return finding["rule"], finding["location"]["path"], finding["message"]


def test_every_defect_is_found_at_its_line_and_no_near_miss_is_reported(fleet: Path) -> None:
    before = {_remark(finding) for finding in _findings()}
    _spoil(fleet)
    found = sorted(
        (finding["rule"], finding["location"]["path"], finding["location"]["line"])
        for finding in _findings()
        if _remark(finding) not in before
    )
    assert found == sorted([*marked_defects(fleet), *UNMARKED])
    assert len({rule for rule, _, _ in found}) >= 35


@pytest.mark.usefixtures("fleet")
def test_the_example_itself_has_remarks_alone() -> None:
    assert {finding["severity"] for finding in _findings()} <= {"info"}
    assert World.say("dockerfiles")[0] == 0


def test_the_output_on_the_page_is_what_the_command_says(fleet: Path) -> None:
    _spoil(fleet)
    words = ["docker/legacy-py310-cpu", "services/digital_twin", "services/model_ops/Dockerfile"]
    said = World.say("dockerfiles", *words)[1]
    shown = PAGE.read_text().split(f"$ fleet-audit dockerfiles {' '.join(words)}\n", 1)[1].split("```", 1)[0]
    # The policy's digest changes with every rule.
    assert shown.splitlines() == [line for line in said.splitlines() if not line.startswith("policy ")]
