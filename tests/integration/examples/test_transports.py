"""One image through every transport and compression is one image: the same needs, the same proposal."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, LAYOUT, example_layout

pytestmark = pytest.mark.integration

FAMILY = "family-torch-cu121"
SECONDS = 300


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    example_layout("family-vision-cu121", FAMILY)
    return deps(f"oci:{LAYOUT}:{FAMILY}", tmp_path_factory.mktemp("expected"))


def deps(image: str, folder: Path) -> dict[str, Any]:
    """Return what `deps` says of the family with this image in place of the manifest's."""
    document = folder / "deps.json"
    command = ["-m", "fleet_audit", "deps", FAMILY, "--image", image, "-f", str(FLEET / "fleet.yaml")]
    command += ["-o", f"json={document}"]
    with pytest.raises(ToolFailed) as failed:
        python(command)
    assert failed.value.status == 1, failed.value.stderr
    return dict(json.loads(document.read_bytes()))


def python(words: Sequence[str]) -> None:
    run([sys.executable, *words], timeout=SECONDS, env=os.environ, cwd=FLEET.parents[1])


@pytest.mark.parametrize(
    ("form", "compression", "transport"),
    [
        ("oci", "zstd", "oci"),
        ("oci-archive", "none", "oci-archive"),
        ("docker-archive", "none", "docker-archive"),
        ("dir", "none", "dir"),
    ],
)
def test_needs_and_proposal_do_not_depend_on_how_the_image_comes(
    expected: dict[str, Any], tmp_path: Path, form: str, compression: str, transport: str
) -> None:
    place = tmp_path / "image"
    command = ["-m", "examples.fleet.builder", "export", FAMILY, str(place)]
    python([*command, "--format", form, "--compression", compression])

    found = deps(f"{transport}:{place}", tmp_path)

    assert found["needs"] == expected["needs"]
    assert found["proposal"] == expected["proposal"]
    assert expected["proposal"]["packages"] != []
