"""An image with opencv-python-headless alone: nothing is proposed for cv2."""

import json
import os
import sys
from pathlib import Path

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, example_layout

pytestmark = pytest.mark.integration

HEADLESS = "family-vision-cu121-headless"


def test_no_package_is_proposed_for_an_opencv_without_windows(tmp_path: Path) -> None:
    layout = example_layout(HEADLESS)
    document = tmp_path / "deps.json"
    command = [sys.executable, "-m", "fleet_audit", "deps", "family-vision-cu121"]
    command += [
        "--image",
        f"oci:{layout}:{HEADLESS}",
        "-f",
        str(FLEET / "fleet.yaml"),
        "-o",
        f"json={document}",
    ]

    with pytest.raises(ToolFailed) as failed:  # the file that does not parse is still there
        run(command, timeout=300, env=os.environ)

    found = json.loads(document.read_bytes())
    assert failed.value.status == 1
    assert found["proposal"]["packages"] == []
    absent = [
        n for n in found["needs"] if n["kind"] == "soname" and n["status"] not in ("resolved", "host-driver")
    ]
    assert [need["name"] for need in absent if need["tier"] == "required"] == []
    assert any("cv2" in str(need["reached_from"]) for need in found["needs"])
