"""With the proposed packages added and the broken file mended, nothing is missing and nothing is surplus."""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, build, example_layout

pytestmark = pytest.mark.integration

FAMILIES = ("family-vision-cu121", "family-torch-cu121")
SECONDS = 300

CONFLICT = re.compile(r"^<<<<<<< .*?\n(.*?)^=======\n.*?^>>>>>>> .*?\n", re.DOTALL | re.MULTILINE)


def deps(manifest: Path, family: str, image: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the document of `deps --write`."""
    document = manifest.parent / "deps.json"
    command = [sys.executable, "-m", "fleet_audit", "deps", family, "--image", image, "--write"]
    command += ["-f", str(manifest), "-o", f"json={document}"]
    try:
        run(command, timeout=SECONDS, env=os.environ)
    except ToolFailed as e:
        return e.status, json.loads(document.read_bytes())
    return 0, json.loads(document.read_bytes())


def copied_fleet(folder: Path) -> Path:
    shutil.copytree(FLEET, folder, ignore=shutil.ignore_patterns("build", "builder", "__pycache__"))
    return folder / "fleet.yaml"


def mend(path: Path) -> None:
    text, conflicts = CONFLICT.subn(r"\1", path.read_text(encoding="utf-8"))
    assert conflicts == 1
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_proposal_and_a_mended_file_are_all_that_is_needed(tmp_path: Path, family: str) -> None:
    layout = example_layout(*FAMILIES)
    manifest = copied_fleet(tmp_path / "fleet")
    status, before = deps(manifest, family, f"oci:{layout}:{family}")
    assert status == 1
    assert before["proposal"]["packages"] != []
    dockerfile = manifest.parent / before["proposal"]["dockerfile"]["path"]
    patched = dockerfile.read_text(encoding="utf-8")
    assert all(root in patched for root in before["proposal"]["roots"])
    assert before["proposal"]["written"] is True

    build(family, "--tag", f"{family}-amended", "--add-plan", str(manifest.parent / "deps.json"))
    mend(manifest.parent / "services" / "dream_world" / "scenes.py")
    status, after = deps(manifest, family, f"oci:{layout}:{family}-amended")

    required = [need for need in after["needs"] if need["tier"] == "required"]
    assert [need["name"] for need in required if need["status"] == "missing"] == []
    assert after["proposal"]["why_not_written"] == "nothing is to be added"
    assert dockerfile.read_text(encoding="utf-8") == patched
    assert after["proposal"]["packages"] == []
    assert (after["surplus"], after["surplus_examined"]) == ([], True)
    assert status == 0, after["findings"]
