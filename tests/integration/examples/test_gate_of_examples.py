"""``gate --built`` on the example fleet: what blocks before the proposed patch, and nothing behind it."""

import json
import os
import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, build, example_layout
from tests.support.scanners import real_syft, real_trivy
from tests.support.trivy_database import write_trivy_database

pytestmark = pytest.mark.integration

FAMILIES = ("family-vision-cu121", "family-torch-cu121")
SECONDS = 900
_CONFLICT = re.compile(r"^<<<<<<< .*?\n(.*?)^=======\n.*?^>>>>>>> .*?\n", re.DOTALL | re.MULTILINE)


class Release:
    """A copy of the example fleet before its release, with real scanners and a small true database."""

    def __init__(self, folder: Path) -> None:
        self.layout = example_layout(*FAMILIES)
        self.folder = folder / "fleet"
        left_out = shutil.ignore_patterns("build", "__pycache__")
        shutil.copytree(FLEET, self.folder, ignore=left_out)
        self.manifest = self.folder / "fleet.yaml"
        text = self.manifest.read_text(encoding="utf-8")
        self.manifest.write_text(text.replace("oci:build/images:", f"oci:{self.layout}:"), encoding="utf-8")
        write_trivy_database(folder / "trivy", made=datetime.now(UTC))
        named = ("--syft", str(real_syft().path), "--trivy", str(real_trivy().path))
        self.scanners = (*named, "--db", str(folder / "trivy"))

    def run(self, command: str, *words: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the document of a command."""
        document = self.folder.parent / f"{command}.json"
        argv = [sys.executable, "-m", "fleet_audit", command, *words, "-f", str(self.manifest)]
        argv += ["-o", f"json={document}"]
        status = 0
        try:
            run(argv, timeout=SECONDS, env=os.environ)
        except ToolFailed as e:
            status = e.status
        return status, json.loads(document.read_bytes())

    def gate(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """Return the exit code of the gate over what is built, and the document of each image."""
        audits = ("--audits", str(self.folder.parent / "audits"))
        statements = ("--attest", str(self.folder.parent / "statements"))
        status, document = self.run("gate", "--built", *audits, *statements, *self.scanners)
        return status, {each["subject"]: each for each in document["subjects"]}

    def amend(self, family: str) -> None:
        """Apply the proposal to the family's Dockerfile, build that, and name its image in the manifest."""
        status, proposed = self.run("deps", family, "--write")
        assert (status, proposed["proposal"]["written"]) == (1, True)
        build(family, "--tag", f"{family}-amended", "--add-plan", str(self.folder.parent / "deps.json"))
        text = self.manifest.read_text(encoding="utf-8")
        image = f"oci:{self.layout}:{family}"
        assert f"{image}\n" in text
        self.manifest.write_text(text.replace(f"{image}\n", f"{image}-amended\n"), encoding="utf-8")

    def mend(self, path: str) -> None:
        """Settle a merge conflict that was committed."""
        place = self.folder / path
        text, conflicts = _CONFLICT.subn(r"\1", place.read_text(encoding="utf-8"))
        assert conflicts == 1
        place.write_text(text, encoding="utf-8")

    @property
    def statements(self) -> list[str]:
        folder = self.folder.parent / "statements"
        return sorted(path.name.partition(".")[0] for path in folder.iterdir()) if folder.exists() else []


def blocking(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["rule"], each["subject"]) for each in document["findings"] if each["blocks"]}


def test_the_built_images_fail_before_the_proposed_patch_and_pass_behind_it(tmp_path: Path) -> None:
    release = Release(tmp_path)

    status, before = release.gate()
    assert status == 1
    assert before["family-vision-cu121"]["verdict"] == before["family-torch-cu121"]["verdict"] == "fail"
    assert ("FA-NEED-001", "so:libGL.so.1") in blocking(before["family-vision-cu121"])
    assert ("FA-NEED-002", "bin:ffmpeg") in blocking(before["family-torch-cu121"])
    assert release.statements == []

    for family in FAMILIES:
        release.amend(family)
    release.mend("services/dream_world/scenes.py")
    status, after = release.gate()

    assert {name: found for name, document in after.items() if (found := blocking(document))} == {}
    assert {name: each["verdict"] for name, each in after.items()} == dict.fromkeys(after, "pass")
    assert status == 0
    assert release.statements == sorted(after)
