"""A small fleet before the gate: an image with what its service needs, and scanners that answer at once."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.dpkg_layers import Installed, dpkg_layer, library
from tests.support.images import Content
from tests.support.scan_reports import Packages, scan_report, trivy_saying
from tests.support.scanner_programs import syft_that
from tests.support.trivy_database import write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, Answer, World, opencv

MADE = datetime(2026, 11, 15, tzinfo=UTC)
WEBP = Installed("libwebp7", files=library("libwebp.so.7"))
PACKAGES: Packages = {
    "libc6": ("1.0", "glibc"),
    "libwebp7": ("1.0", "libwebp"),
    "opencv-python": ("4.10.0.84", ""),
}
GRAVE: dict[str, Any] = {
    "VulnerabilityID": "CVE-2030-1",
    "VendorSeverity": {"nvd": 4},
    "FixedVersion": "2.0",
    "Status": "fixed",
}
"""What blocks once a service reaches it, as trivy tells it."""

SYFT_ANSWER = json.dumps(
    {
        "schema": {"version": "16.0.0"},
        "descriptor": {"name": "syft", "version": "1.18.1"},
        "source": {"id": "s", "name": "n", "version": "", "type": "image", "metadata": {}},
        "artifacts": [],
        "artifactRelationships": [],
    }
)


def layers() -> tuple[Mapping[str, Content] | bytes, ...]:
    """Return layers that hold what `scanners` tell of."""
    return dpkg_layer(WEBP), opencv("libwebp.so.7")


def passing(world: World) -> World:
    """Add a family with an image in which its one service finds all that it imports."""
    return world.family(FAMILY, *layers()).service(SERVICE, "import cv2\n")


def lacking(world: World) -> World:
    """Add a family in whose image libGL.so.1 is missing, which an archive has."""
    return world.family(FAMILY, dpkg_layer(WEBP), opencv("libGL.so.1")).service(SERVICE, "import cv2\n")


def scanners(
    world: World,
    advisories: Mapping[str, list[dict[str, Any]]] | None = None,
    *,
    made: datetime = MADE,
    has_ended: bool = False,
) -> tuple[str, ...]:
    """Return the options for a syft that adds nothing, and a trivy that tells of these advisories.

    `has_ended` where trivy says that the distribution's release gets no updates any more.
    """
    place = world.folder.parent
    trivy = trivy_saying(place / "bin", scan_report(PACKAGES, advisories or {}, has_ended=has_ended))
    caches = write_trivy_database(place / "trivy", made=made)
    return ("--syft", str(syft_saying(place / "bin")), "--trivy", str(trivy), "--db", str(caches))


def syft_saying(folder: Path, answer: str = SYFT_ANSWER) -> Path:
    """Return a program that answers every scan with this document."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "syft-answer.json"
    file.write_text(answer, encoding="utf-8")
    return syft_that(folder, f"cat '{file}' > \"$OUT\"")


def gate(world: World, *words: str, advisories: Mapping[str, list[dict[str, Any]]] | None = None) -> Answer:
    """Run the gate with small scanners, on the small family where nothing else is named."""
    return world.run("gate", *(words or (FAMILY,)), *scanners(world, advisories), "-o", "text")
